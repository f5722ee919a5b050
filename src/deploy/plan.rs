//! From an image's contract and what was said to what is deployed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::choices::{Choices, engine_bytes};
use super::containers::{client, daemon, mount};
use super::engine::{Engine, processors};
use super::error::DeployError;
use super::model::{Container, Volume};
use super::runtime::{is_sysbox, security};
use super::storage;
use super::volumes::{SUBORDINATE, directory, host_volumes, shared, subordinates};
use crate::guest::Contract;

/// The image that is deployed.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its reference, by digest where that is known.
    pub image: String,
    /// What people know it by.
    pub name: String,
    /// What it offers and needs.
    pub contract: Contract,
}

/// What reads the manifest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A container engine.
    Engine,
    /// Kubernetes, each daemon for the containers of its pod.
    Sidecar,
    /// Kubernetes, a daemon for itself.
    Pod,
}

/// Everything that a template is given.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// What people know the image by.
    pub subject: String,
    /// The target.
    pub target: &'static str,
    /// Distribution, engine and profile, for a comment.
    pub about: String,
    /// Name of everything.
    pub name: String,
    /// Namespace, or nothing.
    pub namespace: String,
    /// Labels of everything.
    pub labels: BTreeMap<String, String>,
    /// The daemon.
    pub daemon: Container,
    /// What uses it.
    pub client: Container,
    /// What both keep.
    pub volumes: Vec<Volume>,
    /// A claim that has to be made, or none.
    pub claim: Option<Claim>,
    /// Seconds between the stop signal and killing.
    pub grace: u32,
    /// The `RuntimeClass` or runtime, or nothing.
    pub runtime_class: String,
    /// Whether the pod has the host's users: `false`, or nothing for the default.
    pub host_users: String,
    /// The numbers of nested users in a pod's own user namespace (subuid(5)), or nothing.
    pub subordinate: &'static str,
    /// The group that volumes are of, or nothing.
    pub fs_group: String,
    /// The level of the Pod Security Standards, or nothing where the namespace is not rendered.
    pub pod_security: String,
    /// Whether nobody is let in.
    pub network_policy: bool,
    /// How the client reaches the daemon.
    pub connection: String,
    /// Whether the daemon is an init container that goes on.
    pub native: bool,
    /// Most memory, in an engine's words.
    pub memory: String,
    /// Most processors, or nothing.
    pub cpus: String,
    /// Mounts in an engine's words.
    pub engine: Engine,
    /// Options of `docker run` beside those that a target has words for.
    pub options: String,
    /// Whether the client needs certificates.
    pub certificates: bool,
    /// What keys say, for targets of their own kind.
    pub said: BTreeMap<&'static str, String>,
}

/// A claim of a volume that outlives its pod.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// The storage class; the cluster's default when empty.
    pub class: String,
    /// Its size.
    pub size: String,
}

/// The user of a daemon without privileges.
const ROOTLESS: &str = "1000";
/// Seconds that a pod has to end, at least: its containers end one after the other.
const GRACE: u32 = 30;

