//! Filling in a lock's script census from the packages' control files.

use rayon::prelude::*;

use crate::family::Family;
use crate::fetch::Fetcher;
use crate::lock::{Lock, LockedScript};
use crate::recipe::{Acknowledged, Recipe};
use crate::setup::census::classify;

use super::error::ResolveError;
use super::fetch::open_package;

/// What the census records instead of a rule where the recipe accepts a script.
const ACKNOWLEDGED: &str = "acknowledged";
/// The scripts that run while packages are installed; others never run in an image.
const INSTALLING: &[&str] = &["preinst", "postinst"];
const REMOVING: &[&str] = &["prerm", "postrm"];

/// Records every script and fails for those that neither a rule nor the recipe covers.
pub(super) fn take(
    lock: &mut Lock,
    recipe: &Recipe,
    family: &dyn Family,
    fetcher: &Fetcher,
) -> Result<(), ResolveError> {
    lock.packages.par_iter_mut().try_for_each(|package| {
        let file = open_package(package, fetcher)?;
        let control = family
            .control(file)
            .map_err(|source| ResolveError::Package {
                package: package.name.clone(),
                source,
            })?;
        for (name, content) in &control.files {
            if INSTALLING.contains(&name.as_str()) {
                let finding = classify(&package.name, content);
                let rule = match finding.rule {
                    Some(rule) => Some(rule.to_owned()),
                    None if is_acknowledged(recipe, &package.name) => Some(ACKNOWLEDGED.to_owned()),
                    None => None,
                };
                package.scripts.insert(
                    name.clone(),
                    LockedScript {
                        sha256: finding.digest,
                        rule,
                    },
                );
            } else if REMOVING.contains(&name.as_str()) {
                let sha256 = crate::digest::Digest::of(content);
                package
                    .scripts
                    .insert(name.clone(), LockedScript { sha256, rule: None });
            }
        }
        Ok::<(), ResolveError>(())
    })?;
    let uncovered: Vec<String> = lock
        .packages
        .iter()
        .flat_map(|package| {
            package
                .scripts
                .iter()
                .filter(|(name, script)| {
                    INSTALLING.contains(&name.as_str()) && script.rule.is_none()
                })
                .map(move |(name, _)| format!("{} {} ({name})", package.name, package.version))
        })
        .collect();
    if uncovered.is_empty() {
        Ok(())
    } else {
        Err(ResolveError::Uncovered { scripts: uncovered })
    }
}

/// Whether the recipe accepts uncovered scripts of `package`.
pub fn is_acknowledged(recipe: &Recipe, package: &str) -> bool {
    match &recipe.acknowledged {
        None => false,
        Some(Acknowledged::All(_)) => true,
        Some(Acknowledged::Packages(names)) => names.iter().any(|name| name.name == package),
    }
}
