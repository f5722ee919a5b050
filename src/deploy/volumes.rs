//! What containers share, and what comes from outside.

use super::choices::Choices;
use super::containers::mount;
use super::model::{Container, Kind, Mount, Volume};
use super::plan::Place;
use crate::guest::Contract;

/// The volume of a machine's run-time files.
pub(super) const RUN: &str = "run";
/// The file of an agent's secret.
pub(super) const SECRET: &str = "secret";

pub(super) fn directory(name: &str, memory: bool, note: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        note: note.to_owned(),
        kind: Kind::Empty {
            memory,
            size: String::new(),
        },
    }
}

/// What daemon and client share.
pub(super) fn shared(place: Place, contract: &Contract, connection: &str) -> Vec<Volume> {
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
    if contract.profile == "vmlc" && place == Place::Engine {
        volumes.push(directory(
            "run",
            true,
            "systemd wants it empty at each start",
        ));
        volumes.push(directory("tmp", true, "as on a machine"));
    }
    volumes
}

/// The account's numbers beside its own, of 65536: the image's are above those, where a user
/// namespace of a pod has none (newuidmap then fails, as was seen on an engine with such namespaces).
pub(super) const SUBORDINATE: &str = "rootless:1001:64535";

/// Mounts the file of subordinate numbers for users and for groups.
pub(super) fn subordinates(name: &str, daemon: &mut Container) -> Volume {
    for path in ["/etc/subuid", "/etc/subgid"] {
        daemon.mounts.push(Mount {
            sub_path: "subid".to_owned(),
            ..mount("subid", path, true)
        });
    }
    Volume {
        name: "subid".to_owned(),
        note: String::new(),
        kind: Kind::Config {
            name: subordinates_of(name),
        },
    }
}

/// The name of the object that has the numbers of nested users.
pub(super) fn subordinates_of(name: &str) -> String {
    format!("{name}-subid")
}

/// What comes from outside.
pub(super) fn host_volumes(place: Place, contract: &Contract, choices: &Choices) -> Vec<Volume> {
    let mut volumes = Vec::new();
    let host = |name: &str, path: &str, kind: &str, note: &str| Volume {
        name: name.to_owned(),
        note: note.to_owned(),
        kind: Kind::Host {
            path: path.to_owned(),
            kind: kind.to_owned(),
        },
    };
    match contract.profile.as_str() {
        "kind-cluster" => {
            let note = "kubeadm and kube-proxy look for the kernel's modules";
            volumes.push(host("modules", "/lib/modules", "Directory", note));
        }
        "vmlc" if choices.get("agent") == "inbound" => {
            let note = "what Jenkins knows its agent by";
            volumes.push(host(SECRET, choices.get("agent.secret"), "File", note));
        }
        "vmlc" => volumes.push(match place {
            Place::Engine => host(
                "keys",
                choices.get("ssh.keys"),
                "File",
                "who may log in as root",
            ),
            Place::Sidecar | Place::Pod => {
                let name = match choices.given("ssh.keys") {
                    Some(said) => said.to_owned(),
                    None => format!("{}-keys", choices.get("name")),
                };
                Volume {
                    name: "keys".to_owned(),
                    note: format!(
                        "who may log in as root: kubectl create secret generic {name} --from-file=authorized_keys=KEYS.pub"
                    ),
                    kind: Kind::Secret { name },
                }
            }
        }),
        _ => {}
    }
    volumes
}
