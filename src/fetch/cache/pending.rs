//! Files being written, which nobody takes for whole until they are committed.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use tempfile::TempPath;

use super::CacheError;
use super::locks::{still_at, try_lock};
use crate::digest::{Digest, Hasher};

/// A temporary file of the cache: hashes what is written and is removed when dropped. It is
/// locked while it lives, so that other processes know it from what a killed one left behind.
pub struct Pending {
    file: File,
    path: TempPath,
    hasher: Hasher,
    written: u64,
}

impl Pending {
    /// A new file in `directory`.
    pub(super) fn new(directory: &Path) -> Result<Self, CacheError> {
        loop {
            let (file, path) = tempfile::Builder::new()
                .prefix("")
                .tempfile_in(directory)
                .map_err(CacheError::io("write below", directory))?
                .into_parts();
            // Between the making and the locking a sweeper may have removed it.
            if claim(&file, &path)? {
                return Ok(Self::over(file, path));
            }
        }
    }

    /// The file at `path` with what it holds so far. The caller makes sure that no other
    /// process has it.
    pub(super) fn resume(path: &Path) -> Result<Self, CacheError> {
        let failed = |error| CacheError::io("continue", path)(error);
        loop {
            let file = super::locks::open(path).map_err(failed)?;
            // Adopted only once it is ours: dropping the name would remove the file.
            if !claim(&file, path)? {
                continue;
            }
            let path = TempPath::try_from_path(path).map_err(failed)?;
            let mut pending = Self::over(file, path);
            pending.read_back().map_err(failed)?;
            return Ok(pending);
        }
    }

    /// Exchanges the descriptor for one that cannot be written.
    #[cfg(test)]
    pub(super) fn fail_from_now_on(&mut self) {
        self.file = File::open(&self.path).expect("it is there");
    }

    fn over(file: File, path: TempPath) -> Self {
        Self {
            file,
            path,
            hasher: Hasher::new(),
            written: 0,
        }
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Forgets everything written so far.
    ///
    /// # Errors
    /// When the file cannot be cut.
    pub(in crate::fetch) fn restart(&mut self) -> Result<(), CacheError> {
        let cut = self.file.set_len(0).and_then(|()| self.file.rewind());
        cut.map_err(CacheError::io("cut", &self.path))?;
        self.hasher = Hasher::new();
        self.written = 0;
        Ok(())
    }

    /// The digest of what is written so far.
    pub(in crate::fetch) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Like [`Write::write_all`], naming the file and the remedy where it fails.
    pub(in crate::fetch) fn append(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        self.file
            .write_all(bytes)
            .map_err(CacheError::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Writes all of `bytes`, which count as none: their digest is the caller's.
    pub(super) fn write_unhashed(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).map_err(|error| {
            io::Error::new(error.kind(), CacheError::io("write", &self.path)(error))
        })
    }

    /// A descriptor of its own for what is written so far, from the start.
    pub(in crate::fetch) fn read_again(&self) -> Result<File, CacheError> {
        File::open(&self.path).map_err(CacheError::io("read", &self.path))
    }

    /// Leaves the file for a later run to continue; removes an empty one.
    pub(in crate::fetch) fn leave(self) {
        if self.written > 0 {
            // Where keeping fails the file is removed, and the later run starts over.
            let _ = self.path.keep();
        }
    }

    /// Waits until what is written is on the disk.
    pub(super) fn synced(self) -> Result<Self, CacheError> {
        self.file
            .sync_data()
            .map_err(CacheError::io("write", &self.path))?;
        Ok(self)
    }

    /// Moves the file to `target`; gives the same descriptor, from its start. Another process
    /// may have done the same a moment ago: the names say what the content is, so that replacing
    /// changes nothing.
    ///
    /// The directory is not synchronised: an entry lost to a power failure is only made again.
    pub(super) fn persist(mut self, target: &Path) -> Result<File, CacheError> {
        self.path
            .persist(target)
            .map_err(|error| CacheError::io("write", target)(error.error))?;
        let ready = self.file.unlock().and_then(|()| self.file.rewind());
        ready.map_err(CacheError::io("read", target))?;
        Ok(self.file)
    }

    /// The descriptor alone, from its start; the name goes.
    pub(super) fn detach(mut self) -> Result<File, CacheError> {
        self.file
            .rewind()
            .map_err(CacheError::io("read", &self.path))?;
        Ok(self.file)
    }

    fn read_back(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; super::READ_SIZE];
        loop {
            let n = self.file.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..n]);
            self.written += n as u64;
        }
    }
}

/// Errors carry the [`CacheError`] that names the file and the remedy: whoever writes through this
/// knows only what is written.
impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes).map_err(|error| {
            io::Error::new(error.kind(), CacheError::io("write", &self.path)(error))
        })?;
        self.hasher.update(&bytes[..n]);
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Locks the file; false where it is no longer at `path` or a sweeper is about to remove it.
fn claim(file: &File, path: &Path) -> Result<bool, CacheError> {
    try_lock(file)
        .and_then(|locked| Ok(locked && still_at(file, path)?))
        .map_err(CacheError::io("lock", path))
}
