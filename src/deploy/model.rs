//! What is deployed, before it has the form of any target: containers, what they are granted, and
//! what they keep.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

/// A container.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The image's reference, by digest where that is known.
    pub image: String,
    /// Whether it is a native sidecar: an init container that goes on (Kubernetes 1.29, "Sidecar
    /// Containers").
    pub sidecar: bool,
    /// Program and arguments instead of the image's entry point; the image's own when empty.
    pub command: Vec<String>,
    /// Arguments instead of the image's; the image's own when empty.
    pub args: Vec<String>,
    /// Environment on top of the image's.
    pub env: Vec<Variable>,
    /// What others reach it by.
    pub ports: Vec<Port>,
    /// The number of its user; the image's own when empty.
    pub user: String,
    /// What it is granted.
    pub security: Security,
    /// What it may use of its host.
    pub resources: Resources,
    /// Whether it has started.
    pub startup: Option<Probe>,
    /// Whether it can be used.
    pub readiness: Option<Probe>,
    /// Whether it has to be started again.
    pub liveness: Option<Probe>,
    /// What it has of the volumes.
    pub mounts: Vec<Mount>,
    /// Block devices that it has.
    pub devices: Vec<Device>,
}

/// A variable of the environment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, letter by letter.
    pub value: String,
    /// The field of a pod that it has in place of a value, `status.podIP`; nothing for the value.
    pub field: String,
    /// Why it is there, or nothing where its name says it.
    pub note: String,
}

/// A TCP port.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Port {
    /// Its name, of at most fifteen letters (RFC 6335).
    pub name: String,
    /// Its number inside.
    pub inside: u16,
    /// Its number on the host of a container engine.
    pub outside: u16,
    /// Whether it is for that host alone.
    pub local: bool,
}

/// What a container is granted beside the usual.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Security {
    /// Every privilege.
    pub privileged: bool,
    /// No filter of system calls.
    pub seccomp: bool,
    /// No profile of AppArmor.
    pub apparmor: bool,
    /// No label of SELinux.
    pub selinux: bool,
    /// All of `/proc`.
    pub proc: bool,
    /// Devices of the host.
    pub devices: Vec<String>,
    /// Capabilities beside the usual ones.
    pub capabilities: Vec<String>,
    /// The values of `--security-opt` that take the four confinements away, of those that are not there.
    pub unconfined: Vec<&'static str>,
    /// A root file system that is read-only.
    pub read_only: bool,
}

/// What a container asks for and may use, in the target's words; nothing where empty.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Resources {
    /// What the scheduler sets aside, by name.
    pub requests: BTreeMap<String, String>,
    /// What it cannot exceed, by name.
    pub limits: BTreeMap<String, String>,
    /// Whether there is any of these.
    pub any: bool,
}

impl Resources {
    pub(super) fn new(
        requests: BTreeMap<String, String>,
        limits: BTreeMap<String, String>,
    ) -> Self {
        Self {
            any: !requests.is_empty() || !limits.is_empty(),
            requests,
            limits,
        }
    }
}

/// How a container is asked how it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Probe {
    /// The program that says so by its exit code; empty for a request.
    pub exec: Vec<String>,
    /// The path of a request over HTTPS.
    pub path: String,
    /// The name of its port.
    pub port: String,
    /// Seconds before the first.
    pub delay: u32,
    /// Seconds from one to the next.
    pub period: u32,
    /// Seconds for an answer.
    pub timeout: u32,
    /// Failures in a row that count.
    pub failures: u32,
}

/// A place in a container for a volume, or for a part of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mount {
    /// The volume's name.
    pub volume: String,
    /// Absolute path inside.
    pub path: String,
    /// Whether it cannot be written there.
    pub read_only: bool,
    /// The directory of the volume that it is; all of it when empty.
    pub sub_path: String,
}

/// A place in a container for a block device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Device {
    /// The volume's name.
    pub volume: String,
    /// Absolute path inside.
    pub path: String,
}

/// A volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// What it is there for.
    pub note: String,
    /// What it is made of.
    pub kind: Kind,
}

/// What a volume is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory that ends with its pod, or a named volume of an engine.
    Empty {
        /// Whether it lies in memory.
        memory: bool,
        /// Its largest size, or nothing.
        size: String,
    },
    /// A claim that is there.
    Claim {
        /// Its name.
        name: String,
    },
    /// A claim that ends with its pod.
    Ephemeral {
        /// The storage class; the cluster's default when empty.
        class: String,
        /// Its size.
        size: String,
    },
    /// A directory or file of the host.
    Host {
        /// Its path.
        path: String,
        /// What has to be there, in Kubernetes' words: `Directory`, `File`, `Socket`, `CharDevice`.
        kind: String,
    },
    /// A `ConfigMap` of the manifest.
    Config {
        /// Its name.
        name: String,
    },
    /// A secret.
    Secret {
        /// Its name.
        name: String,
    },
}

/// Templates ask for each kind by name: those that it is not are there too, and are nothing.
impl Serialize for Volume {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = json!({
            "name": self.name, "note": self.note,
            "empty": null, "claim": null, "ephemeral": null, "host": null,
            "config": null, "secret": null,
        });
        let (kind, of_kind) = match &self.kind {
            Kind::Empty { memory, size } => (
                "empty",
                json!({ "memory": memory, "size": size, "any": *memory || !size.is_empty() }),
            ),
            Kind::Claim { name } => ("claim", json!({ "name": name })),
            Kind::Ephemeral { class, size } => {
                ("ephemeral", json!({ "class": class, "size": size }))
            }
            Kind::Host { path, kind } => ("host", json!({ "path": path, "kind": kind })),
            Kind::Config { name } => ("config", json!({ "name": name })),
            Kind::Secret { name } => ("secret", json!({ "name": name })),
        };
        value[kind] = of_kind;
        value.serialize(serializer)
    }
}
