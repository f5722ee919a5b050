//! What the kinds of manifests have in common: containers that share their fate, with what they are
//! given. Rules are about these.

use std::collections::BTreeMap;

use super::daemon::Daemon;
use super::environment::Environment;
use super::field::Place;
use super::image::Reference;

/// What a text says.
#[derive(Default)]
pub struct Manifest {
    /// Pods, Compose files, jobs of pipelines.
    pub groups: Vec<Group>,
    /// Ports of Services of Kubernetes.
    pub services: Vec<ServicePort>,
    /// Claims of storage, by namespace and name.
    pub claims: BTreeMap<(String, String), Claim>,
}

/// Who runs a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A pod.
    Kubernetes,
    /// The services of a Compose file.
    Compose,
    /// A job of GitLab CI with its services.
    GitLab,
    /// A job of GitHub Actions with its services.
    GitHub,
}

/// Containers that are started together.
pub struct Group {
    /// Who runs it.
    pub platform: Platform,
    /// What messages call it: ``Deployment `build` ``.
    pub title: String,
    /// Its containers.
    pub containers: Vec<Container>,
    /// What of Kubernetes makes the pod.
    pub controller: Controller,
}

/// How a pod comes to be.
#[derive(Clone, Debug, Default)]
pub struct Controller {
    /// Its kind.
    pub kind: String,
    /// Its namespace, empty for the one that is chosen when it is applied.
    pub namespace: String,
    /// Where it says what happens to pods whose work is done, if they are to end.
    pub ends: Option<Place>,
    /// Processes of the pod see each other.
    pub shared_processes: bool,
}

/// That several of one container exist at once.
#[derive(Clone, Debug)]
pub struct Several {
    /// How that comes, as the end of a sentence: `has 3 pods`.
    pub what: String,
    /// They do all the time, not now and then.
    pub always: bool,
    /// Where it is said.
    pub place: Place,
}

/// How long a container lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// As long as its group.
    Main,
    /// As long as the containers that do the work: an init container that is restarted.
    Sidecar,
    /// Until the next one starts.
    Init,
}

/// A container.
pub struct Container {
    /// What messages call it: ``container `dind` ``.
    pub title: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// How long it lives.
    pub life: Life,
    /// The image, unless it is built beside the manifest or not said.
    pub image: Option<(Reference, Place)>,
    /// Program and arguments, as far as the manifest says.
    pub words: Vec<String>,
    /// Where they stand, or would.
    pub words_at: Place,
    /// Environment.
    pub env: Environment,
    /// What it may.
    pub security: Security,
    /// The runtime: a `RuntimeClass`, or the engine's word.
    pub runtime: Option<String>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Where that stands, or would.
    pub mounts_at: Place,
    /// More may be mounted than the manifest shows.
    pub mounts_open: bool,
    /// It has a block device.
    pub devices: bool,
    /// Ports that are declared or published.
    pub ports: Vec<Port>,
    /// What it may use.
    pub limits: Limits,
    /// Something says when it has started.
    pub started: bool,
    /// Something says when it is ready.
    pub ready: bool,
    /// Where that would stand.
    pub ready_at: Place,
    /// It is asked by `dindctl`, which images of this project have.
    pub asked: bool,
    /// Services that it is started after.
    pub after: Vec<After>,
    /// Names by which others of the group reach it.
    pub names: Vec<String>,
    /// Names that its own certificate has beside the usual ones.
    pub hostname: Option<String>,
    /// The container whose network it shares.
    pub joins: Option<String>,
    /// Seconds from the signal to stop to killing.
    pub stop: Option<(f64, Place)>,
    /// Several of it exist at once.
    pub several: Option<Several>,
    /// Namespaces of the host that it is in.
    pub host: Vec<(HostNamespace, Place)>,
    /// The daemon that it runs.
    pub daemon: Option<Daemon>,
}

/// What a container may.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Where it gets every privilege.
    pub privileged: Option<Place>,
    /// It has the capability to mount.
    pub mounts: bool,
    /// A profile of system calls is chosen for it.
    pub seccomp: bool,
    /// Where all this stands, or would.
    pub place: Option<Place>,
}

