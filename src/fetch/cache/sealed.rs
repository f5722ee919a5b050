//! Sealed entries: decoded payloads, of which a build reads a part.
//!
//! ```text
//! payload | note | SHA-256 of each piece of the payload | magic, lengths of payload and note
//! ```
//!
//! The name has the digest of everything behind the payload, which is verified when the entry is
//! opened; a piece of the payload is verified when it is read for the first time. Hashing all of
//! every payload took two thirds of a build that changes nothing but a guest file.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Cache, CacheError, Derived, Difference, Pending, altered, touch};
use crate::digest::Digest;

/// Bytes of a piece; the last one may be shorter.
const PIECE: usize = 64 << 10;
/// What every sealed entry ends with, before two lengths.
const MAGIC: [u8; 8] = *b"sealed/1";
/// Bytes of the end: the magic, and two lengths as little-endian numbers of 64 bits.
const END: usize = MAGIC.len() + 16;
/// Bytes of a digest.
const DIGEST: usize = 32;

/// An entry being written.
pub struct Sealing {
    pending: Pending,
    piece: Vec<u8>,
    pieces: Vec<Digest>,
    length: u64,
}

impl Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.cut()?;
        }
        Ok(count)
    }

    /// Pieces are written whole: what is left goes when the entry is sealed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sealing {
    fn cut(&mut self) -> io::Result<()> {
        self.pending.write_unhashed(&self.piece)?;
        self.pieces.push(Digest::of(&self.piece));
        self.length += self.piece.len() as u64;
        self.piece.clear();
        Ok(())
    }
}

/// An entry whose pieces are verified when they are read for the first time.
#[derive(Debug)]
pub struct Sealed {
    file: File,
    /// Where it is; nowhere when derived entries are not in use.
    path: Option<PathBuf>,
    length: u64,
    note: Vec<u8>,
    pieces: Vec<Digest>,
    verified: Vec<AtomicBool>,
}

impl Sealed {
    /// What was written beside the payload. It has been verified.
    pub fn note(&self) -> &[u8] {
        &self.note
    }

    /// Bytes of the payload.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` with the payload's bytes from `position` on.
    ///
    /// # Errors
    /// When they do not reach that far, cannot be read, or are not what was written: the entry is
    /// removed then, and the error is a [`CacheError::Altered`].
    pub fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let end = position.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut filled = 0;
        while filled < buffer.len() {
            let at = position + filled as u64;
            let number = usize::try_from(at / PIECE as u64).map_err(io::Error::other)?;
            let inside = (at % PIECE as u64) as usize;
            let count = (PIECE - inside).min(buffer.len() - filled);
            let part = &mut buffer[filled..filled + count];
            if self.verified[number].load(Ordering::Relaxed) {
                self.file.read_exact_at(part, at)?;
            } else {
                let piece = self.verify(number)?;
                part.copy_from_slice(&piece[inside..inside + count]);
            }
            filled += count;
        }
        Ok(())
    }

    fn verify(&self, number: usize) -> io::Result<Vec<u8>> {
        let start = number as u64 * PIECE as u64;
        let length = (self.length - start).min(PIECE as u64);
        let mut piece = vec![0; length as usize];
        self.file.read_exact_at(&mut piece, start)?;
        let difference = Difference {
            expected: self.pieces[number],
            expected_size: Some(length),
            found: Digest::of(&piece),
            found_size: length,
        };
        if !difference.is_none() {
            let path = self.path.clone().unwrap_or_default();
            return Err(io::Error::other(altered(path, difference)));
        }
        self.verified[number].store(true, Ordering::Relaxed);
        Ok(piece)
    }
}

impl Cache {
    /// A sealed entry to be written, which [`Cache::put_sealed`] stores.
    ///
    /// # Errors
    /// [`CacheError::Io`] when nothing can be written.
    pub fn create_sealed(&self) -> Result<Sealing, CacheError> {
        Ok(Sealing {
            pending: self.create()?,
            piece: Vec::with_capacity(PIECE),
            pieces: Vec::new(),
            length: 0,
        })
    }

