//! From an image's contract and what was said to what is deployed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::choices::{Choices, engine_bytes};
use super::engine::{Engine, processors};
use super::error::DeployError;
use super::model::{Container, Kind, Mount, Port, Probe, Resources, Security, Variable, Volume};
use super::storage::{self, Storage};
use crate::guest::{Confinement, Contract};

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

/// Where certificates are.
const CERTIFICATES: &str = "/certs";
/// The directory of the shared socket.
const SOCKETS: &str = "/run/dind-socket";
/// The volume of a machine's run-time files.
pub(super) const RUN: &str = "run";
/// Where a machine finds the keys that may log in.
const KEYS: &str = "/etc/dind/keys";
/// The user of a daemon without privileges.
const ROOTLESS: &str = "1000";
/// Seconds that a pod has to end, at least: its containers end one after the other.
const GRACE: u32 = 30;
/// The port of a cluster's API, and its name in sources that people follow.
const API: (u16, &str) = (30001, "api-server-port");
/// What gVisor gives a daemon in place of privileges (gvisor.dev, "Docker in gVisor").
const GVISOR: [&str; 17] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_CHROOT",
    "SYS_PTRACE",
];

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
        _ => choices.get("connection"),
    };
    if connection == "socket" && contract.profile == "rootless" {
        return Err(DeployError::Together(
            "the socket of a rootless daemon is in a directory of its own user's: `connection` is tls or tcp for it".to_owned(),
        ));
    }
    let native = place == Place::Sidecar && choices.get("sidecar") == "native";
    let daemon = daemon(
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

/// Whether a runtime gives every container a user namespace and the illusion of a host.
fn is_sysbox(runtime: &str) -> bool {
    runtime.starts_with("sysbox")
}

/// Whether a runtime is gVisor, whose kernel is a program.
fn is_gvisor(runtime: &str) -> bool {
    matches!(runtime, "gvisor" | "runsc")
}

/// Whether a runtime is a virtual machine whose directories are the host's by virtiofs.
pub(super) fn is_kata(runtime: &str) -> bool {
    runtime.contains("kata")
}

/// What the image says that it needs; less where the runtime gives it.
fn security(contract: &Contract, runtime: &str) -> Security {
    let privileges = &contract.privileges;
    let open = |what| privileges.unconfined.contains(&what);
    let security = Security {
        privileged: privileges.privileged,
        seccomp: open(Confinement::Seccomp),
        apparmor: open(Confinement::Apparmor),
        selinux: open(Confinement::Selinux),
        proc: open(Confinement::Proc),
        devices: privileges.devices.clone(),
        capabilities: Vec::new(),
        unconfined: false,
        read_only: false,
    };
    let security = match runtime {
        runtime if is_sysbox(runtime) => Security::default(),
        runtime if is_gvisor(runtime) && security.privileged => Security {
            privileged: false,
            capabilities: GVISOR.map(str::to_owned).to_vec(),
            ..security
        },
        _ => security,
    };
    Security {
        unconfined: security.seccomp || security.apparmor || security.selinux || security.proc,
        ..security
    }
}

fn variable(name: &str, value: &str, note: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        value: value.to_owned(),
        field: String::new(),
        note: note.to_owned(),
    }
}

fn mount(volume: &str, path: &str, read_only: bool) -> Mount {
    Mount {
        volume: volume.to_owned(),
        path: path.to_owned(),
        read_only,
        sub_path: String::new(),
    }
}

fn directory(name: &str, memory: bool, note: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        note: note.to_owned(),
        kind: Kind::Empty {
            memory,
            size: String::new(),
        },
    }
}

