//! The lock file: what a recipe resolved to, in a form that outlives the archive's changes.

mod artifact;
mod diff;
mod download;
mod file;
mod markdown;
mod model;

pub use artifact::{
    ArtifactKind, LockedArtifact, artifacts, changed_artifacts, changed_in, record_artifacts,
};
pub use diff::{Change, changes};
pub use download::LockedDownload;
pub use file::{LockError, parse, render};
pub use markdown::markdown;
pub use model::{
    Dropped, Encoding, LOCK_VERSION, Lock, LockedImage, LockedPackage, LockedRepository,
    LockedScript, Request,
};
