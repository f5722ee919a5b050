//! The guest runtime: places `images/` into the tree and describes the result in one label.
//!
//! Scripts are static; handlebars renders only data files, so that no value of a recipe is ever
//! shell source.

mod cluster;
mod content;
mod label;
mod machine;
mod place;
mod profile;
mod rootless;
mod sources;

pub use content::{ContentError, FileData, enrol, place_content};
pub use label::{Confinement, Contract, Engine, LABEL, Port, Privileges};
pub use place::{GuestData, GuestError, place};
pub use profile::{Directory, Runtime, contract, plugins, runtime};
pub use sources::Sources;
