//! The recipe file as written: every key optional, every value already of its domain type, so that
//! the TOML parser itself points at a value that does not fit.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::platform::Platform;

use super::merge::{Merge, merge_fields};
use super::values::{
    CompressionText, FingerprintText, MirrorUrl, PackageName, RelativePath, RepositoryName,
    SnapshotStamp, Word,
};
use super::words::{EnginePackage, InitKind, IptablesBackend, Profile, RunWait, StorageFallback};

/// A recipe file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawRecipe {
    /// Version of the recipe format: 1.
    pub schema: Option<u32>,
    /// Another recipe, relative to this one, whose keys this one replaces where it names them.
    pub extends: Option<RelativePath>,
    /// What the image is for. Without one the listed packages are installed and nothing else.
    pub profile: Option<Profile>,
    /// Names, platforms and tags of the image.
    pub image: RawImage,
    /// The Debian suite the packages come from.
    pub debian: RawDebian,
    /// Packages beyond the profile's.
    pub packages: RawPackages,
    /// PID 1.
    pub init: RawInit,
    /// The firewall tools.
    pub iptables: RawIptables,
    /// Where the inner engine keeps its data.
    pub storage: RawStorage,
    /// The inner engine.
    pub engine: RawEngine,
    /// How commands start.
    pub run: RawRun,
    /// Environment variables of the image.
    pub env: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
}

merge_fields!(RawRecipe {
    schema,
    extends,
    profile,
    image,
    debian,
    packages,
    init,
    iptables,
    storage,
    engine,
    run,
    env,
    labels,
});

/// `[image]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawImage {
    /// Registry and repository to push to, `registry.example.com/ci/dind`.
    pub repository: Option<RepositoryName>,
    /// Platforms to build, `linux/amd64` and `linux/arm64`.
    pub platforms: Option<Vec<Platform>>,
    /// Tags; templates over `engine.version`, `engine.major`, `engine.minor` and `suite`.
    pub tags: Option<Vec<String>>,
    /// Layer compression, `gzip:6` or `zstd:3`.
    pub compression: Option<CompressionText>,
    /// Whether the data directory is declared a volume.
    pub volume: Option<bool>,
}

merge_fields!(RawImage {
    repository,
    platforms,
    tags,
    compression,
    volume
});

/// `[debian]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawDebian {
    /// Suite or code name, `bookworm`.
    pub suite: Option<Word>,
    /// Mirrors of the main archive, tried in order.
    pub mirrors: Option<Vec<MirrorUrl>>,
    /// Mirrors of the security archive, tried in order.
    pub security_mirrors: Option<Vec<MirrorUrl>>,
    /// Archive components.
    pub components: Option<Vec<Word>>,
    /// Resolve from the snapshot archive at this time, `20260818T000000Z`.
    pub snapshot: Option<SnapshotStamp>,
    /// The suite is closed and archived: Valid-Until is not checked and keys are judged at the
    /// time of the signature.
    pub archived: Option<bool>,
    /// Whether the security suite is used.
    pub security: Option<bool>,
    /// Whether the updates suite is used.
    pub updates: Option<bool>,
    /// Whether an expired Release file is refused.
    pub check_valid_until: Option<bool>,
    /// The certificates that may sign the suites; the archive's own by default.
    pub keys: Option<Vec<RawKey>>,
    /// Further repositories.
    pub repository: Option<Vec<RawRepository>>,
    /// Directories of package files beside the recipe.
    pub local: Option<Vec<RawLocal>>,
}

merge_fields!(RawDebian {
    suite,
    mirrors,
    security_mirrors,
    components,
    snapshot,
    archived,
    security,
    updates,
    check_valid_until,
    keys,
    repository,
    local,
});

/// A certificate file and the fingerprint that pins it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawKey {
    /// OpenPGP certificate, relative to the recipe.
    pub file: RelativePath,
    /// Fingerprint of the primary key, 40 or 64 hex digits.
    pub fingerprint: FingerprintText,
}

/// `[[debian.repository]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawRepository {
    /// Name in the lock and in messages.
    pub name: Word,
    /// Mirrors, tried in order.
    pub mirrors: Vec<MirrorUrl>,
    /// Suite below `dists/`.
    pub suite: Word,
    /// Components.
    pub components: Vec<Word>,
    /// The certificates that may sign this repository, and no other.
    pub keys: Vec<RawKey>,
    /// Preference over other repositories, as in apt_preferences(5); 500 by default.
    #[serde(default)]
    pub priority: Option<i32>,
    /// Whether an expired Release file is refused.
    #[serde(default)]
    pub check_valid_until: Option<bool>,
    /// The only packages taken from this repository; every one by default.
    #[serde(default)]
    pub packages: Option<Vec<PackageName>>,
}

/// `[[debian.local]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawLocal {
    /// Name in the lock and in messages.
    pub name: Word,
    /// Directory, relative to the recipe, whose `.deb` files are a repository. They are trusted
    /// because they lie beside the recipe; the lock records the digest of each that is used.
    pub path: RelativePath,
    /// Preference over other repositories, as in apt_preferences(5); 500 by default.
    #[serde(default)]
    pub priority: Option<i32>,
}

/// `[packages]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawPackages {
    /// Packages to install, each with everything it depends on; `name=version` pins a version.
    pub include: Option<Vec<PackageName>>,
    /// Whether Recommends are installed too.
    pub recommends: Option<bool>,
    /// Packages that may overwrite files of others, as if they declared `Replaces`:
    /// `winner = ["loser"]`.
    pub replaces: Option<BTreeMap<String, Vec<PackageName>>>,
    /// Packages that are taken from one repository and no other, by its name in the lock:
    /// `package = "repository"`.
    pub pin: Option<BTreeMap<String, Word>>,
    /// Packages whose maintainer scripts are accepted although no rule covers them, or `all`.
    pub acknowledge_scripts: Option<Acknowledged>,
}

merge_fields!(RawPackages {
    include,
    recommends,
    replaces,
    pin,
    acknowledge_scripts
});

/// Which uncovered scripts are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Acknowledged {
    /// The word `all`.
    All(AllWord),
    /// The named packages.
    Packages(Vec<PackageName>),
}

/// The word `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AllWord {
    /// Every package.
    All,
}

/// `[init]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawInit {
    /// The program that is PID 1.
    pub kind: Option<InitKind>,
}

merge_fields!(RawInit { kind });

/// `[iptables]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawIptables {
    /// The implementation the alternatives select.
    pub backend: Option<IptablesBackend>,
}

merge_fields!(RawIptables { backend });

/// `[storage]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawStorage {
    /// What is tried, in order, when the data directory cannot hold an overlay.
    pub fallback: Option<Vec<StorageFallback>>,
    /// Size of the loop file or tmpfs, `20G`.
    pub size: Option<Word>,
}

merge_fields!(RawStorage { fallback, size });

/// `[engine]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawEngine {
    /// The package that brings the engine.
    pub package: Option<EnginePackage>,
    /// Keys of the daemon's configuration file, merged into `daemon.json`.
    pub daemon: BTreeMap<String, serde_json::Value>,
}

merge_fields!(RawEngine { package, daemon });

/// `[run]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawRun {
    /// Which commands wait for the daemon.
    pub wait: Option<RunWait>,
    /// Seconds between the stop signal and killing.
    pub stop_timeout: Option<u32>,
}

merge_fields!(RawRun { wait, stop_timeout });
