//! `[[preload]]`: images that the engine inside has from its first start on.

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

use super::content::at::At;
use super::error::RecipeError;
use super::merge::Merge;
use super::raw::RawRecipe;
use super::source::Source;
use super::values::{ImageName, RepositoryName};
use super::words::Profile;

/// The `[[preload]]` tables of a recipe.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct RawPreloads(pub Vec<RawPreload>);

/// `[[preload]]`: an image that the engine inside has from its first start on. It is put into the image
/// as an archive of its own and loaded before the daemon counts as ready, once a store of images.
/// Exactly one of `image` and `layout` says where it is from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawPreload {
    /// What the engine inside calls it, with a tag.
    #[schemars(extend("examples" = ["registry.example.com/team/app:1.2"]))]
    pub name: At<ImageName>,
    /// Registry and repository that it is pulled from when the image is built, with the user's login.
    #[serde(default)]
    #[schemars(extend("examples" = ["registry.example.com/team/app"]))]
    pub image: Option<RepositoryName>,
    /// An OCI image layout, a directory or a tar archive, beside the recipe.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("examples" = ["images/app.oci"]))]
    pub layout: Option<PathBuf>,
    /// Digest of the image, or of an index with one for each platform.
    #[schemars(with = "String", extend("examples" = [
        "sha256:d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d"
    ]))]
    pub digest: Digest,
}

impl Merge for RawPreloads {
    /// Images add up; one of the same name takes the earlier one's place.
    fn merge(mut self, over: Self) -> Self {
        let replaced = |one: &RawPreload| over.0.iter().any(|new| new.name.value == one.name.value);
        self.0.retain(|one| !replaced(one));
        self.0.extend(over.0);
        self
    }
}

impl RawPreloads {
    fn locate(&mut self, recipe: &std::path::Path) {
        for preload in &mut self.0 {
            preload.name.locate(recipe);
        }
    }
}

impl RawRecipe {
    pub(super) fn locate_preloads(&mut self, path: &std::path::Path) {
        self.preload.locate(path);
        for variant in &mut self.variant.0 {
            variant.preload.locate(path);
        }
    }
}

/// `[[preload]]`, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preload {
    /// What the engine inside calls it.
    pub name: ImageName,
    /// Digest of the image or of its index.
    pub digest: Digest,
    /// Where it is from; of no consequence for what the image becomes.
    #[serde(skip)]
    pub origin: Origin,
}

/// Where an image is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A repository of a registry.
    Registry(RepositoryName),
    /// A layout, by its path.
    Layout(PathBuf),
}

/// Checks the tables for an image of `profile`.
pub(super) fn read(
    raw: RawPreloads,
    profile: Option<Profile>,
    source: &dyn Source,
) -> Result<Vec<Preload>, RecipeError> {
    let mut names = BTreeSet::new();
    let read = raw.0.into_iter().map(|one| {
        let name = one.name.clone();
        let wrong = |message: String| name.error(source, &message);
        if !profile.is_some_and(Profile::is_supervised) {
            return Err(wrong(
                "images are loaded by the entry point of the profiles `dind`, `rootless` and `kind-cluster`, which this recipe does not have; remove [[preload]]"
                    .to_owned(),
            ));
        }
        if !names.insert(name.value.clone()) {
            return Err(wrong(format!(
                "image `{}` is there twice; give each its own name",
                name.value
            )));
        }
        let origin = match (one.image, one.layout) {
            (Some(repository), None) => Origin::Registry(repository),
            (None, Some(path)) => {
                let directory = name.recipe().parent();
                Origin::Layout(directory.map_or_else(|| path.clone(), |above| above.join(&path)))
            }
            _ => {
                return Err(wrong(format!(
                    "image `{}` has either `image`, a repository of a registry, or `layout`, a file or directory beside the recipe",
                    name.value
                )));
            }
        };
        Ok(Preload {
            name: one.name.value,
            digest: one.digest,
            origin,
        })
    });
    read.collect()
}
