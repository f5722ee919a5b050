//! The files a recipe names.

use std::path::{Path, PathBuf};

use super::content::Found;

/// Largest recipe or key file read, in bytes; real ones are a few kilobytes.
const FILE_LIMIT: u64 = 1 << 20;

/// Reads the files a recipe names. The file system is the only implementation outside of tests.
pub trait Source {
    /// The content of `path`, which lies below the directory of the first recipe.
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>>;

    /// Where `path` leads when every link is followed, which is below that directory too.
    fn real(&self, path: &Path) -> std::io::Result<PathBuf>;

    /// The directory `path`, absolute and without links, which lies below that directory too.
    fn directory(&self, path: &Path) -> std::io::Result<PathBuf>;

    /// What stands at `path`, the last link not followed; of a file at most `limit` bytes.
    fn entry(&self, path: &Path, limit: u64) -> std::io::Result<Found>;
}

/// Files on disk, below `root`; links that lead out of it are refused.
pub(super) struct Disk {
    pub(super) root: PathBuf,
}

impl Source for Disk {
    fn real(&self, path: &Path) -> std::io::Result<PathBuf> {
        let real = path.canonicalize()?;
        if !real.starts_with(&self.root) {
            return Err(std::io::Error::other(format!(
                "it leads out of {}, the recipe's root",
                self.root.display()
            )));
        }
        Ok(real)
    }

    fn directory(&self, path: &Path) -> std::io::Result<PathBuf> {
        let real = self.real(path)?;
        if !real.is_dir() {
            return Err(std::io::ErrorKind::NotADirectory.into());
        }
        Ok(real)
    }

    fn entry(&self, path: &Path, limit: u64) -> std::io::Result<Found> {
        let parent = self.real(path.parent().unwrap_or(path))?;
        Found::at(&parent.join(path.file_name().unwrap_or_default()), limit)
    }

    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let real = self.real(path)?;
        let size = std::fs::metadata(&real)?.len();
        if size > FILE_LIMIT {
            return Err(std::io::Error::other(format!(
                "it has {size} bytes, more than the {FILE_LIMIT} a recipe's file may have"
            )));
        }
        std::fs::read(real)
    }
}
