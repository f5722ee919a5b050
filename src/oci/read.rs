//! Reads image layouts, in a directory or in a tar archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::platform::Platform;

use super::blobs::{self, BlobSource};
use super::config::ImageConfig;
use super::error::OciError;
use super::image::{Document, Image, ImageSet};
use super::spec::{Descriptor, Index, Manifest, REF_NAME, media};

/// The file that makes a directory a layout.
pub(super) const MARKER_FILE: &str = "oci-layout";
/// The file that lists the images of a layout.
pub(super) const INDEX_FILE: &str = "index.json";
/// Largest manifest, index or configuration read, in bytes: what registries accept at least
/// (distribution-spec, "Pushing Manifests").
const DOCUMENT_LIMIT: u64 = 4 << 20;
/// Largest `index.json` read, in bytes. One layout may hold thousands of images.
pub(super) const INDEX_LIMIT: u64 = 16 << 20;
/// Most entries in an archive: thousands of images, and no endless walk through a crafted file.
const ENTRY_LIMIT: usize = 100_000;
/// Deepest nesting of indexes followed.
const DEPTH_LIMIT: usize = 4;

/// An existing image layout.
#[derive(Debug)]
pub struct Layout {
    path: PathBuf,
    place: Place,
    index: Index,
}

#[derive(Debug)]
enum Place {
    Directory,
    /// Offset and size of each file in the archive.
    Archive(Arc<File>, BTreeMap<String, (u64, u64)>),
}

impl Layout {
    /// Opens the layout in the directory or the uncompressed tar archive at `path`.
    pub fn open(path: &Path) -> Result<Self, OciError> {
        let place = if path.is_dir() {
            check_marker(path)?;
            Place::Directory
        } else {
            let file = File::open(path).map_err(OciError::io("open", path))?;
            let files = archive_files(path, &file)?;
            if !files.contains_key(MARKER_FILE) {
                return Err(not_a_layout(path, "it has no file oci-layout"));
            }
            Place::Archive(Arc::new(file), files)
        };
        let mut layout = Self {
            path: path.to_owned(),
            place,
            index: Index {
                schema_version: 2,
                media_type: None,
                artifact_type: None,
                manifests: Vec::new(),
                subject: None,
                annotations: BTreeMap::new(),
            },
        };
        let file = layout
            .open_file(INDEX_FILE)
            .map_err(|error| not_a_layout(path, &format!("index.json: {error}")))?;
        let bytes = capped(file, INDEX_FILE, INDEX_LIMIT, OciError::io("read", path))?;
        layout.index = parse(&bytes, || format!("{}: index.json", path.display()))?;
        Ok(layout)
    }

    /// The entries of `index.json` with their names.
    pub fn entries(&self) -> impl Iterator<Item = (Option<&str>, &Descriptor)> {
        self.index.manifests.iter().map(|entry| {
            let name = entry.annotations.get(REF_NAME).map(String::as_str);
            (name, entry)
        })
    }

    /// The entry called `name`, or without a name the only image there is.
    pub fn find(&self, name: Option<&str>) -> Result<&Descriptor, OciError> {
        let known = || {
            let names: BTreeSet<_> = self.entries().filter_map(|(name, _)| name).collect();
            match names.len() {
                0 => "no names".to_owned(),
                _ => names.into_iter().collect::<Vec<_>>().join(", "),
            }
        };
        if let Some(name) = name {
            let found = self.entries().find(|(entry, _)| *entry == Some(name));
            return found
                .map(|(_, entry)| entry)
                .ok_or_else(|| OciError::NoSuchName {
                    path: self.path.clone(),
                    name: name.to_owned(),
                    known: known(),
                });
        }
        let digests: BTreeSet<Digest> = self.entries().map(|(_, entry)| entry.digest).collect();
        match (digests.len(), self.index.manifests.first()) {
            (1, Some(entry)) => Ok(entry),
            (0, _) | (_, None) => Err(not_a_layout(&self.path, "it holds no image")),
            _ => Err(OciError::Ambiguous {
                path: self.path.clone(),
                known: known(),
            }),
        }
    }

