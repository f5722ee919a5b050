//! What a recipe puts into its images beside packages, as the lock records it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::recipe::{Entry, File, ImagePath, Recipe, Recipes};

use super::model::Lock;

/// One file, directory or link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedArtifact {
    /// Where it is in the image.
    pub path: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// Digest of the file; of a template, before it is rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Target of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Its owner, as the recipe names it.
    pub owner: String,
    /// Its permissions in octal; links have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// Kinds of artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// A file as it is.
    File,
    /// A file that is rendered.
    Template,
    /// A certificate.
    Certificate,
    /// A symbolic link.
    Link,
    /// A directory.
    Directory,
}

/// What `recipe` puts into its image, by path.
pub fn artifacts(recipe: &Recipe) -> Vec<LockedArtifact> {
    let content = &recipe.content;
    let all: BTreeMap<&ImagePath, &File> =
        content.files.iter().chain(&content.authorities).collect();
    all.into_iter()
        .map(|(path, file)| artifact(path, file))
        .collect()
}

fn artifact(path: &ImagePath, file: &File) -> LockedArtifact {
    let (kind, sha256, target) = match &file.entry {
        Entry::File(bytes) => (ArtifactKind::File, Some(bytes.digest()), None),
        Entry::Template { bytes, .. } => (ArtifactKind::Template, Some(bytes.digest()), None),
        Entry::Certificate(bytes) => (ArtifactKind::Certificate, Some(bytes.digest()), None),
        Entry::Link(target) => (ArtifactKind::Link, None, Some(target.clone())),
        Entry::Directory { .. } => (ArtifactKind::Directory, None, None),
    };
    LockedArtifact {
        path: path.to_string(),
        kind,
        sha256,
        mode: target.is_none().then(|| file.mode.to_string()),
        target,
        owner: file.owner.to_string(),
    }
}

/// The paths at which the images of `recipes` differ from what `lock` records, each with what has
/// happened to it since.
pub fn changed_artifacts(lock: &Lock, recipes: &Recipes) -> Vec<String> {
    let changed: BTreeSet<String> = recipes
        .iter()
        .flat_map(|recipe| changed_in(lock, recipe))
        .collect();
    changed.into_iter().collect()
}

/// The same for one image.
pub fn changed_in(lock: &Lock, recipe: &Recipe) -> Vec<String> {
    fn by_path(list: &[LockedArtifact]) -> BTreeMap<&str, &LockedArtifact> {
        list.iter().map(|one| (one.path.as_str(), one)).collect()
    }
    let now = artifacts(recipe);
    let locked = lock
        .image(&recipe.variant)
        .map(|image| &image.artifacts[..]);
    let (before, now) = (by_path(locked.unwrap_or_default()), by_path(&now));
    let paths: BTreeSet<&str> = before.keys().chain(now.keys()).copied().collect();
    paths
        .into_iter()
        .filter_map(|path| {
            let what = match (before.get(path), now.get(path)) {
                (None, _) => "is new",
                (_, None) => "is gone",
                (Some(old), Some(new)) if old == new => return None,
                (Some(old), Some(new)) if old.sha256 != new.sha256 => "has other content",
                _ => "has changed",
            };
            Some(format!("{path} {what}"))
        })
        .collect()
}

/// Records what the images of `recipes` hold now.
pub fn record_artifacts(lock: &mut Lock, recipes: &Recipes) {
    for recipe in recipes.iter() {
        let image = lock
            .images
            .iter_mut()
            .find(|image| image.variant == recipe.variant);
        if let Some(image) = image {
            image.artifacts = artifacts(recipe);
        }
    }
}
