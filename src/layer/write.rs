//! Writes a layer: one thread cuts tar bytes into blocks, `jobs` threads compress them, and the
//! calling thread writes the results in order.

use std::io::{self, Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::thread;

use crc32fast::Hasher as Crc;

use crate::digest::{Digest, Hasher, Hashing};
use crate::progress::{Reporter, Stage, TaskId};

use super::codec;
use super::compression::Compression;
use super::descriptor::LayerDescriptor;
use super::error::LayerError;
use super::plan::plan;
use super::produce::{Compressed, Piece, Producer, compress_all};
use super::segment::{LayerInput, SegmentSink, SegmentStore, StoredSegment};

/// Blocks between cutting and writing for each job: one at the compressor, one waiting for it,
/// one waiting to be written. This bounds the memory of [`write_layer`].
const BLOCKS_PER_JOB: usize = 3;
/// Bytes copied at a time out of a stored segment.
const STORED_BUFFER: usize = 256 << 10;

/// How a layer is written. Nothing but `compression` touches its bytes.
#[derive(Clone, Copy)]
pub struct LayerOptions<'a> {
    /// Codec and level.
    pub compression: Compression,
    /// Compressing threads; 0 counts as 1.
    pub jobs: usize,
    /// Where compressed segments are kept between builds.
    pub store: Option<&'a dyn SegmentStore>,
    /// Told of the uncompressed bytes done.
    pub reporter: &'a dyn Reporter,
}

/// Writes the layer `input` to `out`.
///
/// Memory use is a few blocks for each job, whatever the size of the layer. When this fails, `out`
/// holds the useless start of a blob, unless the failure is [`LayerError::Entry`], which is found
/// before the first byte is written.
pub fn write_layer(
    input: &LayerInput,
    options: &LayerOptions<'_>,
    out: &mut dyn Write,
) -> Result<LayerDescriptor, LayerError> {
    let plan = plan(input)?;
    let jobs = options.jobs.max(1);
    let task = options
        .reporter
        .begin(Stage::Layer, &input.name, Some(plan.total));
    let (work, queue) = channel();
    let queue = Mutex::new(queue);
    let (pieces, in_order) = sync_channel(jobs * BLOCKS_PER_JOB);
    let no_thread = |source| LayerError::Thread {
        layer: input.name.clone(),
        source,
    };
    let result = thread::scope(|scope| {
        for _ in 0..jobs {
            thread::Builder::new()
                .spawn_scoped(scope, || compress_all(options.compression, &queue))
                .map_err(no_thread)?;
        }
        let producer = Producer {
            input,
            options,
            work,
            pieces,
            diff: Hasher::new(),
        };
        let producing = thread::Builder::new()
            .spawn_scoped(scope, || producer.run(&plan))
            .map_err(no_thread)?;
        let written = Writer::new(input, options, task, out).run(in_order);
        let produced = producing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Where the writer failed, the producer has merely stopped.
        let (digest, size, uncompressed_size) = written?;
        Ok(LayerDescriptor {
            media_type: options.compression.into(),
            digest,
            size,
            diff_id: produced?,
            uncompressed_size,
        })
    });
    let outcome = if result.is_ok() { "" } else { "failed" };
    options.reporter.finish(task, outcome);
    result
}

/// Writes the pieces of a blob in order.
struct Writer<'a> {
    layer: &'a str,
    options: &'a LayerOptions<'a>,
    task: TaskId,
    out: Hashing<&'a mut dyn Write>,
    crc: Crc,
    length: u64,
    /// The segment being stored.
    sink: Option<Box<dyn SegmentSink>>,
    segment_crc: Crc,
    segment_length: u64,
}

impl<'a> Writer<'a> {
    fn new(
        input: &'a LayerInput,
        options: &'a LayerOptions<'a>,
        task: TaskId,
        out: &'a mut dyn Write,
    ) -> Self {
        Self {
            layer: &input.name,
            options,
            task,
            out: Hashing::new(out),
            crc: Crc::new(),
            length: 0,
            sink: None,
            segment_crc: Crc::new(),
            segment_length: 0,
        }
    }

    /// Digest and size of the blob, and size of the archive in it.
    fn run(mut self, pieces: Receiver<Piece>) -> Result<(Digest, u64, u64), LayerError> {
        let compression = self.options.compression;
        self.write(codec::header(compression))?;
        for piece in pieces {
            match piece {
                Piece::Start(key) => self.start(key),
                Piece::Block(result) => self.block(result)?,
                Piece::Stored(key, stored) => self.stored(key, stored)?,
                Piece::End => self.end(),
            }
        }
        let crc32 = std::mem::take(&mut self.crc).finalize();
        let trailer = codec::trailer(compression, crc32, self.length);
        self.write(&trailer)?;
        self.out.flush().map_err(|error| self.cannot_write(error))?;
        let (_, digest, size) = self.out.finish();
        Ok((digest, size, self.length))
    }

    fn start(&mut self, key: Option<Digest>) {
        self.segment_crc = Crc::new();
        self.segment_length = 0;
        self.sink = match (self.options.store, key) {
            (Some(store), Some(key)) => store.create(&key).unwrap_or_else(|error| {
                self.not_stored(&error);
                None
            }),
            _ => None,
        };
    }

    fn block(&mut self, result: Receiver<Result<Compressed, String>>) -> Result<(), LayerError> {
        let compressed = result
            .recv()
            .unwrap_or_else(|_| Err("a compressing thread ended early".to_owned()))
            .map_err(|reason| LayerError::Compress {
                layer: self.layer.to_owned(),
                reason,
            })?;
        self.write(&compressed.bytes)?;
        if let Some(sink) = &mut self.sink
            && let Err(error) = sink.write_all(&compressed.bytes)
        {
            self.sink = None;
            self.not_stored(&error);
        }
        self.segment_crc.combine(&compressed.crc);
        self.segment_length += compressed.length;
        self.count(&compressed.crc, compressed.length);
        Ok(())
    }

    fn stored(&mut self, key: Digest, mut stored: StoredSegment) -> Result<(), LayerError> {
        let mut buffer = vec![0; STORED_BUFFER];
        loop {
            let read = match stored.compressed.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(LayerError::Stored {
                        layer: self.layer.to_owned(),
                        key,
                        source,
                    });
                }
            };
            self.write(&buffer[..read])?;
        }
        let crc = Crc::new_with_initial_len(stored.crc32, stored.length);
        self.count(&crc, stored.length);
        Ok(())
    }

    fn end(&mut self) {
        let Some(sink) = self.sink.take() else { return };
        let crc32 = std::mem::take(&mut self.segment_crc).finalize();
        if let Err(error) = sink.commit(crc32, self.segment_length) {
            self.not_stored(&error);
        }
    }

    fn count(&mut self, crc: &Crc, length: u64) {
        self.crc.combine(crc);
        self.length += length;
        self.options.reporter.advance(self.task, length);
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.out
            .write_all(bytes)
            .map_err(|error| self.cannot_write(error))
    }

    fn cannot_write(&self, source: io::Error) -> LayerError {
        LayerError::Write {
            layer: self.layer.to_owned(),
            source,
        }
    }

    fn not_stored(&self, error: &io::Error) {
        self.options.reporter.warn(
            Stage::Layer,
            &format!(
                "layer {}: a compressed segment is not kept: {error}",
                self.layer
            ),
        );
    }
}