    /// Reads the image or the images that `top` points at. Documents are verified by their
    /// digests, layers when they are copied.
    pub fn image_set(&self, top: &Descriptor) -> Result<ImageSet, OciError> {
        if top.media_type != media::INDEX {
            return Ok(ImageSet::from_parts(vec![self.image(top)?], None));
        }
        let document = self.document(top)?;
        let index: Index = parse(&document.bytes, || what(top))?;
        let images: Vec<Image> = index
            .manifests
            .iter()
            .map(|manifest| self.image(manifest))
            .collect::<Result<_, _>>()?;
        if images.is_empty() {
            return Err(OciError::NoImages);
        }
        Ok(ImageSet::from_parts(images, Some(document)))
    }

    /// The file that holds a blob; `None` in an archive.
    pub fn blob_path(&self, digest: &Digest) -> Option<PathBuf> {
        match self.place {
            Place::Directory => Some(self.path.join(blob_name(digest))),
            Place::Archive(..) => None,
        }
    }

    /// Every blob that `top` reaches, itself included.
    pub(super) fn closure(&self, top: &Descriptor) -> Result<BTreeSet<Digest>, OciError> {
        let mut reached = BTreeSet::new();
        self.reach(top, DEPTH_LIMIT, &mut reached)?;
        Ok(reached)
    }

    fn reach(
        &self,
        from: &Descriptor,
        depth: usize,
        reached: &mut BTreeSet<Digest>,
    ) -> Result<(), OciError> {
        if !reached.insert(from.digest) {
            return Ok(());
        }
        match from.media_type.as_str() {
            media::INDEX if depth > 0 => {
                let index: Index = parse(&self.document(from)?.bytes, || what(from))?;
                for manifest in &index.manifests {
                    self.reach(manifest, depth - 1, reached)?;
                }
            }
            media::MANIFEST => {
                let manifest: Manifest = parse(&self.document(from)?.bytes, || what(from))?;
                reached.insert(manifest.config.digest);
                reached.extend(manifest.layers.iter().map(|layer| layer.digest));
            }
            other => return Err(unsupported(from, format!("media type `{other}`"))),
        }
        Ok(())
    }

    fn image(&self, descriptor: &Descriptor) -> Result<Image, OciError> {
        if descriptor.media_type != media::MANIFEST {
            let reason = format!("media type `{}` is no image", descriptor.media_type);
            return Err(unsupported(descriptor, reason));
        }
        let manifest_document = self.document(descriptor)?;
        let manifest: Manifest = parse(&manifest_document.bytes, || what(descriptor))?;
        if manifest.config.media_type != media::CONFIG {
            let reason = format!("configuration of type `{}`", manifest.config.media_type);
            return Err(unsupported(descriptor, reason));
        }
        let config_document = self.document(&manifest.config)?;
        let config: ImageConfig = parse(&config_document.bytes, || what(&manifest.config))?;
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            let reason = "configuration and manifest have different numbers of layers";
            return Err(unsupported(descriptor, reason.to_owned()));
        }
        let platform: Platform = format!("{}/{}", config.os, config.architecture)
            .parse()
            .map_err(|error| unsupported(descriptor, format!("{error}")))?;
        Ok(Image {
            platform,
            config,
            config_document,
            manifest: manifest_document,
            layers: manifest.layers,
        })
    }

    /// Reads and verifies a document. Its descriptor is stripped of what only the pointer said.
    fn document(&self, descriptor: &Descriptor) -> Result<Document, OciError> {
        let what = || what(descriptor);
        let blob = self
            .open(&descriptor.digest)
            .map_err(|source| OciError::Blob {
                digest: descriptor.digest,
                source,
            })?;
        let bytes = capped(blob, &what(), DOCUMENT_LIMIT, |source| OciError::Blob {
            digest: descriptor.digest,
            source,
        })?;
        blobs::verify(descriptor, Digest::of(&bytes), bytes.len() as u64)?;
        Ok(Document::new(&descriptor.media_type, bytes))
    }

    fn open_file(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        match &self.place {
            Place::Directory => Ok(Box::new(File::open(self.path.join(name))?)),
            Place::Archive(file, files) => {
                let &(position, left) = files.get(name).ok_or(io::ErrorKind::NotFound)?;
                Ok(Box::new(Range {
                    file: file.clone(),
                    position,
                    left,
                }))
            }
        }
    }
}

