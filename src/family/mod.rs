//! Distribution families: what differs between them, behind one trait.
//!
//! Adding a family is one folder here and one line in [`of`].

mod alpine;
mod debian;
mod described;
mod purl;
mod repositories;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use crate::apk::package::PackageError as ApkError;
use crate::deb::archive::{Control, DebError};
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::fetch::{FetchError, Fetcher};
use crate::platform::Architecture;
use crate::recipe::{Distribution, MirrorUrl, PathPattern, Profile, Recipe};

pub use alpine::Alpine;
pub use debian::Debian;

/// The family of a recipe.
pub fn of(recipe: &Recipe) -> &'static dyn Family {
    match recipe.distribution {
        Distribution::Debian(_) => &Debian,
        Distribution::Alpine(_) => &Alpine,
    }
}

pub use described::Described;

/// What a distribution family does its own way.
pub trait Family: Sync {
    /// Its name: `debian`, `alpine`.
    fn id(&self) -> &'static str;

    /// The repositories a recipe resolves from, in order of preference among equals.
    fn repositories(
        &self,
        recipe: &Recipe,
        mirrors: &Mirrors,
    ) -> Result<Vec<Repository>, FamilyError>;

    /// The repositories the package manager inside the image is to use. They are part of the recipe
    /// alone: what the user's configuration or environment says is of the machine that builds. Keys
    /// that the recipe pins by address come through `fetcher`.
    fn sources(
        &self,
        recipe: &Recipe,
        fetcher: &Fetcher,
    ) -> Result<Vec<PackageSource>, FamilyError>;

    /// The packages a profile adds to a recipe.
    fn profile(&self, profile: Profile, recipe: &Recipe) -> ProfilePackages;

    /// Fetches, verifies and judges the signed metadata and reads the indexes.
    fn open(
        &self,
        repositories: &[Repository],
        architectures: &BTreeSet<Architecture>,
        context: &OpenContext<'_>,
    ) -> Result<Vec<Opened>, FamilyError>;

    /// Chooses packages for one architecture, for each of `requests`.
    fn solve(
        &self,
        opened: &[Opened],
        architecture: Architecture,
        requests: &[SolveRequest],
    ) -> Result<Vec<Solved>, FamilyError>;

    /// Finds the digest of each chosen file where the index does not say it. Files that are not in
    /// the cache are fetched, and held to what the index does say.
    fn pin(
        &self,
        solved: &mut [Solved],
        opened: &[Opened],
        fetcher: &Fetcher,
    ) -> Result<(), FetchError>;

    /// Reads the control files of a package file.
    fn control(&self, package: File) -> Result<Control, PackageError>;

    /// Writes a package's decoded payload tar to `spool` and returns its control files.
    fn unpack(&self, package: File, spool: &mut dyn Write) -> Result<Control, PackageError>;

    /// What a package calls itself; empty where it does not say.
    fn identity(&self, control: &Control) -> Identity;

    /// The upstream part of a version: no epoch, no repack suffix, no revision.
    fn upstream_version(&self, version: &str) -> String;

    /// What a package says of itself, by its control files and the copyright file that it ships.
    fn describe(&self, control: &Control, copyright: Option<&str>) -> Described;

    /// The package URL (purl-spec, `deb` and `apk`) of a package of the distribution's release, or of
    /// a repository that the recipe adds.
    fn purl(&self, package: &Named<'_>, recipe: &Recipe) -> String;

    /// Whether a package takes files of another over, by their control files.
    fn replaces(&self, winner: &Control, loser: &Control) -> bool;
}

/// What a package is called where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Name.
    pub name: &'a str,
    /// Version in the distribution's notation.
    pub version: &'a str,
    /// Its architecture.
    pub architecture: &'a str,
    /// Source package it was built from.
    pub source: &'a str,
    /// Name of its repository in the lock.
    pub repository: &'a str,
}

/// A package as it calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// Why a package file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A Debian package.
    #[error(transparent)]
    Deb(#[from] DebError),
    /// An Alpine package.
    #[error(transparent)]
    Apk(#[from] ApkError),
}

/// Mirrors that the environment or the user's configuration names, for recipes that name none.
/// Never keys.
#[derive(Clone, Debug, Default)]
pub struct Mirrors {
    /// Of Debian's main archive.
    pub debian: Vec<MirrorUrl>,
    /// Of Debian's security archive.
    pub debian_security: Vec<MirrorUrl>,
    /// Of Alpine.
    pub alpine: Vec<MirrorUrl>,
}

/// One repository to resolve from.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Name in the lock, `debian/bookworm-security`.
    pub name: String,
    /// Kind in the lock, `deb` or `apk`.
    pub kind: &'static str,
    /// Base addresses, in order.
    pub mirrors: Vec<String>,
    /// The directory it is, in place of mirrors.
    pub directory: Option<Directory>,
    /// Base address of its snapshot archive, below which a stamp and then the mirror's tree follow.
    pub snapshots: Option<String>,
    /// Suite below `dists/`, or branch; empty for what is in neither.
    pub suite: String,
    /// Components.
    pub components: Vec<String>,
    /// Preference, as in apt_preferences(5).
    pub priority: i32,
    /// The only packages taken from it; empty for every one.
    pub only: BTreeSet<String>,
    /// The tag without which none of its packages is taken (apk-repositories(5)).
    pub tag: Option<String>,
    /// The certificates or keys: a name and the bytes.
    pub certificates: Vec<(String, Vec<u8>)>,
    /// Keys that are fetched when it is opened.
    pub key_addresses: Vec<KeyAddress>,
    /// Who may sign: primary fingerprints, or digests of key files.
    pub fingerprints: Vec<String>,
    /// Resolve from the snapshot archive at this time.
    pub snapshot: Option<Epoch>,
    /// Closed and archived.
    pub archived: bool,
    /// Whether an expired Release file is refused.
    pub check_valid_until: bool,
}

