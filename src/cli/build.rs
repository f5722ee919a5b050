//! `dindimg build`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::build::{self, Built, TagData, render_tag};
use crate::guest::Sources;
use crate::oci::{Names, Target};
use crate::platform::Platform;
use crate::recipe::{self, Recipe, RecipeError};
use crate::registry::Repository;

use super::args::{Build, Common, Make};
use super::context::{Session, compression, current_lock, program, replace};
use super::output::Output;
use super::{engines, publish};

pub(super) fn run(arguments: &Build, common: &Common, output: &Output) -> Result<()> {
    let session = Session::open(common, arguments.make.no_layer_cache, output.reporter())?;
    refuse_ambiguity(arguments)?;
    let mut results = Vec::new();
    for path in &arguments.recipes {
        let recipe = recipe::load(path)?;
        // Known before anything is downloaded: a push without a place to go is a mistake.
        let repository = repository(arguments, &session, &recipe)?;
        let made = make(&session, &recipe, &arguments.make)?;
        let names = names(arguments, &recipe, &made, repository.as_ref())?;
        results.push(deliver(
            arguments,
            &session,
            &recipe,
            &made,
            &names,
            repository.as_ref(),
            output,
        )?);
    }
    let metadata = json!({ "images": results });
    if let Some(path) = &arguments.metadata_file {
        replace(path, format!("{metadata:#}\n").as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output.object(&metadata);
    Ok(())
}

/// Several recipes cannot share one file.
fn refuse_ambiguity(arguments: &Build) -> Result<()> {
    if arguments.recipes.len() > 1 {
        let shared = if !arguments.output.is_empty() {
            Some("--output")
        } else if arguments.make.locking.lock_file.is_some() {
            Some("--lock-file")
        } else {
            None
        };
        if let Some(flag) = shared {
            bail!(RecipeError::Whole {
                path: arguments.recipes[1].clone(),
                message: format!("{flag} is for one recipe; build recipes one at a time with it"),
            });
        }
    }
    Ok(())
}

/// An image with what it was made from.
pub(super) struct Made {
    pub built: Built,
    pub lock: crate::lock::Lock,
}

/// Locks and builds one recipe.
pub(super) fn make(session: &Session, recipe: &Recipe, make: &Make) -> Result<Made> {
    let platforms = platforms(recipe, &make.platform)?;
    let lock = current_lock(session, recipe, &make.locking, make.locked, make.update)?;
    let compression = compression(recipe, make.compression)?;
    let repositories = session.repositories(recipe)?;
    let sources = match &make.guest_dir {
        Some(directory) => Sources::Directory(directory.clone()),
        None => Sources::Embedded,
    };
    let jobs = make
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
    let built = build::build(
        recipe,
        &lock,
        &platforms,
        &build::Context {
            fetcher: &session.fetcher,
            repositories: &repositories,
            sources: &sources,
            compression,
            jobs,
            epoch: session.settings.source_date_epoch.unwrap_or(lock.epoch),
            program: program()?,
            reporter: session.reporter.as_ref(),
        },
    )?;
    Ok(Made { built, lock })
}

fn platforms(recipe: &Recipe, wanted: &[Platform]) -> Result<Vec<Platform>> {
    if let Some(foreign) = wanted
        .iter()
        .find(|platform| !recipe.platforms.contains(platform))
    {
        bail!(RecipeError::Whole {
            path: recipe.path.clone(),
            message: format!("it has no platform {foreign}; add it to [image] `platforms`"),
        });
    }
    let chosen = recipe.platforms.iter().copied();
    Ok(chosen
        .filter(|platform| wanted.is_empty() || wanted.contains(platform))
        .collect())
}

fn repository(arguments: &Build, session: &Session, recipe: &Recipe) -> Result<Option<Repository>> {
    let from_recipe = || {
        recipe.repository.as_ref().map(|name| {
            name.as_str()
                .parse::<Repository>()
                .map_err(|error| RecipeError::Whole {
                    path: recipe.path.clone(),
                    message: format!("repository: {error}"),
                })
        })
    };
    let repository = match &arguments.repository {
        Some(repository) => Some(repository.clone()),
        None => match session.settings.repository.clone() {
            Some(repository) => Some(repository),
            None => from_recipe().transpose()?,
        },
    };
    if arguments.push && repository.is_none() {
        bail!(RecipeError::Whole {
            path: recipe.path.clone(),
            message: "there is nowhere to push to; name the repository with --repository, DINDIMG_REPOSITORY, `repository` in the configuration file, or `repository` in [image]".to_owned(),
        });
    }
    Ok(repository)
}

fn names(
    arguments: &Build,
    recipe: &Recipe,
    made: &Made,
    repository: Option<&Repository>,
) -> Result<Names> {
    let data = TagData::of(recipe, &made.lock);
    let tags = if arguments.tag.is_empty() {
        made.built.tags.clone()
    } else {
        let rendered = arguments
            .tag
            .iter()
            .map(|template| render_tag(template, &data));
        rendered.collect::<Result<_, _>>()?
    };
    if arguments.push && tags.is_empty() {
        bail!(RecipeError::Whole {
            path: recipe.path.clone(),
            message: "there is no tag to push; name one with --tag, or `tags` in [image]"
                .to_owned(),
        });
    }
    Ok(Names {
        repository: repository.map(ToString::to_string),
        tags,
    })
}

fn deliver(
    arguments: &Build,
    session: &Session,
    recipe: &Recipe,
    made: &Made,
    names: &Names,
    repository: Option<&Repository>,
    output: &Output,
) -> Result<Value> {
    let built = &made.built;
    let mut targets = arguments.output.clone();
    if targets.is_empty() && arguments.load.is_empty() && !arguments.push {
        targets.push(Target::Layout(PathBuf::from(format!(
            "{}.oci",
            recipe.name
        ))));
    }
    let top = built.set.top();
    for target in &targets {
        target.write(&built.set, names, &built.blobs, session.reporter.as_ref())?;
        output.say(&format!("wrote {target}"));
    }
    for engine in &arguments.load {
        let loaded = engines::load(engine, recipe, built, names, session)?;
        output.say(&format!("loaded {} into {engine}", loaded.join(", ")));
    }
    if let (true, Some(repository)) = (arguments.push, repository) {
        let pushed = publish::push(built, names, repository, &arguments.registry, session)?;
        output.say(&pushed);
    }
    output.say(&format!("{} {}", recipe.name, top.digest));
    let platforms: BTreeMap<String, Value> = built
        .set
        .images()
        .iter()
        .map(|image| {
            let manifest = &image.manifest.descriptor;
            let size: u64 = image.layers.iter().map(|layer| layer.size).sum();
            (
                image.platform.to_string(),
                json!({ "digest": manifest.digest, "compressed-bytes": size }),
            )
        })
        .collect();
    Ok(json!({
        "recipe": recipe.path,
        "digest": top.digest,
        "repository": names.repository,
        "tags": names.tags,
        "platforms": platforms,
        "outputs": targets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "pushed": arguments.push,
    }))
}

/// A file of its own directory, for what an engine reads.
pub(super) fn scratch(session: &Session) -> Result<(tempfile::TempDir, PathBuf)> {
    let home: &Path = session.fetcher.cache().home();
    let directory = tempfile::Builder::new()
        .prefix("load-")
        .tempdir_in(home.join("tmp"))
        .with_context(|| format!("cannot write below {}", home.display()))?;
    let path = directory.path().join("image.tar");
    Ok((directory, path))
}
