//! The daemon's container, and that of its client.

use super::choices::{Choices, bytes, cpus};
use super::model::{Container, Mount, Port, Probe, Resources, Security, Variable};
use super::plan::Place;
use super::runtime::is_gvisor;
use super::storage::Storage;
use super::subject::Subject;
use super::volumes::{RUN, SECRET};
use crate::guest::Contract;

/// Where certificates are.
const CERTIFICATES: &str = "/certs";
/// The directory of the shared socket.
const SOCKETS: &str = "/run/dind-socket";
/// Where a machine finds the keys that may log in.
const KEYS: &str = "/etc/dind/keys";
/// Where an agent of Jenkins finds its secret, and keeps its files.
const AGENT_SECRET: &str = "/etc/dind/jenkins-secret";
/// See [`AGENT_SECRET`].
const AGENT_HOME: &str = "/var/lib/jenkins";
/// The port of a cluster's API, and its name in sources that people follow.
const API: (u16, &str) = (30001, "api-server-port");

pub(super) fn variable(name: &str, value: &str, note: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        value: value.to_owned(),
        field: String::new(),
        note: note.to_owned(),
    }
}

pub(super) fn mount(volume: &str, path: &str, read_only: bool) -> Mount {
    Mount {
        volume: volume.to_owned(),
        path: path.to_owned(),
        read_only,
        sub_path: String::new(),
    }
}

pub(super) fn daemon(
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
            // In a pod it mounts them itself: a volume of one is everybody's, and not empty at a restart.
            if place == Place::Engine {
                mounts.push(mount(RUN, "/run", false));
                mounts.push(mount("tmp", "/tmp", false));
            }
            if choices.get("agent") == "inbound" {
                args = inbound(choices);
                mounts.push(mount(SECRET, AGENT_SECRET, true));
            } else {
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
    if is_gvisor(choices.get("runtime-class")) {
        args.extend(["--iptables=false", "--ip6tables=false"].map(str::to_owned));
    }
    let kubernetes = place != Place::Engine;
    let probes = probes(contract);
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
        user: String::new(),
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

/// A command that makes a machine an agent of Jenkins (jenkinsci/remoting, "Inbound Agent"): the program
/// is the controller's own, so that both have one version.
fn inbound(choices: &Choices) -> Vec<String> {
    let (controller, name) = (
        choices.get("controller").trim_end_matches('/'),
        choices.get("name"),
    );
    let script = format!(
        "mkdir -p {AGENT_HOME} && cd {AGENT_HOME} && curl -fsSLo agent.jar {controller}/jnlpJars/agent.jar && exec java -jar agent.jar -url {controller}/ -secret @{AGENT_SECRET} -name {name} -webSocket -workDir {AGENT_HOME}"
    );
    ["sh", "-c", &script].map(str::to_owned).to_vec()
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
                match place {
                    Place::Sidecar => "no certificates: port 2375, for this pod alone",
                    Place::Engine | Place::Pod => {
                        "no certificates: whoever reaches port 2375 commands the daemon"
                    }
                },
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

pub(super) fn client(
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
        true => {
            format!("{WAIT} || {{ echo 'the daemon does not answer' >&2; exit 1; }}; {command}")
        }
        false => command.to_owned(),
    };
    let words = vec!["sh".to_owned(), "-c".to_owned(), command];
    // Our own entry point keeps the init; what another one makes of arguments nobody knows.
    let own = place == Place::Engine || choices.get("client.image").is_empty();
    let (command, args) = match own {
        true => (Vec::new(), words),
        false => (words, Vec::new()),
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
        command,
        args,
        env,
        mounts,
        ..Container::default()
    }
}

/// Waits for a daemon as long as its start may take. Without `$`, which Podman and Kubernetes read
/// differently.
const WAIT: &str = "timeout 900 sh -c 'until docker version >/dev/null 2>&1; do sleep 1; done'";

/// Seconds of a start, as in [`WAIT`]: with images that are loaded, services and steps of one's own.
const START: u32 = 900;

/// How the daemon is asked how it is.
struct Probes {
    startup: Option<Probe>,
    readiness: Option<Probe>,
    liveness: Option<Probe>,
}

fn probes(contract: &Contract) -> Probes {
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
        startup: Some(exec(&ready, 1, START)),
        readiness: Some(exec(&ready, 10, 3)),
        liveness: Some(exec(&["dindctl", "health"], 30, 3)),
    }
}

fn resources(choices: &Choices, storage: &Storage) -> Resources {
    let some = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .filter(|(name, value)| !name.is_empty() && !value.is_empty());
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    // A default is never more than the limit; more than that was refused where it was said.
    let least = |request: &'static str, limit: &str, number: fn(&str) -> Option<f64>| {
        let wanted = choices.get(request);
        match (number(wanted), number(limit)) {
            (Some(a), Some(b)) if a > b => limit.to_owned(),
            _ => wanted.to_owned(),
        }
    };
    let (cpu, memory) = (choices.get("cpu.limit"), storage.memory_limit.as_str());
    Resources::new(
        some(&[
            ("cpu", &least("cpu.request", cpu, cpus)),
            ("memory", &least("memory.request", memory, amount)),
        ]),
        some(&[
            ("cpu", cpu),
            ("memory", memory),
            (choices.get("device.resource"), "1"),
        ]),
    )
}

pub(super) fn amount(text: &str) -> Option<f64> {
    bytes(text).map(|bytes| bytes as f64)
}