fn daemon(
    place: Place,
    subject: &Subject,
    choices: &Choices,
    storage: &Storage,
    security: Security,
    connection: &str,
    native: bool,
) -> Container {
    let contract = &subject.contract;
    let mut env = listeners(place, contract, connection);
    env.extend(storage.env.clone());
    let mut mounts = storage.mounts.clone();
    let mut ports = Vec::new();
    let mut args = Vec::new();
    match connection {
        "tls" => {
            if place == Place::Engine {
                mounts.push(mount("certs-ca", "/certs/ca", false));
            }
            mounts.push(mount("certs-client", "/certs/client", false));
        }
        "socket" => {
            // Listeners that are named are all that there are; those inside use the first.
            args.push("--host=unix:///var/run/docker.sock".to_owned());
            args.push(format!("--host=unix://{SOCKETS}/docker.sock"));
            mounts.push(mount("socket", SOCKETS, false));
        }
        _ => {}
    }
    match contract.profile.as_str() {
        "vmlc" => {
            mounts.push(mount(RUN, "/run", false));
            mounts.push(mount("tmp", "/tmp", false));
            ports.push(Port {
                name: "ssh".to_owned(),
                inside: 22,
                outside: choices.get("ssh.port").parse().unwrap_or(22),
                local: false,
            });
            let file = format!("{KEYS}/authorized_keys");
            let note = "who may log in as root";
            env.push(variable("DIND_AUTHORIZED_KEYS_FILE", &file, note));
            mounts.push(match place {
                Place::Engine => mount("keys", &file, true),
                Place::Sidecar | Place::Pod => mount("keys", KEYS, true),
            });
        }
        "kind-cluster" => {
            let note = "what clients outside call the API server by, in its certificate";
            let mut address = variable("API_SERVER_ADDRESS", "127.0.0.1", note);
            if place != Place::Engine {
                address.value = String::new();
                address.field = "status.podIP".to_owned();
            }
            env.push(address);
            mounts.push(mount("modules", "/lib/modules", true));
            ports.push(Port {
                name: API.1.to_owned(),
                inside: API.0,
                outside: API.0,
                local: true,
            });
        }
        _ => {}
    }
    if place != Place::Engine {
        let devices = security.devices.iter();
        mounts.extend(devices.map(|path| mount(&device(path), path, false)));
    }
    if is_gvisor(choices.get("runtime-class")) {
        args.extend(["--iptables=false", "--ip6tables=false"].map(str::to_owned));
    }
    let kubernetes = place != Place::Engine;
    let probes = probes(contract, native);
    Container {
        name: match place {
            Place::Sidecar => "docker".to_owned(),
            Place::Engine | Place::Pod => choices.get("name").to_owned(),
        },
        image: match choices.get("image") {
            "" => subject.image.clone(),
            said => said.to_owned(),
        },
        sidecar: native,
        command: Vec::new(),
        args,
        env,
        ports,
        security,
        resources: resources(choices, storage),
        startup: probes.startup.filter(|_| kubernetes),
        readiness: probes.readiness.filter(|_| kubernetes),
        liveness: probes.liveness.filter(|_| kubernetes),
        mounts,
        devices: storage.devices.clone(),
    }
}

/// Where the daemon listens, where that is not what the image does by itself.
fn listeners(place: Place, contract: &Contract, connection: &str) -> Vec<Variable> {
    let has = |purpose: &str| contract.ports.iter().any(|port| port.purpose == purpose);
    let mut env = Vec::new();
    match connection {
        "tls" if !has("docker-tls") => {
            env.push(variable(
                "DOCKER_TLS_CERTDIR",
                CERTIFICATES,
                "the image's own default is without",
            ));
            env.push(variable(
                "DIND_LISTEN",
                "tcp",
                "the image's own default may be a socket",
            ));
        }
        "tcp" => {
            env.push(variable(
                "DOCKER_TLS_CERTDIR",
                "",
                "no certificates: port 2375, for this pod alone",
            ));
            env.push(variable(
                "DIND_LISTEN",
                "tcp",
                "the image's own default may be a socket",
            ));
        }
        "socket" => env.push(variable(
            "DIND_LISTEN",
            "unix",
            "nothing listens on the network",
        )),
        _ => {}
    }
    if place == Place::Sidecar && matches!(connection, "tls" | "tcp") {
        let note = "only this pod reaches the daemon";
        env.push(variable("DIND_LISTEN_ADDRESS", "127.0.0.1", note));
    }
    env
}

fn client(
    place: Place,
    subject: &Subject,
    choices: &Choices,
    connection: &str,
    native: bool,
) -> Container {
    let host = match place {
        Place::Engine => "docker",
        Place::Sidecar | Place::Pod => "localhost",
    };
    let mut env = Vec::new();
    let mut mounts = Vec::new();
    match connection {
        "tls" => {
            env.push(variable("DOCKER_HOST", &format!("tcp://{host}:2376"), ""));
            env.push(variable("DOCKER_TLS_VERIFY", "1", ""));
            env.push(variable("DOCKER_CERT_PATH", "/certs/client", ""));
            mounts.push(mount("certs-client", "/certs/client", true));
        }
        "socket" => {
            env.push(variable(
                "DOCKER_HOST",
                &format!("unix://{SOCKETS}/docker.sock"),
                "",
            ));
            mounts.push(mount("socket", SOCKETS, false));
        }
        _ => env.push(variable("DOCKER_HOST", &format!("tcp://{host}:2375"), "")),
    }
    let command = choices.get("client.command");
    // Nothing else waits for a daemon that is a container beside it.
    let waits = place == Place::Sidecar && !native;
    let command = match waits {
        true => format!("{WAIT}; {command}"),
        false => command.to_owned(),
    };
    Container {
        name: "work".to_owned(),
        image: match choices.get("client.image") {
            "" => match choices.get("image") {
                "" => subject.image.clone(),
                said => said.to_owned(),
            },
            said => said.to_owned(),
        },
        args: vec!["sh".to_owned(), "-c".to_owned(), command],
        env,
        mounts,
        ..Container::default()
    }
}