/// Makes the plan of an image for a place.
pub(super) fn plan(
    target: &'static str,
    place: Place,
    subject: &Subject,
    choices: &Choices,
) -> Result<Plan, DeployError> {
    let contract = &subject.contract;
    let name = choices.get("name").to_owned();
    let storage = storage::storage(place, contract, choices)?;
    let runtime_class = choices.get("runtime-class").to_owned();
    let security = security(contract, &runtime_class);
    let host_users = match choices.get("host-users") {
        // The API server takes `procMount: Unmasked` with a user namespace alone; sysbox is one.
        "" if place != Place::Engine && (security.proc || is_sysbox(&runtime_class)) => "false",
        said => said,
    };
    let connection = match contract.profile.as_str() {
        "vmlc" | "kind-cluster" => "",
        // Who reaches it brings a way of his own, such as `kubectl exec`.
        _ if place == Place::Pod => "",
        _ => choices.get("connection"),
    };
    if connection == "socket" && contract.profile == "rootless" {
        return Err(DeployError::Together(
            "the socket of a rootless daemon is in a directory of its own user's: `connection` is tls or tcp for it".to_owned(),
        ));
    }
    let native = place == Place::Sidecar && choices.get("sidecar") == "native";
    let mut daemon = daemon(
        place, subject, choices, &storage, security, connection, native,
    );
    let client = client(place, subject, choices, connection, native);
    let mut volumes = storage.volumes.clone();
    volumes.extend(shared(place, contract, connection));
    volumes.extend(host_volumes(
        place,
        contract,
        choices,
        &daemon.security.devices,
    ));
    let subordinate = match (contract.profile.as_str(), host_users) {
        ("rootless", "false") => SUBORDINATE,
        _ => "",
    };
    if !subordinate.is_empty() {
        volumes.push(subordinates(&name, &mut daemon));
    }
    let memory = engine_bytes(super::choices::bytes(&storage.memory_limit).unwrap_or(0));
    let cpus = processors(choices.get("cpu.limit"));
    let engine = Engine::of(&daemon, &client, &volumes);
    Ok(Plan {
        subject: subject.name.clone(),
        target,
        about: format!(
            "{} {}, {}, {}",
            contract.engine.name, contract.engine.version, contract.distribution, contract.profile
        ),
        namespace: choices.get("namespace").to_owned(),
        labels: BTreeMap::from([("app.kubernetes.io/name".to_owned(), name.clone())]),
        claim: storage.claim(&name, choices),
        grace: match place {
            Place::Engine => contract.stop_timeout,
            Place::Sidecar | Place::Pod => contract.stop_timeout.saturating_mul(2).max(GRACE),
        },
        host_users: host_users.to_owned(),
        subordinate,
        fs_group: match contract.profile.as_str() {
            "rootless" => ROOTLESS.to_owned(),
            _ => String::new(),
        },
        pod_security: match choices.get("pod-security") {
            "true" => "privileged".to_owned(),
            _ => String::new(),
        },
        network_policy: choices.get("network-policy") == "true",
        connection: connection.to_owned(),
        native,
        options: options(&daemon, &engine, &memory, &cpus, &runtime_class),
        certificates: connection == "tls",
        said: [
            ("command", "client.command"),
            ("host", "host"),
            ("runner", "runner.image"),
        ]
        .into_iter()
        .map(|(name, key)| (name, choices.get(key).to_owned()))
        .collect(),
        daemon,
        client,
        volumes,
        engine,
        memory,
        cpus,
        runtime_class,
        name,
    })
}

impl Plan {
    /// Containers of a job mount the runner's directories by their paths: the daemon has them too.
    pub(super) fn share_with_runner(&mut self) {
        for (name, path, note) in [
            ("work", "/home/runner/_work", "the files of jobs"),
            (
                "externals",
                "/home/runner/externals",
                "what the runner runs actions with",
            ),
        ] {
            self.daemon.mounts.push(mount(name, path, false));
            self.client.mounts.push(mount(name, path, false));
            self.volumes.push(directory(name, false, note));
        }
    }
}

/// Options of `docker run`, for targets that take them as a text.
fn options(daemon: &Container, engine: &Engine, memory: &str, cpus: &str, runtime: &str) -> String {
    let security = &daemon.security;
    let mut words: Vec<String> = Vec::new();
    let mut option = |name: &str, value: &str| words.push(format!("--{name} {value}"));
    if !runtime.is_empty() {
        option("runtime", runtime);
    }
    for capability in &security.capabilities {
        option("cap-add", capability);
    }
    if security.unconfined {
        for what in ["seccomp", "apparmor", "systempaths"] {
            option("security-opt", &format!("{what}=unconfined"));
        }
    }
    for device in &security.devices {
        option("device", device);
    }
    for tmpfs in &engine.tmpfs {
        option("tmpfs", &format!("{}:{}", tmpfs.path, tmpfs.options));
    }
    option("memory", memory);
    if !cpus.is_empty() {
        option("cpus", cpus);
    }
    let privileged = security.privileged.then(|| "--privileged".to_owned());
    privileged
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}
