//! Why a smoke run, or one of its checks, could not be done.

use std::path::PathBuf;

use super::engine::EngineError;
use super::nested::NestedError;
use crate::guest::LABEL;
use crate::lab::LabError;

/// Why there is no smoke report at all.
#[derive(Debug, thiserror::Error)]
pub enum SmokeError {
    /// The engine failed or refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The archive to load cannot be opened.
    #[error("cannot open the image archive {}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// The kernel's reason.
        source: std::io::Error,
    },
    /// The archive holds something else than one image.
    #[error("{} holds {count} images; smoke wants an archive of one", path.display())]
    ArchiveImages {
        /// The archive.
        path: PathBuf,
        /// How many it holds.
        count: usize,
    },
    /// The engine has just given this image and now does not know it.
    #[error("{engine} does not know the image {image}")]
    NoImage {
        /// The engine's name.
        engine: &'static str,
        /// The reference.
        image: String,
    },
    /// The image was not made by this program.
    #[error(
        "{image} has no label {LABEL}: it was not built by dindimg, and smoke would not know what it promises"
    )]
    NoContract {
        /// The reference.
        image: String,
    },
    /// The label is not what this version writes.
    #[error("the label {LABEL} of {image} cannot be read")]
    Contract {
        /// The reference.
        image: String,
        /// Where the JSON is wrong.
        source: serde_json::Error,
    },
    /// The label is of a later version.
    #[error(
        "the label {LABEL} of {image} has schema {schema}, this program knows 1; use a newer dindimg"
    )]
    ContractSchema {
        /// The reference.
        image: String,
        /// The schema it has.
        schema: u32,
    },
    /// The engine cannot run the image, by what it says of itself.
    #[error("{reason}")]
    Unable {
        /// What is in the way.
        reason: String,
    },
    /// A reference means one image on one engine and another one on the next.
    #[error(
        "{image} is not one image: {} has {}, {} has {}; name it by its digest",
        .one.0, .one.1, .other.0, .other.1
    )]
    Differs {
        /// The reference.
        image: String,
        /// An engine, and the id of what it has.
        one: (&'static str, String),
        /// Another engine, and the id of what that has.
        other: (&'static str, String),
    },
    /// The label names a backend that this version does not know.
    #[error(
        "the label {LABEL} of {image} promises the iptables backend `{backend}`, which this program does not know; use a newer dindimg"
    )]
    Backend {
        /// The reference.
        image: String,
        /// The word.
        backend: String,
    },
    /// What a failed cell left cannot be written.
    #[error("cannot keep what the failed cell left in {}", path.display())]
    Artifacts {
        /// The directory.
        path: PathBuf,
        /// The kernel's reason.
        source: std::io::Error,
    },
    /// The previous image has the name of the one to prove.
    #[error(
        "the image of --upgrade-from is called {image} too, and has taken that name from the one to prove; give one of them another tag"
    )]
    Moved {
        /// The name.
        image: String,
    },
    /// Only a client is proven beside a daemon.
    #[error(
        "{image} has a daemon of its own; --daemon {daemon} is for images of the profile `cli`, leave it out"
    )]
    NoClient {
        /// The image to prove.
        image: String,
        /// The daemon's image.
        daemon: String,
    },
    /// The matrix is empty.
    #[error("no cell is left of the matrix: [smoke] `exclude` removes every one")]
    NoCells,
    /// No check applies to the image's profile.
    #[error("no smoke check applies to the profile `{profile}` of {image}")]
    NoChecks {
        /// The reference.
        image: String,
        /// Its profile.
        profile: String,
    },
}

impl SmokeError {
    /// Whether the cause is the user's wish to stop.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_interrupt())
    }

    /// Whether the engine could have run the image, had that been able to serve.
    pub fn is_of_image(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Lab(error)) if matches!(**error, LabError::Daemon { .. }))
    }
}

/// Why one check could not be done; that a rule is violated is not an error.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The engine failed or refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The nested image could not be made.
    #[error(transparent)]
    Nested(#[from] NestedError<EngineError>),
    /// The nested image could not be written.
    #[error("cannot write the nested image")]
    Archive(#[source] std::io::Error),
    /// The inner engine did not take the nested image.
    #[error("the inner engine cannot load the nested image: {0}")]
    InnerLoad(String),
    /// It cannot be shown here, for this reason.
    #[error("{0}")]
    Unproven(String),
    /// A check it builds on did not hold.
    #[error("`{0}` did not hold")]
    Needs(&'static str),
}