impl BlobSource for Layout {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        self.open_file(&blob_name(digest))
    }
}

/// A part of a file.
struct Range {
    file: Arc<File>,
    position: u64,
    left: u64,
}

impl Read for Range {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = self.left.min(buffer.len() as u64) as usize;
        let read = self.file.read_at(&mut buffer[..wanted], self.position)?;
        self.position += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Name of a blob below the root of a layout.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Checks the file `oci-layout` of a directory.
pub(super) fn check_marker(directory: &Path) -> Result<(), OciError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    let path = directory.join(MARKER_FILE);
    let file = File::open(&path)
        .map_err(|error| not_a_layout(directory, &format!("{MARKER_FILE}: {error}")))?;
    let bytes = capped(
        file,
        MARKER_FILE,
        DOCUMENT_LIMIT,
        OciError::io("read", &path),
    )?;
    let marker: Marker = parse(&bytes, || path.display().to_string())?;
    if marker.image_layout_version == "1.0.0" {
        return Ok(());
    }
    let reason = format!("its version is `{}`", marker.image_layout_version);
    Err(not_a_layout(directory, &reason))
}

/// Reads all of a document that has at most `limit` bytes.
pub(super) fn capped(
    reader: impl Read,
    what: &str,
    limit: u64,
    error: impl FnOnce(io::Error) -> OciError,
) -> Result<Vec<u8>, OciError> {
    let mut bytes = Vec::new();
    if let Err(source) = reader.take(limit + 1).read_to_end(&mut bytes) {
        return Err(error(source));
    }
    if bytes.len() as u64 > limit {
        return Err(OciError::TooLarge {
            what: what.to_owned(),
            size: bytes.len() as u64,
            limit,
        });
    }
    Ok(bytes)
}

fn archive_files(path: &Path, file: &File) -> Result<BTreeMap<String, (u64, u64)>, OciError> {
    let unreadable = |error: io::Error| not_a_layout(path, &format!("no tar archive: {error}"));
    let mut archive = tar::Archive::new(file);
    let mut files = BTreeMap::new();
    for (count, entry) in archive.entries_with_seek().map_err(unreadable)?.enumerate() {
        if count >= ENTRY_LIMIT {
            return Err(not_a_layout(path, "the archive has too many entries"));
        }
        let entry = entry.map_err(unreadable)?;
        if entry.header().entry_type().is_file() {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
            files.insert(name, (entry.raw_file_position(), entry.size()));
        }
    }
    Ok(files)
}

fn parse<T: DeserializeOwned>(bytes: &[u8], what: impl Fn() -> String) -> Result<T, OciError> {
    serde_json::from_slice(bytes).map_err(|source| OciError::Document {
        what: what(),
        source,
    })
}

fn what(descriptor: &Descriptor) -> String {
    let kind = match descriptor.media_type.as_str() {
        media::INDEX => "index",
        media::MANIFEST => "manifest",
        media::CONFIG => "configuration",
        _ => "document",
    };
    format!("{kind} {}", descriptor.digest)
}

fn unsupported(descriptor: &Descriptor, reason: String) -> OciError {
    OciError::Unsupported {
        what: what(descriptor),
        reason,
    }
}

fn not_a_layout(path: &Path, reason: &str) -> OciError {
    OciError::NotALayout {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
