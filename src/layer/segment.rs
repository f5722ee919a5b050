//! What a layer is made of, and where compressed parts of it may be kept.

use std::io::{self, Read, Write};

use crate::digest::Digest;
use crate::tree::{Node, TreePath};

use super::compression::Compression;

/// A run of entries that is compressed on its own.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    /// Names the entries for a [`SegmentStore`]: equal keys promise equal entries, content and
    /// metadata included. `None` for what is not worth keeping.
    pub key: Option<Digest>,
    /// The entries, written in this order: a directory before what lies in it, a file before its
    /// hard links.
    pub entries: Vec<(TreePath, Node)>,
}

/// A layer to be written.
#[derive(Clone, Debug, Default)]
pub struct LayerInput {
    /// Name for messages and progress, such as `engine`.
    pub name: String,
    /// Its segments, written in this order.
    pub segments: Vec<Segment>,
}

/// Keeps compressed segments between builds.
///
/// Keys already contain the compression (see [`segment_key`]), so a store needs no knowledge of
/// it. A store is a convenience: what fails while something is *put* into it is warned of and the
/// layer goes on; what comes *out* of it damaged is an error.
pub trait SegmentStore: Sync {
    /// The segment kept under `key`, if there is one. What the reader yields must be what was
    /// stored: the store verifies it beforehand or fails the read.
    fn load(&self, key: &Digest) -> io::Result<Option<StoredSegment>>;

    /// Starts to keep a segment under `key`; `None` to let it go.
    fn create(&self, key: &Digest) -> io::Result<Option<Box<dyn SegmentSink>>>;
}

/// A compressed segment out of a [`SegmentStore`].
pub struct StoredSegment {
    /// The compressed bytes.
    pub compressed: Box<dyn Read + Send>,
    /// CRC-32 of the uncompressed bytes.
    pub crc32: u32,
    /// Number of uncompressed bytes.
    pub length: u64,
}

/// Takes the compressed bytes of one segment. Dropped without [`SegmentSink::commit`], it leaves
/// nothing behind.
pub trait SegmentSink: Write {
    /// Keeps what was written, with the CRC-32 and the number of the uncompressed bytes.
    fn commit(self: Box<Self>, crc32: u32, length: u64) -> io::Result<()>;
}

/// The key under which a segment compressed by `compression` is stored: it changes with
/// everything that decides the compressed bytes.
pub fn segment_key(key: &Digest, compression: Compression) -> Digest {
    Digest::of(format!(
        "segment\n{}\n{key}\n",
        compression.encoder_identity()
    ))
}
