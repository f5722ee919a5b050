//! Programs that run beside this one and never outlive it.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::capture::{Capture, Keep};
use super::{Command, GRACE, ProcessError, error, start_error, wait_for};

/// How long a killed program may take to vanish. One that is stuck in the kernel does not.
const REAPED: Duration = Duration::from_secs(5);

/// A running program, ended with everything of its process group when it is dropped.
///
/// Should this process die without dropping it, the kernel kills the program: `setpriv --pdeathsig`
/// asks for that. The signal comes at the end of the thread that started the program, so a thread
/// of its own starts it and stays until it has ended.
pub struct Background {
    child: Child,
    input: Option<ChildStdin>,
    group: Pid,
    ended: Receiver<()>,
    over: bool,
    stdout: Capture,
    stderr: Capture,
    command: String,
}

impl Command {
    /// Starts the program beside this one. Its input stays open for [`Background::say`]; a time
    /// limit and an input that were set are not used. One that does not exist ends at once, with
    /// a complaint that says so.
    ///
    /// # Errors
    /// When nothing can be started.
    pub fn start(self) -> Result<Background, ProcessError> {
        let tail = Keep::Tail(self.stderr_tail);
        let (mut program, output) = self.launch(true)?;
        program.stdout = Capture::start(output, tail);
        Ok(program)
    }

    /// Starts the program beside this one, and gives the two ends of a conversation with it: its
    /// output to read, its input to write. The end of its input ends a program that reads, so it
    /// needs no `setpriv`.
    ///
    /// # Errors
    /// As [`Command::start`].
    pub fn converse(self) -> Result<(Background, ChildStdout, ChildStdin), ProcessError> {
        let name = self.program.clone();
        let (mut program, output) = self.launch(false)?;
        match (output, program.input.take()) {
            (Some(output), Some(input)) => Ok((program, output, input)),
            _ => Err(start_error(&name, None, io::Error::other("without pipes"))),
        }
    }

    /// The started program, and its output, which nobody reads yet; `bound` to this process by the
    /// kernel.
    fn launch(self, bound: bool) -> Result<(Background, Option<ChildStdout>), ProcessError> {
        let command = error::command_line(&self.program, &self.args);
        if self.interrupt.is_set() {
            return Err(ProcessError::Interrupted { command });
        }
        let mut starting = match bound {
            true => {
                let mut setpriv = std::process::Command::new("setpriv");
                setpriv
                    .args(["--pdeathsig", "KILL", "--"])
                    .arg(&self.program);
                setpriv
            }
            false => std::process::Command::new(&self.program),
        };
        starting
            .args(&self.args)
            .envs(&self.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let (tell, started) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        thread::spawn(move || {
            let child = starting.spawn();
            let process = child.as_ref().map(Pid::from_child).ok();
            // Whoever asked waits for the answer.
            let _ = tell.send(child);
            if let Some(process) = process {
                wait_for(process);
            }
            drop(end);
        });
        let child = started
            .recv()
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        let mut child = child.map_err(|source| match bound {
            true => {
                let what = "setpriv (Debian: apt-get install util-linux)".to_owned();
                start_error("setpriv".as_ref(), Some(what), source)
            }
            false => start_error(&self.program, self.install, source),
        })?;
        let output = child.stdout.take();
        let program = Background {
            input: child.stdin.take(),
            group: Pid::from_child(&child),
            stdout: Capture::start(None::<ChildStdout>, Keep::Tail(0)),
            stderr: Capture::start(child.stderr.take(), Keep::Tail(self.stderr_tail)),
            child,
            ended,
            over: false,
            command,
        };
        Ok((program, output))
    }
}

impl Background {
    /// The command as a person would type it.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.over |= matches!(self.ended.try_recv(), Err(TryRecvError::Disconnected));
        !self.over
    }

    /// Writes a line to its standard input; a program that has ended does not hear it.
    pub fn say(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            // What became of it is seen by what the program does.
            let _ = input.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// The end of its standard output so far.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.stdout.so_far()).into_owned()
    }

    /// The last lines of its standard error so far.
    pub fn complaint(&self) -> String {
        error::tail(&self.stderr.so_far())
    }

    fn wait(&self, limit: Duration) -> bool {
        matches!(
            self.ended.recv_timeout(limit),
            Err(mpsc::RecvTimeoutError::Disconnected)
        )
    }
}

impl Drop for Background {
    /// Ends it and everything of its group, within seconds.
    fn drop(&mut self) {
        self.input = None;
        if self.runs() {
            // Errors mean that it has ended by itself.
            let _ = kill_process_group(self.group, Signal::TERM);
            self.over = self.wait(GRACE);
        }
        // Not reaped yet, so the id is still this group's.
        let _ = kill_process_group(self.group, Signal::KILL);
        if !self.over {
            self.over = self.wait(REAPED);
        }
        // One that the kernel does not let go is left to it.
        if self.over {
            let _ = self.child.wait();
        }
    }
}
