//! From the packages of a platform to its layers, before they are written.

use std::collections::BTreeMap;

use crate::family;
use crate::guest;
use crate::harden;
use crate::lock::{Lock, LockedDownload, LockedPackage};
use crate::platform::Platform;
use crate::recipe::{Profile, Recipe};
use crate::resolve::{filters, roots};
use crate::setup::{self, Package, Setup, conventions};
use crate::tree::{Kind, Meta, Node, Tree, TreePath};

use super::error::BuildError;
use super::plan::LayerName;
use super::tags::TagData;
use super::unpack::Unpacked;
use super::{
    Context, Layers, Seen, Work, artifact, config, inventory, plan, preload, segments, unpack,
    world,
};

/// The plugin of Docker's client that starts services.
const COMPOSE: &str = "docker-compose";

/// Packages, rules, guest, hardening and database, in the order of the design; cut into layers.
pub(super) fn assemble(
    recipe: &Recipe,
    lock: &Lock,
    work: &Work<'_>,
    mut unpacked: Vec<Unpacked>,
    context: &Context<'_>,
) -> Result<(Layers, Seen), BuildError> {
    let Work {
        platform,
        ref locked,
        ref sources,
        ..
    } = *work;
    let epoch = context.epoch;
    let filters = filters(recipe);
    let mut tree = Tree::new(epoch.seconds());
    let conventions = conventions::of(&recipe.distribution);
    (conventions.prepare)(&mut tree, platform.architecture, epoch)?;
    unpack::place(&mut tree, &mut unpacked, recipe)?;
    let packages: Vec<Package> = unpacked.into_iter().map(|one| one.package).collect();
    let artifacts = artifacts(recipe, lock, platform)?;
    let mut names: Vec<String> = packages.iter().map(Package::label).collect();
    names.extend(artifacts.iter().map(artifact::Source::name));
    names.extend(recipe.preloads.iter().map(preload::title));
    let mtime = epoch.seconds();
    artifact::place_all(
        &mut tree,
        &artifacts,
        packages.len(),
        &names,
        context.fetcher,
        mtime,
    )?;
    let first = packages.len() + artifacts.len();
    preload::place_all(&mut tree, recipe, platform, first, &names, context)?;
    let mut setup = Setup {
        tree: &mut tree,
        conventions,
        packages: &packages,
        architecture: platform.architecture,
        epoch,
        sources,
        world: &world::world(recipe, &packages, context.repositories),
        tags: world::tags(locked, context.repositories),
        iptables: recipe.iptables,
        filters: &filters,
        rule: "",
    };
    setup::apply(&mut setup)?;
    guest::enrol(&mut setup, &recipe.content)?;
    let data = TagData::of(recipe, lock.packages_of(&recipe.variant, platform));
    if recipe.profile.is_some() {
        let runtime = guest::runtime(recipe);
        let data = config::guest_data(recipe, &data);
        guest::place(setup.tree, context.sources, &runtime.parts, &data, epoch)?;
        for directory in &runtime.directories {
            let path = TreePath::parse(directory.path).map_err(guest::GuestError::from)?;
            if !setup.tree.contains(&path) {
                let meta = Meta {
                    uid: directory.owner,
                    gid: directory.owner,
                    ..Meta::root(directory.mode, epoch.seconds())
                };
                setup.tree.set(
                    &path,
                    Node {
                        kind: Kind::Directory,
                        meta,
                    },
                )?;
            }
        }
    }
    let runtime = guest::runtime(recipe);
    for (path, target) in &runtime.links {
        setup.link(path, target)?;
    }
    // Without a profile the packages are installed as they are; what the recipe adds is judged below
    // like that of any image.
    let unprivileged = match recipe.profile {
        Some(_) => harden::mend(&mut setup, &recipe.hardening)?,
        None => Vec::new(),
    };
    for (path, capability) in &runtime.capabilities {
        harden::confer(&mut setup, path, *capability)?;
    }
    (conventions.write_database)(&mut setup)?;
    let data = config::file_data(recipe, &data, platform);
    guest::place_content(&mut setup, &recipe.content, &data)?;
    let plugins = guest::plugins(setup.tree);
    check_compose(recipe, setup.tree, &plugins)?;
    check_cluster(recipe, setup.tree)?;
    let seen = Seen {
        unprivileged,
        plugins,
        notes: harden::check(setup.tree, &packages, recipe)?,
        inventory: inventory::of(
            setup.tree,
            &packages,
            recipe,
            context.sources,
            family::of(recipe),
        )?,
    };
    let assigned = plan::assign(locked.iter().copied(), &roots(recipe));
    let mut sources = sources_of(&packages, locked, &assigned, &artifacts);
    let preloads = recipe.preloads.iter();
    sources.extend(preloads.map(|one| segments::Source {
        file: Some(preload::key(one, platform)),
        layer: Some(LayerName::Preload),
    }));
    let layers = segments::cut(&tree, &sources, epoch);
    Ok((layers, seen))
}

