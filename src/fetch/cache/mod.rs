//! The content-addressed cache.
//!
//! ```text
//! ROOT/v1/blobs/ab/abcd…           files, by their SHA-256
//!         index/ab/abcd…           documents, by the SHA-256 of their address
//!         index/seen/abcd…         newest date seen, by the SHA-256 of the repository's name
//!         spool|segments|layers/ab/KEY.CONTENT
//!                                  derived entries, by the SHA-256 of their inputs and of themselves;
//!                                  of sealed ones, of what is behind their payload
//!         tmp/                     files being written, downloads that can be continued (*.part)
//!         locks/                   advisory locks
//! ```
//!
//! Whatever is handed out is hashed through the descriptor that is handed out, so that nothing
//! can be exchanged between the check and the use; of sealed entries, what is read of them. Entries appear whole, by rename; files and
//! documents only once they are on the disk. Entries are never linked out of the cache.

mod derived;
mod document;
mod error;
mod layout;
mod locks;
mod maintain;
mod pending;
mod sealed;
mod seen;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

pub use self::derived::{Derived, Entry};
pub(super) use self::document::{Stored, Validators};
pub use self::error::{CacheError, Difference};
use self::layout::Layout;
pub use self::layout::{Bucket, UNSAFE_MODE};
pub(super) use self::locks::DownloadLock;
pub use self::maintain::{Info, Prune, Usage};
pub use self::pending::Pending;
pub use self::sealed::{Sealed, Sealing};
use crate::digest::{Digest, Hasher};

/// Bytes read at once for hashing: large enough that system calls do not show.
const READ_SIZE: usize = 256 * 1024;

/// The cache of one user, shared by any number of threads and processes.
#[derive(Debug)]
pub struct Cache {
    layout: Layout,
    use_derived: bool,
    /// Held shared while the cache is open, so that pruning cannot pull entries from under us.
    in_use: Option<File>,
}

impl Cache {
    /// Opens the cache below `root`, making it where it is missing, and sweeps what killed
    /// processes left half-written.
    ///
    /// # Errors
    /// [`CacheError::Unsafe`] when another user owns the directory or could write it, and
    /// [`CacheError::Io`] when it cannot be made.
    pub fn open(root: &Path) -> Result<Self, CacheError> {
        let layout = Layout::open(root)?;
        let in_use = maintain::hold_shared(&layout)?;
        let cache = Self {
            layout,
            use_derived: true,
            in_use,
        };
        cache.sweep();
        Ok(cache)
    }

    /// Neither reads nor writes derived entries: everything is made again from verified files.
    pub fn ignore_derived(self) -> Self {
        Self {
            use_derived: false,
            ..self
        }
    }

    /// Whether derived entries are read and written.
    pub fn uses_derived(&self) -> bool {
        self.use_derived
    }

    /// The directory that holds this version's entries.
    pub fn home(&self) -> &Path {
        self.layout.home()
    }

    /// Opens the file with this digest and size, if it is there. The whole content has been
    /// verified through the returned descriptor, which stands at the start.
    ///
    /// # Errors
    /// [`CacheError::Altered`] when the content is not what its name says; it is removed then.
    pub fn open_blob(&self, digest: &Digest, size: u64) -> Result<Option<File>, CacheError> {
        let path = self.layout.entry(Bucket::Blobs, digest);
        let Some((file, found, found_size)) = open_hashed(&path)? else {
            return Ok(None);
        };
        let difference = Difference {
            expected: *digest,
            expected_size: Some(size),
            found,
            found_size,
        };
        if !difference.is_none() {
            return Err(altered(path, difference));
        }
        Ok(Some(file))
    }

    /// Whether a file with this digest and size is there. Its content is looked at only when
    /// the size is wrong: [`Cache::open_blob`] verifies what is used.
    ///
    /// # Errors
    /// As [`Cache::open_blob`].
    pub fn has_blob(&self, digest: &Digest, size: u64) -> Result<bool, CacheError> {
        let path = self.layout.entry(Bucket::Blobs, digest);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_file() && metadata.len() == size => Ok(true),
            Ok(_) => self.open_blob(digest, size).map(|file| file.is_some()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(CacheError::io("read", &path)(error)),
        }
    }

    /// The size of the file with this digest, if it is there.
    ///
    /// # Errors
    /// [`CacheError::Io`] when it cannot be looked at.
    pub(super) fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, CacheError> {
        let path = self.layout.entry(Bucket::Blobs, digest);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CacheError::io("look at", &path)(error)),
        }
    }

    /// A temporary file, to be stored with [`Cache::put_blob`] or [`Cache::put_derived`].
    ///
    /// # Errors
    /// [`CacheError::Io`] when the cache cannot be written.
    pub fn create(&self) -> Result<Pending, CacheError> {
        Pending::new(&self.layout.tmp())
    }

    /// Stores a file under its digest and gives it back, from its start.
    ///
    /// # Errors
    /// [`CacheError::Mismatch`] when `pending` is not that file.
    pub fn put_blob(
        &self,
        pending: Pending,
        digest: &Digest,
        size: u64,
    ) -> Result<File, CacheError> {
        let difference = Difference {
            expected: *digest,
            expected_size: Some(size),
            found: pending.digest(),
            found_size: pending.written(),
        };
        if !difference.is_none() {
            return Err(CacheError::Mismatch(Box::new(difference)));
        }
        layout::make_directory(&self.layout.shard(Bucket::Blobs, digest))?;
        pending
            .synced()?
            .persist(&self.layout.entry(Bucket::Blobs, digest))
    }

    /// The right to download `digest`; `None` while another thread or process has it.
    pub(super) fn lock_download(
        &self,
        digest: &Digest,
    ) -> Result<Option<DownloadLock>, CacheError> {
        let path = self.layout.locks().join(digest.hex());
        DownloadLock::take(path.clone()).map_err(CacheError::io("lock", &path))
    }

    /// What an earlier attempt has downloaded of `digest`, or an empty file.
    pub(super) fn resume(&self, digest: &Digest, _: &DownloadLock) -> Result<Pending, CacheError> {
        Pending::resume(&self.layout.partial(digest))
    }
}

/// Opens and hashes a stored file; notes the use, which [`Cache::prune`] goes by.
fn open_hashed(path: &Path) -> Result<Option<(File, Digest, u64)>, CacheError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CacheError::io("open", path)(error)),
    };
    let (digest, size) = hash(&mut file).map_err(CacheError::io("read", path))?;
    touch(&file);
    Ok(Some((file, digest, size)))
}

fn hash(file: &mut File) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut size) = (Hasher::new(), 0);
    let mut buffer = vec![0; READ_SIZE];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            file.rewind()?;
            return Ok((hasher.finish(), size));
        }
        hasher.update(&buffer[..n]);
        size += n as u64;
    }
}

/// Sets the modification time to now. A read-only cache serves all the same.
fn touch(file: &File) {
    let at = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    let _ = futimens(
        file,
        &Timestamps {
            last_access: at(UTIME_OMIT),
            last_modification: at(UTIME_NOW),
        },
    );
}

/// Removes an entry that is not what it should be, and says so.
fn altered(path: PathBuf, difference: Difference) -> CacheError {
    let removed = match std::fs::remove_file(&path) {
        Ok(()) => true,
        // Another reader came upon it first.
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    CacheError::Altered {
        path,
        difference: Box::new(difference),
        removed,
    }
}
