//! A docker-archive, read where it lies.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

use flate2::read::GzDecoder;

use super::error::LabError;

/// Largest document of an archive, in bytes: manifests and configurations have some kilobytes.
const DOCUMENT_LIMIT: u64 = 4 << 20;
/// Most entries of the archive.
const ENTRY_LIMIT: usize = 100_000;

/// Offset and length of each file of an archive.
pub(super) type Files = BTreeMap<String, (u64, u64)>;

pub(super) fn index(file: &File) -> io::Result<Files> {
    let mut start = file;
    start.seek(SeekFrom::Start(0))?;
    let mut archive = tar::Archive::new(file);
    let mut files = Files::new();
    for entry in archive.entries_with_seek()?.take(ENTRY_LIMIT) {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type().is_file() {
            files.insert(name, (entry.raw_file_position(), entry.size()));
        } else if let Some(target) = entry.link_name_bytes() {
            // Before version 25 `docker save` links layers that are there twice.
            let target = String::from_utf8_lossy(&target).replace("../", "");
            if let Some(found) = files.get(&target).copied() {
                files.insert(name, found);
            }
        }
    }
    Ok(files)
}

pub(super) fn member<'a>(file: &'a File, files: &Files, name: &str) -> Result<Part<'a>, LabError> {
    let found = files.get(name).copied();
    let (position, left) = found.ok_or_else(|| LabError::Image(format!("it has no {name}")))?;
    Ok(Part {
        file,
        position,
        left,
    })
}

pub(super) fn document(file: &File, files: &Files, name: &str) -> Result<Vec<u8>, LabError> {
    let mut bytes = Vec::new();
    let part = member(file, files, name)?;
    if part.left > DOCUMENT_LIMIT {
        return Err(LabError::Image(format!(
            "{name} has more than {DOCUMENT_LIMIT} bytes"
        )));
    }
    let mut part = part;
    part.read_to_end(&mut bytes)
        .map_err(|error| LabError::Image(format!("{name}: {error}")))?;
    Ok(bytes)
}

/// A part of a file, read without moving the file's own position.
pub(super) struct Part<'a> {
    pub file: &'a File,
    pub position: u64,
    pub left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = self.left.min(buffer.len() as u64) as usize;
        let read = self.file.read_at(&mut buffer[..wanted], self.position)?;
        self.position += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// The archive in a layer: as it is, or inside gzip or zstd.
pub(super) fn decoded<'a>(content: Part<'a>) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = [0; 4];
    content.file.read_at(&mut magic, content.position)?;
    let content = BufReader::with_capacity(256 << 10, content);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(GzDecoder::new(content)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::with_buffer(content)?),
        _ => Box::new(content),
    })
}
