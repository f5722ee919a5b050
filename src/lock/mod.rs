//! The lock file: what a recipe resolved to, in a form that outlives the archive's changes.

mod diff;
mod file;
mod model;

pub use diff::{Change, changes};
pub use file::{LockError, parse, render};
pub use model::{
    Dropped, Encoding, LOCK_VERSION, Lock, LockedImage, LockedPackage, LockedRepository,
    LockedScript, Request,
};
