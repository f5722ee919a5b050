//! The virtual root file system: an ordered map from path to entry, never unpacked to disk.

mod extension;
mod node;
mod path;
mod pax;
mod payload;
mod root;

pub use node::{Content, Kind, Meta, Node, ReadAt, Spool};
pub use path::{NAME_LIMIT, PATH_LIMIT, PathError, TreePath};
pub use payload::{ENTRY_LIMIT, PayloadError, read_payload};
pub use root::{Owner, Placed, Tree, TreeError};
