//! What can go wrong while a layer is written.

use std::io;

use crate::digest::Digest;
use crate::tree::TreePath;

/// Why a layer could not be written.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// An entry has no place in a tar archive or in a layer. Found before a byte is written.
    #[error("layer {layer}: {path}: {reason}")]
    Entry {
        /// Name of the layer.
        layer: String,
        /// The entry.
        path: TreePath,
        /// What is wrong with it.
        reason: EntryError,
    },
    /// The content of a file could not be read.
    #[error("layer {layer}: cannot read the content of {path}")]
    Read {
        /// Name of the layer.
        layer: String,
        /// The file.
        path: TreePath,
        /// The failure.
        source: io::Error,
    },
    /// The blob could not be written.
    #[error("layer {layer}: cannot write the blob")]
    Write {
        /// Name of the layer.
        layer: String,
        /// The failure.
        source: io::Error,
    },
    /// A stored segment could not be used.
    #[error("layer {layer}: stored segment {key} cannot be used; build without the layer cache")]
    Stored {
        /// Name of the layer.
        layer: String,
        /// Key of the segment in its store.
        key: Digest,
        /// The failure.
        source: io::Error,
    },
    /// The codec refused a block.
    #[error("layer {layer}: compression failed: {reason}")]
    Compress {
        /// Name of the layer.
        layer: String,
        /// The codec's remark.
        reason: String,
    },
    /// The system gave no thread.
    #[error("layer {layer}: cannot start a thread")]
    Thread {
        /// Name of the layer.
        layer: String,
        /// The failure.
        source: io::Error,
    },
}

/// Why an entry cannot stand in a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The root of the image is always a directory.
    #[error("the root must be a directory")]
    Root,
    /// Layer readers take such names for deletions (image-spec, layer.md "Whiteouts").
    #[error("a name that starts with `.wh.` would be read as a deletion")]
    Whiteout,
    /// A symbolic link needs a target without NUL bytes.
    #[error("symbolic link with the impossible target {0:?}")]
    LinkTarget(String),
    /// Extended attribute names are neither empty nor contain `=` or NUL, which end them in a
    /// PAX record.
    #[error("impossible name {0:?} of an extended attribute")]
    XattrName(String),
    /// The numbers do not fit into a tar header; Linux has none so large.
    #[error("device number {0}:{1} is larger than a tar header can hold")]
    Device(u32, u32),
    /// The path occurs twice, and not as a directory both times.
    #[error("occurs twice in the layer")]
    Duplicate,
    /// Readers create a hard link when they meet it, so its file must have come before.
    #[error("hard link to {0}, which is no regular file that comes before it in the layer")]
    Hardlink(TreePath),
}
