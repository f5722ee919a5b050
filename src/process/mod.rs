//! The one seam that starts other programs.
//!
//! Everything this crate runs goes through [`Command`]: engines, credential helpers, signing hooks.
//! A child leads its own process group, its output is read while it runs and kept up to a limit,
//! and it is bounded in time: on a timeout or an [`Interrupt`] the whole group gets `SIGTERM` and,
//! after a grace, `SIGKILL`. No shell is involved unless the caller names one. A [`Background`] runs
//! beside this program for as long as its handle lives.

mod background;
mod capture;
mod error;
mod feed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

pub use background::Background;
use capture::{Capture, Keep};
pub use error::ProcessError;
use feed::{BrokenInput, Feed, split_input};

/// How long a program may run unless the caller says otherwise: long enough for any single verb of
/// a container engine but image transfers, which set their own.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// Most bytes of standard output kept. The largest expected is a C library read out of a container
/// (2 to 6 MB); beyond the limit the output is an error, never cut in silence.
pub const STDOUT_LIMIT: usize = 64 << 20;

/// Last bytes of standard error kept, enough for the message that explains a failure.
pub const STDERR_TAIL: usize = 64 << 10;

/// Time between `SIGTERM` and `SIGKILL` to a group that has to go, and between the end of a program
/// and giving up on pipes that a descendant of it still holds.
const GRACE: Duration = Duration::from_secs(2);

/// How often a waiting call looks whether it was interrupted.
const HEARTBEAT: Duration = Duration::from_millis(50);

/// Tells running commands that the user wants to stop. Clones share one flag.
///
/// `cli` sets it from its signal handler; commands started with it end with
/// [`ProcessError::Interrupted`], commands without it (clean-up) run to their end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Not interrupted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every command started with this flag, or a clone of it, to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether [`Interrupt::set`] was called.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What a program reads on standard input.
#[derive(Default)]
pub enum Input {
    /// End of file at once.
    #[default]
    Null,
    /// These bytes.
    Bytes(Vec<u8>),
    /// An open file, handed to the program as it is.
    File(File),
    /// Whatever the reader yields, streamed; an error of the reader ends the program.
    Reader(Box<dyn Read + Send>),
}

/// What a finished program left behind.
#[derive(Debug)]
pub struct Output {
    /// The command as a person would type it, for messages.
    pub command: String,
    /// Exit status as the kernel gave it.
    pub status: ExitStatus,
    /// All of standard output.
    pub stdout: Vec<u8>,
    /// The end of standard error.
    pub stderr: Vec<u8>,
    /// Wall-clock time from start to end.
    pub elapsed: Duration,
}

impl Output {
    /// The exit code; a death by signal N is 128 + N, as shells report it.
    pub fn code(&self) -> i32 {
        let signal = self.status.signal().map(|signal| 128 + signal);
        self.status.code().or(signal).unwrap_or(-1)
    }

    /// Standard output as text without the final line end; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout)
            .trim_end_matches('\n')
            .to_owned()
    }

    /// The last lines of standard error, short enough for a message.
    pub fn complaint(&self) -> String {
        error::tail(&self.stderr)
    }
}

/// A program to run.
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    input: Input,
    timeout: Duration,
    stdout_limit: usize,
    stderr_tail: usize,
    install: Option<String>,
    interrupt: Interrupt,
}

