//! Why a text cannot be checked.

use std::fmt;

use crate::text::printable;

/// Why a text cannot be checked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// It is no YAML.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line, from one.
        line: usize,
        /// What is wrong, and what may be meant.
        message: String,
    },
    /// No document of it is of a known kind.
    #[error(
        "no document of a kind that is understood: those are objects of Kubernetes that have a pod \
         spec (and Service, PersistentVolumeClaim, List), Compose files, pipelines of GitLab CI, \
         and workflows of GitHub Actions"
    )]
    Unknown,
    /// It is more than a manifest ever is.
    #[error("the text {0}; manifests are far smaller")]
    TooLarge(Limit),
}

/// A limit that a text exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes.
    Text(usize),
    /// Levels, aliases followed.
    Depth(usize),
    /// Values, aliases followed.
    Values(usize),
    /// Containers.
    Containers(usize),
}

impl CheckError {
    pub(super) fn syntax(line: usize, message: &str, template: bool) -> Self {
        let mut message = printable(message);
        if template {
            message.push_str(
                "; templates are not read, but what they are rendered to: `helm template`",
            );
        }
        Self::Syntax {
            line: line.max(1),
            message,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(most) => write!(formatter, "is longer than {most} bytes"),
            Self::Depth(most) => write!(formatter, "is nested more than {most} levels deep"),
            Self::Values(most) => write!(
                formatter,
                "has more than {most} values, those behind aliases counted each time"
            ),
            Self::Containers(most) => write!(formatter, "has more than {most} containers"),
        }
    }
}
