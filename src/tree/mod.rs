//! The virtual root file system: an ordered map from path to entry, never unpacked to disk.

mod node;
mod path;

pub use node::{Content, Kind, Meta, Node, Spool};
pub use path::{NAME_LIMIT, PATH_LIMIT, PathError, TreePath};
