//! What goes wrong around other programs, said so that the user can repeat the command.

use std::ffi::{OsStr, OsString};
use std::io;

use super::Output;

/// Most characters of one argument shown in a message; scripts passed to `sh -c` are longer.
const ARG_SHOWN: usize = 120;

/// Most lines and characters of standard error shown in a message.
const TAIL_LINES: usize = 12;
const TAIL_CHARACTERS: usize = 2000;

/// Why a program could not be run to a useful end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program does not exist.
    #[error("`{program}` is not on PATH; install {install}")]
    Missing {
        /// The name that was looked up.
        program: String,
        /// What to install.
        install: String,
    },
    /// The kernel refused to start it.
    #[error("cannot start `{program}`")]
    Start {
        /// The program as it was named.
        program: String,
        /// The kernel's reason.
        source: io::Error,
    },
    /// It ended with something else than exit code 0.
    #[error("`{command}` ended with {status}{}", after(.stderr))]
    Failed {
        /// The command line.
        command: String,
        /// Exit code or signal, in words.
        status: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// It ran longer than it may and was killed.
    #[error("`{command}` was stopped after {seconds:.0} s without an end{}", after(.stderr))]
    TimedOut {
        /// The command line.
        command: String,
        /// The time limit in seconds.
        seconds: f64,
        /// The end of its standard error.
        stderr: String,
    },
    /// The user asked to stop.
    #[error("`{command}` was interrupted")]
    Interrupted {
        /// The command line.
        command: String,
    },
    /// The reader that feeds its standard input failed.
    #[error("cannot read the input of `{command}`")]
    Input {
        /// The command line.
        command: String,
        /// The reader's error.
        source: io::Error,
    },
    /// It wrote more than the caller accepts.
    #[error("`{command}` wrote more than {limit} bytes")]
    TooMuchOutput {
        /// The command line.
        command: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// Its exit status could not be read.
    #[error("cannot wait for `{command}`")]
    Wait {
        /// The command line.
        command: String,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl ProcessError {
    /// The error for an output whose exit status is not the wanted one.
    pub fn failed(output: &Output) -> Self {
        Self::Failed {
            command: output.command.clone(),
            status: output.status.to_string(),
            stderr: output.complaint(),
        }
    }
}

fn after(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}

/// The last lines of `bytes`.
pub(super) fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    let lines: Vec<&str> = text.lines().collect();
    let text = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    let excess = text.chars().count().saturating_sub(TAIL_CHARACTERS);
    text.chars().skip(excess).collect()
}

/// The command as a person would type it, long arguments shortened.
pub(super) fn command_line(program: &OsStr, args: &[OsString]) -> String {
    std::iter::once(program)
        .chain(args.iter().map(OsString::as_os_str))
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

fn word(arg: &OsStr) -> String {
    let arg = arg.to_string_lossy();
    let mut shown: String = arg.chars().take(ARG_SHOWN).collect();
    if shown.len() < arg.len() {
        shown.push('…');
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !shown.is_empty() && shown.chars().all(plain) {
        return shown;
    }
    format!("'{}'", shown.replace('\'', r"'\''"))
}
