//! Reading a recipe: the file, what it extends and the keys it names, all below one root.

mod check;
mod conflicts;
mod distribution;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::digest::Digest;
use crate::platform::{Architecture, Platform};

use super::artifact;
use super::content;
use super::error::RecipeError;
use super::keys;
use super::merge::Merge;
use super::model::{Recipe, RecipeFile, Recipes};
use super::preload;
use super::raw::RawRecipe;
use super::source::{Disk, Source};
use super::values::{RelativePath, VariantName};
use super::words::{InitKind, IptablesBackend, Profile, Userland};

/// The variant that a recipe is by itself.
const DEFAULT_VARIANT: &str = "default";
/// The recipe format this crate reads.
const SCHEMA: u32 = 1;
/// A chain of `extends` longer than this is a loop or a mistake.
const EXTENDS_LIMIT: usize = 8;

/// Loads and validates the recipe at `path` with its variants, everything it extends and the keys
/// it names.
///
/// The recipe's root is its own directory: no named file may lie outside it, links included.
pub fn load(path: &Path) -> Result<Recipes, RecipeError> {
    let read_error = |source| RecipeError::Read {
        path: path.to_owned(),
        source,
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let root = directory.canonicalize().map_err(read_error)?;
    let disk = Disk { root };
    load_from(path, &disk)
}

fn load_from(path: &Path, source: &dyn Source) -> Result<Recipes, RecipeError> {
    let chain = read_chain(path, source)?;
    let default = || DEFAULT_VARIANT.parse::<VariantName>();
    let default = default().map_err(|error| RecipeError::whole(path, error))?;
    // The parent's variants come first, as it would build them.
    let mut names: Vec<VariantName> = Vec::new();
    for variant in chain.iter().rev().flat_map(|(_, raw)| &raw.variant.0) {
        if variant.name == default {
            return Err(RecipeError::whole(
                path,
                "variant `default` is the recipe itself; give the variant another name",
            ));
        }
        if !names.contains(&variant.name) {
            names.push(variant.name.clone());
        }
    }
    let variants = names
        .iter()
        .map(|name| variant(path, &chain, name, source))
        .collect::<Result<Vec<_>, _>>()?;
    let sources = chain
        .iter()
        .map(|(at, _)| named(at, source))
        .collect::<Result<Vec<_>, _>>()?;
    let mut default = complete(path, &default, &chain, source)?;
    let mut variants = variants;
    for recipe in variants.iter_mut().chain([&mut default]) {
        recipe.sources.clone_from(&sources);
    }
    Ok(Recipes::new(default, variants))
}

/// What a file is called, wherever it is, and its content.
fn named(path: &Path, source: &dyn Source) -> Result<RecipeFile, RecipeError> {
    let bytes = source.read(path).map_err(|source| RecipeError::Read {
        path: path.to_owned(),
        source,
    })?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(RecipeFile {
        name: name.to_string_lossy().into_owned(),
        digest: Digest::of(bytes),
    })
}

/// A file of the chain, or what it says of one variant.
type Part = (PathBuf, RawRecipe);

/// The recipe and what it extends, the recipe first.
fn read_chain(path: &Path, source: &dyn Source) -> Result<Vec<Part>, RecipeError> {
    let mut chain = vec![(path.to_owned(), parse_file(path, source)?)];
    while let Some((from, parent)) = chain
        .last()
        .and_then(|(from, raw)| Some((from.clone(), raw.extends.clone()?)))
    {
        let next = beside(&from, &parent);
        if chain.len() >= EXTENDS_LIMIT || chain.iter().any(|(seen, _)| *seen == next) {
            return Err(RecipeError::whole(
                &from,
                format!(
                    "extends {parent}, which leads back to itself or too far; remove one `extends`"
                ),
            ));
        }
        let raw = parse_file(&next, source)?;
        chain.push((next, raw));
    }
    Ok(chain)
}

/// One variant: what the files say of it lies upon what they say of every image.
fn variant(
    path: &Path,
    chain: &[Part],
    name: &VariantName,
    source: &dyn Source,
) -> Result<Recipe, RecipeError> {
    let overlays = chain.iter().filter_map(|(at, raw)| {
        let variant = raw.variant.0.iter().find(|variant| variant.name == *name)?;
        Some((at.clone(), variant.overlay()))
    });
    let mut parts: Vec<Part> = overlays.collect();
    let own_tags = parts.iter().any(|(_, raw)| raw.image.tags.is_some());
    let own_immutable = parts
        .iter()
        .any(|(_, raw)| raw.image.immutable_tags.is_some());
    let named = parts.iter().flat_map(|(_, raw)| raw.image.channels.keys());
    let own_channels: BTreeSet<String> = named.cloned().collect();
    parts.extend(chain.iter().cloned());
    let mut recipe = complete(path, name, &parts, source)?;
    recipe.name = format!("{}-{name}", recipe.name);
    if !own_tags {
        for tag in &mut recipe.tags {
            *tag = format!("{tag}-{name}");
        }
    }
    if !own_immutable {
        for tag in &mut recipe.immutable_tags {
            *tag = format!("{tag}-{name}");
        }
    }
    for (channel, tags) in &mut recipe.channels {
        if !own_channels.contains(channel) {
            tags.iter_mut()
                .for_each(|tag| *tag = format!("{tag}-{name}"));
        }
    }
    Ok(recipe)
}

/// The first of `parts` that names something: paths in it are relative to that file.
fn first_named<'a, T>(
    parts: &'a [Part],
    pick: impl Fn(&'a RawRecipe) -> Option<T>,
) -> Option<(&'a Path, T)> {
    parts
        .iter()
        .find_map(|(at, raw)| Some((at.as_path(), pick(raw)?)))
}

pub(super) fn beside(file: &Path, relative: &RelativePath) -> PathBuf {
    file.parent()
        .unwrap_or(Path::new(""))
        .join(relative.as_str())
}

fn parse_file(path: &Path, source: &dyn Source) -> Result<RawRecipe, RecipeError> {
    let bytes = source.read(path).map_err(|source| RecipeError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| RecipeError::whole(path, "it is not UTF-8 text; recipes are TOML"))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<RawRecipe, RecipeError> {
    let fail = |error: toml::de::Error| {
        let span = error.span().unwrap_or(0..text.len());
        RecipeError::text(path, text, span, error.message())
    };
    let table = toml::de::DeTable::parse(text).map_err(fail)?;
    if let Some((span, message)) = keys::first_unknown(table.get_ref()) {
        return Err(RecipeError::text(path, text, span, &message));
    }
    let mut raw = RawRecipe::deserialize(toml::de::Deserializer::from(table)).map_err(fail)?;
    raw.locate(path);
    raw.locate_artifacts(path);
    raw.locate_preloads(path);
    match raw.schema {
        Some(SCHEMA) | None => Ok(raw),
        Some(other) => Err(RecipeError::whole(
            path,
            format!("schema is {other}; this version reads schema {SCHEMA}"),
        )),
    }
}

fn complete(
    path: &Path,
    variant: &VariantName,
    parts: &[Part],
    source: &dyn Source,
) -> Result<Recipe, RecipeError> {
    let raw = parts
        .iter()
        .rev()
        .map(|(_, raw)| raw.clone())
        .reduce(Merge::merge)
        .unwrap_or_default();
    let whole = |message: &str| RecipeError::whole(path, message);
    conflicts::refuse(&raw).map_err(|message| whole(&message))?;
    if raw.schema.is_none() {
        return Err(whole("the first key must be `schema = 1`"));
    }
    let distribution = distribution::of(path, parts, raw.debian, raw.alpine, source)?;
    let engine_package = distribution::engine(&distribution, raw.engine.package)
        .map_err(|message| whole(&message))?;
    let platforms = raw.image.platforms.unwrap_or_else(|| {
        vec![Platform {
            architecture: Architecture::Amd64,
        }]
    });
    if platforms.is_empty() {
        return Err(whole("`platforms` is empty; name at least linux/amd64"));
    }
    if platforms.iter().collect::<BTreeSet<_>>().len() != platforms.len() {
        return Err(whole("`platforms` names a platform twice"));
    }
    let include = raw.packages.include.unwrap_or_default();
    if raw.profile.is_none() && include.is_empty() {
        return Err(whole(
            "there is nothing to install; name a `profile` or packages in [packages] `include`",
        ));
    }
    let init = raw.init.kind.unwrap_or(InitKind::Tini);
    check::first_process(raw.profile, init, &distribution).map_err(|message| whole(&message))?;
    check::drops(&raw.packages.drop, &include).map_err(|message| whole(&message))?;
    if let Some(label) = raw
        .labels
        .keys()
        .find(|label| label.starts_with("io.dindimg."))
    {
        return Err(whole(&format!(
            "label `{label}` is the program's own; choose another name"
        )));
    }
    content::check_image(path, &raw.env, &raw.labels)?;
    let tables = content::Tables {
        files: raw.file,
        users: raw.users,
        groups: raw.groups,
        ca: raw.ca,
    };
    let mut content = content::read(tables, source)?;
    let rootless = raw.profile == Some(Profile::Rootless);
    if rootless {
        content
            .add_daemon_user()
            .map_err(|message| whole(&message))?;
    }
    let artifacts = artifact::read(raw.artifact, &platforms, source)?;
    let preloads = preload::read(raw.preload, raw.profile, source)?;
    check::machine(raw.profile, raw.listen.tcp).map_err(|message| whole(&message))?;
    let listen = raw.listen.finish();
    check::environment(&raw.env, raw.profile.map(|_| listen.tcp))
        .map_err(|message| whole(&message))?;
    let network = raw.network.finish().map_err(|message| whole(&message))?;
    let compose = raw.compose.finish();
    check::compose(raw.profile, &compose).map_err(|message| whole(&message))?;
    check::kind(raw.profile, raw.kind.any()).map_err(|message| whole(&message))?;
    let kind = raw.kind.finish().map_err(|message| whole(&message))?;
    let daemon = check::with_network(raw.engine.daemon, network.daemon_keys())
        .map_err(|message| whole(&message))?;
    let hardening = raw.hardening.finish().map_err(|message| whole(&message))?;
    if raw.profile == Some(Profile::Vmlc) && hardening.read_only {
        return Err(whole(
            "[hardening] asks for a read-only root, and the profile `vmlc` writes host keys and its machine id there; say `read-only = false`",
        ));
    }
    let mut smoke = raw.smoke.finish().map_err(|message| whole(&message))?;
    let iptables = raw.iptables.backend.unwrap_or(IptablesBackend::Legacy);
    if raw.profile.is_some_and(|profile| !profile.has_daemon()) {
        smoke.without_daemon(iptables);
    }
    if rootless {
        check::rootless(&hardening).map_err(|message| whole(&message))?;
        smoke.without_root();
    }
    let name = path.file_stem().map_or_else(
        || "image".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    Ok(Recipe {
        name,
        variant: variant.clone(),
        path: path.to_owned(),
        sources: Vec::new(),
        profile: raw.profile,
        repository: raw.image.repository,
        platforms,
        tags: raw.image.tags.unwrap_or_default(),
        immutable_tags: raw.image.immutable_tags.unwrap_or_default(),
        channels: raw.image.channels,
        compression: raw.image.compression,
        volume: raw.image.volume.unwrap_or(true),
        distribution,
        userland: raw.packages.userland.unwrap_or(Userland::Standard),
        include,
        drop: raw.packages.drop,
        exclude_paths: raw.packages.exclude_paths.unwrap_or_default(),
        include_paths: raw.packages.include_paths.unwrap_or_default(),
        recommends: raw.packages.recommends.unwrap_or(false),
        replaces: raw
            .packages
            .replaces
            .unwrap_or_default()
            .into_iter()
            .map(|(winner, losers)| (winner, losers.into_iter().map(|loser| loser.name).collect()))
            .collect(),
        pins: raw.packages.pin.unwrap_or_default(),
        acknowledged: raw.packages.acknowledge_scripts,
        init,
        iptables,
        storage: raw
            .storage
            .finish(rootless)
            .map_err(|message| whole(&message))?,
        engine_package,
        daemon,
        run: raw.run.finish().map_err(|message| whole(&message))?,
        listen,
        tls: raw.tls.finish().map_err(|message| whole(&message))?,
        network,
        compose,
        kind,
        health: raw.health.finish(),
        hardening,
        smoke,
        waivers: raw.audit.finish().map_err(|message| whole(&message))?,
        env: raw.env,
        labels: raw.labels,
        content,
        artifacts,
        preloads,
    })
}

#[cfg(test)]
mod tests;
