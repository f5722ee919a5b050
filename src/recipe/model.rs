//! A validated recipe: complete, with every default filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::platform::Platform;

use super::alpine::Alpine;
use super::artifact::Artifact;
use super::content::Content;
use super::error::RecipeError;
use super::preload::Preload;
use super::raw::Acknowledged;
use super::settings::{
    Compose, Hardening, Health, Kind, Listen, Network, Run, Smoke, Storage, Tls, Waiver,
};
use super::suggest;
use super::values::{
    CompressionText, FingerprintText, MirrorUrl, PackageName, PathPattern, RepositoryName,
    VariantName, Word,
};
use super::words::{EnginePackage, InitKind, IptablesBackend, Profile, Userland};

/// The images of one recipe file: the recipe itself, then its variants. They share one lock.
#[derive(Clone, Debug)]
pub struct Recipes {
    default: Recipe,
    variants: Vec<Recipe>,
}

impl Recipes {
    pub(super) fn new(default: Recipe, variants: Vec<Recipe>) -> Self {
        Self { default, variants }
    }

    /// The recipe without any variant's changes.
    pub fn default(&self) -> &Recipe {
        &self.default
    }

    /// Every image, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Recipe> {
        std::iter::once(&self.default).chain(&self.variants)
    }

    /// The images of the named variants, all of them if none is named.
    pub fn select(&self, names: &[VariantName]) -> Result<Vec<&Recipe>, RecipeError> {
        let known = || self.iter().map(|recipe| recipe.variant.as_str());
        if let Some(foreign) = names
            .iter()
            .find(|name| known().all(|known| known != name.as_str()))
        {
            let hint = suggest::hint(foreign.as_str(), known());
            return Err(RecipeError::Whole {
                path: self.default.path.clone(),
                message: format!(
                    "it has no variant `{foreign}` (one of {}){hint}",
                    known().collect::<Vec<_>>().join(", ")
                ),
            });
        }
        Ok(self
            .iter()
            .filter(|recipe| names.is_empty() || names.contains(&recipe.variant))
            .collect())
    }
}

/// Everything a recipe says of one image, defaults included.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// File name without `.toml`, followed by `-VARIANT`: names outputs and messages.
    pub name: String,
    /// The variant, `default` for the recipe itself.
    pub variant: VariantName,
    /// The recipe file.
    pub path: PathBuf,
    /// The recipe file and those it extends, as they were read.
    pub sources: Vec<RecipeFile>,
    /// What the image is for; `None` installs the listed packages and nothing else.
    pub profile: Option<Profile>,
    /// Where to push, unless the command line or configuration says otherwise.
    pub repository: Option<RepositoryName>,
    /// Platforms, at least one, no duplicates, in the order given.
    pub platforms: Vec<Platform>,
    /// Tag templates.
    pub tags: Vec<String>,
    /// Templates of tags that never move once they are published.
    pub immutable_tags: Vec<String>,
    /// Templates of tags that are moved in place of the usual ones, by the names of channels.
    pub channels: BTreeMap<String, Vec<String>>,
    /// Layer compression, `None` for the default.
    pub compression: Option<CompressionText>,
    /// Whether the engine's data directory is declared a volume.
    pub volume: bool,
    /// Where its packages come from.
    pub distribution: Distribution,
    /// What the profile adds beside the engine.
    pub userland: Userland,
    /// Packages to install beyond the profile's.
    pub include: Vec<PackageName>,
    /// Packages left out although others depend on them, with the reasons.
    pub drop: BTreeMap<String, String>,
    /// Paths left out of every package, beyond the profile's.
    pub exclude_paths: Vec<PathPattern>,
    /// Paths kept although excluded.
    pub include_paths: Vec<PathPattern>,
    /// Whether Recommends are installed.
    pub recommends: bool,
    /// Which package may overwrite files of which others, beyond what packages declare.
    pub replaces: BTreeMap<String, BTreeSet<String>>,
    /// Which package is taken from which repository alone, by its name in the lock.
    pub pins: BTreeMap<String, Word>,
    /// Uncovered scripts the recipe accepts.
    pub acknowledged: Option<Acknowledged>,
    /// PID 1.
    pub init: InitKind,
    /// Firewall tools.
    pub iptables: IptablesBackend,
    /// Where the inner engine keeps its data.
    pub storage: Storage,
    /// The package that brings the inner engine.
    pub engine_package: EnginePackage,
    /// `daemon.json`.
    pub daemon: BTreeMap<String, serde_json::Value>,
    /// How the daemon and commands start and stop.
    pub run: Run,
    /// Where the daemon is reached.
    pub listen: Listen,
    /// The certificates of the TCP listener.
    pub tls: Tls,
    /// What nested networks get.
    pub network: Network,
    /// Services that are started when the daemon is ready.
    pub compose: Compose,
    /// The Kubernetes cluster of the profile `kind-cluster`.
    pub kind: Kind,
    /// How an engine knows that the daemon can be used; `None` for no check.
    pub health: Option<Health>,
    /// What the image is closed against.
    pub hardening: Hardening,
    /// The cells the image is proven in.
    pub smoke: Smoke,
    /// What the audit of the image accepts.
    pub waivers: Vec<Waiver>,
    /// Environment of the image, over the profile's.
    pub env: BTreeMap<String, String>,
    /// Labels of the image, over the generated ones.
    pub labels: BTreeMap<String, String>,
    /// Files, accounts and certificates of the recipe's own.
    pub content: Content,
    /// Downloads that no package of the distribution has.
    pub artifacts: Vec<Artifact>,
    /// Images that the engine inside has from its first start on.
    pub preloads: Vec<Preload>,
}

