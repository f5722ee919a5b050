//! From documents and layers to views.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::Value;

use crate::digest::Digest;
use crate::oci::{
    Descriptor, ForeignBlobs, ForeignError, ImageConfig, Index, Manifest, read_document, read_json,
};
use crate::platform::Platform;

use super::error::ViewError;
use super::file::{File, Kind, Secret};
use super::layer::Item;
use super::packages::Packages;
use super::stack::{Files, OPAQUE, directory, lay};
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
    let images = images(blobs, top)?;
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
    if known.is_empty() {
        return Err(ViewError::Platform {
            digest: *top,
            wanted: "any platform".to_owned(),
            known: "none".to_owned(),
        });
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

/// The configurations of the images that `top` leads to, without a look at their layers.
///
/// # Errors
/// [`ViewError`] when a document is missing, or is not what its digest says.
pub fn configurations(
    blobs: &dyn ForeignBlobs,
    top: &Digest,
) -> Result<Vec<ImageConfig>, ViewError> {
    let images = images(blobs, top)?;
    Ok(images.into_iter().map(|(_, _, config)| config).collect())
}

fn images(
    blobs: &dyn ForeignBlobs,
    top: &Digest,
) -> Result<Vec<(Digest, Manifest, ImageConfig)>, ViewError> {
    let mut manifests = Vec::new();
    gather(blobs, top, DEPTH, &mut manifests)?;
    manifests
        .into_iter()
        .map(|(digest, manifest)| {
            let bytes = read_document(blobs, &manifest.config.digest, false)?;
            let config = read_json(&manifest.config.digest, &bytes)?;
            Ok((digest, manifest, config))
        })
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
    if depth == 0 {
        let reason = "is an index too deep within others".to_owned();
        return Err(ForeignError::Unfit {
            digest: *digest,
            reason,
        }
        .into());
    }
    for entry in index.manifests.iter().filter(is_image) {
        gather(blobs, &entry.digest, depth - 1, found)?;
    }
    Ok(())
}

fn view(
    blobs: &(dyn ForeignBlobs + Sync),
    digest: Digest,
    manifest: Manifest,
    config: ImageConfig,
) -> Result<View, ViewError> {
    // A layer that is there twice is read once.
    let distinct: BTreeMap<Digest, &Descriptor> = manifest
        .layers
        .iter()
        .map(|layer| (layer.digest, layer))
        .collect();
    let contents = distinct
        .into_par_iter()
        .map(|(digest, descriptor)| Ok((digest, layer::read(blobs, descriptor)?)))
        .collect::<Result<BTreeMap<_, _>, ViewError>>()?;
    let steps = config.history.iter().filter(|step| !step.empty_layer);
    let mut steps = steps.map(|step| step.created_by.clone());
    let mut files = Files::new();
    let (mut layers, mut secrets) = (Vec::new(), Vec::new());
    for (number, descriptor) in manifest.layers.iter().enumerate() {
        let Some(content) = contents.get(&descriptor.digest) else {
            continue;
        };
        layers.push(Layer {
            digest: descriptor.digest,
            size: descriptor.size,
            unpacked: content.unpacked,
            entries: content.items.len(),
            created_by: steps.next().unwrap_or_default(),
        });
        apply(&mut files, &content.items, number);
        let of_layer = content.secrets.iter().cloned();
        secrets.extend(of_layer.map(|secret| Secret {
            layer: number,
            ..secret
        }));
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

/// Lays the entries of a layer, in its order, upon the files below it.
fn apply(files: &mut Files, items: &[Item], layer: usize) {
    // Names of files that come later.
    let mut waiting: BTreeMap<&str, &str> = BTreeMap::new();
    let mut opaque = BTreeSet::new();
    for item in items {
        match item {
            Item::Entry(path, file) => {
                if path.ends_with(OPAQUE) && !opaque.insert(path) {
                    continue;
                }
                waiting.remove(path.as_str());
                let file = File {
                    layer,
                    ..file.clone()
                };
                lay(files, path, file);
            }
            Item::Name(path, target) => {
                if !name_of(files, path, target, layer) {
                    waiting.insert(path, target);
                }
            }
        }
    }
    for (path, target) in waiting {
        name_of(files, path, target, layer);
    }
}

/// Gives a file another name; false where there is no such file.
fn name_of(files: &mut Files, path: &str, target: &str, layer: usize) -> bool {
    let (parent, name) = target.rsplit_once('/').unwrap_or(("", target));
    let parent = directory(files, parent);
    let target = format!("{parent}/{name}");
    let target = target.trim_start_matches('/');
    let Some(mut file) = files.get(target).cloned() else {
        return false;
    };
    file.layer = layer;
    if let Kind::Regular { name_of, .. } = &mut file.kind
        && name_of.is_none()
    {
        *name_of = Some(target.to_owned());
    }
    lay(files, path, file);
    true
}
