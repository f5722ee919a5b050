//! Why packages cannot be chosen.

use crate::apk::relation::Dependency;
use crate::solve::{Conflict, suggestion};

/// Why a [`super::Request`] has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// No repository has a package of that name.
    #[error("there is no package `{name}` for {architecture}{}", suggestion(.nearest))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Alpine's name of the architecture.
        architecture: String,
        /// Names that exist and look alike.
        nearest: Vec<String>,
    },
    /// The name is one that packages only provide, none of them preferred.
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
    /// A package asked for is not there in a version that will do.
    #[error("package `{wanted}` is not available; available: {}", .available.join(", "))]
    Version {
        /// What is asked for.
        wanted: Dependency,
        /// The versions there are.
        available: Vec<String>,
    },
    /// No repository has the tag.
    #[error("package `{wanted}`: no repository has the tag `{tag}`")]
    Tag {
        /// What is asked for.
        wanted: Dependency,
        /// The tag.
        tag: String,
    },
    /// A package is asked for and dropped at once.
    #[error("package `{0}` is both included and dropped; remove one of the two")]
    Dropped(String),
    /// The packages do not fit together.
    #[error(transparent)]
    Conflict(#[from] Box<Conflict>),
}
