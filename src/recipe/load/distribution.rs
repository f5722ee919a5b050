//! The distribution of a recipe. Keys and directories are read where they are named, so that each
//! path is relative to its own file.

use std::path::Path;

use super::super::alpine::{Alpine, RawAlpine, read_keys};
use super::super::error::RecipeError;
use super::super::model::{Debian, Distribution, ExtraRepository, LocalRepository, Pin, Trust};
use super::super::raw::{RawDebian, RawKey, RawLocal};
use super::super::source::Source;
use super::super::values::Word;
use super::super::words::EnginePackage;
use super::{Part, beside, first_named};

/// Priority of a repository that names none, as in apt_preferences(5).
const DEFAULT_PRIORITY: i32 = 500;
/// The repositories of an Alpine branch that are used where a recipe names none: the engine is in
/// the second.
const ALPINE_REPOSITORIES: [&str; 2] = ["main", "community"];

/// The distribution that `parts` name, of which `debian` and `alpine` are the merged tables.
pub(super) fn of(
    path: &Path,
    parts: &[Part],
    debian: RawDebian,
    alpine: RawAlpine,
    source: &dyn Source,
) -> Result<Distribution, RecipeError> {
    let whole = |message: &str| RecipeError::whole(path, message);
    match (debian.suite.clone(), alpine.branch.clone()) {
        (Some(suite), None) => {
            if first_named(parts, |raw| alpine_said(&raw.alpine)).is_some() {
                return Err(whole(
                    "[alpine] has no `branch`, and the recipe is of Debian; remove the table",
                ));
            }
            of_debian(path, parts, debian, suite, source).map(Distribution::Debian)
        }
        (None, Some(branch)) => {
            of_alpine(path, parts, alpine, branch, source).map(Distribution::Alpine)
        }
        (Some(_), Some(_)) => Err(whole(
            "the recipe has a `suite` of [debian] and a `branch` of [alpine]; an image is of one distribution",
        )),
        (None, None) => Err(whole(
            "no distribution is named; add [debian] with `suite = \"bookworm\"`, or [alpine] with `branch = \"v3.22\"`",
        )),
    }
}

/// Whether anything of the table is there.
fn alpine_said(alpine: &RawAlpine) -> Option<()> {
    let any = alpine.mirrors.is_some()
        || alpine.repositories.is_some()
        || alpine.keys.is_some()
        || alpine.repository.is_some();
    any.then_some(())
}

/// The package that brings the engine: of those that the distribution has.
pub(super) fn engine(
    distribution: &Distribution,
    asked: Option<EnginePackage>,
) -> Result<EnginePackage, String> {
    let has: &[EnginePackage] = match distribution {
        Distribution::Debian(_) => &[EnginePackage::DockerIo, EnginePackage::DockerCe],
        Distribution::Alpine(_) => &[EnginePackage::DockerEngine],
    };
    let package = asked.unwrap_or(has[0]);
    if has.contains(&package) {
        return Ok(package);
    }
    let words: Vec<&str> = has.iter().map(|one| one.word()).collect();
    Err(format!(
        "[engine] `package` is `{package}`, which {distribution} has not (one of {})",
        words.join(", ")
    ))
}

fn of_alpine(
    path: &Path,
    parts: &[Part],
    raw: RawAlpine,
    branch: Word,
    source: &dyn Source,
) -> Result<Alpine, RecipeError> {
    let keys = first_named(parts, |raw| raw.alpine.keys.as_ref())
        .map(|(at, keys)| read_keys(at, keys, source))
        .transpose()?;
    let further = match first_named(parts, |raw| raw.alpine.repository.as_ref()) {
        None => Vec::new(),
        Some((at, list)) => list
            .iter()
            .map(|one| one.finish(at, source))
            .collect::<Result<_, _>>()?,
    };
    let repositories = match raw.repositories {
        Some(repositories) => repositories,
        None => ALPINE_REPOSITORIES
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, String>>()
            .map_err(|message| RecipeError::whole(path, message))?,
    };
    Ok(Alpine {
        branch,
        mirrors: raw.mirrors.unwrap_or_default(),
        repositories,
        keys,
        further,
    })
}

fn of_debian(
    path: &Path,
    parts: &[Part],
    raw: RawDebian,
    suite: Word,
    source: &dyn Source,
) -> Result<Debian, RecipeError> {
    let trust = first_named(parts, |raw| raw.debian.keys.as_ref())
        .map(|(at, keys)| read_pins(at, keys, source))
        .transpose()?;
    let local = first_named(parts, |raw| raw.debian.local.as_ref())
        .map(|(at, list)| read_local(at, list, source))
        .transpose()?
        .unwrap_or_default();
    let main = || "main".parse::<Word>();
    Ok(Debian {
        suite,
        mirrors: raw.mirrors.unwrap_or_default(),
        security_mirrors: raw.security_mirrors.unwrap_or_default(),
        components: match raw.components {
            Some(components) => components,
            None => vec![main().map_err(|error| RecipeError::whole(path, error))?],
        },
        snapshot: raw.snapshot.map(|stamp| stamp.0),
        archived: raw.archived.unwrap_or(false),
        security: raw.security.unwrap_or(true),
        updates: raw.updates.unwrap_or(true),
        check_valid_until: raw.check_valid_until.unwrap_or(true),
        trust: trust.map_or(Trust::Distribution, Trust::Pinned),
        repositories: repositories(parts, source)?,
        local,
    })
}

fn repositories(parts: &[Part], source: &dyn Source) -> Result<Vec<ExtraRepository>, RecipeError> {
    let Some((at, list)) = first_named(parts, |raw| raw.debian.repository.as_ref()) else {
        return Ok(Vec::new());
    };
    list.iter()
        .map(|raw| {
            Ok(ExtraRepository {
                name: raw.name.clone(),
                mirrors: raw.mirrors.clone(),
                suite: raw.suite.clone(),
                components: raw.components.clone(),
                pins: read_pins(at, &raw.keys, source)?,
                priority: raw.priority.unwrap_or(DEFAULT_PRIORITY),
                check_valid_until: raw.check_valid_until.unwrap_or(true),
                packages: raw
                    .packages
                    .iter()
                    .flatten()
                    .map(|package| package.name.clone())
                    .collect(),
            })
        })
        .collect()
}

fn read_pins(at: &Path, keys: &[RawKey], source: &dyn Source) -> Result<Vec<Pin>, RecipeError> {
    if keys.is_empty() {
        return Err(RecipeError::whole(
            at,
            "`keys` is empty, so nothing could be verified; name at least one key or leave it out",
        ));
    }
    keys.iter()
        .map(|key| {
            let path = beside(at, &key.file);
            Ok(Pin {
                file: key.file.to_string(),
                certificate: source
                    .read(&path)
                    .map_err(|source| RecipeError::Read { path, source })?,
                fingerprint: key.fingerprint.clone(),
            })
        })
        .collect()
}

fn read_local(
    at: &Path,
    list: &[RawLocal],
    source: &dyn Source,
) -> Result<Vec<LocalRepository>, RecipeError> {
    list.iter()
        .map(|raw| {
            let path = beside(at, &raw.path);
            Ok(LocalRepository {
                name: raw.name.clone(),
                named: raw.path.to_string(),
                path: source
                    .directory(&path)
                    .map_err(|source| RecipeError::Read { path, source })?,
                priority: raw.priority.unwrap_or(DEFAULT_PRIORITY),
            })
        })
        .collect()
}
