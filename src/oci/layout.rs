//! Writes image layouts (image-spec, image-layout.md).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::digest::Hashing;
use crate::progress::{Reporter, Stage};

use super::blobs::{self, BlobSource, Progress};
use super::error::OciError;
use super::image::ImageSet;
use super::output;
use super::read::{self, INDEX_FILE, INDEX_LIMIT, MARKER_FILE};
use super::spec::{Descriptor, REF_NAME, media, to_json};
use super::sweep;
use super::target::Names;

/// Content of the file `oci-layout`.
pub(super) const MARKER: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// Writes `set` as the layout in `directory`, named by the tags of `names`.
///
/// A new directory is made, its parent must exist. In an existing layout the entries of the same
/// names are replaced, others are kept, and blobs that only the replaced entries needed are
/// removed. Blobs that are there already are verified and kept. `index.json` is written last, so
/// that readers find the old images or the new ones; an interrupted run is completed by the next.
/// A directory that is neither empty nor a layout is refused.
pub fn write_layout(
    directory: &Path,
    set: &ImageSet,
    names: &Names,
    blobs: &dyn BlobSource,
    reporter: &dyn Reporter,
) -> Result<(), OciError> {
    names.check()?;
    output::parent(directory)?;
    match fs::create_dir(directory) {
        Ok(()) => {}
        Err(_) if directory.is_dir() => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(occupied(directory));
        }
        Err(error) => return Err(OciError::io("create", directory)(error)),
    }
    let lock = lock(directory)?;
    let old = existing_index(directory)?;
    let blob_directory = directory.join("blobs/sha256");
    fs::create_dir_all(&blob_directory).map_err(OciError::io("create", &blob_directory))?;
    output::remove_unfinished(directory)?;
    output::remove_unfinished(&blob_directory)?;
    if !directory.join(MARKER_FILE).exists() {
        put_changed(directory, MARKER_FILE, MARKER.as_bytes())?;
    }

    let layers = set.layers();
    let total = layers.values().map(|layer| layer.size).sum();
    let task = reporter.begin(Stage::Output, &directory.display().to_string(), Some(total));
    let progress = Progress { reporter, task };
    // Verified at once: of an image that has not changed, this is most of the work.
    let layers: Vec<&Descriptor> = layers.values().copied().collect();
    let whole: Vec<bool> = layers
        .par_iter()
        .map(|layer| is_whole(&blob_directory, layer))
        .collect();
    let written = layers.par_iter().zip(whole).try_for_each(|(layer, whole)| {
        if whole {
            reporter.advance(task, layer.size);
            return Ok(());
        }
        put_layer(&blob_directory, layer, blobs, progress)
    });
    reporter.finish(task, if written.is_ok() { "" } else { "failed" });
    written?;
    for document in set.documents() {
        let name = document.descriptor.digest.hex();
        put_changed(&blob_directory, &name, &document.bytes)?;
    }
    output::sync_directory(&blob_directory)?;

    let (index, replaced) = merge(old, entries(&set.top(), &names.tags));
    put_changed(directory, INDEX_FILE, &to_json(&index))?;
    output::sync_directory(directory)?;
    sweep::remove_unreachable(directory, &replaced, &index)?;
    drop(lock);
    Ok(())
}

/// The entries of `index.json` for what the names point at.
pub(super) fn entries(top: &Descriptor, tags: &[String]) -> Vec<Descriptor> {
    if tags.is_empty() {
        return vec![top.clone()];
    }
    let entry = |tag: &String| {
        let mut entry = top.clone();
        entry.annotations.insert(REF_NAME.to_owned(), tag.clone());
        entry
    };
    tags.iter().map(entry).collect()
}

/// `index.json` with only these entries.
pub(super) fn fresh_index(entries: Vec<Descriptor>) -> Value {
    merge(None, entries).0
}

