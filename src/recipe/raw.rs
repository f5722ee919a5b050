//! The recipe file as written: every key optional, every value already of its domain type, so that
//! the TOML parser itself points at a value that does not fit.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::platform::Platform;

use super::alpine::RawAlpine;
use super::artifact::RawArtifacts;
use super::content::raw::{RawCa, RawFiles, RawGroups, RawUsers};
use super::merge::{Merge, merge_fields};
use super::preload::RawPreloads;
use super::settings::{
    RawAudit, RawCompose, RawHardening, RawHealth, RawKind, RawListen, RawNetwork, RawRun,
    RawSmoke, RawStorage, RawTls,
};
use super::values::{
    CompressionText, FingerprintText, MirrorUrl, PackageName, PathPattern, RelativePath,
    RepositoryName, SnapshotStamp, Word,
};
use super::variant::RawVariants;
use super::words::{EnginePackage, InitKind, IptablesBackend, Profile, Userland};

/// A recipe file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawRecipe {
    /// Version of the recipe format, 1. A recipe has it unless the one it extends does.
    #[schemars(extend("examples" = [1]))]
    pub schema: Option<u32>,
    /// Another recipe, relative to this one, whose keys this one replaces where it names them.
    #[schemars(extend("examples" = ["bookworm.toml"]))]
    pub extends: Option<RelativePath>,
    /// What the image is for. Without one the listed packages are installed and nothing else.
    #[schemars(extend("examples" = ["dind"]))]
    pub profile: Option<Profile>,
    /// Names, platforms and tags of the image.
    pub image: RawImage,
    /// The Debian suite the packages come from.
    pub debian: RawDebian,
    /// The Alpine branch the packages come from, in place of `[debian]`.
    pub alpine: RawAlpine,
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
    /// How the daemon and commands start and stop.
    pub run: RawRun,
    /// Where the daemon is reached.
    pub listen: RawListen,
    /// The certificates of the TCP listener.
    pub tls: RawTls,
    /// What nested networks get.
    pub network: RawNetwork,
    /// Services that are started when the daemon is ready.
    pub compose: RawCompose,
    /// The Kubernetes cluster of the profile `kind-cluster`.
    pub kind: RawKind,
    /// How an engine knows that the daemon can be used.
    pub health: RawHealth,
    /// What the image is closed against. Each setting has its reason; a key of `[engine.daemon]`,
    /// a mounted `/etc/docker/daemon.json` and an argument of the daemon win over it. Without a
    /// profile packages are installed as they are: `setuid` and `world-writable` then judge what
    /// the recipe adds, `lock-accounts`, `secrets` and `path` hold as in any image, and the other
    /// keys are of no consequence.
    pub hardening: RawHardening,
    /// The cells that `dindimg smoke` proves the image in. Nothing of it reaches the image.
    pub smoke: RawSmoke,
    /// What `dindimg audit` accepts. Nothing of it reaches the image.
    pub audit: RawAudit,
    /// Environment variables of the image.
    #[schemars(extend("default" = {}, "examples" = [{ "TZ": "UTC" }]))]
    pub env: BTreeMap<String, String>,
    /// Labels of the image. Those of the OCI specification (`org.opencontainers.image.source`,
    /// `.licenses`, `.vendor`, …) are annotations of its manifests and index too, where registries
    /// and their pages look.
    #[schemars(extend("default" = {}, "examples" = [{ "com.example.team": "platform" }]))]
    pub labels: BTreeMap<String, String>,
    /// Further images of this recipe.
    pub variant: RawVariants,
    /// Files, directories and links of the recipe's own.
    pub file: RawFiles,
    /// Users.
    pub users: RawUsers,
    /// Groups.
    pub groups: RawGroups,
    /// Further certificate authorities.
    pub ca: RawCa,
    /// Downloads that no package of the distribution has.
    pub artifact: RawArtifacts,
    /// Images that the engine inside has from its first start on.
    pub preload: RawPreloads,
}

