//! The way of a layer's bytes up to the writer: cut into blocks by one thread, compressed by many.

use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use crc32fast::Hasher as Crc;

use crate::digest::{Digest, Hasher};
use crate::progress::Stage;

use super::block::{CutError, cut};
use super::codec::{self, Block};
use super::compression::Compression;
use super::error::LayerError;
use super::plan::Plan;
use super::segment::{LayerInput, Segment, StoredSegment, segment_key};
use super::tar::END_OF_ARCHIVE;
use super::write::LayerOptions;

/// A block and where its compressed form is awaited.
pub(super) type Work = (Block, SyncSender<Result<Compressed, String>>);

/// A compressed block.
pub(super) struct Compressed {
    pub bytes: Vec<u8>,
    pub crc: Crc,
    /// Uncompressed bytes.
    pub length: u64,
}

/// What the producer tells the writer, in the order of the blob.
pub(super) enum Piece {
    /// A segment starts; under this key it is to be stored.
    Start(Option<Digest>),
    /// A block of the segment, once it is compressed.
    Block(Receiver<Result<Compressed, String>>),
    /// All of the segment, compressed earlier.
    Stored(Digest, StoredSegment),
    /// The segment is complete.
    End,
}

/// Compresses blocks until there are no more.
pub(super) fn compress_all(compression: Compression, queue: &Mutex<Receiver<Work>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((block, done)) = next else { return };
        let compressed = codec::compress(compression, &block).map(|bytes| {
            let mut crc = Crc::new();
            crc.update(block.body());
            Compressed {
                bytes,
                crc,
                length: block.body().len() as u64,
            }
        });
        // Nobody waits any more when the writer has failed.
        let _ = done.send(compressed);
    }
}

/// Makes the tar bytes of the layer and their digest.
pub(super) struct Producer<'a> {
    pub input: &'a LayerInput,
    pub options: &'a LayerOptions<'a>,
    pub work: Sender<Work>,
    pub pieces: SyncSender<Piece>,
    pub diff: Hasher,
}

impl Producer<'_> {
    /// Sends the whole layer on its way and returns its diff ID. Stops without an error when the
    /// writer, which reports its own, has gone.
    pub fn run(mut self, plan: &Plan) -> Result<Digest, LayerError> {
        for (segment, length) in self.input.segments.iter().zip(&plan.segments) {
            let going = *length == 0 || self.segment(segment, *length)?;
            if !going {
                return Ok(self.diff.finish());
            }
        }
        self.diff.update(&END_OF_ARCHIVE);
        let end = Block::new(END_OF_ARCHIVE.to_vec(), 0, true);
        send_block(&self.work, &self.pieces, end);
        Ok(self.diff.finish())
    }

    /// Whether the writer wants more.
    fn segment(&mut self, segment: &Segment, length: u64) -> Result<bool, LayerError> {
        let key = segment
            .key
            .as_ref()
            .map(|key| segment_key(key, self.options.compression));
        let stored = match (self.options.store, key) {
            (Some(store), Some(key)) => store
                .load(&key)
                .map_err(|source| LayerError::Stored {
                    layer: self.input.name.clone(),
                    key,
                    source,
                })?
                .map(|stored| (key, stored)),
            _ => None,
        };
        let Some((key, stored)) = stored else {
            return self.compress(segment, length, key, true);
        };
        let mut crc = Crc::new();
        let diff = &mut self.diff;
        let outcome = cut(segment, length, self.options.compression, &mut |block| {
            diff.update(block.body());
            crc.update(block.body());
            true
        });
        self.going(outcome)?;
        if (stored.length, stored.crc32) == (length, crc.finalize()) {
            return Ok(self.pieces.send(Piece::Stored(key, stored)).is_ok());
        }
        self.options.reporter.warn(
            Stage::Layer,
            &format!(
                "layer {}: stored segment {key} holds other entries; it is compressed again",
                self.input.name
            ),
        );
        self.compress(segment, length, Some(key), false)
    }

    fn compress(
        &mut self,
        segment: &Segment,
        length: u64,
        key: Option<Digest>,
        hash: bool,
    ) -> Result<bool, LayerError> {
        if self.pieces.send(Piece::Start(key)).is_err() {
            return Ok(false);
        }
        let (work, pieces, diff) = (&self.work, &self.pieces, &mut self.diff);
        let outcome = cut(segment, length, self.options.compression, &mut |block| {
            if hash {
                diff.update(block.body());
            }
            send_block(work, pieces, block)
        });
        Ok(self.going(outcome)? && self.pieces.send(Piece::End).is_ok())
    }

    fn going(&self, outcome: Result<(), CutError<'_>>) -> Result<bool, LayerError> {
        match outcome {
            Ok(()) => Ok(true),
            Err(CutError::Stopped) => Ok(false),
            Err(CutError::Read(path, source)) => Err(LayerError::Read {
                layer: self.input.name.clone(),
                path: path.clone(),
                source,
            }),
        }
    }
}

/// Gives a block to the compressors and its place to the writer; false when the writer has gone.
fn send_block(work: &Sender<Work>, pieces: &SyncSender<Piece>, block: Block) -> bool {
    let (done, result) = sync_channel(1);
    work.send((block, done)).is_ok() && pieces.send(Piece::Block(result)).is_ok()
}
