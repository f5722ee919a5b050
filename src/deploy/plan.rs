//! From an image's contract and what was said to what is deployed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::choices::{Choices, cpus, engine_bytes};
use super::containers::{amount, client, daemon};
use super::engine::{Engine, processors};
use super::error::DeployError;
use super::model::{Container, Kind, Mount, Resources, Security, Volume};
use super::runtime::{is_gvisor, is_sysbox, security};
use super::storage::{self, Storage};
use super::subject::Subject;
use super::volumes::{SUBORDINATE, host_volumes, shared, subordinates, subordinates_of};
use crate::guest::Contract;

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
    /// Whether what is privileged is so in a user namespace of the pod's own.
    pub mapped: bool,
    /// Whether the runtime is gVisor.
    pub gvisor: bool,
    /// The numbers of nested users in a pod's own user namespace (subuid(5)), or nothing.
    pub subordinate: &'static str,
    /// The object that has them.
    pub subordinates: String,
    /// What makes the daemon's user the owner of its volumes, where that is not root.
    pub owner: Option<Container>,
    /// The level of the Pod Security Standards, or nothing where the namespace is not rendered.
    pub pod_security: &'static str,
    /// Whether nobody is let in.
    pub network_policy: bool,
    /// Whether the daemon is a user's.
    pub rootless: bool,
    /// How the client reaches the daemon.
    pub connection: String,
    /// Whether the daemon is an init container that goes on.
    pub native: bool,
    /// Most memory, in an engine's words.
    pub memory: String,
    /// Most memory in units of 1024 times 1024 bytes.
    pub megabytes: u64,
    /// Most processors, or nothing.
    pub cpus: String,
    /// Most processors as microseconds of each tenth of a second, or nothing.
    pub quota: String,
    /// Mounts in an engine's words.
    pub engine: Engine,
    /// Options of `docker run` beside those that a target has words for.
    pub options: String,
    /// Whether the client needs certificates.
    pub certificates: bool,
    /// Whether people and programs log in.
    pub ssh: bool,
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

/// User and group of a daemon without privileges.
const ROOTLESS: &str = "1000:1000";
/// Seconds that a pod has to end, at least: its containers end one after the other.
const GRACE: u32 = 30;

/// Microseconds in which processors are counted (docker-run(1), `--cpu-period`).
const PERIOD: f64 = 100_000.0;

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
    together(place, contract, choices, &storage, host_users)?;
    requests(choices, &storage)?;
    files(place, contract, choices)?;
    let guarded = choices.get("pod-security") == "true";
    let namespace = match choices.get("namespace") {
        // What is guarded is a namespace of its own.
        "" if guarded => name.clone(),
        said => said.to_owned(),
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
    volumes.extend(host_volumes(place, contract, choices));
    let subordinate = match (contract.profile.as_str(), host_users) {
        ("rootless", "false") => SUBORDINATE,
        _ => "",
    };
    if !subordinate.is_empty() {
        volumes.push(subordinates(&name, &mut daemon));
    }
    let memory = engine_bytes(super::choices::bytes(&storage.memory_limit).unwrap_or(0));
    let megabytes = super::choices::bytes(&storage.memory_limit).unwrap_or(0) >> 20;
    let quota = cpus(choices.get("cpu.limit"))
        .map(|count| format!("{:.0}", count * PERIOD))
        .unwrap_or_default();
    let cpus = processors(choices.get("cpu.limit"));
    let engine = Engine::of(&daemon, &client, &volumes);
    Ok(Plan {
        subject: subject.name.clone(),
        target,
        about: format!(
            "{} {}, {}, {}",
            contract.engine.name, contract.engine.version, contract.distribution, contract.profile
        ),
        namespace,
        labels: BTreeMap::from([("app.kubernetes.io/name".to_owned(), name.clone())]),
        claim: storage.claim(&name, choices),
        grace: match place {
            Place::Engine => contract.stop_timeout,
            Place::Sidecar | Place::Pod => contract.stop_timeout.saturating_mul(2).max(GRACE),
        },
        mapped: host_users == "false" && daemon.security.privileged,
        gvisor: is_gvisor(&runtime_class),
        host_users: host_users.to_owned(),
        subordinate,
        subordinates: subordinates_of(&name),
        owner: (contract.profile == "rootless" && place != Place::Engine).then(|| owner(&daemon)),
        pod_security: match guarded {
            true => level(&daemon, &volumes),
            false => "",
        },
        network_policy: choices.get("network-policy") == "true",
        rootless: contract.profile == "rootless",
        connection: connection.to_owned(),
        native,
        options: options(&daemon, &engine, &memory, &cpus, &runtime_class),
        certificates: connection == "tls",
        ssh: contract.profile == "vmlc" && choices.get("agent") == "ssh",
        said: [
            ("command", "client.command"),
            ("host", "host"),
            ("runner", "runner.image"),
            ("ssh-port", "ssh.port"),
        ]
        .into_iter()
        .map(|(name, key)| (name, choices.get(key).to_owned()))
        .collect(),
        daemon,
        client,
        volumes,
        engine,
        memory,
        megabytes,
        cpus,
        quota,
        runtime_class,
        name,
    })
}