merge_fields!(RawRecipe {
    schema,
    extends,
    profile,
    image,
    debian,
    alpine,
    packages,
    init,
    iptables,
    storage,
    engine,
    run,
    listen,
    tls,
    network,
    compose,
    kind,
    health,
    hardening,
    smoke,
    audit,
    env,
    labels,
    variant,
    file,
    users,
    groups,
    ca,
    artifact,
    preload,
});

/// `[image]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawImage {
    /// Registry and repository to push to, `registry.example.com/ci/dind`.
    #[schemars(extend("examples" = ["registry.example.com/ci/dind"]))]
    pub repository: Option<RepositoryName>,
    /// Platforms to build, `linux/amd64` and `linux/arm64`.
    #[schemars(extend("default" = ["linux/amd64"], "examples" = [["linux/amd64", "linux/arm64"]]))]
    pub platforms: Option<Vec<Platform>>,
    /// Tags; templates over `engine.version`, `engine.major`, `engine.minor`, `suite` and
    /// `variant`.
    #[schemars(extend("default" = [], "examples" = [["{{engine.version}}-{{suite}}"]]))]
    pub tags: Option<Vec<String>>,
    /// Tags that stay where they are once they are published, templates like `tags` and with `date`,
    /// that of the newest repository (`20261122`): `dindimg release` makes them and moves none.
    #[schemars(extend("default" = [], "examples" = [["{{engine.version}}-{{suite}}-{{date}}"]]))]
    pub immutable_tags: Option<Vec<String>>,
    /// Further sets of tags, templates like `tags`, each by a name: `dindimg release --channel edge`
    /// and `promote --channel stable` move those in place of `tags`.
    #[schemars(extend("default" = {}, "examples" = [{ "edge": ["edge-{{suite}}"] }]))]
    pub channels: BTreeMap<String, Vec<String>>,
    /// Layer compression, `gzip:5` or `zstd:3`.
    #[schemars(extend("default" = "gzip:5", "examples" = ["zstd:3"]))]
    pub compression: Option<CompressionText>,
    /// Whether the data directory is declared a volume.
    #[schemars(extend("default" = true))]
    pub volume: Option<bool>,
}

merge_fields!(RawImage {
    repository,
    platforms,
    tags,
    immutable_tags,
    channels,
    compression,
    volume
});

/// `[debian]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawDebian {
    /// Suite or code name, `bookworm`. A recipe has it unless the one it extends does.
    #[schemars(extend("examples" = ["bookworm"]))]
    pub suite: Option<Word>,
    /// Mirrors of the main archive, tried in order.
    #[schemars(extend("examples" = [["https://mirror.example.com/debian"]]))]
    pub mirrors: Option<Vec<MirrorUrl>>,
    /// Mirrors of the security archive, tried in order.
    #[schemars(extend("examples" = [["https://mirror.example.com/debian-security"]]))]
    pub security_mirrors: Option<Vec<MirrorUrl>>,
    /// Archive components.
    #[schemars(extend("default" = ["main"], "examples" = [["main", "non-free-firmware"]]))]
    pub components: Option<Vec<Word>>,
    /// Resolve from the snapshot archive at this time, `20260818T000000Z`.
    #[schemars(extend("examples" = ["20260818T000000Z"]))]
    pub snapshot: Option<SnapshotStamp>,
    /// The suite is closed and archived: Valid-Until is not checked and keys are judged at the
    /// time of the signature.
    #[schemars(extend("default" = false))]
    pub archived: Option<bool>,
    /// Whether the security suite is used.
    #[schemars(extend("default" = true))]
    pub security: Option<bool>,
    /// Whether the updates suite is used.
    #[schemars(extend("default" = true))]
    pub updates: Option<bool>,
    /// Whether an expired Release file is refused.
    #[schemars(extend("default" = true))]
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
    #[schemars(extend("examples" = ["keys/team.asc"]))]
    pub file: RelativePath,
    /// Fingerprint of the primary key, 40 or 64 hex digits.
    #[schemars(extend("examples" = ["04B54C3CDCA79751B16BC6B5225629DF75B188BD"]))]
    pub fingerprint: FingerprintText,
}

