//! Why an image cannot be built.

use crate::fetch::FetchError;
use crate::guest::GuestError;
use crate::layer::LayerError;
use crate::oci::OciError;
use crate::resolve::ResolveError;
use crate::setup::SetupError;
use crate::tree::{PayloadError, TreeError, TreePath};

/// Why an image cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The packages cannot be had.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The network or the cache failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A package's payload cannot be read.
    #[error("package {package}: {source}")]
    Payload {
        /// The package.
        package: String,
        /// Why.
        source: PayloadError,
    },
    /// A package file holds another package than its index says.
    #[error(
        "package {package}: its {field} is `{found}`, but the lock says `{expected}`; the repository is inconsistent"
    )]
    Identity {
        /// The package.
        package: String,
        /// The control field.
        field: &'static str,
        /// What the lock says.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// Services cannot be started in the image.
    #[error("[compose] {0}")]
    Compose(String),
    /// A cluster cannot be made in the image.
    #[error("profile kind-cluster: {0}")]
    Kind(String),
    /// An image for the engine inside cannot be had.
    #[error("[[preload]] {name}: {message}")]
    Preload {
        /// What the engine inside calls it.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// What the recipe takes from elsewhere cannot be placed.
    #[error("artifact {name}: {message}")]
    Artifact {
        /// Its name.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// Two packages ship one path.
    #[error(
        "{first} and {second} both ship {path}, and neither declares that it replaces the other; leave one of them out, or say in [packages] which may win: `replaces = {{ winner = [\"loser\"] }}`"
    )]
    Conflict {
        /// The path.
        path: TreePath,
        /// One package.
        first: String,
        /// The other.
        second: String,
    },
    /// An entry of a package cannot be placed.
    #[error("package {package}: {source}")]
    Placement {
        /// The package.
        package: String,
        /// Why.
        source: TreeError,
    },
    /// The tree itself cannot be prepared.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A script rule failed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The guest runtime cannot be placed.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The recipe's own content cannot be placed.
    #[error(transparent)]
    Content(#[from] crate::guest::ContentError),
    /// The image is not what its hardening asks for.
    #[error(transparent)]
    Harden(#[from] crate::harden::HardenError),
    /// The recipe's own content is not what the lock records.
    #[error("the lock records other content: {}; run `dindimg lock`", .0.join(", "))]
    Changed(Vec<String>),
    /// A layer cannot be written.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The image's documents cannot be made.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// The recipe asks for a platform the lock does not have.
    #[error("the lock has no packages for {0}; run `dindimg lock`")]
    Platform(crate::platform::Platform),
    /// A tag template.
    #[error("tag `{template}`: {message}")]
    Tag {
        /// The template.
        template: String,
        /// What is wrong with it.
        message: String,
    },
    /// The worker threads cannot be started.
    #[error("cannot start {jobs} worker threads: {message}")]
    Threads {
        /// How many.
        jobs: usize,
        /// Why.
        message: String,
    },
    /// Content kept for a blob cannot be read.
    #[error("cached layer: {0}")]
    Io(#[from] std::io::Error),
}
