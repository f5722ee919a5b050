//! `dindimg release`

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::attest::{BUILDER, Signer};
use crate::build::{TagData, render_tag};
use crate::digest::Digest;
use crate::lock::Lock;
use crate::oci::{Document, Names};
use crate::recipe::{self, Recipe, RecipeError};
use crate::registry::{Reference, Repository, Selector, Tag};
use crate::release::{Published, Publisher, Release, Sent, TagPlan, Tags};

use super::args::{Common, Release as Arguments};
use super::context::{Session, compression, current_lock};
use super::output::Output;
use super::{build, keys, publish, sign};

/// An image that is built, and what is to be published of it.
struct Ready {
    recipe: Recipe,
    lock: Lock,
    built: crate::build::Built,
    repository: Repository,
    tags: Tags,
}

pub(super) fn run(arguments: &Arguments, common: &Common, output: &Output) -> Result<()> {
    // What is published is made of the packages themselves.
    let session = Session::open(common, true, output.reporter())?;
    let signer = signer(arguments)?;
    let trusted = keys::verifiers(&arguments.gates.trusted_key)?;
    let ready = ready(arguments, &session)?;
    let file = arguments.batch.metadata_file.as_deref();
    let registry = publish::registry(&arguments.batch.registry.access, &session)?;
    let publisher = Publisher {
        registry: &registry,
        signer: signer.as_deref(),
        reporter: &session.reporter,
    };
    let releases = ready
        .iter()
        .map(|one| release(one, arguments, &session))
        .collect::<Result<Vec<_>>>()?;
    let mut plans = Vec::new();
    for release in &releases {
        let push = &release.push;
        let plan = publisher.plan(&push.repository, &release.tags, push.root.digest)?;
        for line in plan.lines() {
            output.say(&line);
        }
        if !arguments.move_immutable {
            plan.check().map_err(crate::release::ReleaseError::from)?;
        }
        plans.push(plan);
    }
    if arguments.dry_run {
        let mut results = Vec::new();
        for (release, plan) in releases.iter().zip(&plans) {
            let lacking = registry.lacking(&release.push)?;
            output.say(&format!(
                "{}: {} would be sent",
                release.recipe.name,
                HumanBytes(lacking)
            ));
            results.push(result(release, plan, None, lacking));
        }
        let metadata = json!({ "images": results, "published": false });
        return publish::conclude(file, &metadata, output);
    }
    let mut sent = Vec::new();
    for release in &releases {
        let one = publisher.send(release)?;
        output.say(&line(release, &one, signer.is_some()));
        sent.push(one);
    }
    // What is proven of an image is attached to it, so it is asked for when the image is there.
    if !arguments.gates.require.is_empty() {
        for release in &releases {
            let image = Published::read(&registry, &sent_as(release))?;
            for remark in publisher.pass_gates(&image, &arguments.gates.require, &trusted)? {
                output.say(&remark);
            }
        }
    }
    // Every image is there with all that is said of it: now those who ask for a tag may have it.
    let mut results = Vec::new();
    for ((release, plan), sent) in releases.iter().zip(&plans).zip(&sent) {
        let (repository, root) = (&release.push.repository, &release.push.root);
        let document = document(release);
        let moved = publisher.move_tags(
            repository,
            &release.tags,
            &document,
            arguments.move_immutable,
        )?;
        output.say(&publish::moved(
            repository,
            root.digest,
            &release.tags,
            &moved,
        ));
        let bytes = sent.pushed.blobs.uploaded_bytes + sent.attachments.bytes;
        results.push(result(release, plan, Some(&moved), bytes));
    }
    let metadata = json!({ "images": results, "published": true });
    publish::conclude(file, &metadata, output)
}

/// The image by digest, where it was sent to.
fn sent_as(release: &Release<'_>) -> Reference {
    Reference {
        repository: release.push.repository.clone(),
        selector: Selector::Digest(release.push.root.digest),
    }
}

/// What the tags of an image lead to.
fn document(release: &Release<'_>) -> Document {
    let root = &release.push.root;
    let bytes = release.push.documents.get(&root.digest);
    let bytes = bytes.map(|one| one.bytes.clone()).unwrap_or_default();
    Document::of(&root.media_type, bytes)
}

fn signer(arguments: &Arguments) -> Result<Option<Box<dyn Signer>>> {
    let public = arguments.public_key.as_deref();
    let key = arguments.key.as_deref();
    key.map(|name| keys::signer(name, public)).transpose()
}

