//! From locked package files to placed packages: decode, spool, read, place.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::deb::archive::Control;
use crate::digest::Digest;
use crate::family::{self, Family};
use crate::fetch::Fetcher;
use crate::lock::LockedPackage;
use crate::progress::{Reporter, Stage};
use crate::recipe::{PathFilters, Recipe};
use crate::resolve::{examine, spooled};
use crate::setup::{Package, conventions};
use crate::tree::{Node, Owner, Spool, Tree, TreeError, TreePath, read_payload};

use super::error::BuildError;
use super::exclude::prune;

/// A package read from its file.
pub(super) struct Unpacked {
    pub package: Package,
    pub entries: Vec<(TreePath, Node)>,
}

/// Decodes every package, several at once, the largest first: one that starts last would be
/// waited for alone. The result is in the order of names.
pub(super) fn unpack(
    locked: &[&LockedPackage],
    recipe: &Recipe,
    filters: &PathFilters,
    fetcher: &Fetcher,
    reporter: &dyn Reporter,
) -> Result<Vec<Unpacked>, BuildError> {
    let family = family::of(recipe);
    let total = locked.iter().map(|package| package.size).sum();
    let task = reporter.begin(
        Stage::Assemble,
        &format!("{} packages", locked.len()),
        Some(total),
    );
    let mut by_size: Vec<&LockedPackage> = locked.to_vec();
    by_size.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    let mut unpacked = by_size
        .par_iter()
        .with_max_len(1)
        .map(|locked| {
            let unpacked = unpack_one(locked, recipe, filters, family, fetcher)?;
            reporter.advance(task, locked.size);
            Ok(unpacked)
        })
        .collect::<Result<Vec<_>, BuildError>>()?;
    reporter.finish(task, "");
    // In the order that was given, by position: names are told apart.
    let position = |one: &Unpacked| locked.iter().position(|it| it.name == one.package.name);
    unpacked.sort_by_cached_key(position);
    Ok(unpacked)
}

fn unpack_one(
    locked: &LockedPackage,
    recipe: &Recipe,
    filters: &PathFilters,
    family: &dyn Family,
    fetcher: &Fetcher,
) -> Result<Unpacked, BuildError> {
    let (mut control, payload) = spooled(locked, family, fetcher)?;
    check_identity(locked, family, &control)?;
    examine(locked, &control, recipe)?;
    let length = payload.length();
    let entries = read_payload(&Arc::new(Spool::new(payload, length))).map_err(|source| {
        BuildError::Payload {
            package: locked.name.clone(),
            source,
        }
    })?;
    let entries = prune(entries, &mut control, filters);
    let mut paths = vec!["/.".to_owned()];
    paths.extend(
        entries
            .iter()
            .filter(|(path, _)| !path.is_root())
            .map(|(path, _)| path.to_string()),
    );
    Ok(Unpacked {
        package: Package {
            name: locked.name.clone(),
            version: locked.version.clone(),
            architecture: locked.architecture.clone(),
            size: locked.size,
            control,
            paths,
            entries: entries.clone(),
            published: !recipe.distribution.adds(&locked.repository),
        },
        entries,
    })
}

/// A file can be the one the index names and still hold another package.
fn check_identity(
    locked: &LockedPackage,
    family: &dyn Family,
    control: &Control,
) -> Result<(), BuildError> {
    let found = family.identity(control);
    for (field, expected, found) in [
        ("name", &locked.name, found.name),
        ("version", &locked.version, found.version),
    ] {
        if found != *expected {
            return Err(BuildError::Identity {
                package: locked.name.clone(),
                field,
                expected: expected.clone(),
                found,
            });
        }
    }
    Ok(())
}

/// Places every package into `tree`; conflicts are settled by Replaces, of the packages or the
/// recipe, or are errors.
pub(super) fn place(
    tree: &mut Tree,
    unpacked: &mut [Unpacked],
    recipe: &Recipe,
) -> Result<(), BuildError> {
    let family = family::of(recipe);
    let entries: Vec<Vec<(TreePath, Node)>> = unpacked
        .iter_mut()
        .map(|one| std::mem::take(&mut one.entries))
        .collect();
    let packages: Vec<&Package> = unpacked.iter().map(|one| &one.package).collect();
    let names: Vec<String> = packages.iter().map(|package| package.label()).collect();
    let replaces = |a: usize, b: usize| {
        let (winner, loser) = (packages[a], packages[b]);
        let said = recipe.replaces.get(&winner.name);
        said.is_some_and(|losers| losers.contains(&loser.name))
            || family.replaces(&winner.control, &loser.control)
    };
    let first = conventions::of(&recipe.distribution).first;
    let mut order: Vec<(usize, Vec<(TreePath, Node)>)> = entries.into_iter().enumerate().collect();
    order.sort_by_key(|(number, _)| packages[*number].name != first);
    for (number, entries) in order {
        for (path, node) in entries {
            tree.place(&path, node, number, &replaces)
                .map_err(|error| explain(error, &names, number))?;
        }
    }
    Ok(())
}

/// Says whose entry cannot be placed; `names` are those of packages by number.
pub(super) fn explain(error: TreeError, names: &[String], number: usize) -> BuildError {
    let named = |number: usize| names.get(number).cloned().unwrap_or_default();
    let name = |owner: Owner| match owner {
        Owner::Package(number) => named(number),
        Owner::Generated => "the image itself".to_owned(),
    };
    match error {
        TreeError::Conflict {
            path,
            first,
            second,
        } => BuildError::Conflict {
            path,
            first: name(first),
            second: name(second),
        },
        other => BuildError::Placement {
            package: named(number),
            source: other,
        },
    }
}

/// The digest of each package's file, by name.
pub(super) fn digests(locked: &[&LockedPackage]) -> BTreeMap<String, Digest> {
    locked
        .iter()
        .map(|package| (package.name.clone(), package.sha256))
        .collect()
}
