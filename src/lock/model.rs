//! The lock's schema.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::platform::Platform;
use crate::recipe::{Acknowledged, Artifact, Recipe, VariantName};

use super::artifact::LockedArtifact;
use super::download::LockedDownload;

/// The lock format this crate reads and writes.
pub const LOCK_VERSION: u32 = 2;

/// A lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lock {
    /// [`LOCK_VERSION`].
    pub version: u32,
    /// Version of the program that wrote it.
    pub generator: String,
    /// Digest of the [`Request`]s it answers: another digest means the recipe has changed.
    pub request: Digest,
    /// Newest date of the repositories: the date of everything generated.
    pub epoch: Epoch,
    /// The images: the recipe's and its variants'.
    #[serde(rename = "image")]
    pub images: Vec<LockedImage>,
    /// The repositories, as they were signed.
    #[serde(rename = "repository")]
    pub repositories: Vec<LockedRepository>,
    /// The packages, by name and architecture.
    #[serde(rename = "package")]
    pub packages: Vec<LockedPackage>,
    /// What the recipe takes from elsewhere.
    #[serde(rename = "artifact", default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<LockedDownload>,
}

/// How layers are encoded. Another encoder gives other bytes from the same content, so the lock
/// says which it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Encoding {
    /// Codec and level, `gzip:5`.
    pub compression: String,
    /// Library, version and block size.
    pub encoder: String,
}

/// What is particular about one image of the recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedImage {
    /// The variant, `default` for the recipe itself.
    pub variant: VariantName,
    /// How its layers are encoded.
    pub encoding: Encoding,
    /// Paths left out of every package.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude_paths: Vec<String>,
    /// Paths kept although excluded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_paths: Vec<String>,
    /// Packages left out although installed ones depend on them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, Dropped>,
    /// What the recipe puts into the image beside packages, by path.
    #[serde(rename = "artifact", default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<LockedArtifact>,
}

/// A package that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dropped {
    /// Why nothing needs it.
    pub reason: String,
    /// The installed packages that depend on it, on any platform.
    pub wanted_by: BTreeSet<String>,
}

/// A repository as it was resolved from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedRepository {
    /// Name in this lock, `debian/bookworm`.
    pub name: String,
    /// Kind of repository: `deb`, or `local` for a directory of packages beside the recipe.
    pub kind: String,
    /// Suite below `dists/`; absent for directories.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suite: String,
    /// Date of the signed Release file; absent for directories, which have none.
    #[serde(default, skip_serializing_if = "undated")]
    pub date: Epoch,
    /// Digest of the signed text; of a directory, that of the names and digests of its packages.
    pub digest: Digest,
    /// Primary fingerprints whose signatures were valid, sorted; none for directories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
    /// The snapshot archive's copy that holds the packages, `20260711T221637Z`; absent for
    /// repositories that have no snapshot archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// What was accepted although it would be refused by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

fn undated(date: &Epoch) -> bool {
    *date == Epoch::default()
}

/// One package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedPackage {
    /// Name.
    pub name: String,
    /// Version in the distribution's notation.
    pub version: String,
    /// Its architecture: the target's, or `all`.
    pub architecture: String,
    /// Source package it was built from.
    pub source: String,
    /// The repository it comes from.
    pub repository: String,
    /// Path below the mirror.
    pub path: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// Digest of the whole file.
    pub sha256: Digest,
    /// The installed packages that satisfy its dependencies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends: BTreeSet<String>,
    /// The platforms it is installed on, by variant.
    pub platforms: BTreeMap<VariantName, BTreeSet<Platform>>,
    /// Its maintainer scripts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scripts: BTreeMap<String, LockedScript>,
}