/// Services need their file and the program that reads it.
fn check_compose(recipe: &Recipe, tree: &Tree, plugins: &[String]) -> Result<(), BuildError> {
    let Some(file) = &recipe.compose.file else {
        return Ok(());
    };
    let path = TreePath::parse(file.as_str()).map_err(guest::GuestError::from)?;
    if tree.file(&path).is_none() {
        return Err(BuildError::Compose(format!(
            "the image has no {file}; bring it with [[file]]"
        )));
    }
    if !plugins.iter().any(|plugin| plugin == COMPOSE) {
        return Err(BuildError::Compose(
            "the image has no plugin docker-compose; add its package to [packages] `include` (docker-compose from Debian 13 on, docker-compose-plugin of Docker's)"
                .to_owned(),
        ));
    }
    Ok(())
}

/// A cluster needs what makes it and what talks to it, from wherever.
fn check_cluster(recipe: &Recipe, tree: &Tree) -> Result<(), BuildError> {
    if recipe.profile != Some(Profile::KindCluster) {
        return Ok(());
    }
    let has = |path: &str| -> Result<bool, guest::GuestError> {
        Ok(tree.file(&TreePath::parse(path)?).is_some())
    };
    for program in ["kind", "kubectl"] {
        let places = [
            format!("/usr/bin/{program}"),
            format!("/usr/local/bin/{program}"),
        ];
        if !has(&places[0])? && !has(&places[1])? {
            return Err(BuildError::Kind(format!(
                "the image has no {program}, which the distribution has no package of (Debian has one from 13 on); bring it to {} with [[artifact]]",
                places[1]
            )));
        }
    }
    match &recipe.kind.config {
        Some(file) if !has(file.as_str())? => Err(BuildError::Kind(format!(
            "the image has no {file} ([kind] `config`); bring it with [[file]]"
        ))),
        _ => Ok(()),
    }
}

/// What the image takes from elsewhere, with the file that the lock has for each.
fn artifacts<'a>(
    recipe: &'a Recipe,
    lock: &'a Lock,
    platform: Platform,
) -> Result<Vec<artifact::Source<'a>>, BuildError> {
    recipe
        .artifacts
        .iter()
        .map(|artifact| {
            let is = |one: &&LockedDownload| {
                one.name == artifact.name && one.is_in(&recipe.variant, platform)
            };
            let locked = lock.downloads.iter().find(is);
            let locked = locked.ok_or_else(|| BuildError::Artifact {
                name: artifact.name.clone(),
                message: format!("the lock has no file for {platform}; lock again"),
            })?;
            Ok(artifact::Source { artifact, locked })
        })
        .collect()
}

/// Where the entries of a tree are from, by the numbers of their owners.
fn sources_of(
    packages: &[Package],
    locked: &[&LockedPackage],
    assigned: &BTreeMap<String, LayerName>,
    artifacts: &[artifact::Source<'_>],
) -> Vec<segments::Source> {
    let digests = unpack::digests(locked);
    let of_packages = packages.iter().map(|package| segments::Source {
        file: digests.get(&package.name).copied(),
        layer: assigned.get(&package.name).copied(),
    });
    let of_artifacts = artifacts.iter().map(|one| segments::Source {
        file: Some(one.key()),
        layer: Some(LayerName::Extra),
    });
    of_packages.chain(of_artifacts).collect()
}
