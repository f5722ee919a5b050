//! Why packages cannot be chosen.

use super::Pin;
use crate::solve::{Conflict, suggestion};

/// Why a [`super::Request`] has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// No repository has a package of that name.
    #[error("there is no package `{name}` for {architecture}{}", suggestion(.nearest))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Debian's name of the architecture.
        architecture: &'static str,
        /// Names that exist and look alike.
        nearest: Vec<String>,
    },
    /// The name is virtual and has several providers.
    #[error(
        "`{name}` is not a package but a name that several provide; ask for one of {}",
        .providers.join(", ")
    )]
    Virtual {
        /// The name asked for.
        name: String,
        /// What provides it.
        providers: Vec<String>,
    },
    /// A package asked for has no version that its pin lets through.
    #[error(
        "package `{name}`: {} is not available; available: {}",
        describe(.pin), .available.join(", ")
    )]
    Pin {
        /// The package.
        name: String,
        /// The pin.
        pin: Pin,
        /// The versions there are.
        available: Vec<String>,
    },
    /// Two versions of one package are asked for.
    #[error("package `{name}` is asked for at {first} and at {second}")]
    Contradiction {
        /// The package.
        name: String,
        /// One version.
        first: String,
        /// The other version.
        second: String,
    },
    /// A package is asked for and dropped at once.
    #[error("package `{0}` is both included and dropped; remove one of the two")]
    Dropped(String),
    /// The packages do not fit together.
    #[error(transparent)]
    Conflict(#[from] Box<Conflict>),
}

pub(super) fn describe(pin: &Pin) -> String {
    let version = pin
        .version
        .as_ref()
        .map(|version| format!("version {version}"));
    let repository = pin.repository.as_ref().map(|repository| &repository.label);
    match (version, repository) {
        (Some(version), Some(repository)) => format!("{version} from {repository}"),
        (Some(text), None) => text,
        (None, Some(repository)) => format!("a version from {repository}"),
        (None, None) => "any version".to_owned(),
    }
}
