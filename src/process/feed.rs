//! Writes a child's standard input while its output is read.

use std::io::{self, Read, Write as _};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::Input;

/// Feeds standard input from a thread of its own, so that output is read at the same time.
pub(super) struct Feed(Option<Receiver<BrokenInput>>);

/// The reader's error, with the pipe: as long as it stays open, the program cannot take the break
/// for the end of its input.
pub(super) struct BrokenInput {
    pub(super) error: io::Error,
    pub(super) pipe: ChildStdin,
}

impl Feed {
    pub(super) fn start(pipe: Option<ChildStdin>, source: Option<Box<dyn Read + Send>>) -> Self {
        let (Some(mut pipe), Some(mut source)) = (pipe, source) else {
            return Self(None);
        };
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 128 << 10];
            loop {
                match source.read(&mut buffer) {
                    Ok(0) => break,
                    // A program may end without reading everything; its exit status tells.
                    Ok(n) => {
                        if pipe.write_all(&buffer[..n]).is_err() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        // A receiver that is gone has an ended program to report about.
                        let _ = sender.send(BrokenInput { error, pipe });
                        break;
                    }
                }
            }
        });
        Self(Some(receiver))
    }

    pub(super) fn broken(&self) -> Option<BrokenInput> {
        self.0.as_ref()?.try_recv().ok()
    }
}

/// What the child gets as standard input, and what is left to copy into it.
pub(super) fn split_input(input: Input) -> (Stdio, Option<Box<dyn Read + Send>>) {
    match input {
        Input::Null => (Stdio::null(), None),
        Input::File(file) => (file.into(), None),
        Input::Bytes(bytes) => (Stdio::piped(), Some(Box::new(io::Cursor::new(bytes)))),
        Input::Reader(reader) => (Stdio::piped(), Some(reader)),
    }
}
