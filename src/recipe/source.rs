//! The files a recipe names.

use std::path::{Path, PathBuf};

/// Largest recipe or key file read, in bytes; real ones are a few kilobytes.
const FILE_LIMIT: u64 = 1 << 20;

/// Reads the files a recipe names. The file system is the only implementation outside of tests.
pub trait Source {
    /// The content of `path`, which lies below the directory of the first recipe.
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>>;
}

/// Files on disk, below `root`; links that lead out of it are refused.
pub(super) struct Disk {
    pub(super) root: PathBuf,
}

impl Source for Disk {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let real = path.canonicalize()?;
        if !real.starts_with(&self.root) {
            return Err(std::io::Error::other(format!(
                "it leads out of {}, the recipe's root",
                self.root.display()
            )));
        }
        let size = std::fs::metadata(&real)?.len();
        if size > FILE_LIMIT {
            return Err(std::io::Error::other(format!(
                "it has {size} bytes, more than the {FILE_LIMIT} a recipe's file may have"
            )));
        }
        std::fs::read(real)
    }
}
