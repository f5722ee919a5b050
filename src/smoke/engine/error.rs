//! What goes wrong between this program and a container engine.

use crate::lab::LabError;
use crate::process::{Output, ProcessError};

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no engine of that name.
    #[error("`{name}` is not an engine; known are {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The engine's client is missing, was stopped, or ran too long.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The client runs but its service does not answer.
    #[error(
        "{engine} does not answer: {detail}; start it, or point its client at a running one ({variable})"
    )]
    Unreachable {
        /// The engine's name.
        engine: &'static str,
        /// What the client said.
        detail: String,
        /// The variable that tells its client where it is.
        variable: &'static str,
    },
    /// The engine has no such OCI runtime.
    #[error("{reason}")]
    Runtime {
        /// What it has instead, or from when on it can.
        reason: String,
    },
    /// There is no machine.
    #[error("{}", chain(.0))]
    Lab(Box<LabError>),
    /// The engine cannot give the privileges the image needs.
    #[error(
        "{engine} cannot run a privileged container here: {detail}; the host's capability set or limits are reduced (a container or hardened runner?), so run on a host with all capabilities or give the engine an OCI runtime that asks only for those available"
    )]
    Unprivileged {
        /// The engine's name.
        engine: &'static str,
        /// What the engine said.
        detail: String,
    },
    /// The OCI runtime that was asked for cannot run the image.
    #[error("{engine} cannot run a privileged container with the runtime `{runtime}`: {detail}")]
    RuntimeFailed {
        /// The engine's name.
        engine: &'static str,
        /// The runtime.
        runtime: String,
        /// What the engine said.
        detail: String,
    },
    /// The engine refused.
    #[error("{engine} cannot {verb} {subject}: {detail}")]
    Refused {
        /// The engine's name.
        engine: &'static str,
        /// What was asked: `load`, `run`, …
        verb: &'static str,
        /// The image, container, network or volume.
        subject: String,
        /// What the engine said.
        detail: String,
    },
    /// The engine has nothing of the kind.
    #[error("{engine} gives {lack}")]
    Lacks {
        /// The engine's name.
        engine: &'static str,
        /// What it does not give.
        lack: &'static str,
    },
    /// The engine's answer is not in the form expected of it.
    #[error("the answer of `{command}` is not what {engine} prints: {reason}")]
    Unreadable {
        /// The engine's name.
        engine: &'static str,
        /// The command line.
        command: String,
        /// What is missing or malformed.
        reason: String,
    },
}

impl EngineError {
    /// Whether the cause is the user's wish to stop.
    pub fn is_interrupt(&self) -> bool {
        match self {
            Self::Process(error) => matches!(error, ProcessError::Interrupted { .. }),
            Self::Lab(error) => error.is_interrupt(),
            _ => false,
        }
    }

    pub(super) fn refused(
        engine: &'static str,
        verb: &'static str,
        subject: &str,
        output: &Output,
    ) -> Self {
        let complaint = output.complaint();
        let detail = if complaint.is_empty() {
            output.status.to_string()
        } else {
            complaint
        };
        Self::Refused {
            engine,
            verb,
            subject: subject.to_owned(),
            detail,
        }
    }
}

/// An error with its causes, in one sentence.
fn chain(error: &LabError) -> String {
    use std::error::Error as _;
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
