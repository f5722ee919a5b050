//! Reads a child's output while it runs and keeps a bounded part of it.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// Which part of a stream is kept.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    /// The first bytes; more than that is noticed.
    Head(usize),
    /// The last bytes.
    Tail(usize),
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Kept {
    fn add(&mut self, chunk: &[u8], keep: Keep) {
        match keep {
            Keep::Head(limit) => {
                let room = limit.saturating_sub(self.bytes.len()).min(chunk.len());
                self.bytes.extend_from_slice(&chunk[..room]);
                self.truncated |= room < chunk.len();
            }
            Keep::Tail(limit) => {
                self.bytes.extend_from_slice(chunk);
                // Cut only at twice the limit, so that a long log is not moved at every read.
                if self.bytes.len() > limit.saturating_mul(2) {
                    self.cut(limit);
                }
            }
        }
    }

    fn cut(&mut self, limit: usize) {
        let excess = self.bytes.len().saturating_sub(limit);
        self.bytes.drain(..excess);
        self.truncated |= excess > 0;
    }
}

/// One stream being read by a thread of its own.
pub(super) struct Capture {
    kept: Arc<Mutex<Kept>>,
    finished: Receiver<()>,
    keep: Keep,
}

impl Capture {
    pub(super) fn start(stream: Option<impl Read + Send + 'static>, keep: Keep) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (sender, finished) = mpsc::channel();
        let shared = Arc::clone(&kept);
        thread::spawn(move || {
            let Some(mut stream) = stream else { return };
            let mut buffer = vec![0; 64 << 10];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(n) => lock(&shared).add(&buffer[..n], keep),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // A pipe has no read error that leaves more to read.
                    Err(_) => break,
                }
            }
            // The receiver may have given up already.
            let _ = sender.send(());
        });
        Self {
            kept,
            finished,
            keep,
        }
    }

    /// Waits for the end of the stream; false when `deadline` came first.
    pub(super) fn wait(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        !matches!(
            self.finished.recv_timeout(left),
            Err(mpsc::RecvTimeoutError::Timeout)
        )
    }

    /// A copy of what is kept so far.
    pub(super) fn so_far(&self) -> Vec<u8> {
        lock(&self.kept).bytes.clone()
    }

    /// The kept bytes, and whether there were more.
    pub(super) fn take(self) -> (Vec<u8>, bool) {
        let mut kept = std::mem::take(&mut *lock(&self.kept));
        if let Keep::Tail(limit) = self.keep {
            kept.cut(limit);
        }
        (kept.bytes, kept.truncated)
    }
}

fn lock(kept: &Mutex<Kept>) -> std::sync::MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