/// A maintainer script in the census.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedScript {
    /// Digest of the script as shipped.
    pub sha256: Digest,
    /// The rule that stands for it, `acknowledged` where the recipe accepts it without one;
    /// absent for prerm and postrm, which an image never runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// Everything of a recipe that decides what is resolved.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// Platforms, sorted.
    pub platforms: BTreeSet<Platform>,
    /// Packages by name, with their pinned versions: the profile's and the recipe's.
    pub packages: BTreeMap<String, Option<String>>,
    /// Packages installed where the repositories have them.
    pub optional: BTreeSet<String>,
    /// Packages left out although others depend on them, with the reasons.
    pub drop: BTreeMap<String, String>,
    /// Paths left out of every package.
    pub exclude_paths: Vec<String>,
    /// Paths kept although excluded.
    pub include_paths: Vec<String>,
    /// Whether Recommends are installed.
    pub recommends: bool,
    /// Repositories: name, suite, components and priority, in order.
    pub repositories: Vec<(String, String, Vec<String>, i32)>,
    /// The snapshot the recipe asks for.
    pub snapshot: Option<Epoch>,
    /// Uncovered scripts the recipe accepts.
    pub acknowledged: Vec<String>,
    /// The one repository that a package is taken from, by package.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, String>,
    /// The only packages that are taken from a repository, by repository.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, BTreeSet<String>>,
    /// What is taken from elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
}

impl Request {
    /// The digest that identifies the requests of a recipe, by variant, of their JSON form with
    /// sorted keys.
    pub fn digest(requests: &BTreeMap<VariantName, Self>) -> Digest {
        // Serialising strings, numbers and ordered maps into memory cannot fail.
        Digest::of(serde_json::to_vec(requests).unwrap_or_default())
    }

    /// The recipe's part of the acknowledged scripts, `all` for every one.
    pub fn acknowledged_by(recipe: &Recipe) -> Vec<String> {
        match &recipe.acknowledged {
            None => Vec::new(),
            Some(Acknowledged::All(_)) => vec!["all".to_owned()],
            Some(Acknowledged::Packages(names)) => {
                let names: BTreeSet<String> = names.iter().map(|name| name.name.clone()).collect();
                names.into_iter().collect()
            }
        }
    }
}

impl LockedPackage {
    /// Whether `variant` has it on `platform`.
    pub fn is_in(&self, variant: &VariantName, platform: Platform) -> bool {
        self.platforms
            .get(variant)
            .is_some_and(|platforms| platforms.contains(&platform))
    }
}

impl Lock {
    /// The packages of `variant` on `platform`, in the lock's order.
    pub fn packages_of<'a>(
        &'a self,
        variant: &'a VariantName,
        platform: Platform,
    ) -> impl Iterator<Item = &'a LockedPackage> {
        self.packages
            .iter()
            .filter(move |package| package.is_in(variant, platform))
    }

    /// The packages of `variant` on any platform, in the lock's order.
    pub fn packages_of_variant<'a>(
        &'a self,
        variant: &'a VariantName,
    ) -> impl Iterator<Item = &'a LockedPackage> {
        self.packages
            .iter()
            .filter(move |package| package.platforms.contains_key(variant))
    }

    /// What is particular about the image of `variant`.
    pub fn image(&self, variant: &VariantName) -> Option<&LockedImage> {
        self.images.iter().find(|image| image.variant == *variant)
    }

    /// A repository by its name in this lock.
    pub fn repository(&self, name: &str) -> Option<&LockedRepository> {
        self.repositories
            .iter()
            .find(|repository| repository.name == name)
    }

    /// Puts repositories and packages into the order in which they are written.
    pub fn sort(&mut self) {
        self.images.sort_by(|a, b| a.variant.cmp(&b.variant));
        self.repositories.sort_by(|a, b| a.name.cmp(&b.name));
        self.packages.sort_by(|a, b| {
            (&a.name, &a.architecture, &a.version).cmp(&(&b.name, &b.architecture, &b.version))
        });
        self.downloads
            .sort_by(|a, b| (&a.name, &a.url).cmp(&(&b.name, &b.url)));
    }
}