/// A file that a recipe was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeFile {
    /// Its name, without the directories of this machine.
    pub name: String,
    /// Its content.
    pub digest: Digest,
}

/// The distribution whose table a recipe has.
#[derive(Clone, Debug)]
pub enum Distribution {
    /// `[debian]`
    Debian(Debian),
    /// `[alpine]`
    Alpine(Alpine),
}

impl Distribution {
    /// Its name, `debian` or `alpine`.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Debian(_) => "debian",
            Self::Alpine(_) => "alpine",
        }
    }

    /// The suite or release, as tags name it: `bookworm`, `3.22`.
    pub fn release(&self) -> &str {
        match self {
            Self::Debian(debian) => debian.suite.as_str(),
            Self::Alpine(alpine) => alpine.release(),
        }
    }

    /// The snapshot that it is resolved from.
    pub fn snapshot(&self) -> Option<Epoch> {
        match self {
            Self::Debian(debian) => debian.snapshot,
            Self::Alpine(_) => None,
        }
    }

    /// Whether a repository of this name is one that the recipe adds: those can be a team's own.
    pub fn adds(&self, repository: &str) -> bool {
        let is = |name: &Word| name.as_str() == repository;
        match self {
            Self::Debian(debian) => {
                let further = debian.repositories.iter().map(|one| &one.name);
                let local = debian.local.iter().map(|one| &one.name);
                further.chain(local).any(is)
            }
            Self::Alpine(alpine) => alpine.further.iter().map(|one| &one.name).any(is),
        }
    }
}

impl std::fmt::Display for Distribution {
    /// `debian/bookworm`, `alpine/3.22`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.id(), self.release())
    }
}

/// The Debian suite of a recipe.
#[derive(Clone, Debug)]
pub struct Debian {
    /// Suite or code name.
    pub suite: Word,
    /// Mirrors of the main archive; empty for the defaults.
    pub mirrors: Vec<MirrorUrl>,
    /// Mirrors of the security archive; empty for the defaults.
    pub security_mirrors: Vec<MirrorUrl>,
    /// Components.
    pub components: Vec<Word>,
    /// Resolve from the snapshot archive at this time.
    pub snapshot: Option<Epoch>,
    /// The suite is closed and archived.
    pub archived: bool,
    /// Whether the security suite is used.
    pub security: bool,
    /// Whether the updates suite is used.
    pub updates: bool,
    /// Whether an expired Release file is refused.
    pub check_valid_until: bool,
    /// Who may sign the suites.
    pub trust: Trust,
    /// Further repositories.
    pub repositories: Vec<ExtraRepository>,
    /// Directories of package files.
    pub local: Vec<LocalRepository>,
}

/// Who may sign a repository.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The distribution's own keys for the suite.
    Distribution,
    /// The certificates the recipe names, and no other.
    Pinned(Vec<Pin>),
}

/// A certificate and the fingerprint that pins it.
#[derive(Clone, Debug)]
pub struct Pin {
    /// Where the certificate came from, for messages.
    pub file: String,
    /// The certificate's bytes.
    pub certificate: Vec<u8>,
    /// Its primary key.
    pub fingerprint: FingerprintText,
}

/// A repository beyond the suites of the distribution.
#[derive(Clone, Debug)]
pub struct ExtraRepository {
    /// Name in the lock.
    pub name: Word,
    /// Mirrors in order.
    pub mirrors: Vec<MirrorUrl>,
    /// Suite.
    pub suite: Word,
    /// Components.
    pub components: Vec<Word>,
    /// Who may sign it.
    pub pins: Vec<Pin>,
    /// Preference, as in apt_preferences(5).
    pub priority: i32,
    /// Whether an expired Release file is refused.
    pub check_valid_until: bool,
    /// The only packages taken from it; empty for every one.
    pub packages: BTreeSet<String>,
}

/// A directory of package files beside the recipe.
#[derive(Clone, Debug)]
pub struct LocalRepository {
    /// Name in the lock.
    pub name: Word,
    /// The directory as the recipe names it, for messages.
    pub named: String,
    /// The directory, absolute and without links.
    pub path: PathBuf,
    /// Preference, as in apt_preferences(5).
    pub priority: i32,
}
