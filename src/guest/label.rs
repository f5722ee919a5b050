//! The label by which `smoke IMAGE` and `deploy IMAGE` know an image, whatever its recipe.

use serde::{Deserialize, Serialize};

use crate::recipe::Profile;

/// Name of the image label that carries a [`Contract`] as JSON.
pub const LABEL: &str = "io.dindimg.contract";

/// The data directory of dockerd(8).
pub(super) const DATA: &str = "/var/lib/docker";
/// The same of a user's daemon, as docker:dind-rootless has it.
pub(super) const ROOTLESS_DATA: &str = "/home/rootless/.local/share/docker";

/// What an image offers and needs at run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Contract {
    /// Version of this structure; 1 today.
    pub schema: u32,
    /// The guest profile, for example `dind`.
    pub profile: String,
    /// The container engine inside.
    pub engine: Engine,
    /// Distribution and suite, for example `debian/bookworm`.
    pub distribution: String,
    /// The program that is PID 1, for example `tini`.
    pub init: String,
    /// The iptables backend chosen by the recipe: `legacy`, `nft` or `auto`.
    pub iptables: String,
    /// What the data directory may be kept by, in the order it is tried: the words of
    /// `DIND_STORAGE`. Empty in images that do not say.
    #[serde(default)]
    pub storage: Vec<String>,
    /// TCP ports the image listens on by default.
    pub ports: Vec<Port>,
    /// Directories that want a volume.
    pub volumes: Vec<String>,
    /// Seconds the engine should wait between the stop signal and killing.
    pub stop_timeout: u32,
    /// What the outer engine has to grant.
    pub privileges: Privileges,
    /// Whether the image is made for a read-only root file system, `run --read-only`.
    #[serde(default)]
    pub read_only: bool,
    /// The directories that are written at run time beside the volumes; each wants a `--tmpfs`, or
    /// a volume, where the root file system is read-only.
    #[serde(default)]
    pub writable: Vec<String>,
    /// The plugins of Docker's client, for example `docker-compose`.
    #[serde(default)]
    pub plugins: Vec<String>,
    /// The mode of the TLS client's private key, in octal; other keys are their owner's alone.
    #[serde(default = "private")]
    pub client_key_mode: String,
}

/// The mode of images that say nothing.
fn private() -> String {
    "0600".to_owned()
}

impl Contract {
    /// The data directory of the inner engine.
    pub fn data(&self) -> &'static str {
        match self.profile == Profile::Rootless.word() {
            true => ROOTLESS_DATA,
            false => DATA,
        }
    }
}

/// The container engine inside an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// `docker` today.
    pub name: String,
    /// Upstream version: no epoch, no `+dfsg`, no Debian revision.
    pub version: String,
}

/// One TCP port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Port number.
    pub port: u16,
    /// What answers there: `docker-tls` or `docker`.
    pub purpose: String,
}

/// What the outer engine has to grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileges {
    /// Whether `--privileged` is needed.
    pub privileged: bool,
    /// What an engine confines its containers by and must not confine this one by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfined: Vec<Confinement>,
    /// Devices of the host that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
}

/// What engines confine containers by, beside capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confinement {
    /// A filter of system calls: seccomp(2).
    Seccomp,
    /// A profile of the kernel's AppArmor.
    Apparmor,
    /// Labels of SELinux.
    Selinux,
    /// Files below `/proc` that are hidden or read-only, with which no user may mount another one
    /// (mount_namespaces(7), user_namespaces(7)).
    Proc,
}

impl Confinement {
    /// The value of `--security-opt` that takes it away (docker-run(1)).
    pub const fn lifted(self) -> &'static str {
        match self {
            Self::Seccomp => "seccomp=unconfined",
            Self::Apparmor => "apparmor=unconfined",
            Self::Selinux => "label=disable",
            Self::Proc => "systempaths=unconfined",
        }
    }
}
