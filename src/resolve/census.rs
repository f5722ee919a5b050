//! Filling in a lock's script census from the packages' control files.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::deb::archive::Control;
use crate::digest::Digest;
use crate::family::Family;
use crate::fetch::{FetchError, Fetcher};
use crate::lock::{Lock, LockedPackage, LockedScript};
use crate::recipe::{Acknowledged, Recipe, Recipes};
use crate::setup::conventions::{self, Conventions, Role};

use super::error::ResolveError;
use super::fetch::open_package;

/// What the census records instead of a rule where the recipe accepts a script.
const ACKNOWLEDGED: &str = "acknowledged";

/// Records every script of the packages at hand and fails for those that neither a rule nor the
/// recipe covers. Packages that are gone from the mirrors stay without a record.
pub(super) fn take(
    lock: &mut Lock,
    recipes: &Recipes,
    family: &dyn Family,
    fetcher: &Fetcher,
) -> Result<(), ResolveError> {
    // The distribution is the same for every variant.
    let ways = conventions::of(&recipes.default().distribution);
    let uncovered: Vec<Vec<String>> = lock
        .packages
        .par_iter_mut()
        .map(|package| {
            let known = fetcher
                .cache()
                .has_blob(&package.sha256, package.size)
                .map_err(FetchError::from)?;
            if !known {
                return Ok(Vec::new());
            }
            let file = open_package(package, fetcher)?;
            let control = family
                .control(file)
                .map_err(|source| ResolveError::Package {
                    package: package.name.clone(),
                    source,
                })?;
            let having: Vec<&Recipe> = recipes
                .iter()
                .filter(|recipe| package.platforms.contains_key(&recipe.variant))
                .collect();
            package.scripts = census(&package.name, &control, &having, ways);
            Ok(uncovered(package, &package.scripts, ways))
        })
        .collect::<Result<_, ResolveError>>()?;
    refuse(uncovered.concat())
}

/// Holds a package about to be placed to the lock's census: its scripts are those on record, or,
/// where there is no record, covered.
pub fn examine(
    package: &LockedPackage,
    control: &Control,
    recipe: &Recipe,
) -> Result<(), ResolveError> {
    let ways = conventions::of(&recipe.distribution);
    let found = census(&package.name, control, &[recipe], ways);
    if package.scripts.is_empty() {
        return refuse(uncovered(package, &found, ways));
    }
    if found.keys().eq(package.scripts.keys())
        && found
            .iter()
            .all(|(name, script)| package.scripts[name].sha256 == script.sha256)
    {
        // A rule may have been withdrawn since; the lock cannot vouch for it.
        return refuse(uncovered(package, &found, ways));
    }
    Err(ResolveError::Census {
        package: format!("{} {}", package.name, package.version),
    })
}

/// The scripts of `package`; accepted without a rule where every image that has it accepts them.
fn census(
    package: &str,
    control: &Control,
    having: &[&Recipe],
    ways: &Conventions,
) -> BTreeMap<String, LockedScript> {
    let mut scripts = BTreeMap::new();
    for (name, content) in &control.files {
        let script = match (ways.role)(name) {
            None => continue,
            Some(Role::Other) => LockedScript {
                sha256: Digest::of(content),
                rule: None,
            },
            Some(Role::Installing) => {
                let finding = (ways.classify)(package, content);
                let accepted = having.iter().all(|recipe| is_acknowledged(recipe, package));
                let acknowledged = accepted.then(|| ACKNOWLEDGED.to_owned());
                LockedScript {
                    sha256: finding.digest,
                    rule: finding.rule.map(str::to_owned).or(acknowledged),
                }
            }
        };
        scripts.insert(name.clone(), script);
    }
    scripts
}

/// The installing scripts without a rule, in words.
fn uncovered(
    package: &LockedPackage,
    scripts: &BTreeMap<String, LockedScript>,
    ways: &Conventions,
) -> Vec<String> {
    let installs = |name: &str| (ways.role)(name) == Some(Role::Installing);
    scripts
        .iter()
        .filter(|(name, script)| installs(name) && script.rule.is_none())
        .map(|(name, _)| format!("{} {} ({name})", package.name, package.version))
        .collect()
}

fn refuse(uncovered: Vec<String>) -> Result<(), ResolveError> {
    if uncovered.is_empty() {
        Ok(())
    } else {
        Err(ResolveError::Uncovered { scripts: uncovered })
    }
}

/// Whether the recipe accepts uncovered scripts of `package`.
fn is_acknowledged(recipe: &Recipe, package: &str) -> bool {
    match &recipe.acknowledged {
        None => false,
        Some(Acknowledged::All(_)) => true,
        Some(Acknowledged::Packages(names)) => names.iter().any(|name| name.name == package),
    }
}
