//! `dindimg build`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::build::{self, Built, TagData, render_tag};
use crate::guest::Sources;
use crate::lock::Lock;
use crate::oci::{Names, Target};
use crate::platform::Platform;
use crate::recipe::{self, Recipe, RecipeError, Recipes};
use crate::registry::Repository;

use super::args::{Build, Common, Make, RegistryAccess};
use super::context::{Session, compression, current_lock, program};
use super::images::Pulled;
use super::output::Output;
use super::{engines, publish};

pub(super) fn run(arguments: &Build, common: &Common, output: &Output) -> Result<()> {
    let session = Session::open(
        common,
        arguments.batch.make.no_layer_cache,
        output.reporter(),
    )?;
    refuse_ambiguity(arguments)?;
    let mut results = Vec::new();
    let mut taken = BTreeSet::new();
    for path in &arguments.batch.recipes {
        let recipes = recipe::load(path)?;
        let chosen = recipes.select(&arguments.batch.variant)?;
        refuse_one_output(arguments, &recipes, &chosen)?;
        // Known before anything is downloaded: a push without a place to go is a mistake.
        let repositories = chosen
            .iter()
            .map(|recipe| repository(arguments, &session, recipe))
            .collect::<Result<Vec<_>>>()?;
        let lock = current_lock(&session, &recipes, &arguments.batch.make)?;
        let mut named = Vec::new();
        for (recipe, repository) in chosen.into_iter().zip(repositories) {
            let names = names(arguments, recipe, &lock, repository.as_ref())?;
            if arguments.push || !arguments.load.is_empty() {
                refuse_overwriting(recipe, &names, &mut taken)?;
            }
            named.push((recipe, repository, names));
        }
        for (recipe, repository, names) in named {
            let made = make(
                &session,
                recipe,
                &lock,
                &arguments.batch.make,
                &arguments.batch.registry.access,
            )?;
            results.push(deliver(
                arguments,
                &session,
                recipe,
                &made,
                &names,
                repository.as_ref(),
                output,
            )?);
        }
    }
    let metadata = json!({ "images": results });
    publish::conclude(arguments.batch.metadata_file.as_deref(), &metadata, output)
}

/// Several recipes cannot share one file.
fn refuse_ambiguity(arguments: &Build) -> Result<()> {
    if arguments.batch.recipes.len() > 1 {
        let shared = if !arguments.output.is_empty() {
            Some("--output")
        } else if arguments.batch.make.locking.lock_file.is_some() {
            Some("--lock-file")
        } else {
            None
        };
        let mut stems = BTreeSet::new();
        let twice = arguments
            .batch
            .recipes
            .iter()
            .find(|path| !stems.insert(path.file_stem()));
        if let (Some(path), false, true) = (twice, arguments.push, arguments.load.is_empty()) {
            bail!(RecipeError::Whole {
                path: path.clone(),
                message: "another recipe of this run has the same name, and their outputs would be one; build them one at a time".to_owned(),
            });
        }
        if let Some(flag) = shared {
            bail!(RecipeError::Whole {
                path: arguments.batch.recipes[1].clone(),
                message: format!("{flag} is for one recipe; build recipes one at a time with it"),
            });
        }
    }
    Ok(())
}

/// Several images of one recipe cannot share one file either.
fn refuse_one_output(arguments: &Build, recipes: &Recipes, chosen: &[&Recipe]) -> Result<()> {
    if chosen.len() > 1 && !arguments.output.is_empty() {
        let names: Vec<&str> = chosen.iter().map(|one| one.variant.as_str()).collect();
        bail!(RecipeError::Whole {
            path: recipes.default().path.clone(),
            message: format!(
                "--output is for one image, and this recipe has {}; choose one with --variant",
                names.join(", ")
            ),
        });
    }
    Ok(())
}

/// Two images of one run cannot have the same name in the same place.
pub(super) fn refuse_overwriting(
    recipe: &Recipe,
    names: &Names,
    taken: &mut BTreeSet<String>,
) -> Result<()> {
    let place = names.repository.as_deref().unwrap_or(&recipe.name);
    for tag in &names.tags {
        if !taken.insert(format!("{place}:{tag}")) {
            bail!(RecipeError::Whole {
                path: recipe.path.clone(),
                message: format!(
                    "{place}:{tag} is another image's of this run; give each its own tag or repository, or choose one with --variant"
                ),
            });
        }
    }
    Ok(())
}

/// Builds one recipe from its lock.
pub(super) fn make(
    session: &Session,
    recipe: &Recipe,
    lock: &Lock,
    make: &Make,
    access: &RegistryAccess,
) -> Result<Built> {
    let platforms = platforms(recipe, &make.platform)?;
    let compression = compression(recipe, make.compression)?;
    let repositories = session.repositories(recipe)?;
    let sources = match &make.guest_dir {
        Some(directory) => Sources::Directory(directory.clone()),
        None => Sources::Embedded,
    };
    let jobs = make
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
    Ok(build::build(
        recipe,
        lock,
        &platforms,
        &build::Context {
            fetcher: &session.fetcher,
            repositories: &repositories,
            sources: &sources,
            compression,
            jobs,
            epoch: session.settings.source_date_epoch.unwrap_or(lock.epoch),
            program: program()?,
            images: &Pulled::new(session, access),
            reporter: session.reporter.as_ref(),
        },
    )?)
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
    let repository = place(arguments.batch.repository.as_ref(), session, recipe)?;
    if arguments.push && repository.is_none() {
        bail!(nowhere(recipe));
    }
    Ok(repository)
}

/// There is no repository, and one is needed.
pub(super) fn nowhere(recipe: &Recipe) -> RecipeError {
    RecipeError::Whole {
        path: recipe.path.clone(),
        message: "there is nowhere to push to; name the repository with --repository, DINDIMG_REPOSITORY, `repository` in the configuration file, or `repository` in [image]".to_owned(),
    }
}

/// Where an image goes: the flag's repository, the user's, or the recipe's.
pub(super) fn place(
    named: Option<&Repository>,
    session: &Session,
    recipe: &Recipe,
) -> Result<Option<Repository>> {
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
    let named = named.or(session.settings.repository.as_ref());
    Ok(match named {
        Some(repository) => Some(repository.clone()),
        None => from_recipe().transpose()?,
    })
}

fn names(
    arguments: &Build,
    recipe: &Recipe,
    lock: &Lock,
    repository: Option<&Repository>,
) -> Result<Names> {
    let data = TagData::of(recipe, lock.packages_of_variant(&recipe.variant));
    let templates = if arguments.batch.tag.is_empty() {
        &recipe.tags
    } else {
        &arguments.batch.tag
    };
    let tags: Vec<String> = templates
        .iter()
        .map(|template| render_tag(template, &data))
        .collect::<Result<_, _>>()?;
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
    built: &Built,
    names: &Names,
    repository: Option<&Repository>,
    output: &Output,
) -> Result<Value> {
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
        let pushed = publish::push(built, names, repository, &arguments.batch.registry, session)?;
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
        "variant": recipe.variant.as_str(),
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
