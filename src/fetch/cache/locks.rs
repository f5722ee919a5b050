//! Advisory locks between processes. A lock file exists only while it is needed: the holder
//! unlinks it, and whoever then gets the lock of the unlinked file notices and starts over.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The right to download one digest; released, and its file removed, when dropped.
#[derive(Debug)]
pub(in crate::fetch) struct DownloadLock {
    path: PathBuf,
    _file: File,
}

impl DownloadLock {
    /// Takes the lock at `path`; `None` while somebody else has it.
    pub fn take(path: PathBuf) -> io::Result<Option<Self>> {
        loop {
            let file = open(&path)?;
            if !try_lock(&file)? {
                return Ok(None);
            }
            if still_at(&file, &path)? {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for DownloadLock {
    fn drop(&mut self) {
        // A file left behind is harmless: the next holder or `prune` removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens a private file for reading and writing, making it where needed, never cutting it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Locks for one; false while somebody else has it.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether `path` still names the open file.
pub(super) fn still_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match path.symlink_metadata() {
        Ok(named) => Ok((open.dev(), open.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the file at `path` unless a live process has it locked; the bytes freed.
pub(super) fn remove_unlocked(path: &Path) -> io::Result<Option<u64>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !try_lock(&file)? || !still_at(&file, path)? {
        return Ok(None);
    }
    let size = file.metadata()?.len();
    std::fs::remove_file(path)?;
    Ok(Some(size))
}
