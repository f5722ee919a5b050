//! What the cache holds, and making it smaller.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::layout::{Bucket, Layout, PARTIAL, SEEN};
use super::locks::{self, remove_unlocked, try_lock};
use super::{Cache, CacheError};
use crate::epoch::Epoch;

/// Numbers of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// How many.
    pub entries: u64,
    /// Their sizes together.
    pub bytes: u64,
}

impl Usage {
    fn add(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }
}

/// What the cache holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Info {
    /// Per bucket; every bucket is there.
    pub buckets: BTreeMap<Bucket, Usage>,
    /// Files being written and downloads that can be continued.
    pub temporary: Usage,
}

/// What [`Cache::prune`] removes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prune {
    /// Every entry.
    All,
    /// Entries that were last stored or read before this time.
    UnusedSince(Epoch),
}

impl Cache {
    /// Counts what is stored.
    ///
    /// # Errors
    /// [`CacheError::Io`] when a directory cannot be read.
    pub fn info(&self) -> Result<Info, CacheError> {
        let mut info = Info::default();
        for bucket in Bucket::ALL {
            let usage = info.buckets.entry(bucket).or_default();
            self.each_entry(bucket, |_, metadata| {
                usage.add(metadata.len());
                Ok(())
            })?;
        }
        each_file(&self.layout.tmp(), &mut |_, metadata| {
            info.temporary.add(metadata.len());
            Ok(())
        })?;
        Ok(info)
    }

    /// Removes entries and what killed processes left, and says how much. The newest dates seen
    /// are kept: they are small, and forgetting them would let a rollback pass.
    ///
    /// # Errors
    /// [`CacheError::Busy`] while another process has the cache open, [`CacheError::Io`] when an
    /// entry cannot be removed.
    pub fn prune(&mut self, what: Prune) -> Result<Usage, CacheError> {
        self.hold_alone()?;
        let result = self.prune_alone(what);
        // Given up before asking for the shared hold, which would wait for it.
        self.in_use = None;
        self.in_use = hold_shared(&self.layout)?;
        result
    }

    fn prune_alone(&self, what: Prune) -> Result<Usage, CacheError> {
        let mut freed = Usage::default();
        let old = |metadata: &fs::Metadata| match what {
            Prune::All => true,
            Prune::UnusedSince(epoch) => metadata.mtime() < epoch.seconds(),
        };
        for bucket in Bucket::ALL {
            self.each_entry(bucket, |path, metadata| {
                if old(&metadata) {
                    fs::remove_file(path)?;
                    freed.add(metadata.len());
                }
                Ok(())
            })?;
        }
        each_file(&self.layout.tmp(), &mut |path, metadata| {
            if (!is_partial(path) || old(&metadata))
                && let Some(bytes) = remove_unlocked(path)?
            {
                freed.add(bytes);
            }
            Ok(())
        })?;
        each_file(&self.layout.locks(), &mut |path, _| {
            if !path.ends_with(IN_USE) {
                remove_unlocked(path)?;
            }
            Ok(())
        })?;
        Ok(freed)
    }

    /// Removes what killed processes left half-written. Downloads that can be continued stay.
    /// Failing is no reason not to work: whatever is left is swept another time.
    pub(super) fn sweep(&self) {
        let _ = each_file(&self.layout.tmp(), &mut |path, _| {
            if !is_partial(path) {
                remove_unlocked(path)?;
            }
            Ok(())
        });
    }

    /// Exchanges the shared hold for a sole one.
    fn hold_alone(&mut self) -> Result<(), CacheError> {
        let path = self.layout.locks().join(IN_USE);
        // Converting a lock may lose it, so it is given up first.
        self.in_use = None;
        let file = locks::open(&path).map_err(CacheError::io("lock", &path))?;
        if !try_lock(&file).map_err(CacheError::io("lock", &path))? {
            self.in_use = hold_shared(&self.layout)?;
            return Err(CacheError::Busy {
                path: self.layout.home().to_owned(),
            });
        }
        self.in_use = Some(file);
        Ok(())
    }

    fn each_entry(
        &self,
        bucket: Bucket,
        mut visit: impl FnMut(&Path, fs::Metadata) -> io::Result<()>,
    ) -> Result<(), CacheError> {
        let directory = self.layout.bucket(bucket);
        for shard in list(&directory)? {
            if shard.file_name() != SEEN {
                each_file(&shard.path(), &mut visit)?;
            }
        }
        Ok(())
    }
}

/// The lock file that every process with the cache open holds shared.
const IN_USE: &str = "in-use";

/// Marks the cache as in use; waits while somebody prunes it. `None` where the cache is
/// read-only and nobody could prune it.
pub(super) fn hold_shared(layout: &Layout) -> Result<Option<File>, CacheError> {
    let path = layout.locks().join(IN_USE);
    let file = match locks::open(&path).or_else(|error| File::open(&path).map_err(|_| error)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => return Ok(None),
        Err(error) => return Err(CacheError::io("lock", &path)(error)),
    };
    file.lock_shared().map_err(CacheError::io("lock", &path))?;
    Ok(Some(file))
}

fn is_partial(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == PARTIAL)
}

/// Visits the files directly in `directory`, in order of name; those that go away meanwhile
/// are passed over.
fn each_file(
    directory: &Path,
    visit: &mut dyn FnMut(&Path, fs::Metadata) -> io::Result<()>,
) -> Result<(), CacheError> {
    for entry in list(directory)? {
        let path = entry.path();
        let visited = entry.metadata().and_then(|metadata| {
            if metadata.is_file() {
                visit(&path, metadata)
            } else {
                Ok(())
            }
        });
        match visited {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(CacheError::io("look after", &path))?,
        }
    }
    Ok(())
}

fn list(directory: &Path) -> Result<Vec<DirEntry>, CacheError> {
    let mut entries = fs::read_dir(directory)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(CacheError::io("list", directory))?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}
