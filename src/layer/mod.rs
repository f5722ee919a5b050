//! Layer blobs: ordered entries in, one deterministic compressed tar archive out.
//!
//! A layer is a sequence of [`Segment`]s, one per package and one per generated part. Each segment
//! is a run of tar entries, cut into blocks of a fixed size that are compressed apart from each
//! other, so that
//!
//! - memory is bounded by a few blocks for each job, whatever the size of the layer;
//! - the bytes depend on the entries and the [`Compression`] alone, never on the number of threads
//!   or on how the data was sliced on its way;
//! - a segment that did not change can be taken from a [`SegmentStore`] instead of being
//!   compressed again.

mod block;
mod codec;
mod compression;
mod descriptor;
mod error;
mod plan;
mod produce;
mod segment;
mod tar;
mod write;

pub use compression::{Compression, CompressionParseError};
pub use descriptor::{LayerDescriptor, LayerMediaType};
pub use error::{EntryError, LayerError};
pub use segment::{LayerInput, Segment, SegmentSink, SegmentStore, StoredSegment, segment_key};
pub use write::{LayerOptions, write_layer};

#[cfg(test)]
mod tests;
