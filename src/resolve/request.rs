//! What a recipe asks the repositories for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::family::{self, Repository};
use crate::lock::Request;
use crate::recipe::{PathFilters, Recipe, Recipes, VariantName};

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

/// The name of an optional package without the versions that count.
fn bare_name(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_owned()
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
                    .chain(packages.optional.iter().map(|text| bare_name(text)))
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

/// The paths that an image of `recipe` is without: the profile's and the recipe's own.
pub fn filters(recipe: &Recipe) -> PathFilters {
    let profile = recipe
        .profile
        .map(|profile| family::of(recipe).profile(profile, recipe))
        .unwrap_or_default();
    PathFilters::new(
        profile
            .exclude_paths
            .into_iter()
            .chain(recipe.exclude_paths.iter().cloned()),
        profile
            .include_paths
            .into_iter()
            .chain(recipe.include_paths.iter().cloned()),
    )
}

/// The requests of a recipe and its variants, whose digest the lock records.
pub fn requests(recipes: &Recipes, repositories: &[Repository]) -> BTreeMap<VariantName, Request> {
    recipes
        .iter()
        .map(|recipe| (recipe.variant.clone(), request(recipe, repositories)))
        .collect()
}

/// The request of one image.
pub fn request(recipe: &Recipe, repositories: &[Repository]) -> Request {
    let mut packages: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut optional = BTreeSet::new();
    let mut drop = BTreeMap::new();
    if let Some(profile) = recipe.profile {
        let added = family::of(recipe).profile(profile, recipe);
        packages.extend(
            added
                .base
                .into_iter()
                .chain(added.engine)
                .chain(added.extra)
                .map(|name| (name, None)),
        );
        optional.extend(added.optional);
        optional.extend(added.optional_extra);
        drop.extend(added.drop);
    }
    for package in &recipe.include {
        packages.insert(package.name.clone(), package.version.clone());
    }
    drop.extend(recipe.drop.clone());
    // What the recipe leaves out of the profile's own packages is not asked for either.
    packages.retain(|name, _| !recipe.drop.contains_key(name));
    optional.retain(|text| !drop.contains_key(&bare_name(text)));
    let filters = filters(recipe);
    Request {
        platforms: recipe.platforms.iter().copied().collect(),
        packages,
        optional,
        drop,
        exclude_paths: filters.excluded().map(ToString::to_string).collect(),
        include_paths: filters.included().map(ToString::to_string).collect(),
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
        snapshot: recipe.distribution.snapshot(),
        acknowledged: Request::acknowledged_by(recipe),
        pins: pins(recipe),
        artifacts: recipe.artifacts.clone(),
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
