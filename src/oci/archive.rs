//! Writes a layout into a tar archive, for `skopeo copy oci-archive:…` and `podman load`.

use std::io::{self, Write};
use std::path::Path;

use tar::{Builder, EntryType, Header};

use crate::progress::{Reporter, Stage};

use super::blobs::{self, BlobSource, Progress};
use super::error::OciError;
use super::image::ImageSet;
use super::layout::{MARKER, entries, fresh_index};
use super::output;
use super::read::{INDEX_FILE, MARKER_FILE, blob_name};
use super::spec::{Descriptor, to_json};
use super::target::Names;

/// Writes `set` as a layout, named by the tags of `names`, into the tar archive `file`. Equal
/// images and names give equal archives. An archive that stands there is replaced when the new
/// one is complete; anything else there is refused.
pub fn write_archive(
    file: &Path,
    set: &ImageSet,
    names: &Names,
    blobs: &dyn BlobSource,
    reporter: &dyn Reporter,
) -> Result<(), OciError> {
    names.check()?;
    let layers = set.layers();
    let total = layers.values().map(|layer| layer.size).sum();
    write_file(file, total, reporter, |archive, progress| {
        archive.directory("blobs/")?;
        archive.directory("blobs/sha256/")?;
        for layer in layers.values() {
            archive.blob(&blob_name(&layer.digest), layer, blobs, progress)?;
        }
        for document in set.documents() {
            archive.bytes(&blob_name(&document.descriptor.digest), &document.bytes)?;
        }
        archive.bytes(MARKER_FILE, MARKER.as_bytes())?;
        let index = fresh_index(entries(&set.top(), &names.tags));
        archive.bytes(INDEX_FILE, &to_json(&index))
    })
}

/// Writes an archive by `fill` and gives it the name `file` when it is complete. `total` are the
/// bytes that `fill` reports.
pub(super) fn write_file(
    file: &Path,
    total: u64,
    reporter: &dyn Reporter,
    fill: impl FnOnce(&mut ArchiveWriter<'_>, Progress<'_>) -> Result<(), OciError>,
) -> Result<(), OciError> {
    let directory = output::parent(file)?;
    output::replaceable_archive(file)?;
    let mut unfinished = output::unfinished(&directory)?;
    let task = reporter.begin(Stage::Output, &file.display().to_string(), Some(total));
    let progress = Progress { reporter, task };
    let mut archive = ArchiveWriter {
        builder: Builder::new(unfinished.as_file_mut()),
        file,
    };
    let filled = fill(&mut archive, progress).and_then(|()| archive.finish());
    reporter.finish(task, if filled.is_ok() { "" } else { "failed" });
    filled?;
    output::finish(unfinished, file)?;
    output::sync_directory(&directory)
}

/// A tar archive of plain files whose headers say nothing of the machine or the time.
pub(super) struct ArchiveWriter<'a> {
    builder: Builder<&'a mut std::fs::File>,
    file: &'a Path,
}

impl ArchiveWriter<'_> {
    /// For `map_err`: names the archive.
    pub fn cannot_write(&self) -> impl FnOnce(io::Error) -> OciError + use<> {
        OciError::io("write", self.file)
    }

    /// Adds a directory; `name` ends in a slash.
    fn directory(&mut self, name: &str) -> Result<(), OciError> {
        let mut header = header(EntryType::Directory, 0o755, 0);
        self.builder
            .append_data(&mut header, name, io::empty())
            .map_err(self.cannot_write())
    }

    /// Adds a file.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), OciError> {
        let mut header = header(EntryType::Regular, 0o644, bytes.len() as u64);
        self.builder
            .append_data(&mut header, name, bytes)
            .map_err(self.cannot_write())
    }

    /// Adds a blob, verified on its way.
    pub fn blob(
        &mut self,
        name: &str,
        descriptor: &Descriptor,
        blobs: &dyn BlobSource,
        progress: Progress<'_>,
    ) -> Result<(), OciError> {
        let cannot_write = self.cannot_write();
        self.stream(name, descriptor.size, |out| {
            blobs::copy(blobs, descriptor, out, progress, cannot_write)
        })
    }

    /// Adds a file of `size` bytes that `fill` writes.
    pub fn stream(
        &mut self,
        name: &str,
        size: u64,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), OciError>,
    ) -> Result<(), OciError> {
        let mut header = header(EntryType::Regular, 0o644, size);
        header.set_path(name).map_err(self.cannot_write())?;
        header.set_cksum();
        // `Builder::append` wants a reader, which could not tell a damaged blob from a full disk.
        let cannot_write = self.cannot_write();
        let padding = [0; 512];
        let padding = &padding[..(size.wrapping_neg() % 512) as usize];
        let out = self.builder.get_mut();
        if let Err(error) = out.write_all(header.as_bytes()) {
            return Err(cannot_write(error));
        }
        fill(out)?;
        out.write_all(padding).map_err(cannot_write)
    }

    fn finish(mut self) -> Result<(), OciError> {
        let cannot_write = self.cannot_write();
        self.builder.finish().map_err(cannot_write)
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}