/// Builds every image, before anything is asked of a registry.
fn ready(arguments: &Arguments, session: &Session) -> Result<Vec<Ready>> {
    let mut ready = Vec::new();
    let mut taken = BTreeSet::new();
    for path in &arguments.batch.recipes {
        let recipes = recipe::load(path)?;
        let chosen = recipes.select(&arguments.batch.variant)?;
        let lock = current_lock(session, &recipes, &arguments.batch.make)?;
        for recipe in chosen {
            let repository = build::place(arguments.batch.repository.as_ref(), session, recipe)?;
            let Some(repository) = repository else {
                bail!(build::nowhere(recipe));
            };
            let tags = match arguments.no_tags {
                true => Tags::default(),
                false => tags(
                    recipe,
                    &lock,
                    &arguments.batch.tag,
                    arguments.channel.as_deref(),
                )?,
            };
            let names = Names {
                repository: Some(repository.to_string()),
                tags: tags.all().map(ToString::to_string).collect(),
            };
            build::refuse_overwriting(recipe, &names, &mut taken)?;
            let access = &arguments.batch.registry.access;
            let built = build::make(session, recipe, &lock, &arguments.batch.make, access)?;
            ready.push(Ready {
                recipe: recipe.clone(),
                lock: lock.clone(),
                built,
                repository,
                tags,
            });
        }
    }
    Ok(ready)
}

/// The tags of a recipe, or in their place those of a channel or those that are named; templates all
/// of them.
pub(super) fn tags(
    recipe: &Recipe,
    lock: &Lock,
    named: &[String],
    channel: Option<&str>,
) -> Result<Tags> {
    let data = TagData::of(recipe, lock.packages_of_variant(&recipe.variant));
    let dated = data.clone().dated(lock.epoch);
    let render = |templates: &[String], data: &TagData| -> Result<Vec<Tag>> {
        let tags = templates.iter().map(|template| {
            let tag = render_tag(template, data)?;
            Ok(tag.parse()?)
        });
        tags.collect()
    };
    let moving = match (named.is_empty(), channel) {
        (false, _) => named,
        (true, None) => recipe.tags.as_slice(),
        (true, Some(name)) => channel_of(recipe, name)?,
    };
    let tags = Tags {
        moving: render(moving, &data)?,
        // A release under another tag is not the one that those are for.
        fixed: match named.is_empty() {
            true => render(&recipe.immutable_tags, &dated)?,
            false => Vec::new(),
        },
    };
    if tags.all().next().is_none() {
        bail!(RecipeError::Whole {
            path: recipe.path.clone(),
            message: "there is no tag to publish; name one with --tag or `tags` in [image], or release with --no-tags"
                .to_owned(),
        });
    }
    Ok(tags)
}

fn channel_of<'a>(recipe: &'a Recipe, name: &str) -> Result<&'a [String]> {
    if let Some(tags) = recipe.channels.get(name) {
        return Ok(tags);
    }
    let known = || recipe.channels.keys().map(String::as_str);
    let list = match recipe.channels.is_empty() {
        true => "it has none; `channels` of [image] names them".to_owned(),
        false => known().collect::<Vec<_>>().join(", "),
    };
    let hint = recipe::suggest::hint(name, known());
    Err(RecipeError::Whole {
        path: recipe.path.clone(),
        message: format!("there is no channel `{name}` ({list}){hint}"),
    }
    .into())
}

fn release<'a>(
    ready: &'a Ready,
    arguments: &'a Arguments,
    session: &Session,
) -> Result<Release<'a>> {
    let names = Names {
        repository: Some(ready.repository.to_string()),
        tags: Vec::new(),
    };
    let push = publish::plan(
        &ready.built,
        &names,
        &ready.repository,
        &arguments.batch.registry,
    )?;
    let tests = arguments
        .test_results
        .as_deref()
        .map(|path| -> Result<_> { Ok(sign::read(path)?.tests_of(push.root.digest)?) });
    Ok(Release {
        recipe: &ready.recipe,
        lock: &ready.lock,
        built: &ready.built,
        tests: tests.transpose()?,
        push,
        compression: compression(&ready.recipe, arguments.batch.make.compression)?.to_string(),
        created: session
            .settings
            .source_date_epoch
            .unwrap_or(ready.lock.epoch),
        builder: arguments.builder_id.as_deref().unwrap_or(BUILDER),
        tags: ready.tags.clone(),
    })
}

fn line(release: &Release<'_>, sent: &Sent, signed: bool) -> String {
    let (blobs, attached) = (&sent.pushed.blobs, &sent.attachments);
    format!(
        "{}: {} layers and configurations sent, {} ({} were there, {} mounted); {} of {} attachments sent, {}{}",
        release.recipe.name,
        blobs.uploaded,
        HumanBytes(blobs.uploaded_bytes),
        blobs.present,
        blobs.mounted,
        attached.sent,
        attached.sent + attached.present,
        HumanBytes(attached.bytes),
        if signed { "" } else { ", nothing is signed" },
    )
}

fn result(release: &Release<'_>, plan: &TagPlan, moved: Option<&[Tag]>, bytes: u64) -> Value {
    let platforms: BTreeMap<String, Digest> = release
        .built
        .set
        .images()
        .iter()
        .map(|image| (image.platform.to_string(), image.manifest.descriptor.digest))
        .collect();
    json!({
        "recipe": release.recipe.path,
        "variant": release.recipe.variant.as_str(),
        "repository": release.push.repository.to_string(),
        "digest": release.push.root.digest,
        "platforms": platforms,
        "tags": publish::tags(plan, moved),
        "bytes": bytes,
    })
}