/// A key that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAddress {
    /// The name by which signatures call it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Digest of its file.
    pub sha256: Digest,
}

/// A directory of package files that serves as a repository. Nothing of it is signed: it is trusted
/// as the recipe beside it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// How the recipe names it.
    pub named: String,
    /// Digest of the names and digests of its packages.
    pub digest: Digest,
}

impl Repository {
    /// What identifies the repository to the memory of the newest state seen: the same name with
    /// other keys is another repository.
    pub fn identity(&self) -> String {
        let keys = Digest::of(self.fingerprints.join(" ")).hex();
        let stamp = self
            .snapshot
            .map_or_else(String::new, |stamp| format!(" at {}", stamp.to_snapshot()));
        format!("{} {} by {}{stamp}", self.name, self.suite, &keys[..16])
    }

    /// The addresses of a file below the mirror, in order.
    pub fn addresses(&self, path: &str) -> Vec<String> {
        if let Some(directory) = &self.directory {
            // Absolute, so that there is an address of it.
            return url::Url::from_file_path(directory.path.join(path))
                .map(String::from)
                .into_iter()
                .collect();
        }
        match (self.snapshot, &self.snapshots) {
            (Some(stamp), Some(base)) => vec![format!("{base}/{}/{path}", stamp.to_snapshot())],
            _ => self
                .mirrors
                .iter()
                .map(|mirror| format!("{mirror}/{path}"))
                .collect(),
        }
    }
}

/// A repository as the package manager inside the image is to use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageSource {
    /// Name of the repository it belongs to: `debian` for the distribution's own.
    pub name: String,
    /// Base address, `http` or `https`, without credentials.
    pub uri: String,
    /// Suite below `dists/`, or branch.
    pub suite: String,
    /// Components.
    pub components: Vec<String>,
    /// The certificates that may sign it.
    pub certificates: Vec<Vec<u8>>,
    /// The public keys that may sign it (apk), where no package of the distribution has them.
    pub keys: Vec<SourceKey>,
    /// Its tag (apk-repositories(5)).
    pub tag: Option<String>,
    /// Whether those are the distribution's own, which its keyring package ships.
    pub distribution_keys: bool,
    /// Preference, as in apt_preferences(5).
    pub priority: i32,
    /// Whether an expired Release file is refused.
    pub check_valid_until: bool,
}

/// A public key as apk keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceKey {
    /// Name of its file, by which signatures call it.
    pub name: String,
    /// Content of the file.
    pub bytes: Vec<u8>,
}

/// The packages a profile adds.
#[derive(Clone, Debug, Default)]
pub struct ProfilePackages {
    /// Roots of the `base` layer.
    pub base: Vec<String>,
    /// Roots of the `engine` layer.
    pub engine: Vec<String>,
    /// Roots of the `engine` layer that are installed where the distribution has them; a name may
    /// be followed by the versions that count, `docker-compose (>= 2)`.
    pub optional: Vec<String>,
    /// The same for what is no root of a layer: images with the same daemon share those.
    pub optional_extra: Vec<String>,
    /// Further packages, which are no roots: what the layers below do not need is the `extra` layer,
    /// so that images with the same daemon share those.
    pub extra: Vec<String>,
    /// The package whose version is the engine's.
    pub engine_package: String,
    /// Packages left out although others depend on them, with the reasons.
    pub drop: BTreeMap<String, String>,
    /// Those of `drop` that other packages use at run time and not only while they are installed:
    /// a package that a recipe adds may miss them.
    pub run_time_drops: BTreeSet<String>,
    /// Paths left out of every package.
    pub exclude_paths: Vec<PathPattern>,
    /// Paths kept although excluded.
    pub include_paths: Vec<PathPattern>,
}

