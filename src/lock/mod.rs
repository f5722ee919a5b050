//! The lock file: what a recipe resolved to, in a form that outlives the archive's changes.

mod diff;
mod file;
mod model;

pub use diff::{Change, changes};
pub use file::{LockError, parse, render};
pub use model::{
    Encoding, LOCK_VERSION, Lock, LockedPackage, LockedRepository, LockedScript, Request,
};