/// Waits for a daemon, two minutes at most. Without `$`, which Podman and Kubernetes read differently.
const WAIT: &str = "timeout 120 sh -c 'until docker version >/dev/null 2>&1; do sleep 1; done'";

/// How the daemon is asked how it is.
struct Probes {
    startup: Option<Probe>,
    readiness: Option<Probe>,
    liveness: Option<Probe>,
}

fn probes(contract: &Contract, native: bool) -> Probes {
    let exec = |words: &[&str], period, failures| Probe {
        exec: words.iter().map(|word| (*word).to_owned()).collect(),
        period,
        timeout: 10,
        failures,
        ..Probe::default()
    };
    let ready = ["dindctl", "ready"];
    if contract.profile == "kind-cluster" {
        let healthz = Probe {
            path: "/healthz".to_owned(),
            port: API.1.to_owned(),
            delay: 120,
            period: 20,
            timeout: 1,
            failures: 15,
            ..Probe::default()
        };
        return Probes {
            startup: None,
            readiness: Some(healthz),
            liveness: None,
        };
    }
    Probes {
        // Kubernetes starts what comes after a native sidecar when this has held once.
        startup: Some(exec(&ready, 1, 120)),
        readiness: (!native).then(|| exec(&ready, 10, 3)),
        liveness: Some(exec(&["dindctl", "health"], 30, 3)),
    }
}

fn resources(choices: &Choices, storage: &Storage) -> Resources {
    let some = |pairs: [(&str, &str); 2]| {
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    Resources::new(
        some([
            ("cpu", choices.get("cpu.request")),
            ("memory", choices.get("memory.request")),
        ]),
        some([
            ("cpu", choices.get("cpu.limit")),
            ("memory", &storage.memory_limit),
        ]),
    )
}

/// What daemon and client share.
fn shared(place: Place, contract: &Contract, connection: &str) -> Vec<Volume> {
    let mut volumes = Vec::new();
    match connection {
        "tls" => {
            if place == Place::Engine {
                let note = "the authority, which a new container of the same name takes over";
                volumes.push(directory("certs-ca", false, note));
            }
            let note =
                "the client's certificate and key; the authority's key stays with the daemon";
            volumes.push(directory("certs-client", false, note));
        }
        // A directory in memory is of one container alone where an engine makes it.
        "socket" => volumes.push(directory(
            "socket",
            place != Place::Engine,
            "the daemon's socket",
        )),
        _ => {}
    }
    if contract.profile == "vmlc" {
        volumes.push(directory(
            "run",
            true,
            "systemd wants it empty at each start",
        ));
        volumes.push(directory("tmp", true, "as on a machine"));
    }
    volumes
}

/// A device's name as a volume.
fn device(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// What comes from outside.
fn host_volumes(
    place: Place,
    contract: &Contract,
    choices: &Choices,
    devices: &[String],
) -> Vec<Volume> {
    let mut volumes = Vec::new();
    let host = |name: &str, path: &str, kind: &str, note: &str| Volume {
        name: name.to_owned(),
        note: note.to_owned(),
        kind: Kind::Host {
            path: path.to_owned(),
            kind: kind.to_owned(),
        },
    };
    if place != Place::Engine {
        let note = "the network of a user's daemon";
        volumes.extend(
            devices
                .iter()
                .map(|path| host(&device(path), path, "CharDevice", note)),
        );
    }
    match contract.profile.as_str() {
        "kind-cluster" => {
            let note = "kubeadm and kube-proxy look for the kernel's modules";
            volumes.push(host("modules", "/lib/modules", "Directory", note));
        }
        "vmlc" => volumes.push(match place {
            Place::Engine => host(
                "keys",
                choices.get("ssh.keys"),
                "File",
                "who may log in as root",
            ),
            Place::Sidecar | Place::Pod => Volume {
                name: "keys".to_owned(),
                note: "who may log in as root: the file authorized_keys".to_owned(),
                kind: Kind::Secret {
                    name: match choices.given("ssh.keys") {
                        Some(said) => said.to_owned(),
                        None => format!("{}-keys", choices.get("name")),
                    },
                },
            },
        }),
        _ => {}
    }
    volumes
}
