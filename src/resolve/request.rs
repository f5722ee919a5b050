//! What a recipe asks the repositories for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::family::{self, Repository};
use crate::lock::Request;
use crate::recipe::Recipe;

/// The packages the layers start from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Roots {
    /// Of the `base` layer.
    pub base: BTreeSet<String>,
    /// Of the `engine` layer.
    pub engine: BTreeSet<String>,
    /// The package whose version is the engine's; `None` without a profile.
    pub engine_package: Option<String>,
}

/// The layer roots of a recipe. Without a profile, the listed packages are the base.
pub fn roots(recipe: &Recipe) -> Roots {
    match recipe.profile {
        Some(profile) => {
            let packages = family::of(recipe).profile(profile, recipe);
            Roots {
                base: packages.base.into_iter().collect(),
                engine: packages
                    .engine
                    .into_iter()
                    .chain(packages.optional)
                    .collect(),
                engine_package: Some(packages.engine_package),
            }
        }
        None => Roots {
            base: recipe
                .include
                .iter()
                .map(|package| package.name.clone())
                .collect(),
            ..Roots::default()
        },
    }
}

/// The resolution request of a recipe, whose digest the lock records.
pub fn request(recipe: &Recipe, repositories: &[Repository]) -> Request {
    let mut packages: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut optional = BTreeSet::new();
    if let Some(profile) = recipe.profile {
        let added = family::of(recipe).profile(profile, recipe);
        packages.extend(
            added
                .base
                .into_iter()
                .chain(added.engine)
                .map(|name| (name, None)),
        );
        optional.extend(added.optional);
    }
    for package in &recipe.include {
        packages.insert(package.name.clone(), package.version.clone());
    }
    Request {
        platforms: recipe.platforms.iter().copied().collect(),
        packages,
        optional,
        recommends: recipe.recommends,
        repositories: repositories
            .iter()
            .map(|r| {
                (
                    r.name.clone(),
                    r.suite.clone(),
                    r.components.clone(),
                    r.priority,
                )
            })
            .collect(),
        snapshot: recipe.debian.snapshot,
        acknowledged: Request::acknowledged_by(recipe),
        pins: pins(recipe),
        only: repositories
            .iter()
            .filter(|repository| !repository.only.is_empty())
            .map(|repository| (repository.name.clone(), repository.only.clone()))
            .collect(),
    }
}

/// The one repository, by name, that a package is taken from.
fn pins(recipe: &Recipe) -> BTreeMap<String, String> {
    recipe
        .pins
        .iter()
        .map(|(package, repository)| (package.clone(), repository.to_string()))
        .collect()
}
