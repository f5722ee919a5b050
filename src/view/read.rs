//! From documents and layers to views.

use rayon::prelude::*;
use serde_json::Value;

use crate::digest::Digest;
use crate::oci::{
    Descriptor, ForeignBlobs, ImageConfig, Index, Manifest, read_document, read_json,
};
use crate::platform::Platform;

use super::error::ViewError;
use super::file::Kind;
use super::packages::Packages;
use super::stack::{Files, directory, lay};
use super::{Layer, View, layer};

/// Deepest nesting of indexes followed.
const DEPTH: usize = 4;
/// What indexes say of manifests that are of no platform, such as attestations of BuildKit.
const UNKNOWN: &str = "unknown";

/// The images that `top` leads to, each for its platform; of `platforms` where any are named.
///
/// # Errors
/// [`ViewError`] when a document or layer is missing, is not what its digest says or cannot be
/// read, and when a platform that is named is not there.
pub fn views(
    blobs: &(dyn ForeignBlobs + Sync),
    top: &Digest,
    platforms: &[Platform],
) -> Result<Vec<View>, ViewError> {
    let mut manifests = Vec::new();
    gather(blobs, top, DEPTH, &mut manifests)?;
    let mut images = Vec::new();
    for (digest, manifest) in manifests {
        let bytes = read_document(blobs, &manifest.config.digest, false)?;
        let config: ImageConfig = read_json(&manifest.config.digest, &bytes)?;
        images.push((digest, manifest, config));
    }
    let known: Vec<String> = images.iter().map(|(_, _, config)| name(config)).collect();
    for wanted in platforms {
        let wanted = wanted.to_string();
        let is = |one: &String| *one == wanted || one.starts_with(&format!("{wanted}/"));
        if !known.iter().any(is) {
            return Err(ViewError::Platform {
                digest: *top,
                wanted,
                known: known.join(", "),
            });
        }
    }
    let is_wanted = |config: &ImageConfig| {
        let plain = format!("{}/{}", config.os, config.architecture);
        platforms.is_empty() || platforms.iter().any(|one| one.to_string() == plain)
    };
    images
        .into_iter()
        .filter(|(_, _, config)| is_wanted(config))
        .map(|(digest, manifest, config)| view(blobs, digest, manifest, config))
        .collect()
}

fn name(config: &ImageConfig) -> String {
    let plain = format!("{}/{}", config.os, config.architecture);
    match &config.variant {
        Some(variant) => format!("{plain}/{variant}"),
        None => plain,
    }
}

/// The manifests of images that a document leads to, through indexes, each once.
fn gather(
    blobs: &dyn ForeignBlobs,
    digest: &Digest,
    depth: usize,
    found: &mut Vec<(Digest, Manifest)>,
) -> Result<(), ViewError> {
    if found.iter().any(|(known, _)| known == digest) {
        return Ok(());
    }
    let bytes = read_document(blobs, digest, true)?;
    let value: Value = read_json(digest, &bytes)?;
    if value.get("manifests").is_none() {
        found.push((*digest, read_json(digest, &bytes)?));
        return Ok(());
    }
    let index: Index = read_json(digest, &bytes)?;
    let is_image = |entry: &&Descriptor| {
        entry
            .platform
            .as_ref()
            .is_none_or(|platform| platform.os != UNKNOWN)
    };
    for entry in index.manifests.iter().filter(is_image) {
        if depth > 0 {
            gather(blobs, &entry.digest, depth - 1, found)?;
        }
    }
    Ok(())
}

fn view(
    blobs: &(dyn ForeignBlobs + Sync),
    digest: Digest,
    manifest: Manifest,
    config: ImageConfig,
) -> Result<View, ViewError> {
    let contents = manifest
        .layers
        .par_iter()
        .enumerate()
        .map(|(number, descriptor)| layer::read(blobs, descriptor, number))
        .collect::<Result<Vec<_>, _>>()?;
    let steps = config.history.iter().filter(|step| !step.empty_layer);
    let mut steps = steps.map(|step| step.created_by.clone());
    let mut files = Files::new();
    let (mut layers, mut secrets) = (Vec::new(), Vec::new());
    for (descriptor, content) in manifest.layers.iter().zip(contents) {
        layers.push(Layer {
            digest: descriptor.digest,
            size: descriptor.size,
            unpacked: content.unpacked,
            entries: content.entries.len() + content.names.len(),
            created_by: steps.next().unwrap_or_default(),
        });
        let number = layers.len() - 1;
        for (path, file) in content.entries {
            lay(&mut files, &path, file);
        }
        for (path, target) in content.names {
            name_of(&mut files, &path, &target, number);
        }
        secrets.extend(content.secrets);
    }
    let packages = Packages::read(&files);
    Ok(View {
        platform: name(&config),
        digest,
        annotations: manifest.annotations,
        config,
        layers,
        files,
        secrets,
        packages,
    })
}

/// Gives a file another name.
fn name_of(files: &mut Files, path: &str, target: &str, layer: usize) {
    let (parent, name) = target.rsplit_once('/').unwrap_or(("", target));
    let parent = directory(files, parent);
    let target = format!("{parent}/{name}");
    let target = target.trim_start_matches('/');
    let Some(mut file) = files.get(target).cloned() else {
        return;
    };
    file.layer = layer;
    if let Kind::Regular { name_of, .. } = &mut file.kind
        && name_of.is_none()
    {
        *name_of = Some(target.to_owned());
    }
    lay(files, path, file);
}
