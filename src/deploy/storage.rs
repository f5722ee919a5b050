//! What the daemon's data is kept on.

use super::choices::{Choices, bytes};
use super::error::DeployError;
use super::model::{Device, Kind, Mount, Variable, Volume};
use super::plan::{Claim, Place};
use super::runtime::{is_gvisor, is_kata};
use crate::guest::Contract;

/// What the daemon's data is kept on, and what that takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Storage {
    /// What was decided.
    pub kind: String,
    pub volumes: Vec<Volume>,
    pub mounts: Vec<Mount>,
    pub devices: Vec<Device>,
    pub env: Vec<Variable>,
    /// Most memory of the container, that of volumes in memory included.
    pub memory_limit: String,
    persistent: bool,
}

/// The major version from which images are containerd's to keep (docs.docker.com, "containerd image
/// store"). A containerd that dockerd starts keeps them below dockerd's own directory.
const CONTAINERD_STORE: u32 = 29;
/// What the engine's second directory may take where images are not in it.
const SMALL: &str = "1Gi";
/// What a volume in memory may take where nobody says.
const IN_MEMORY: &str = "4Gi";
/// What the daemon and its containers have beside a volume in memory, in bytes.
const BESIDE_MEMORY: u64 = 2 << 30;
/// What a directory has beside the file of a loop device, in bytes.
const BESIDE_LOOP: u64 = 1 << 30;
/// Where the guest looks for a block device.
const DEVICE: &str = "/dev/dind-data";

/// Decides where data is kept.
pub(super) fn storage(
    place: Place,
    contract: &Contract,
    choices: &Choices,
) -> Result<Storage, DeployError> {
    let runtime = choices.get("runtime-class");
    let kind = match choices.given("storage.kind") {
        Some(kind) => kind,
        // A directory of such a machine is virtiofs, which no overlay can be written to.
        None if is_kata(runtime) => "loop",
        // An overlay is written in memory alone there (gvisor.dev, "Docker in gVisor").
        None if is_gvisor(runtime) => "memory",
        None => choices.get("storage.kind"),
    };
    if contract.profile == "rootless" && matches!(kind, "loop" | "block") {
        return Err(DeployError::Together(format!(
            "a rootless daemon cannot mount what storage {kind} needs: say --storage disk, memory or persistent"
        )));
    }
    if place == Place::Engine && kind == "block" {
        return Err(DeployError::Together(
            "`storage.kind` is block for Kubernetes alone; for an engine mount the device and name its directory".to_owned(),
        ));
    }
    let size = match (kind, choices.given("storage.size")) {
        ("memory", None) => IN_MEMORY,
        _ => choices.get("storage.size"),
    };
    let mut storage = Storage {
        kind: kind.to_owned(),
        memory_limit: choices.get("memory.limit").to_owned(),
        persistent: kind == "persistent" && place != Place::Engine,
        ..Storage::default()
    };
    let elsewhere = keeps_images_elsewhere(contract);
    if elsewhere && matches!(kind, "loop" | "block") {
        return Err(DeployError::Together(format!(
            "images of a machine with Docker {CONTAINERD_STORE} are not in dockerd's directory: {kind} is for that one alone; say --storage disk, memory or persistent"
        )));
    }
    let directories = directories(contract);
    for (number, (name, path)) in directories.iter().enumerate() {
        let large = number == 0 || elsewhere;
        let size = if large { size } else { SMALL };
        storage.place(kind, name, path, size, large, choices);
    }
    if kind == "loop" {
        let size = bytes(size).unwrap_or(0) >> 20;
        storage.say(
            "DIND_STORAGE",
            "loop",
            "ext4 in a file: also where a directory cannot have an overlay",
        );
        storage.say("DIND_STORAGE_SIZE", &format!("{size}M"), "");
    }
    if kind == "block" {
        storage.say(
            "DIND_STORAGE_DEVICE",
            DEVICE,
            "ext4 on it, made where there is none",
        );
    }
    if kind == "memory" {
        storage.limit_memory(choices)?;
    }
    Ok(storage)
}

impl Storage {
    fn say(&mut self, name: &str, value: &str, note: &str) {
        self.env.push(Variable {
            name: name.to_owned(),
            value: value.to_owned(),
            field: String::new(),
            note: note.to_owned(),
        });
    }

