//! `dindimg verify`

use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::build::Built;
use crate::oci::Manifest;
use crate::recipe::{self, RecipeError};
use crate::registry::{Reference, Registry};
use crate::release::{Verified, first_difference, verify};

use super::args::{Common, Verify};
use super::context::{Session, current_lock};
use super::output::Output;
use super::{build, keys, publish};

/// The image is not what its recipe and lock give.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Differs(String);

pub(super) fn run(arguments: &Verify, common: &Common, output: &Output) -> Result<()> {
    // What is compared with is not to come from where the image may have come from.
    let session = Session::open(common, true, output.reporter())?;
    let key = keys::verifier(&arguments.key)?;
    let registry = publish::registry(&arguments.access, &session)?;
    let reporter = session.reporter.as_ref();
    let verified = verify(&registry, &arguments.image, &key, reporter)?;
    let digest = verified.image.top.digest;
    for (subject, said) in &verified.said {
        let said = match said.is_empty() {
            true => String::new(),
            false => format!(", with {}", said.join(", ")),
        };
        output.say(&format!("{subject}: signed{said}"));
    }
    if let Some(path) = &arguments.rebuild {
        rebuild(arguments, path, &session, &registry, &verified)?;
        output.say(&format!("identical: {} built again", path.display()));
    }
    output.say(&format!("{} {digest}", arguments.image));
    output.object(&json!({
        "image": arguments.image.to_string(),
        "digest": digest,
        "verified": verified.said.iter().map(|(subject, said)| json!({
            "subject": subject, "signed": true, "statements": said,
        })).collect::<Vec<_>>(),
        "identical": arguments.rebuild.is_some(),
    }));
    Ok(())
}

/// Builds the image again; what differs is the error.
fn rebuild(
    arguments: &Verify,
    path: &Path,
    session: &Session,
    registry: &Registry,
    verified: &Verified,
) -> Result<()> {
    let recipes = recipe::load(path)?;
    let lock = current_lock(session, &recipes, &arguments.make)?;
    let variants: Vec<_> = arguments.variant.iter().cloned().collect();
    let chosen = recipes.select(&variants)?;
    // The image says which of several it is.
    let mut last = None;
    for recipe in chosen {
        let built = build::make(session, recipe, &lock, &arguments.make, &arguments.access)?;
        if built.set.top().digest == verified.image.top.digest {
            return Ok(());
        }
        last.get_or_insert(built);
    }
    let built = last.ok_or_else(|| RecipeError::Whole {
        path: path.to_owned(),
        message: "it has no image".to_owned(),
    })?;
    let difference = difference(&built, registry, &arguments.image, verified)?;
    Err(Differs(format!(
        "{} is not what {} and its lock give ({} is built): {difference}",
        arguments.image,
        path.display(),
        built.set.top().digest,
    ))
    .into())
}

/// The first thing in which the images differ, in words.
fn difference(
    built: &Built,
    registry: &Registry,
    image: &Reference,
    verified: &Verified,
) -> Result<String> {
    for ours in built.set.images() {
        let descriptor = &ours.manifest.descriptor;
        let same_platform = |one: &&crate::oci::Descriptor| {
            one.platform.as_ref().is_some_and(|platform| {
                format!("{}/{}", platform.os, platform.architecture) == ours.platform.to_string()
            })
        };
        let theirs = match verified.image.is_index() {
            true => match verified.image.manifests.iter().find(same_platform) {
                Some(one) => one.digest,
                None => return Ok(format!("it is not there for {}", ours.platform)),
            },
            false => verified.image.top.digest,
        };
        if theirs == descriptor.digest {
            continue;
        }
        let theirs: Manifest = serde_json::from_slice(verified.image.bytes(&theirs))
            .with_context(|| format!("{theirs} of {image} is no manifest"))?;
        for (position, layer) in ours.layers.iter().enumerate() {
            let Some(other) = theirs.layers.get(position) else {
                return Ok(format!("{}: it has fewer layers", ours.platform));
            };
            if other.digest == layer.digest {
                continue;
            }
            let mut file = tempfile::tempfile().context("a temporary file")?;
            let repository = &image.repository;
            if !registry.fetch_blob_into(repository, &other.digest, other.size, &file)? {
                bail!("{repository} has no layer {}", other.digest);
            }
            file.rewind()?;
            let own = built.blobs.file(&layer.digest);
            let own: File = own.context("a layer was not built")?.try_clone()?;
            let mut own = own;
            own.rewind()?;
            let entry = first_difference(
                (BufReader::new(own), &layer.media_type),
                (BufReader::new(file), &other.media_type),
            )?;
            return Ok(format!(
                "{}, layer {}: {}",
                ours.platform,
                position + 1,
                entry.unwrap_or_else(|| "its compression".to_owned())
            ));
        }
        return Ok(format!(
            "{}: configuration or annotations, or further layers",
            ours.platform
        ));
    }
    Ok("its index: another platform, or its annotations".to_owned())
}
