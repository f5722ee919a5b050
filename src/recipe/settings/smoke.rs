//! `[smoke]`: the cells that an image is proven in.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::merge::{Merge, merge_fields};
use super::super::words::{
    CgroupNamespace, IptablesBackend, SmokeEngine, SmokeHost, SmokeMode, SmokeStorage,
};

/// The engines of a recipe that names none: those that most hosts have, or can have from their
/// distribution.
const ENGINES: &[SmokeEngine] = &[SmokeEngine::Docker, SmokeEngine::Podman];

/// The machines of a recipe that names none: both kernels of this decade, each layout once.
const HOSTS: &[SmokeHost] = &[
    SmokeHost::BookwormV2,
    SmokeHost::TrixieV2,
    SmokeHost::BookwormV1,
    SmokeHost::BookwormHybrid,
];

/// `[smoke]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawSmoke {
    /// The engines. The first is the one on which the values of the other axes are varied, one at
    /// a time; on the others the image is run once, with the first value of each axis.
    #[schemars(extend("default" = ["docker", "podman"], "examples" = [["podman"]]))]
    pub engines: Option<Vec<SmokeEngine>>,
    /// What the outer container sees of control groups, the usual one first: a namespace of its
    /// own, the host's, or the host's with the host's `/sys/fs/cgroup` mounted.
    #[schemars(extend("default" = ["private", "host"], "examples" = [["host"]]))]
    pub cgroup: Option<Vec<CgroupNamespace>>,
    /// What the data directory lies on: a volume, memory, or the container's own root, where the
    /// storage ladder ends on a loop file. By default these three, and where the first engine is
    /// `vm` also virtiofs with extended attributes and, without them, memory, a loop file and
    /// nothing to fall back to, where the start has to be refused.
    #[schemars(extend("examples" = [["volume"]]))]
    pub storage: Option<Vec<SmokeStorage>>,
    /// The iptables backends. By default the one of `[iptables]` `backend`, then `legacy` and
    /// `nft`.
    #[schemars(extend("examples" = [["legacy"]]))]
    pub iptables: Option<Vec<IptablesBackend>>,
    /// How the image is started: the daemon by itself, or beside a command.
    #[schemars(extend("default" = ["daemon", "command"], "examples" = [["daemon"]]))]
    pub mode: Option<Vec<SmokeMode>>,
    /// Machines of the engine `vm`: a Debian suite's kernel, and its control groups. Other engines
    /// are where they are.
    #[schemars(extend(
        "default" = ["bookworm-v2", "trixie-v2", "bookworm-v1", "bookworm-hybrid"],
        "examples" = [["trixie-v2"]]
    ))]
    pub hosts: Option<Vec<SmokeHost>>,
    /// Further cells; what one leaves out has the first value of its axis. They are added last, so
    /// that a cell can be had back of what `exclude` removed.
    #[schemars(extend("default" = [], "examples" = [[{ "engine": "podman", "storage": "loop" }]]))]
    pub include: Option<Vec<PartialCell>>,
    /// Cells that are not run: each that has all the values of one entry.
    #[schemars(extend("default" = [], "examples" = [[{ "engine": "podman", "cgroup": "host" }]]))]
    pub exclude: Option<Vec<PartialCell>>,
}

merge_fields!(RawSmoke {
    engines,
    cgroup,
    storage,
    iptables,
    mode,
    hosts,
    include,
    exclude
});

/// The control group namespaces that engines give without being asked for a mount.
const NAMESPACES: [CgroupNamespace; 2] = [CgroupNamespace::Private, CgroupNamespace::Host];

/// Some values of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PartialCell {
    /// The engine.
    pub engine: Option<SmokeEngine>,
    /// The control group namespace of the outer container.
    pub cgroup: Option<CgroupNamespace>,
    /// What the data directory lies on.
    pub storage: Option<SmokeStorage>,
    /// The iptables backend.
    pub iptables: Option<IptablesBackend>,
    /// The form of start.
    pub mode: Option<SmokeMode>,
    /// The machine of the engine `vm`.
    pub host: Option<SmokeHost>,
}

/// The cells that an image is proven in: the values of each axis, the first being the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smoke {
    /// Engines.
    pub engines: Vec<SmokeEngine>,
    /// Control group namespaces.
    pub cgroup: Vec<CgroupNamespace>,
    /// What the data directory lies on; `None` for what the first engine has.
    pub storage: Option<Vec<SmokeStorage>>,
    /// iptables backends; `None` for the image's own and then the others.
    pub iptables: Option<Vec<IptablesBackend>>,
    /// Forms of start.
    pub mode: Vec<SmokeMode>,
    /// Machines of the engine `vm`.
    pub hosts: Vec<SmokeHost>,
    /// Cells that are added.
    pub include: Vec<PartialCell>,
    /// Cells that are removed.
    pub exclude: Vec<PartialCell>,
}

impl Smoke {
    /// Leaves of every axis but the engine's one value: those are ways to run a daemon.
    pub(in crate::recipe) fn without_daemon(&mut self, iptables: IptablesBackend) {
        self.cgroup.truncate(1);
        self.storage = Some(vec![SmokeStorage::Volume]);
        self.iptables = Some(vec![iptables]);
        self.mode = vec![SmokeMode::Command];
    }

    /// Leaves storages that a user who is not root can have where the recipe names none.
    pub(in crate::recipe) fn without_root(&mut self) {
        self.storage
            .get_or_insert_with(|| vec![SmokeStorage::Volume, SmokeStorage::Tmpfs]);
    }
}

impl RawSmoke {
    pub(in crate::recipe) fn finish(self) -> Result<Smoke, String> {
        let exclude = self.exclude.unwrap_or_default();
        if exclude.contains(&PartialCell::default()) {
            return Err(
                "[smoke] `exclude` has an empty entry, which is every cell; name what is excluded"
                    .to_owned(),
            );
        }
        Ok(Smoke {
            engines: values("engines", self.engines, ENGINES)?,
            cgroup: values("cgroup", self.cgroup, &NAMESPACES)?,
            storage: self
                .storage
                .map(|given| values("storage", Some(given), &[]))
                .transpose()?,
            iptables: self
                .iptables
                .map(|given| values("iptables", Some(given), &[]))
                .transpose()?,
            mode: values("mode", self.mode, SmokeMode::ALL)?,
            hosts: values("hosts", self.hosts, HOSTS)?,
            include: self.include.unwrap_or_default(),
            exclude,
        })
    }
}

/// The values of one axis, each once, at least one.
fn values<T: Copy + PartialEq>(
    key: &str,
    given: Option<Vec<T>>,
    all: &[T],
) -> Result<Vec<T>, String> {
    let mut kept: Vec<T> = Vec::new();
    for value in given.unwrap_or_else(|| all.to_vec()) {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    if kept.is_empty() {
        return Err(format!(
            "[smoke] `{key}` is empty; name one value at least, or leave the key out"
        ));
    }
    Ok(kept)
}