/// A mounted directory or file.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where in the container, without a slash at its end.
    pub path: String,
    /// What.
    pub source: Source,
    /// The part of the volume.
    pub part: Option<String>,
    /// It cannot be written.
    pub read_only: bool,
    /// Where that stands.
    pub place: Place,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A directory that ends with its pod.
    EmptyDir {
        /// Name of the volume.
        name: String,
        /// It lies in memory.
        memory: bool,
        /// Its limit, in bytes.
        limit: Option<f64>,
        /// It says a limit.
        limited: bool,
    },
    /// A path of the host.
    Host(String),
    /// A claim of Kubernetes that others can name too.
    Claim(String),
    /// A named volume.
    Named(String),
    /// A volume of this pod alone, with its name; without one, of this container alone.
    Own(String),
    /// A file system in memory, with its size in bytes if it has one.
    Tmpfs(Option<f64>),
    /// A secret, a configuration, a driver's volume.
    Other,
}

/// A port.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its number in the container.
    pub number: u16,
    /// Who reaches it.
    pub reach: Reach,
    /// Where it stands.
    pub place: Place,
}

/// Who reaches a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Who reaches the container: it is declared only.
    Declared,
    /// The host's own programs.
    Loopback,
    /// Who reaches the host.
    Published,
}

/// A port of a Service of Kubernetes.
pub struct ServicePort {
    /// The Service's title.
    pub title: String,
    /// The port, or the target.
    pub number: u16,
    /// Where it stands.
    pub place: Place,
}

/// A claim of storage.
pub struct Claim {
    /// One pod at a time has it.
    pub one_pod: bool,
}

/// What a container may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of memory, where they are understood.
    pub memory: Option<f64>,
    /// A limit of memory is said.
    pub memory_said: bool,
    /// It has a limit of storage.
    pub storage: bool,
    /// It asks for processors.
    pub cpu: bool,
    /// Where that stands, or would.
    pub place: Place,
}

/// Another service that a service is started after.
#[derive(Clone, Debug)]
pub struct After {
    /// Its name.
    pub name: String,
    /// It waits until that one is healthy.
    pub healthy: bool,
    /// Where it stands.
    pub place: Place,
}

/// A namespace of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostNamespace {
    /// Network.
    Network,
    /// Processes.
    Processes,
    /// Shared memory and queues.
    Ipc,
}

impl Container {
    /// A container that is given nothing.
    pub fn new(title: String, name: &str, place: &Place) -> Self {
        Self {
            title,
            name: name.to_owned(),
            place: place.clone(),
            life: Life::Main,
            image: None,
            words: Vec::new(),
            words_at: place.clone(),
            env: Environment::default(),
            security: Security::default(),
            runtime: None,
            mounts: Vec::new(),
            mounts_at: place.clone(),
            mounts_open: false,
            devices: false,
            ports: Vec::new(),
            limits: Limits {
                memory: None,
                memory_said: false,
                storage: false,
                cpu: false,
                place: place.clone(),
            },
            started: false,
            ready: false,
            ready_at: place.clone(),
            asked: false,
            after: Vec::new(),
            names: Vec::new(),
            hostname: None,
            joins: None,
            stop: None,
            several: None,
            host: Vec::new(),
            daemon: None,
        }
    }

    /// The mount that has `path`: the innermost above it.
    pub fn holding(&self, path: &str) -> Option<&Mount> {
        let above = |mount: &&Mount| {
            let rest = path.strip_prefix(mount.path.as_str());
            !mount.path.is_empty()
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.mounts
            .iter()
            .filter(above)
            .max_by_key(|mount| mount.path.len())
    }

    /// The mount of the daemon's data directory.
    pub fn data(&self) -> Option<&Mount> {
        self.holding(&self.daemon.as_ref()?.data)
    }

    /// The image's reference.
    pub fn reference(&self) -> Option<&Reference> {
        self.image.as_ref().map(|(reference, _)| reference)
    }

    /// Whether the runtime's name has a word.
    pub fn runs_in(&self, word: &str) -> bool {
        self.runtime
            .as_ref()
            .is_some_and(|name| name.to_ascii_lowercase().contains(word))
    }
}

/// Whether a host's name is that of the host itself.
pub fn is_local(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.") || host == "::1"
}