impl Command {
    /// `program` is looked up on `PATH` unless it contains a slash.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            input: Input::Null,
            timeout: DEFAULT_TIMEOUT,
            stdout_limit: STDOUT_LIMIT,
            stderr_tail: STDERR_TAIL,
            install: None,
            interrupt: Interrupt::new(),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one environment variable on top of the inherited environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Sets what the program reads; nothing by default.
    #[must_use]
    pub fn input(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    /// Sets how long the program may run; [`DEFAULT_TIMEOUT`] by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the most bytes of standard output accepted; [`STDOUT_LIMIT`] by default.
    #[must_use]
    pub fn stdout_limit(mut self, bytes: usize) -> Self {
        self.stdout_limit = bytes;
        self
    }

    /// Sets how many of the last bytes of standard error are kept; [`STDERR_TAIL`] by default.
    #[must_use]
    pub fn stderr_tail(mut self, bytes: usize) -> Self {
        self.stderr_tail = bytes;
        self
    }

    /// Says what to install when the program is missing, for example
    /// `Podman (Debian: apt-get install podman)`.
    #[must_use]
    pub fn install(mut self, what: impl Into<String>) -> Self {
        self.install = Some(what.into());
        self
    }

    /// Makes the command end early when `interrupt` is set.
    #[must_use]
    pub fn interrupt(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = interrupt.clone();
        self
    }

    /// Runs the program and returns what it left, whatever its exit status.
    ///
    /// # Errors
    /// When the program is missing or cannot be started, exceeds its time or output limit, is
    /// interrupted, or its input cannot be read.
    pub fn output(self) -> Result<Output, ProcessError> {
        let line = error::command_line(&self.program, &self.args);
        if self.interrupt.is_set() {
            return Err(ProcessError::Interrupted { command: line });
        }
        let (stdin, source) = split_input(self.input);
        let started = Instant::now();
        let mut child = std::process::Command::new(&self.program)
            .args(&self.args)
            .envs(&self.env)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| start_error(&self.program, self.install, source))?;
        let group = Pid::from_child(&child);
        let stdout = Capture::start(child.stdout.take(), Keep::Head(self.stdout_limit));
        let stderr = Capture::start(child.stderr.take(), Keep::Tail(self.stderr_tail));
        let feed = Feed::start(child.stdin.take(), source);

        let ending = watch(group, &feed, started + self.timeout, &self.interrupt);
        if !matches!(ending, Ending::Exited) {
            end_group(group);
        }
        let status = reap(&mut child).map_err(|source| ProcessError::Wait {
            command: line.clone(),
            source,
        })?;
        let deadline = Instant::now() + GRACE;
        if !(stdout.wait(deadline) && stderr.wait(deadline)) {
            // The group can outlive its leader; a failure means that it is gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let (stdout, truncated) = stdout.take();
        let output = Output {
            command: line.clone(),
            status,
            stdout,
            stderr: stderr.take().0,
            elapsed: started.elapsed(),
        };
        match ending {
            Ending::Interrupted => Err(ProcessError::Interrupted { command: line }),
            Ending::TimedOut => Err(ProcessError::TimedOut {
                command: line,
                seconds: self.timeout.as_secs_f64(),
                stderr: output.complaint(),
            }),
            Ending::BadInput(BrokenInput { error, pipe }) => {
                drop(pipe);
                Err(ProcessError::Input {
                    command: line,
                    source: error,
                })
            }
            Ending::Exited if truncated => Err(ProcessError::TooMuchOutput {
                command: line,
                limit: self.stdout_limit,
            }),
            Ending::Exited => Ok(output),
        }
    }

    /// Runs the program and insists on exit code 0.
    ///
    /// # Errors
    /// As [`Command::output`], and [`ProcessError::Failed`] on any other exit status.
    pub fn run(self) -> Result<Output, ProcessError> {
        let output = self.output()?;
        if output.status.success() {
            return Ok(output);
        }
        Err(ProcessError::failed(&output))
    }
}

/// Why [`watch`] returned.
enum Ending {
    Exited,
    TimedOut,
    Interrupted,
    BadInput(BrokenInput),
}

fn start_error(program: &OsStr, install: Option<String>, source: io::Error) -> ProcessError {
    let program = program.to_string_lossy().into_owned();
    if source.kind() == io::ErrorKind::NotFound {
        let install = install.unwrap_or_else(|| format!("`{program}`"));
        return ProcessError::Missing { program, install };
    }
    ProcessError::Start { program, source }
}

/// Waits until the leader of `group` has ended, without reaping it: until then its process id
/// cannot be given to another process, so signals always reach the right group.
fn watch(group: Pid, feed: &Feed, deadline: Instant, interrupt: &Interrupt) -> Ending {
    let ended = ended(group);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let exited = match ended.recv_timeout(left.min(HEARTBEAT)) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => false,
        };
        if let Some(broken) = feed.broken() {
            return Ending::BadInput(broken);
        }
        if exited {
            return Ending::Exited;
        }
        if interrupt.is_set() {
            return Ending::Interrupted;
        }
        if left.is_zero() {
            return Ending::TimedOut;
        }
    }
}

/// A channel that hears when the process ends; waitid(2) with `WNOWAIT` leaves it unreaped.
fn ended(process: Pid) -> Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        wait_for(process);
        // The receiver may have given up already.
        let _ = sender.send(());
    });
    receiver
}

/// Waits for the end of a child and leaves it unreaped.
fn wait_for(process: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(process), options) {}
}

/// Ends a process group whose leader is not reaped yet. Errors mean that it has ended by itself.
fn end_group(group: Pid) {
    let ended = ended(group);
    let _ = kill_process_group(group, Signal::TERM);
    let _ = ended.recv_timeout(GRACE);
    let _ = kill_process_group(group, Signal::KILL);
}

fn reap(child: &mut Child) -> io::Result<ExitStatus> {
    loop {
        match child.wait() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