    /// The sealed entry made from the inputs that `key` stands for, if it is there and derived
    /// entries are in use. What is behind the payload has been verified.
    ///
    /// # Errors
    /// As [`Cache::open_derived`].
    pub fn open_sealed(&self, kind: Derived, key: &Digest) -> Result<Option<Sealed>, CacheError> {
        if !self.use_derived {
            return Ok(None);
        }
        let Some((path, expected)) = self.find_derived(kind, key)? else {
            return Ok(None);
        };
        let cannot = |error| CacheError::io("read", &path)(error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            // Another process came first.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(error)),
        };
        let size = file.metadata().map_err(cannot)?.len();
        if size == 0 {
            // As an entry that a power failure has emptied is treated everywhere.
            fs::remove_file(&path).map_err(CacheError::io("remove", &path))?;
            return Ok(None);
        }
        let tail = match tail(&mut file, size).map_err(cannot)? {
            Ok(tail) => tail,
            Err(rest) => return Err(changed(path, expected, &rest, size)),
        };
        if Digest::of(&tail.bytes) != expected {
            return Err(changed(path, expected, &tail.bytes, size));
        }
        touch(&file);
        Ok(Some(tail.sealed(file, Some(path))))
    }

    /// Stores what was made from the inputs that `key` stands for with a note on it, unless it is
    /// there already or derived entries are not in use, and gives back what was written.
    ///
    /// # Errors
    /// As [`Cache::put_derived`].
    pub fn put_sealed(
        &self,
        kind: Derived,
        key: &Digest,
        mut sealing: Sealing,
        note: &[u8],
    ) -> Result<Sealed, CacheError> {
        let cannot = |error| CacheError::io("write below", self.layout.home())(error);
        if !sealing.piece.is_empty() {
            sealing.cut().map_err(cannot)?;
        }
        let mut bytes = note.to_vec();
        for piece in &sealing.pieces {
            bytes.extend_from_slice(piece.as_bytes());
        }
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&sealing.length.to_le_bytes());
        bytes.extend_from_slice(&(note.len() as u64).to_le_bytes());
        sealing.pending.write_unhashed(&bytes).map_err(cannot)?;
        let (file, path) = self.place_derived(kind, key, Digest::of(&bytes), sealing.pending)?;
        let verified = sealing.pieces.iter().map(|_| AtomicBool::new(true));
        Ok(Sealed {
            file,
            path,
            length: sealing.length,
            note: note.to_vec(),
            verified: verified.collect(),
            pieces: sealing.pieces,
        })
    }
}

/// What is behind a payload.
struct Tail {
    bytes: Vec<u8>,
    length: u64,
    note: usize,
}

impl Tail {
    fn sealed(mut self, file: File, path: Option<PathBuf>) -> Sealed {
        let digests = self.bytes[self.note..self.bytes.len() - END].chunks_exact(DIGEST);
        let pieces: Vec<Digest> = digests
            .map(|bytes| {
                let mut digest = [0; DIGEST];
                digest.copy_from_slice(bytes);
                Digest::from_bytes(digest)
            })
            .collect();
        self.bytes.truncate(self.note);
        Sealed {
            file,
            path,
            length: self.length,
            note: self.bytes,
            verified: pieces.iter().map(|_| AtomicBool::new(false)).collect(),
            pieces,
        }
    }
}

/// Reads what is behind the payload of a file of `size` bytes, or the bytes that are no such thing.
fn tail(file: &mut File, size: u64) -> io::Result<Result<Tail, Vec<u8>>> {
    let mut end = vec![0; END.min(usize::try_from(size).unwrap_or(END))];
    file.seek(SeekFrom::Start(size - end.len() as u64))?;
    file.read_exact(&mut end)?;
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&end[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    if end.len() < END || end[..MAGIC.len()] != MAGIC {
        return Ok(Err(end));
    }
    let (length, note) = (number(MAGIC.len()), number(MAGIC.len() + 8));
    let digests = length.div_ceil(PIECE as u64).checked_mul(DIGEST as u64);
    let behind = digests
        .and_then(|digests| digests.checked_add(note)?.checked_add(END as u64))
        .filter(|behind| length.checked_add(*behind) == Some(size));
    let (Some(behind), Ok(note)) = (behind, usize::try_from(note)) else {
        return Ok(Err(end));
    };
    let mut bytes = vec![0; usize::try_from(behind).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(length))?;
    file.read_exact(&mut bytes)?;
    Ok(Ok(Tail {
        bytes,
        length,
        note,
    }))
}

/// What is behind the payload is not what the name says.
fn changed(path: PathBuf, expected: Digest, found: &[u8], size: u64) -> CacheError {
    let difference = Difference {
        expected,
        expected_size: None,
        found: Digest::of(found),
        found_size: size,
    };
    altered(path, difference)
}
