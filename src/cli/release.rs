//! `dindimg release`

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::attest::{BUILDER, Signer, predicate};
use crate::build::{TagData, render_tag};
use crate::lock::Lock;
use crate::oci::Names;
use crate::recipe::{self, Recipe, RecipeError};
use crate::registry::{Repository, Tag};
use crate::release::{Publisher, Release, Sent, TagPlan, Tags};

use super::args::{Common, Release as Arguments};
use super::context::{Session, compression, current_lock, replace};
use super::output::Output;
use super::{build, keys, publish};

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
    let ready = ready(arguments, &session)?;
    let registry = publish::registry(&arguments.registry.access, &session)?;
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
        let plan = publisher.plan(release)?;
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
        output.object(&json!({ "images": results, "published": false }));
        return Ok(());
    }
    let mut sent = Vec::new();
    for release in &releases {
        let one = publisher.send(release)?;
        output.say(&line(release, &one, signer.is_some()));
        sent.push(one);
    }
    // Every image is there with all that is said of it: now those who ask for a tag may have it.
    let mut results = Vec::new();
    for ((release, plan), sent) in releases.iter().zip(&plans).zip(&sent) {
        let moved = publisher.move_tags(release, arguments.move_immutable)?;
        let names: Vec<&str> = moved.iter().map(Tag::as_str).collect();
        output.say(&format!(
            "{}@{}: {}",
            release.push.repository,
            release.push.root.digest,
            match names.is_empty() {
                true => "every tag was there".to_owned(),
                false => format!("moved {}", names.join(", ")),
            }
        ));
        let bytes = sent.pushed.blobs.uploaded_bytes + sent.attached_bytes;
        results.push(result(release, plan, Some(&moved), bytes));
    }
    let metadata = json!({ "images": results, "published": true });
    if let Some(path) = &arguments.metadata_file {
        replace(path, format!("{metadata:#}\n").as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output.object(&metadata);
    Ok(())
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
    for path in &arguments.recipes {
        let recipes = recipe::load(path)?;
        let chosen = recipes.select(&arguments.variant)?;
        let lock = current_lock(session, &recipes, &arguments.make)?;
        for recipe in chosen {
            let repository = build::place(arguments.repository.as_ref(), session, recipe)?;
            let Some(repository) = repository else {
                bail!(build::nowhere(recipe));
            };
            let tags = tags(arguments, recipe, &lock)?;
            let names = Names {
                repository: Some(repository.to_string()),
                tags: tags.all().map(ToString::to_string).collect(),
            };
            build::refuse_overwriting(recipe, &names, &mut taken)?;
            let access = &arguments.registry.access;
            let built = build::make(session, recipe, &lock, &arguments.make, access)?;
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

fn tags(arguments: &Arguments, recipe: &Recipe, lock: &Lock) -> Result<Tags> {
    let data = TagData::of(recipe, lock.packages_of_variant(&recipe.variant));
    let dated = data.clone().dated(lock.epoch);
    let render = |templates: &[String], data: &TagData| -> Result<Vec<Tag>> {
        let tags = templates.iter().map(|template| {
            let tag = render_tag(template, data)?;
            Ok(tag.parse()?)
        });
        tags.collect()
    };
    let moving = match arguments.tag.is_empty() {
        true => &recipe.tags,
        false => &arguments.tag,
    };
    let tags = Tags {
        moving: render(moving, &data)?,
        // A release under another tag is not the one that those are for.
        fixed: match arguments.tag.is_empty() {
            true => render(&recipe.immutable_tags, &dated)?,
            false => Vec::new(),
        },
    };
    if tags.all().next().is_none() {
        bail!(RecipeError::Whole {
            path: recipe.path.clone(),
            message: "there is no tag to publish; name one with --tag, or `tags` in [image]"
                .to_owned(),
        });
    }
    Ok(tags)
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
    let push = publish::plan(&ready.built, &names, &ready.repository, &arguments.registry)?;
    let tests = arguments.test_results.as_deref().map(|path| {
        let text = std::fs::read(path)
            .with_context(|| format!("cannot read test results {}", path.display()))?;
        let statement = crate::attest::Said::read(&text);
        let statement =
            statement.with_context(|| format!("{} is no in-toto statement", path.display()))?;
        if statement.kind != predicate::TEST {
            bail!(
                "{} is no test results but {}; `dindimg smoke --report NAME.intoto.json` writes them",
                path.display(),
                statement.kind
            );
        }
        let result = statement.predicate["result"].as_str().unwrap_or("nothing");
        if !["PASSED", "WARNED"].contains(&result) {
            bail!(
                "the test results in {} are {result}: nothing is published",
                path.display()
            );
        }
        if !statement.subjects.contains(&push.root.digest) {
            bail!(
                "{} is of another image, not of {}; prove this one with `dindimg smoke`",
                path.display(),
                push.root.digest
            );
        }
        Ok((statement.subjects, statement.predicate))
    });
    Ok(Release {
        recipe: &ready.recipe,
        lock: &ready.lock,
        built: &ready.built,
        tests: tests.transpose()?,
        push,
        compression: compression(&ready.recipe, arguments.make.compression)?.to_string(),
        created: session
            .settings
            .source_date_epoch
            .unwrap_or(ready.lock.epoch),
        builder: arguments.builder_id.as_deref().unwrap_or(BUILDER),
        tags: ready.tags.clone(),
    })
}

fn line(release: &Release<'_>, sent: &Sent, signed: bool) -> String {
    let blobs = &sent.pushed.blobs;
    format!(
        "{}: {} layers and configurations sent, {} ({} were there, {} mounted); {} of {} attachments sent, {}{}",
        release.recipe.name,
        blobs.uploaded,
        HumanBytes(blobs.uploaded_bytes),
        blobs.present,
        blobs.mounted,
        sent.attached.0,
        sent.attached.0 + sent.attached.1,
        HumanBytes(sent.attached_bytes),
        if signed { "" } else { ", nothing is signed" },
    )
}

fn result(release: &Release<'_>, plan: &TagPlan, moved: Option<&[Tag]>, bytes: u64) -> Value {
    let tags = plan.moves.iter().map(|one| {
        json!({
            "tag": one.tag.as_str(),
            "from": one.from,
            "immutable": one.fixed,
            "moved": moved.is_some_and(|moved| moved.contains(&one.tag)),
        })
    });
    json!({
        "recipe": release.recipe.path,
        "variant": release.recipe.variant.as_str(),
        "repository": release.push.repository.to_string(),
        "digest": release.push.root.digest,
        "tags": tags.collect::<Vec<_>>(),
        "bytes": bytes,
    })
}