    fn place(
        &mut self,
        kind: &str,
        name: &str,
        path: &str,
        size: &str,
        large: bool,
        choices: &Choices,
    ) {
        let note = match kind {
            "memory" if large => "what it takes counts as the daemon's memory",
            "persistent" if large => "the next pod finds what this one has pulled",
            _ if large => "images and containers: never shared with another daemon",
            _ => "containerd's own state",
        };
        let grown = |size: &str, by: u64| match bytes(size) {
            Some(size) => format!("{}Mi", size.saturating_add(by) >> 20),
            None => size.to_owned(),
        };
        let volume = match kind {
            "memory" if large => Kind::Empty {
                memory: true,
                size: size.to_owned(),
            },
            "loop" if large => Kind::Empty {
                memory: false,
                size: grown(size, BESIDE_LOOP),
            },
            "block" if large => {
                self.devices.push(Device {
                    volume: name.to_owned(),
                    path: DEVICE.to_owned(),
                });
                Kind::Ephemeral {
                    class: choices.get("storage.class").to_owned(),
                    size: size.to_owned(),
                }
            }
            "persistent" if large && self.persistent => Kind::Claim {
                name: claim(choices.get("name")),
            },
            _ => Kind::Empty {
                memory: false,
                size: size.to_owned(),
            },
        };
        let on_device = matches!(volume, Kind::Ephemeral { .. });
        let claimed = matches!(volume, Kind::Claim { .. });
        let known = self.volumes.iter().any(|one| claimed && one.kind == volume);
        let first = self
            .volumes
            .first()
            .filter(|_| known)
            .map(|one| one.name.clone());
        if !on_device {
            self.mounts.push(Mount {
                volume: first.unwrap_or_else(|| name.to_owned()),
                path: path.to_owned(),
                read_only: false,
                // One claim for both directories; not its root, which has `lost+found`.
                sub_path: if claimed {
                    name.to_owned()
                } else {
                    String::new()
                },
            });
        }
        if !known {
            self.volumes.push(Volume {
                name: name.to_owned(),
                note: note.to_owned(),
                kind: volume,
            });
        }
    }

    fn limit_memory(&mut self, choices: &Choices) -> Result<(), DeployError> {
        let sizes = self.volumes.iter().filter_map(|volume| match &volume.kind {
            Kind::Empty { memory: true, size } => bytes(size),
            _ => None,
        });
        let taken = sizes.fold(0u64, u64::saturating_add);
        match choices.given("memory.limit") {
            Some(said) if bytes(said).is_some_and(|limit| limit <= taken) => {
                Err(DeployError::Together(format!(
                    "`memory.limit` is {said}, and the volumes in memory may take {}Mi of it: say more, or a smaller `storage.size`",
                    taken >> 20
                )))
            }
            Some(_) => Ok(()),
            None => {
                self.memory_limit = format!("{}Mi", taken.saturating_add(BESIDE_MEMORY) >> 20);
                Ok(())
            }
        }
    }

    /// The claim that has to be there.
    pub fn claim(&self, name: &str, choices: &Choices) -> Option<Claim> {
        self.persistent.then(|| Claim {
            name: claim(name),
            class: choices.get("storage.class").to_owned(),
            size: choices.get("storage.size").to_owned(),
        })
    }
}

fn claim(name: &str) -> String {
    format!("{name}-data")
}

/// The directories that want a volume, the daemon's own first, each with a name.
fn directories(contract: &Contract) -> Vec<(String, String)> {
    let mut paths = contract.volumes.clone();
    if paths.is_empty() {
        paths.push(contract.data().to_owned());
    }
    paths.sort_by_key(|path| path != contract.data());
    let mut named: Vec<(String, String)> = Vec::new();
    for path in paths {
        let last = path.rsplit('/').next().unwrap_or_default();
        let plain = |c: char| match c.is_ascii_alphanumeric() {
            true => c.to_ascii_lowercase(),
            false => '-',
        };
        let mut name: String = last.chars().map(plain).collect();
        name = format!("data-{name}").trim_end_matches('-').to_owned();
        if ["/var/lib/docker", "/var/lib/containerd", contract.data()].contains(&path.as_str()) {
            name = last.to_owned();
        }
        while named.iter().any(|(known, _)| *known == name) {
            name.push_str("-2");
        }
        named.push((name, path));
    }
    named
}

/// Whether images are in containerd's own directory: in a machine, where it is a service.
fn keeps_images_elsewhere(contract: &Contract) -> bool {
    if contract.profile != "vmlc" {
        return false;
    }
    let major = contract.engine.version.split('.').next();
    let major = major.and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= CONTAINERD_STORE)
}
