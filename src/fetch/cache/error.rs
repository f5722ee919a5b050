//! What can go wrong with the cache.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// Why the cache could not serve.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Others could exchange what is stored between its verification and a later use.
    #[error("cache directory {}: {problem}; {remedy}", path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The command or option that mends it.
        remedy: String,
    },
    /// The file system refused.
    #[error("cannot {action} {} in the cache: {cause}{}", path.display(), hint(cause))]
    Io {
        /// What was attempted, as a verb: `write`.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// A stored file is not what was stored: cut short, or changed since.
    #[error("cached file {} was altered: {difference}; {}", path.display(), removal(*removed))]
    Altered {
        /// The stored file.
        path: PathBuf,
        /// What it was stored as, and what it holds now.
        difference: Box<Difference>,
        /// Whether it could be removed, so that the next run makes it anew.
        removed: bool,
    },
    /// A stored file of this program's own making does not parse.
    #[error("cached file {} is not in the form it was written in: {problem}; {remedy}", path.display())]
    Malformed {
        /// The stored file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// What was about to be stored is not what its name promises.
    #[error("content does not fit its name in the cache: {0}")]
    Mismatch(Box<Difference>),
    /// Equal inputs have given different results; neither can be trusted.
    #[error(
        "cached entry {} has two different contents, {} and {}; both were removed, the next run \
         makes it anew",
        path.display(),
        contents.0,
        contents.1
    )]
    Ambiguous {
        /// Its path, without the part that names the content.
        path: PathBuf,
        /// Both contents.
        contents: Box<(Digest, Digest)>,
    },
    /// Pruning needs the cache for itself.
    #[error("the cache {} is in use by another process; prune it when that has ended", path.display())]
    Busy {
        /// The cache directory.
        path: PathBuf,
    },
}

/// What a file should be and what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The digest it should have.
    pub expected: Digest,
    /// The size it should have, in bytes, where that is known.
    pub expected_size: Option<u64>,
    /// The digest it has.
    pub found: Digest,
    /// The size it has, in bytes.
    pub found_size: u64,
}

impl Difference {
    /// Whether there is none.
    pub(super) fn is_none(&self) -> bool {
        self.expected == self.found && self.expected_size.is_none_or(|n| n == self.found_size)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)?;
        if let Some(size) = self.expected_size {
            write!(f, " ({size} bytes)")?;
        }
        write!(f, ", found {} ({} bytes)", self.found, self.found_size)
    }
}

impl CacheError {
    /// Turns an I/O error into [`CacheError::Io`]: `map_err(CacheError::io("write", path))`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }
}

/// The way out that fits the system's answer.
fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull => {
            "; free space (`dindimg cache prune`) or name another place with --cache-dir"
        }
        io::ErrorKind::QuotaExceeded => {
            "; the quota is used up: free space or name another place with --cache-dir"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; name a place that can be written with --cache-dir"
        }
        io::ErrorKind::Unsupported => {
            "; the file system lacks advisory locks, name a local place with --cache-dir"
        }
        _ => "",
    }
}

fn removal(removed: bool) -> &'static str {
    if removed {
        "it was removed, the next run gets it again"
    } else {
        "it could not be removed: delete it and run again"
    }
}
