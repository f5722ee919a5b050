//! Derived entries: found by the digest of what they were made from, named by that and by the
//! digest of what they hold. One rename stores both, so there is no second file to go astray.
//!
//! They are not synchronised to the disk before the rename: for 300 MB that took 1.2 to 2.4 s
//! where writing and hashing took 0.35 s, and a file torn by a power failure is known by its
//! digest.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::layout::{Bucket, make_directory};
use super::{Cache, CacheError, Difference, Pending, altered, open_hashed};
use crate::digest::Digest;

/// The buckets that hold what can be made again from verified files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Derived {
    /// Decoded package tars.
    Spool,
    /// Compressed layer segments.
    Segments,
    /// Whole compressed layers.
    Layers,
}

impl From<Derived> for Bucket {
    fn from(derived: Derived) -> Self {
        match derived {
            Derived::Spool => Self::Spool,
            Derived::Segments => Self::Segments,
            Derived::Layers => Self::Layers,
        }
    }
}

/// A derived entry, verified through the descriptor it holds.
#[derive(Debug)]
pub struct Entry {
    /// The content, from its start.
    pub file: File,
    /// The digest of the content.
    pub digest: Digest,
    /// The number of bytes.
    pub size: u64,
}

impl Cache {
    /// The entry made from the inputs that `key` stands for, if it is there and derived entries
    /// are in use. The whole content has been verified.
    ///
    /// # Errors
    /// [`CacheError::Altered`] when the content changed since it was stored, and
    /// [`CacheError::Ambiguous`] when two processes stored different contents for `key`. The
    /// entries are removed then.
    pub fn open_derived(&self, kind: Derived, key: &Digest) -> Result<Option<Entry>, CacheError> {
        if !self.use_derived {
            return Ok(None);
        }
        let Some((path, expected)) = self.find_derived(kind, key)? else {
            return Ok(None);
        };
        let Some((file, digest, size)) = open_hashed(&path)? else {
            return Ok(None);
        };
        let difference = Difference {
            expected,
            expected_size: None,
            found: digest,
            found_size: size,
        };
        if size == 0 && !difference.is_none() {
            // What a power failure leaves of a file that had not reached the disk. There is
            // nothing in it that could mislead, so it counts as not stored.
            fs::remove_file(&path).map_err(CacheError::io("remove", &path))?;
            return Ok(None);
        }
        if !difference.is_none() {
            return Err(altered(path, difference));
        }
        Ok(Some(Entry { file, digest, size }))
    }

    /// Stores what was made from the inputs that `key` stands for, unless it is there already
    /// or derived entries are not in use, and gives back what was written.
    ///
    /// # Errors
    /// [`CacheError::Ambiguous`] when a different content is stored for `key`; it is removed.
    pub fn put_derived(
        &self,
        kind: Derived,
        key: &Digest,
        pending: Pending,
    ) -> Result<Entry, CacheError> {
        let (digest, size) = (pending.digest(), pending.written());
        let (file, _) = self.place_derived(kind, key, digest, pending)?;
        Ok(Entry { file, digest, size })
    }

    /// Gives what is written its name, and says where it is; nowhere when derived entries are not in
    /// use.
    pub(super) fn place_derived(
        &self,
        kind: Derived,
        key: &Digest,
        digest: Digest,
        pending: Pending,
    ) -> Result<(File, Option<PathBuf>), CacheError> {
        if !self.use_derived {
            return Ok((pending.detach()?, None));
        }
        if let Some((path, stored)) = self.find_derived(kind, key)? {
            if stored != digest {
                return Err(ambiguous(&path, &path, stored, digest));
            }
            return Ok((pending.detach()?, Some(path)));
        }
        let directory = self.layout.shard(kind.into(), key);
        make_directory(&directory)?;
        let path = directory.join(format!("{}.{}", key.hex(), digest.hex()));
        Ok((pending.persist(&path)?, Some(path)))
    }

    /// Removes the entry for `key`, if there is one: its form is not one that this version reads,
    /// and another content for the same inputs could not be stored beside it.
    ///
    /// # Errors
    /// [`CacheError::Io`] when it cannot be removed.
    pub fn forget_derived(&self, kind: Derived, key: &Digest) -> Result<(), CacheError> {
        if let Some((path, _)) = self.find_derived(kind, key)? {
            match fs::remove_file(&path) {
                // Another process came first.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(CacheError::io("remove", &path))?,
            }
        }
        Ok(())
    }

    /// The path of the entry for `key` and the digest of its content, as its name says.
    pub(super) fn find_derived(
        &self,
        kind: Derived,
        key: &Digest,
    ) -> Result<Option<(PathBuf, Digest)>, CacheError> {
        let directory = self.layout.shard(kind.into(), key);
        let names = match fs::read_dir(&directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CacheError::io("list", &directory)(error)),
        };
        let prefix = format!("{}.", key.hex());
        let mut found: Option<(PathBuf, Digest)> = None;
        for name in names {
            let name = name.map_err(CacheError::io("list", &directory))?;
            let content = name
                .file_name()
                .to_str()
                .and_then(|text| text.strip_prefix(&prefix)?.parse().ok());
            let Some(content) = content else { continue };
            if let Some((path, first)) = &found {
                return Err(ambiguous(path, &name.path(), *first, content));
            }
            found = Some((name.path(), content));
        }
        Ok(found)
    }
}

/// Removes both contents of a key, and says so.
fn ambiguous(one: &Path, other: &Path, first: Digest, second: Digest) -> CacheError {
    for path in [one, other] {
        // What stays is found again, and refused again, by the next run.
        let _ = fs::remove_file(path);
    }
    CacheError::Ambiguous {
        path: one.with_extension(""),
        contents: Box::new((first, second)),
    }
}
