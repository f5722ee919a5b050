//! Where things are in the cache, and who may touch them.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::CacheError;
use crate::digest::Digest;

/// The layout of this version. Another version's directory beside it is left alone, so that
/// older and newer programs can share a cache directory.
const VERSION: &str = "v1";

/// Permission bits that let somebody else exchange entries: write for group and others.
pub const UNSAFE_MODE: u32 = 0o022;

/// Kinds of entries, each with its own directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Bucket {
    /// Files by their own SHA-256: packages and the indexes that a signed Release names.
    Blobs,
    /// Documents that change under their address, with what is needed to ask again.
    Index,
    /// Decoded package tars, by what they were decoded from.
    Spool,
    /// Compressed layer segments, by their input.
    Segments,
    /// Whole compressed layers, by their input.
    Layers,
}

impl Bucket {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Blobs,
        Self::Index,
        Self::Spool,
        Self::Segments,
        Self::Layers,
    ];

    /// The name of its directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Index => "index",
            Self::Spool => "spool",
            Self::Segments => "segments",
            Self::Layers => "layers",
        }
    }
}

/// The paths of one cache.
#[derive(Debug)]
pub(super) struct Layout {
    home: PathBuf,
}

impl Layout {
    /// Makes what is missing below `root` and refuses what others could write.
    pub fn open(root: &Path) -> Result<Self, CacheError> {
        let layout = Self {
            home: root.join(VERSION),
        };
        private_directory(root, Path::metadata)?;
        // Below the root, links are refused: renames must stay on one file system.
        private_directory(&layout.home, Path::symlink_metadata)?;
        for name in Bucket::ALL
            .map(Bucket::name)
            .iter()
            .chain(&["tmp", "locks"])
        {
            private_directory(&layout.home.join(name), Path::symlink_metadata)?;
        }
        private_directory(&layout.seen(), Path::symlink_metadata)?;
        Ok(layout)
    }

    /// The directory of this version.
    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn bucket(&self, bucket: Bucket) -> PathBuf {
        self.home.join(bucket.name())
    }

    /// The directory that an entry is in: one of 256, because derived entries are found by
    /// listing it.
    pub fn shard(&self, bucket: Bucket, key: &Digest) -> PathBuf {
        self.bucket(bucket).join(&key.hex()[..2])
    }

    /// Where the entry with this name is.
    pub fn entry(&self, bucket: Bucket, key: &Digest) -> PathBuf {
        self.shard(bucket, key).join(key.hex())
    }

    pub fn tmp(&self) -> PathBuf {
        self.home.join("tmp")
    }

    /// Where a download that a later run can continue is.
    pub fn partial(&self, digest: &Digest) -> PathBuf {
        self.tmp().join(format!("{}.{PARTIAL}", digest.hex()))
    }

    pub fn locks(&self) -> PathBuf {
        self.home.join("locks")
    }

    pub fn seen(&self) -> PathBuf {
        self.bucket(Bucket::Index).join(SEEN)
    }
}

/// Extension of downloads that can be continued.
pub(super) const PARTIAL: &str = "part";

/// Directory in the index bucket for the newest date seen of each repository.
pub(super) const SEEN: &str = "seen";

/// Makes a directory for this user alone, and its parents.
pub(super) fn make_directory(path: &Path) -> Result<(), CacheError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(CacheError::io("make", path))
}

/// Makes sure that `path` is a directory that nobody but this user can write.
fn private_directory(
    path: &Path,
    stat: fn(&Path) -> io::Result<Metadata>,
) -> Result<(), CacheError> {
    let metadata = match stat(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_directory(path)?;
            stat(path)
        }
        other => other,
    }
    .map_err(CacheError::io("read", path))?;
    let refuse = |problem: String, remedy: String| {
        Err(CacheError::Unsafe {
            path: path.to_owned(),
            problem,
            remedy,
        })
    };
    if !metadata.is_dir() {
        return refuse(
            "is not a directory".into(),
            "remove it or name another place with --cache-dir".into(),
        );
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return refuse(
            format!(
                "belongs to user {}, while this runs as user {user}",
                metadata.uid()
            ),
            "name a place of your own with --cache-dir".into(),
        );
    }
    let mode = metadata.mode() & 0o7777;
    if mode & UNSAFE_MODE != 0 {
        return refuse(
            format!("can be written by other users (mode {mode:04o})"),
            format!(
                "run `chmod go-w '{}'` and check who used it",
                path.display()
            ),
        );
    }
    Ok(())
}