/// What opening repositories needs.
pub struct OpenContext<'a> {
    /// The network and the cache.
    pub fetcher: &'a Fetcher,
    /// The present.
    pub now: Epoch,
    /// Whether an expired Release is accepted with a warning.
    pub allow_expired: bool,
    /// The dates of the previous lock, by repository name: older ones are refused.
    pub locked_dates: &'a BTreeMap<String, Epoch>,
}

/// A repository whose metadata has been verified and whose indexes have been read.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The repository.
    pub repository: Repository,
    /// Date of its Release; the Unix epoch where there is none.
    pub date: Epoch,
    /// Digest of the signed text.
    pub digest: Digest,
    /// Primary fingerprints of the valid signatures.
    pub signers: Vec<String>,
    /// What was let pass.
    pub warnings: Vec<String>,
    /// Decoded package indexes by architecture.
    pub indexes: BTreeMap<Architecture, Vec<Vec<u8>>>,
}

/// What to choose.
#[derive(Clone, Debug)]
pub struct SolveRequest {
    /// Packages by name, with pinned versions.
    pub packages: BTreeMap<String, Option<String>>,
    /// Packages installed where a repository has them, in a version that counts if one is said:
    /// `docker-compose (>= 2)`.
    pub optional: BTreeSet<String>,
    /// Packages that count as installed and are not.
    pub drop: BTreeSet<String>,
    /// Whether Recommends are installed.
    pub recommends: bool,
    /// Versions preferred where they still exist, by name.
    pub preferred: BTreeMap<String, String>,
    /// The one repository, by name, that a package is taken from.
    pub pins: BTreeMap<String, String>,
}

/// The answer to a [`SolveRequest`].
#[derive(Clone, Debug, Default)]
pub struct Solved {
    /// The packages, in order of name.
    pub packages: Vec<Chosen>,
    /// The dropped names that chosen packages depend on, each with those packages.
    pub dropped: BTreeMap<String, BTreeSet<String>>,
}

/// A chosen package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Its own architecture.
    pub architecture: String,
    /// Source package.
    pub source: String,
    /// Position of its repository among the opened ones.
    pub repository: usize,
    /// Path below the mirror.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// What the file is known by.
    pub file: FileId,
    /// Chosen packages that satisfy its dependencies.
    pub depends: BTreeSet<String>,
}

/// What a package file is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileId {
    /// Digest of the whole file.
    Sha256(Digest),
    /// What the index says of its control files alone, in apk's notation.
    Control(String),
}

/// Why packages could not be chosen.
#[derive(Debug, thiserror::Error)]
pub enum FamilyError {
    /// The recipe asks for something the family does not have.
    #[error("{0}")]
    Recipe(String),
    /// Metadata is not signed as it must be.
    #[error(transparent)]
    Trust(#[from] crate::deb::TrustError),
    /// Metadata is too old, too new or has gone back.
    #[error(transparent)]
    Freshness(#[from] crate::deb::FreshnessError),
    /// The same for Alpine's.
    #[error(transparent)]
    ApkTrust(#[from] crate::apk::TrustError),
    /// An index of Alpine is older than one seen before, or from the future.
    #[error("{0}")]
    Stale(String),
    /// A signed file is not of its format.
    #[error("{subject}: {message}")]
    Metadata {
        /// The file and repository.
        subject: String,
        /// What is wrong.
        message: String,
    },
    /// Something could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The packages cannot live together, or are not there.
    #[error("{0}")]
    Unsatisfiable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_takes_the_place_of_every_mirror_and_is_a_repository_of_its_own() {
        let mut repository = Repository {
            name: "debian/bookworm".to_owned(),
            kind: "deb",
            mirrors: vec!["http://a/debian".to_owned(), "http://b/debian".to_owned()],
            directory: None,
            snapshots: Some("http://s/archive/debian".to_owned()),
            suite: "bookworm".to_owned(),
            components: vec!["main".to_owned()],
            priority: 500,
            only: BTreeSet::new(),
            tag: None,
            certificates: Vec::new(),
            key_addresses: Vec::new(),
            fingerprints: vec!["AB".to_owned()],
            snapshot: None,
            archived: false,
            check_valid_until: true,
        };
        assert_eq!(
            repository.addresses("x"),
            ["http://a/debian/x", "http://b/debian/x"]
        );
        let live = repository.identity();
        repository.snapshot = Epoch::parse_snapshot("20260818T000000Z").ok();
        assert_eq!(
            repository.addresses("x"),
            ["http://s/archive/debian/20260818T000000Z/x"]
        );
        assert_ne!(repository.identity(), live);
        repository.snapshot = None;
        repository.fingerprints = vec!["CD".to_owned()];
        assert_ne!(
            repository.identity(),
            live,
            "other keys, another repository"
        );
        repository.directory = Some(Directory {
            path: PathBuf::from("/srv/my packages"),
            named: "my packages".to_owned(),
            digest: Digest::of(""),
        });
        assert_eq!(
            repository.addresses("a_1%3a2_all.deb"),
            ["file:///srv/my%20packages/a_1%253a2_all.deb"]
        );
    }
}
