//! Files that are written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::OciError;

/// Start of the names of unfinished files, by which a later run knows and removes them.
pub(super) const UNFINISHED: &str = ".dindimg-";

/// The existing directory in which `target` is to be made.
pub(super) fn parent(target: &Path) -> Result<PathBuf, OciError> {
    let parent = match target.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => target,
    };
    if parent.is_dir() {
        return Ok(parent.to_owned());
    }
    Err(OciError::NoParent {
        target: target.to_owned(),
        parent: parent.to_owned(),
    })
}

/// An unfinished file in `directory`, with the permissions the user gives new files.
pub(super) fn unfinished(directory: &Path) -> Result<NamedTempFile, OciError> {
    tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(OciError::io("create a file in", directory))
}

/// Gives a complete file its name.
pub(super) fn finish(file: NamedTempFile, path: &Path) -> Result<(), OciError> {
    file.as_file()
        .sync_all()
        .map_err(OciError::io("write", path))?;
    file.persist(path)
        .map_err(|error| OciError::io("write", path)(error.error))?;
    Ok(())
}

/// Makes the names in a directory last.
pub(super) fn sync_directory(directory: &Path) -> Result<(), OciError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(OciError::io("write", directory))
}

/// Removes what an interrupted run has left in `directory`. The caller makes sure that no other
/// run is under way there.
pub(super) fn remove_unfinished(directory: &Path) -> Result<(), OciError> {
    let fail = |source| OciError::io("clean up", directory)(source);
    for entry in fs::read_dir(directory).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path()).map_err(OciError::io("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Refuses to replace at `path` anything but a tar archive or an empty file.
pub(super) fn replaceable_archive(path: &Path) -> Result<(), OciError> {
    const MAGIC: std::ops::Range<usize> = 257..262;
    let occupied = || OciError::Occupied {
        path: path.to_owned(),
        kind: "a tar archive",
    };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OciError::io("look at", path)(error)),
    };
    if !metadata.is_file() {
        return Err(occupied());
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAGIC.end as u64).read_to_end(&mut start))
        .map_err(OciError::io("read", path))?;
    match start.get(MAGIC) {
        Some(b"ustar") => Ok(()),
        None if start.is_empty() => Ok(()),
        _ => Err(occupied()),
    }
}