/// `[[debian.repository]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawRepository {
    /// Name in the lock and in messages.
    #[schemars(extend("examples" = ["internal"]))]
    pub name: Word,
    /// Mirrors, tried in order.
    #[schemars(extend("examples" = [["https://mirror.example.com/internal"]]))]
    pub mirrors: Vec<MirrorUrl>,
    /// Suite below `dists/`.
    #[schemars(extend("examples" = ["stable"]))]
    pub suite: Word,
    /// Components.
    #[schemars(extend("examples" = [["main"]]))]
    pub components: Vec<Word>,
    /// The certificates that may sign this repository, and no other.
    pub keys: Vec<RawKey>,
    /// Preference over other repositories, as in apt_preferences(5); 500 by default.
    #[serde(default)]
    #[schemars(extend("default" = 500))]
    pub priority: Option<i32>,
    /// Whether an expired Release file is refused.
    #[serde(default)]
    #[schemars(extend("default" = true))]
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
    /// What the profile adds beside the engine: `standard`, a base image with the package manager
    /// in working order, or `slim`, what the daemon needs.
    #[schemars(extend("default" = "standard"))]
    pub userland: Option<Userland>,
    /// Packages to install, each with everything it depends on; `name=version` pins a version.
    #[schemars(extend("default" = [], "examples" = [["git", "jq"]]))]
    pub include: Option<Vec<PackageName>>,
    /// Packages left out although others depend on them, each with the reason:
    /// `lsb-base = "no init script is run"`.
    #[schemars(extend("default" = {}, "examples" = [{ "lsb-base": "no init script is run" }]))]
    pub drop: BTreeMap<String, String>,
    /// Paths that are left out of every package, patterns as in dpkg's `path-exclude`.
    #[schemars(extend("default" = [], "examples" = [["/usr/share/man/*"]]))]
    pub exclude_paths: Option<Vec<PathPattern>>,
    /// Paths that are kept although excluded, as in dpkg's `path-include`.
    #[schemars(extend("default" = [], "examples" = [["/usr/share/man/man1/*"]]))]
    pub include_paths: Option<Vec<PathPattern>>,
    /// Whether Recommends are installed too.
    #[schemars(extend("default" = false))]
    pub recommends: Option<bool>,
    /// Packages that may overwrite files of others, as if they declared `Replaces`:
    /// `winner = ["loser"]`.
    #[schemars(extend("default" = {}, "examples" = [{ "winner": ["loser"] }]))]
    pub replaces: Option<BTreeMap<String, Vec<PackageName>>>,
    /// Packages that are taken from one repository and no other, by its name in the lock:
    /// `package = "repository"`.
    pub pin: Option<BTreeMap<String, Word>>,
    /// Packages whose maintainer scripts are accepted although no rule covers them, or `all`.
    #[schemars(extend("examples" = [["tool"]]))]
    pub acknowledge_scripts: Option<Acknowledged>,
}

merge_fields!(RawPackages {
    userland,
    include,
    drop,
    exclude_paths,
    include_paths,
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
    #[schemars(extend("default" = "tini"))]
    pub kind: Option<InitKind>,
}

merge_fields!(RawInit { kind });

/// `[iptables]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawIptables {
    /// The implementation the alternatives select.
    #[schemars(extend("default" = "legacy"))]
    pub backend: Option<IptablesBackend>,
}

merge_fields!(RawIptables { backend });

/// `[engine]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawEngine {
    /// The package that brings the engine.
    pub package: Option<EnginePackage>,
    /// Keys of the daemon's configuration file, merged into `daemon.json`.
    #[schemars(extend("default" = {}, "examples" = [{ "log-driver": "local" }]))]
    pub daemon: BTreeMap<String, serde_json::Value>,
}

merge_fields!(RawEngine { package, daemon });
