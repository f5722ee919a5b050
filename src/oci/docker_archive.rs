//! Writes what `docker save` writes, for `docker load` and `podman load` of every version.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

use crate::digest::{Digest, Hashing};
use crate::layer::LayerMediaType;
use crate::progress::Reporter;

use super::archive::{ArchiveWriter, write_file};
use super::blobs::{self, BlobSource, Progress};
use super::error::OciError;
use super::image::ImageSet;
use super::spec::{Descriptor, to_json};
use super::target::Names;

/// An entry of `manifest.json` (Docker image specification v1.2, "Combined Image JSON +
/// Filesystem Changeset Format").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Writes the only image of `set` into the tar archive `file`, tagged with every tag of `names`
/// in its repository (without one it is known by its ID alone).
///
/// gzip layers are stored as they are, which docker and podman read; zstd layers, which Docker
/// before 23 does not, are stored uncompressed. An archive that stands there is replaced when the
/// new one is complete; anything else there is refused.
pub fn write_docker_archive(
    file: &Path,
    set: &ImageSet,
    names: &Names,
    blobs: &dyn BlobSource,
    reporter: &dyn Reporter,
) -> Result<(), OciError> {
    names.check()?;
    let [image] = set.images() else {
        let platforms = set.images().iter().map(|image| image.platform.to_string());
        return Err(OciError::SeveralPlatforms {
            platforms: platforms.collect::<Vec<_>>().join(", "),
        });
    };
    let diff_ids = &image.config.rootfs.diff_ids;
    let layers: Vec<_> = image
        .layers
        .iter()
        .zip(diff_ids)
        .map(|(layer, diff_id)| (layer_name(layer, diff_id), layer, diff_id))
        .collect();
    let total = image.layers.iter().map(|layer| layer.size).sum();
    let config_name = format!("{}.json", image.config_document.descriptor.digest.hex());
    write_file(file, total, reporter, |archive, progress| {
        archive.bytes(&config_name, &image.config_document.bytes)?;
        let mut written = BTreeSet::new();
        for (name, layer, diff_id) in &layers {
            if !written.insert(name) {
                continue;
            }
            if is_zstd(layer) {
                unpacked(archive, name, layer, diff_id, blobs, progress)?;
            } else {
                archive.blob(name, layer, blobs, progress)?;
            }
        }
        let manifest = [Entry {
            config: config_name.clone(),
            repo_tags: names.references(),
            layers: layers.iter().map(|(name, ..)| name.clone()).collect(),
        }];
        archive.bytes("manifest.json", &to_json(&manifest))
    })
}

fn is_zstd(layer: &Descriptor) -> bool {
    layer.media_type == LayerMediaType::TarZstd.as_str()
}

fn layer_name(layer: &Descriptor, diff_id: &Digest) -> String {
    if is_zstd(layer) {
        format!("{}.tar", diff_id.hex())
    } else {
        format!("{}.tar.gz", layer.digest.hex())
    }
}

/// Adds the archive inside a zstd layer. Its size has to stand before it, so the layer is read
/// twice: to verify and measure it, and to write it.
fn unpacked(
    archive: &mut ArchiveWriter<'_>,
    name: &str,
    layer: &Descriptor,
    diff_id: &Digest,
    blobs: &dyn BlobSource,
    progress: Progress<'_>,
) -> Result<(), OciError> {
    let damaged = |source| OciError::Blob {
        digest: layer.digest,
        source,
    };
    let open = || {
        let blob = blobs.open(&layer.digest).map_err(damaged)?;
        zstd::Decoder::new(Hashing::new(blob.take(layer.size))).map_err(damaged)
    };
    let mut content = Hashing::new(open()?);
    io::copy(&mut content, &mut io::sink()).map_err(damaged)?;
    let (decoder, found, size) = content.finish();
    let (_, blob, blob_size) = decoder.finish().into_inner().finish();
    blobs::verify(layer, blob, blob_size)?;
    let tar = Descriptor::new("", *diff_id, size);
    blobs::verify(&tar, found, size)?;

    let content = open()?;
    let cannot_write = archive.cannot_write();
    archive.stream(name, size, |out| {
        blobs::copy_exactly(content, &tar, out, |_| {}, damaged, cannot_write)
    })?;
    progress.reporter.advance(progress.task, layer.size);
    Ok(())
}
