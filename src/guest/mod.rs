//! The guest runtime: places `images/` into the tree and describes the result in one label.

mod label;

pub use label::{Contract, Engine, LABEL, Port, Privileges};
