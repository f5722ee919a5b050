//! Layers and segments in the cache, and the blobs of a built image.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::fetch::{Cache, CacheError, Derived, FetchError, Pending};
use crate::layer::{SegmentSink, SegmentStore, StoredSegment};
use crate::oci::BlobSource;

use super::error::BuildError;

/// Compressed segments in the cache.
pub(super) struct CachedSegments {
    pub cache: Arc<Cache>,
}

/// What a segment needs beside its compressed bytes.
#[derive(Serialize, Deserialize)]
struct SegmentNote {
    crc32: u32,
    length: u64,
}

impl SegmentStore for CachedSegments {
    fn load(&self, key: &Digest) -> io::Result<Option<StoredSegment>> {
        let Some(note) = read_note::<SegmentNote>(&self.cache, Derived::Segments, key)
            .map_err(io::Error::other)?
        else {
            return Ok(None);
        };
        let entry = self
            .cache
            .open_derived(Derived::Segments, key)
            .map_err(io::Error::other)?;
        Ok(entry.map(|entry| StoredSegment {
            compressed: Box::new(entry.file),
            crc32: note.crc32,
            length: note.length,
        }))
    }

    fn create(&self, key: &Digest) -> io::Result<Option<Box<dyn SegmentSink>>> {
        if !self.cache.uses_derived() {
            return Ok(None);
        }
        let pending = self.cache.create().map_err(io::Error::other)?;
        Ok(Some(Box::new(Sink {
            cache: Arc::clone(&self.cache),
            key: *key,
            pending,
        })))
    }
}

struct Sink {
    cache: Arc<Cache>,
    key: Digest,
    pending: Pending,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pending.flush()
    }
}

impl SegmentSink for Sink {
    fn commit(self: Box<Self>, crc32: u32, length: u64) -> io::Result<()> {
        let Self {
            cache,
            key,
            pending,
        } = *self;
        cache
            .put_derived(Derived::Segments, &key, pending)
            .map_err(io::Error::other)?;
        write_note(
            &cache,
            Derived::Segments,
            &key,
            &SegmentNote { crc32, length },
        )
        .map_err(io::Error::other)
    }
}

fn note_key(key: &Digest) -> Digest {
    Digest::of(format!("note\n{key}\n"))
}

/// Reads the note kept beside a derived entry.
pub(super) fn read_note<T: DeserializeOwned>(
    cache: &Cache,
    kind: Derived,
    key: &Digest,
) -> Result<Option<T>, CacheError> {
    let Some(mut entry) = cache.open_derived(kind, &note_key(key))? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    if entry.file.read_to_end(&mut bytes).is_err() {
        return Ok(None);
    }
    let note = serde_json::from_slice(&bytes).ok();
    if note.is_none() {
        // A note of another form is as good as none: the entry is made again.
        cache.forget_derived(kind, &note_key(key))?;
    }
    Ok(note)
}

/// Keeps a note beside a derived entry.
pub(super) fn write_note<T: Serialize>(
    cache: &Cache,
    kind: Derived,
    key: &Digest,
    note: &T,
) -> Result<(), CacheError> {
    let bytes = serde_json::to_vec(note).unwrap_or_default();
    let mut pending = cache.create()?;
    // A failure to write shows when the entry is committed.
    let _ = pending.write_all(&bytes);
    cache.put_derived(kind, &note_key(key), pending).map(|_| ())
}

/// The layer blobs of a built image, open for reading.
#[derive(Clone, Debug, Default)]
pub struct Blobs {
    files: BTreeMap<Digest, Arc<File>>,
}

impl Blobs {
    /// Adds an open blob.
    pub(super) fn insert(&mut self, digest: Digest, file: File) {
        self.files.insert(digest, Arc::new(file));
    }

    /// An open blob.
    pub fn file(&self, digest: &Digest) -> Option<&Arc<File>> {
        self.files.get(digest)
    }

    /// Takes in the blobs of another image.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
    }
}

impl BlobSource for Blobs {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        let file = self.files.get(digest).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("no layer {digest} was built"),
            )
        })?;
        Ok(Box::new(Positioned {
            file: Arc::clone(file),
            position: 0,
        }))
    }
}

/// Reads a shared file from its start, leaving the descriptor's own position alone.
struct Positioned {
    file: Arc<File>,
    position: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl From<CacheError> for BuildError {
    fn from(error: CacheError) -> Self {
        Self::Fetch(FetchError::from(error))
    }
}
