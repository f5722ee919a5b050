//! Where blobs come from, and how they are copied.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Hashing};
use crate::progress::{Reporter, TaskId};

use super::error::OciError;
use super::spec::Descriptor;

/// Bytes copied at a time.
const COPY_BUFFER: usize = 1 << 20;

/// A place that holds blobs by digest, asked for several at once. It need not verify them: whoever copies a blob does.
pub trait BlobSource: Sync {
    /// Opens a blob from its start.
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>>;
}

/// Blobs in files of any name.
#[derive(Clone, Debug, Default)]
pub struct BlobFiles {
    files: BTreeMap<Digest, PathBuf>,
}

impl BlobFiles {
    /// Knows no file yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The blob `digest` is all of the file at `path`.
    pub fn insert(&mut self, digest: Digest, path: PathBuf) {
        self.files.insert(digest, path);
    }

    /// The file that holds a blob.
    pub fn path(&self, digest: &Digest) -> Option<&Path> {
        self.files.get(digest).map(PathBuf::as_path)
    }
}

impl BlobSource for BlobFiles {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        let path = self.path(digest).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(File::open(path)?))
    }
}

/// Progress of a copy.
#[derive(Clone, Copy)]
pub(super) struct Progress<'a> {
    pub reporter: &'a dyn Reporter,
    pub task: TaskId,
}

/// Copies the blob that `descriptor` points at. `out` has received damaged bytes when the error
/// is [`OciError::Damaged`]; `write_error` names the output for failures to write.
pub(super) fn copy(
    blobs: &dyn BlobSource,
    descriptor: &Descriptor,
    out: &mut dyn Write,
    progress: Progress<'_>,
    write_error: impl FnOnce(io::Error) -> OciError,
) -> Result<(), OciError> {
    let read_error = |source| OciError::Blob {
        digest: descriptor.digest,
        source,
    };
    let blob = blobs.open(&descriptor.digest).map_err(read_error)?;
    let advance = |bytes| progress.reporter.advance(progress.task, bytes);
    copy_exactly(blob, descriptor, out, advance, read_error, write_error)
}

/// Copies `reader`, which `descriptor` describes. Never writes more than the announced size, for
/// which there is room in an archive.
pub(super) fn copy_exactly(
    reader: impl Read,
    descriptor: &Descriptor,
    out: &mut dyn Write,
    advance: impl Fn(u64),
    read_error: impl FnOnce(io::Error) -> OciError,
    write_error: impl FnOnce(io::Error) -> OciError,
) -> Result<(), OciError> {
    // One byte more tells a longer blob from a whole one.
    let mut reader = Hashing::new(reader.take(descriptor.size.saturating_add(1)));
    let mut buffer = vec![0; COPY_BUFFER];
    let mut left = descriptor.size;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_error(error)),
        };
        let wanted = left.min(read as u64) as usize;
        if let Err(error) = out.write_all(&buffer[..wanted]) {
            return Err(write_error(error));
        }
        left -= wanted as u64;
        advance(wanted as u64);
    }
    let (_, found, found_size) = reader.finish();
    verify(descriptor, found, found_size)
}

/// Compares what was found with what the descriptor says.
pub(super) fn verify(
    descriptor: &Descriptor,
    found: Digest,
    found_size: u64,
) -> Result<(), OciError> {
    if (found, found_size) == (descriptor.digest, descriptor.size) {
        return Ok(());
    }
    Err(OciError::Damaged {
        expected: descriptor.digest,
        expected_size: descriptor.size,
        found,
        found_size,
    })
}