/// What was said and cannot be had: a scheduler refuses more than a limit.
fn requests(choices: &Choices, storage: &Storage) -> Result<(), DeployError> {
    for (request, limit, most, number) in [
        (
            "cpu.request",
            "cpu.limit",
            choices.get("cpu.limit"),
            cpus as fn(&str) -> Option<f64>,
        ),
        (
            "memory.request",
            "memory.limit",
            storage.memory_limit.as_str(),
            amount,
        ),
    ] {
        let Some(said) = choices.given(request) else {
            continue;
        };
        if number(most).is_some_and(|most| number(said).is_some_and(|said| said > most)) {
            return Err(DeployError::Together(format!(
                "`{request}` is {said}, and `{limit}` is {most}: nothing is set aside that cannot be used"
            )));
        }
    }
    Ok(())
}

/// Files of the host are mounted by words between commas (docker-run(1), `--mount`).
fn files(place: Place, contract: &Contract, choices: &Choices) -> Result<(), DeployError> {
    if place != Place::Engine || contract.profile != "vmlc" {
        return Ok(());
    }
    for key in ["ssh.keys", "agent.secret"] {
        let path = choices.get(key);
        if !path.starts_with(['/', '~']) || path.contains([',', '"']) {
            return Err(DeployError::Together(format!(
                "`{key}` is {path}: it is a path that begins with / or ~/, without commas and quotes"
            )));
        }
    }
    Ok(())
}

/// What a cluster refuses.
fn together(
    place: Place,
    contract: &Contract,
    choices: &Choices,
    storage: &Storage,
    host_users: &str,
) -> Result<(), DeployError> {
    let rootless = contract.profile == "rootless";
    let kind = storage.kind.as_str();
    let namespace = choices.get("namespace");
    let runtime = choices.get("runtime-class");
    if is_gvisor(runtime) && !matches!(contract.profile.as_str(), "dind" | "rootless") {
        return Err(DeployError::Together(format!(
            "the kernel of {runtime} has no packet filter, and less than systemd and nodes of kind need: images of the profile dind run in it"
        )));
    }
    let reason = match host_users {
        "true" if rootless => {
            "a rootless daemon needs all of /proc, which Kubernetes gives to user namespaces alone: leave `host-users` away".to_owned()
        }
        "false" if matches!(kind, "loop" | "block") => format!(
            "in a user namespace neither a file nor a device can be mounted: `storage.kind` is not {kind} with it; take disk, memory or persistent"
        ),
        _ if choices.get("pod-security") == "true"
            && (namespace == "default" || namespace.starts_with("kube-")) =>
        {
            format!("`pod-security` would open the namespace {namespace}: name another one")
        }
        _ if rootless
            && place != Place::Engine
            && !is_sysbox(runtime)
            && choices.get("device.resource").is_empty() =>
        {
            "a rootless daemon needs /dev/net/tun, which pods are given by a device plugin: say --set device.resource=NAME, the plugin's name for it".to_owned()
        }
        _ => return Ok(()),
    };
    Err(DeployError::Together(reason))
}

/// The lowest level that admits a pod (kubernetes.io, "Pod Security Standards").
fn level(daemon: &Container, volumes: &[Volume]) -> &'static str {
    let host = |volume: &Volume| matches!(volume.kind, Kind::Host { .. });
    match daemon.security == Security::default() && !volumes.iter().any(host) {
        true => "baseline",
        false => "privileged",
    }
}

/// Volumes of pods are root's, and a daemon changes the mode of its directory.
fn owner(daemon: &Container) -> Container {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let own = |one: &&Mount| !one.read_only;
    let mounts: Vec<Mount> = daemon.mounts.iter().filter(own).cloned().collect();
    let paths = mounts.iter().map(|mount| mount.path.clone());
    Container {
        name: "owner".to_owned(),
        image: daemon.image.clone(),
        command: ["chown".to_owned(), ROOTLESS.to_owned()]
            .into_iter()
            .chain(paths)
            .collect(),
        user: "0".to_owned(),
        resources: Resources::new(
            BTreeMap::from([("cpu", "10m"), ("memory", "16Mi")].map(owned)),
            BTreeMap::from([("memory", "64Mi")].map(owned)),
        ),
        mounts,
        ..Container::default()
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
    for lifted in &security.unconfined {
        option("security-opt", lifted);
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
