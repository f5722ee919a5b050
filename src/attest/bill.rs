//! What a bill of materials says, whatever its format: the image of one platform, its packages, the
//! files of no package, and what is taken from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::{Inventory, Origin, OwnFile};
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::family::{self, Named};
use crate::lock::Lock;
use crate::oci::Image;
use crate::platform::Platform;
use crate::recipe::Recipe;

use super::licence::Licences;

/// The program, as a tool of bills and provenance.
pub(super) const TOOL: &str = "dindimg";
/// Its version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The contents of an image of one platform.
#[derive(Clone, Debug)]
pub struct Bill<'a> {
    /// What the image is called: the recipe's name.
    pub name: &'a str,
    /// Its platform.
    pub platform: Platform,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Version of the engine, where it has one; else the release of the distribution.
    pub version: String,
    /// The distribution, `debian`, and its release.
    pub distribution: (&'static str, &'a str),
    /// The date of everything.
    pub created: Epoch,
    /// Its parts, by their names.
    pub components: Vec<Component>,
    /// Files of no package.
    pub files: &'a BTreeMap<String, OwnFile>,
}

/// A part of an image.
#[derive(Clone, Debug)]
pub struct Component {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its package URL; none for what no package manager knows.
    pub purl: Option<String>,
    /// Who brings it.
    pub supplier: Option<String>,
    /// What it is under.
    pub licences: Licences,
    /// Digest of the whole file that it came in.
    pub sha256: Digest,
    /// Where that is, for what is in no repository of packages.
    pub url: Option<String>,
    /// Source package and repository; what it is, for what is no package.
    pub origin: String,
    /// The parts it needs, by their names.
    pub depends: BTreeSet<String>,
}

impl<'a> Bill<'a> {
    /// Of an image that was built from `lock`.
    pub fn of(
        recipe: &'a Recipe,
        lock: &'a Lock,
        image: &Image,
        inventory: &'a Inventory,
        version: &str,
        created: Epoch,
    ) -> Self {
        let family = family::of(recipe);
        let platform = image.platform;
        let packages = lock.packages_of(&recipe.variant, platform).map(|package| {
            let described = inventory.packages.get(&package.name);
            let named = Named {
                name: &package.name,
                version: &package.version,
                architecture: &package.architecture,
                source: &package.source,
                repository: &package.repository,
            };
            Component {
                name: package.name.clone(),
                version: package.version.clone(),
                purl: Some(family.purl(&named, recipe)).filter(|purl| !purl.is_empty()),
                supplier: described.and_then(|one| one.supplier.clone()),
                licences: described
                    .map(|one| Licences::of(&one.licences))
                    .unwrap_or_default(),
                sha256: package.sha256,
                url: None,
                origin: format!("source {}, {}", package.source, package.repository),
                depends: package.depends.clone(),
            }
        });
        let downloads = lock
            .downloads
            .iter()
            .filter(|one| one.is_in(&recipe.variant, platform))
            .map(|one| Component {
                name: one.name.clone(),
                version: one.version.clone().unwrap_or_default(),
                purl: None,
                supplier: None,
                licences: Licences::default(),
                sha256: one.sha256,
                url: Some(one.url.clone()),
                origin: "artifact of the recipe".to_owned(),
                depends: BTreeSet::new(),
            });
        let preloads = recipe.preloads.iter().map(|one| Component {
            name: one.name.to_string(),
            version: String::new(),
            purl: None,
            supplier: None,
            licences: Licences::default(),
            sha256: one.digest,
            url: None,
            origin: "image for the engine inside".to_owned(),
            depends: BTreeSet::new(),
        });
        let version = match version.is_empty() {
            true => recipe.distribution.release(),
            false => version,
        };
        Self {
            name: &recipe.name,
            platform,
            digest: image.manifest.descriptor.digest,
            version: version.to_owned(),
            distribution: (recipe.distribution.id(), recipe.distribution.release()),
            created,
            components: packages.chain(downloads).chain(preloads).collect(),
            files: &inventory.files,
        }
    }

    /// The package URL of the image itself.
    pub(super) fn purl(&self) -> String {
        format!(
            "pkg:oci/{}@sha256%3A{}?arch={}",
            self.name,
            self.digest.hex(),
            self.platform.architecture.oci()
        )
    }
}

impl Origin {
    /// Who brings a file, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Guest => "guest runtime of dindimg",
            Self::Recipe => "content of the recipe",
        }
    }
}
