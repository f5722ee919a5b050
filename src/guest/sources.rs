//! Where guest files come from: the program itself, or a directory in its place.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/images");

/// Largest guest file, in bytes; scripts have a few kilobytes.
const FILE_LIMIT: u64 = 1 << 20;

/// The guest sources in use.
#[derive(Clone, Debug, Default)]
pub enum Sources {
    /// The files the program was built with.
    #[default]
    Embedded,
    /// A directory of the same layout, for work on the guest itself.
    Directory(PathBuf),
}

impl Sources {
    /// The files below `PART/rootfs`, by their path in the image.
    pub fn files(&self, part: &str) -> io::Result<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        match self {
            Self::Embedded => {
                if let Some(directory) = EMBEDDED.get_dir(format!("{part}/rootfs")) {
                    embedded(directory, directory.path(), &mut files);
                }
            }
            Self::Directory(root) => {
                let top = root.join(part).join("rootfs");
                on_disk(&top, &top, &mut files)?;
            }
        }
        Ok(files)
    }
}

fn embedded(directory: &Dir<'_>, top: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in directory.entries() {
        match entry {
            DirEntry::Dir(inner) => embedded(inner, top, files),
            DirEntry::File(file) => {
                if let Some(name) = relative(file.path(), top) {
                    files.insert(name, file.contents().to_vec());
                }
            }
        }
    }
}

fn on_disk(directory: &Path, top: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let at = |error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", directory.display()))
    };
    for entry in std::fs::read_dir(directory).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let metadata = std::fs::symlink_metadata(&path).map_err(at)?;
        if metadata.is_dir() {
            on_disk(&path, top, files)?;
        } else if !metadata.is_file() || metadata.len() > FILE_LIMIT {
            return Err(io::Error::other(format!(
                "{} is not a regular file of at most {FILE_LIMIT} bytes",
                path.display()
            )));
        } else if let Some(name) = relative(&path, top) {
            files.insert(name, std::fs::read(&path).map_err(at)?);
        }
    }
    Ok(())
}

fn relative(path: &Path, top: &Path) -> Option<String> {
    Some(path.strip_prefix(top).ok()?.to_str()?.to_owned())
}