/// Puts `new` into the index in place of the entries with the same names. Returns the index and
/// the entries that are gone. Others are kept as they were, fields unknown here included.
fn merge(old: Option<Value>, new: Vec<Descriptor>) -> (Value, Vec<Value>) {
    let mut index = old.unwrap_or_else(
        || json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": [] }),
    );
    let name = |entry: &Value| entry["annotations"][REF_NAME].as_str().map(str::to_owned);
    let new: Vec<Value> = new.iter().map(|entry| json!(entry)).collect();
    let names: BTreeSet<Option<String>> = new.iter().map(name).collect();
    let manifests = match index["manifests"].take() {
        Value::Array(manifests) => manifests,
        _ => Vec::new(),
    };
    let (replaced, mut kept): (Vec<Value>, Vec<Value>) = manifests
        .into_iter()
        .partition(|entry| names.contains(&name(entry)));
    kept.extend(new);
    index["manifests"] = Value::Array(kept);
    (index, replaced)
}

fn occupied(directory: &Path) -> OciError {
    OciError::Occupied {
        path: directory.to_owned(),
        kind: "an OCI image layout",
    }
}

/// Keeps other runs of this program out of the layout until dropped.
fn lock(directory: &Path) -> Result<File, OciError> {
    File::open(directory)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(OciError::io("lock", directory))
}

/// The `index.json` of an existing layout; `None` where the directory is empty or holds the
/// unfinished work of an earlier run, which has no index yet.
fn existing_index(directory: &Path) -> Result<Option<Value>, OciError> {
    let names = fs::read_dir(directory)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
                .collect::<io::Result<Vec<_>>>()
        })
        .map_err(OciError::io("read", directory))?;
    if !names.iter().any(|name| name == MARKER_FILE) {
        // The marker comes right after the blob directory.
        let ours = |name: &String| name == "blobs" || name.starts_with(output::UNFINISHED);
        return if names.iter().all(ours) {
            Ok(None)
        } else {
            Err(occupied(directory))
        };
    }
    read::check_marker(directory)?;
    let path = directory.join(INDEX_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OciError::io("read", &path)(error)),
    };
    let bytes = read::capped(file, INDEX_FILE, INDEX_LIMIT, OciError::io("read", &path))?;
    let index: Value = serde_json::from_slice(&bytes).map_err(|source| OciError::Document {
        what: path.display().to_string(),
        source,
    })?;
    if !index["manifests"].is_array() {
        return Err(OciError::NotALayout {
            path: directory.to_owned(),
            reason: "index.json lists no manifests".to_owned(),
        });
    }
    Ok(Some(index))
}

/// Writes a small file whole, unless it is there as it should be.
fn put_changed(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), OciError> {
    let path = directory.join(name);
    if fs::read(&path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    let mut file = output::unfinished(directory)?;
    file.write_all(bytes)
        .map_err(OciError::io("write", &path))?;
    output::finish(file, &path)
}

fn put_layer(
    directory: &Path,
    layer: &Descriptor,
    blobs: &dyn BlobSource,
    progress: Progress<'_>,
) -> Result<(), OciError> {
    let path: PathBuf = directory.join(layer.digest.hex());
    let mut file = output::unfinished(directory)?;
    blobs::copy(
        blobs,
        layer,
        file.as_file_mut(),
        progress,
        OciError::io("write", &path),
    )?;
    output::finish(file, &path)
}

/// Whether the directory has the blob; a file that cannot be read is not it.
fn is_whole(directory: &Path, blob: &Descriptor) -> bool {
    let Ok(file) = File::open(directory.join(blob.digest.hex())) else {
        return false;
    };
    if file
        .metadata()
        .is_ok_and(|metadata| metadata.len() != blob.size)
    {
        return false;
    }
    let mut file = Hashing::new(file.take(blob.size));
    let read = io::copy(&mut file, &mut io::sink());
    let (_, found, _) = file.finish();
    read.is_ok() && found == blob.digest
}
