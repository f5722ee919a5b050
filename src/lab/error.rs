//! Why there is no machine.

use std::io;
use std::path::{Path, PathBuf};

use crate::deb::archive::DebError;
use crate::fetch::{CacheError, FetchError};
use crate::process::ProcessError;
use crate::recipe::RecipeError;
use crate::resolve::ResolveError;

/// Why a machine did not come up.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Its kernel's packages cannot be chosen or fetched.
    #[error("the packages of a machine of {suite} cannot be had")]
    Packages {
        /// The Debian suite.
        suite: &'static str,
        /// Why.
        #[source]
        source: Box<ResolveError>,
    },
    /// The cache failed.
    #[error(transparent)]
    Cache(#[from] FetchError),
    /// The request for its packages is refused.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A package cannot be read.
    #[error("package {package}")]
    Package {
        /// Its name.
        package: String,
        /// Why.
        #[source]
        source: DebError,
    },
    /// A package does not have what it is there for.
    #[error("{package} of {suite} has no {what}")]
    Lacking {
        /// The name of the package.
        package: String,
        /// The Debian suite.
        suite: &'static str,
        /// What was looked for.
        what: String,
    },
    /// The image archive cannot be used.
    #[error("the image archive cannot be used: {0}")]
    Image(String),
    /// A file of the machine's directory cannot be read or written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// `read`, `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// A program of the host is missing or cannot be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A directory cannot be shared.
    #[error("`{command}` serves no directory: {complaint}")]
    Share {
        /// The command line.
        command: String,
        /// What it said.
        complaint: String,
    },
    /// A path cannot be a socket's, or be said to who serves it.
    #[error("{} {reason}; choose another cache directory (--cache-dir)", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The machine is there, and the image's own daemon does not start in it.
    #[error("{reason} in the machine {machine}{}", tail(.console))]
    Daemon {
        /// Which machine: `bookworm-v2`.
        machine: String,
        /// What happened.
        reason: String,
        /// The end of what it printed.
        console: String,
    },
    /// The machine ended, hung, or says itself that it cannot serve.
    #[error("the machine {machine} did not come up, {stage}: {reason}{}", tail(.console))]
    Boot {
        /// Which machine: `bookworm-v2`.
        machine: String,
        /// The last stage it told of.
        stage: String,
        /// What happened.
        reason: String,
        /// The end of what it printed.
        console: String,
    },
}

impl LabError {
    /// Whether the cause is the user's wish to stop.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Process(ProcessError::Interrupted { .. }))
    }

    /// For `map_err` on files.
    pub(super) fn file(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { verb, path, source }
    }
}

impl From<CacheError> for LabError {
    fn from(error: CacheError) -> Self {
        Self::Cache(error.into())
    }
}

fn tail(console: &str) -> String {
    if console.is_empty() {
        "; its console is empty".to_owned()
    } else {
        format!("; its console ends:\n{console}")
    }
}
