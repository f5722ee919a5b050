//! What an image's package manager is told of how the image came to be: what was asked for, and the
//! tags of the repositories that packages are from (apk-world(5), apk-repositories(5)).

use std::collections::BTreeMap;

use crate::family::Repository;
use crate::lock::LockedPackage;
use crate::recipe::Recipe;
use crate::resolve::request;
use crate::setup::Package;

/// What was asked for and is installed, a line each, sorted.
pub(super) fn world(
    recipe: &Recipe,
    packages: &[Package],
    repositories: &[Repository],
) -> Vec<String> {
    let request = request(recipe, repositories);
    let tag = |name: &str| {
        let repository = request.pins.get(name)?;
        let known = repositories.iter().find(|one| one.name == *repository)?;
        known.tag.as_ref()
    };
    let optional = request.optional.iter().map(|name| (name, &None));
    let mut lines: Vec<String> = request
        .packages
        .iter()
        .chain(optional)
        .filter(|(name, _)| packages.iter().any(|package| package.name == **name))
        .map(|(name, version)| {
            let tag = tag(name).map_or_else(String::new, |tag| format!("@{tag}"));
            let version = version
                .as_ref()
                .map_or_else(String::new, |text| format!("={text}"));
            format!("{name}{tag}{version}")
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

/// The tags of the repositories that packages come from, by package.
pub(super) fn tags(
    locked: &[&LockedPackage],
    repositories: &[Repository],
) -> BTreeMap<String, String> {
    let tagged = locked.iter().filter_map(|package| {
        let repository = repositories
            .iter()
            .find(|one| one.name == package.repository)?;
        Some((package.name.clone(), repository.tag.clone()?))
    });
    tagged.collect()
}
