//! What an image of each profile declares: entry point, environment, ports, volumes, directories.

use std::collections::{BTreeMap, BTreeSet};

use crate::recipe::{InitKind, ListenTcp, Profile, Recipe, StorageDriver};
use crate::tree::{Tree, TreePath};

use super::cluster::cluster;
use super::label::{self, Contract, Engine, Port, Privileges};
use super::machine;
use super::rootless::{self, rootless};

/// The engine's data directories.
const DATA: [&str; 2] = [label::DATA, "/var/lib/containerd"];
/// What the guest and the engine write beside their data: certificates, sockets and state, scratch
/// files, logs.
const WRITABLE: [&str; 4] = ["/certs", "/run", "/tmp", "/var/log"];

/// Where daemon and client keep certificates, each whoever it runs as.
pub(super) const CERTIFICATES: [Directory; 2] =
    [owned("certs", 0o1777, 0), owned("certs/client", 0o1777, 0)];

/// The data directories, with the modes that engines give them.
const DATA_MODES: [Directory; 2] = [
    owned("var/lib/docker", 0o710, 0),
    owned("var/lib/containerd", 0o711, 0),
];
/// Where teams put steps of their own.
pub(super) const STEPS: [Directory; 2] = [
    owned("etc/dind/pre.d", 0o755, 0),
    owned("etc/dind/ready.d", 0o755, 0),
];

/// What a client writes without being told to.
const SCRATCH: &str = "/tmp";

/// A directory that has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its path, without the first slash.
    pub path: &'static str,
    /// Its permissions.
    pub mode: u32,
    /// The numbers of its user and group.
    pub owner: u32,
}

/// A directory in few words.
pub(super) const fn owned(path: &'static str, mode: u32, owner: u32) -> Directory {
    Directory { path, mode, owner }
}

/// The run-time part of an image configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// The program that starts, with its arguments.
    pub entrypoint: Vec<String>,
    /// Arguments when the user gives none.
    pub command: Vec<String>,
    /// Environment.
    pub environment: BTreeMap<String, String>,
    /// TCP ports, and what answers there.
    pub ports: Vec<Port>,
    /// Volumes.
    pub volumes: Vec<String>,
    /// The command of the health check, where there is one.
    pub health: Vec<String>,
    /// Directories that have to be there.
    pub directories: Vec<Directory>,
    /// The user who starts, by number; root where it is empty.
    pub user: String,
    /// Programs that get capabilities of their file in place of a set-user-id bit, and the numbers
    /// of these (capabilities(7), "File capabilities").
    pub capabilities: Vec<(&'static str, u32)>,
    /// The parts of `images/` that are placed.
    pub parts: Vec<&'static str>,
    /// Symbolic links, by their paths, and where they lead.
    pub links: Vec<(String, &'static str)>,
    /// The signal that asks the first process to end; the engine's own where it is empty.
    pub stop_signal: &'static str,
}

/// The runtime of a recipe's profile; without a profile a plain shell.
pub fn runtime(recipe: &Recipe) -> Runtime {
    let path = recipe.hardening.path.to_string();
    let mut environment = BTreeMap::from([("PATH".to_owned(), path)]);
    let Some(profile) = recipe.profile else {
        environment.extend(recipe.env.clone());
        return Runtime {
            command: vec!["/bin/sh".to_owned()],
            environment,
            ..Runtime::default()
        };
    };
    match profile {
        // As systemd and programs that look for it expect.
        Profile::Vmlc => environment.insert("container".to_owned(), "docker".to_owned()),
        Profile::Dind | Profile::Cli | Profile::Rootless | Profile::KindCluster => {
            let certificates = match recipe.listen.tcp {
                ListenTcp::Tls | ListenTcp::Off => "/certs",
                ListenTcp::Plain => "",
            };
            environment.insert("DOCKER_TLS_CERTDIR".to_owned(), certificates.to_owned())
        }
    };
    environment.extend(recipe.env.clone());
    let entered_by = |program: &'static str| {
        let words = init(recipe.init).iter().chain([&program]);
        words.map(|word| (*word).to_owned()).collect()
    };
    match profile {
        Profile::Vmlc => machine(recipe, environment),
        Profile::Rootless => rootless(dind(
            recipe,
            entered_by("dockerd-entrypoint.sh"),
            environment,
        )),
        Profile::Dind => dind(recipe, entered_by("dockerd-entrypoint.sh"), environment),
        Profile::KindCluster => cluster(
            dind(recipe, entered_by("dockerd-entrypoint.sh"), environment),
            &recipe.kind,
        ),
        Profile::Cli => Runtime {
            entrypoint: entered_by("docker-entrypoint.sh"),
            command: vec!["sh".to_owned()],
            environment,
            directories: CERTIFICATES.to_vec(),
            parts: vec!["common"],
            ..Runtime::default()
        },
    }
}

fn dind(
    recipe: &Recipe,
    entrypoint: Vec<String>,
    environment: BTreeMap<String, String>,
) -> Runtime {
    let volumes = if recipe.volume {
        DATA.map(str::to_owned).to_vec()
    } else {
        Vec::new()
    };
    Runtime {
        entrypoint,
        command: Vec::new(),
        environment,
        ports: recipe
            .listen
            .exposed()
            .map(|port| Port {
                port,
                purpose: match recipe.listen.tcp {
                    ListenTcp::Plain => "docker",
                    ListenTcp::Tls | ListenTcp::Off => "docker-tls",
                }
                .to_owned(),
            })
            .into_iter()
            .collect(),
        volumes,
        health: ["CMD", "dindctl", "health"].map(str::to_owned).to_vec(),
        directories: [&CERTIFICATES[..], &DATA_MODES, &STEPS].concat(),
        parts: vec!["common", "dind"],
        ..Runtime::default()
    }
}

/// systemd takes this for `halt` (systemd(1), SIGNALS).
const HALT: &str = "SIGRTMIN+3";

/// What sshd listens on.
const SSH: u16 = 22;

fn machine(recipe: &Recipe, environment: BTreeMap<String, String>) -> Runtime {
    let masked = machine::MASKED.iter();
    let masked = masked.map(|unit| (format!("etc/systemd/system/{unit}"), "/dev/null"));
    Runtime {
        entrypoint: vec!["vmlc-entrypoint.sh".to_owned()],
        ports: vec![Port {
            port: SSH,
            purpose: "ssh".to_owned(),
        }],
        directories: STEPS.iter().chain(&DATA_MODES).copied().collect(),
        parts: vec!["common", "dind", "vmlc"],
        links: masked.collect(),
        stop_signal: HALT,
        ..dind(recipe, Vec::new(), environment)
    }
}

/// PID 1 with its arguments: a signal must reach the whole process group, or an entry script in the
/// middle swallows it (measured with tini: 10.1 s to stop without, 1.0 s with). As a subreaper tini
/// also reaps where the engine puts an init of its own in front.
fn init(kind: InitKind) -> &'static [&'static str] {
    match kind {
        InitKind::Tini => &["tini", "-s", "-g", "--"],
        InitKind::DumbInit => &["dumb-init", "--"],
        InitKind::Catatonit => &["catatonit", "-g", "--"],
        // The entry point becomes it.
        InitKind::Systemd => &[],
    }
}

/// The directories that are written at run time and are no volumes.
fn writable(recipe: &Recipe, profile: Profile) -> Vec<String> {
    match profile {
        Profile::Cli => return vec![SCRATCH.to_owned()],
        Profile::Rootless => return rootless::writable(recipe.volume),
        Profile::Dind | Profile::Vmlc | Profile::KindCluster => {}
    }
    let data = DATA.iter().filter(|_| !recipe.volume);
    WRITABLE
        .iter()
        .chain(data)
        .map(|path| (*path).to_owned())
        .collect()
}

/// The label that describes the image to `smoke` and `deploy`.
pub fn contract(
    recipe: &Recipe,
    runtime: &Runtime,
    engine_version: &str,
    plugins: &[String],
) -> Option<Contract> {
    let profile = recipe.profile?;
    Some(Contract {
        schema: 1,
        profile: profile.word().to_owned(),
        engine: Engine {
            name: "docker".to_owned(),
            version: engine_version.to_owned(),
        },
        distribution: recipe.distribution.to_string(),
        init: recipe.init.word().to_owned(),
        iptables: recipe.iptables.word().to_owned(),
        storage: match profile.has_daemon() {
            true => rungs(recipe),
            false => Vec::new(),
        },
        ports: runtime.ports.clone(),
        volumes: runtime.volumes.clone(),
        stop_timeout: recipe.run.stop_timeout,
        privileges: match profile {
            Profile::Rootless => rootless::privileges(),
            _ => Privileges {
                privileged: profile.has_daemon(),
                unconfined: Vec::new(),
                devices: Vec::new(),
            },
        },
        read_only: recipe.hardening.read_only,
        writable: writable(recipe, profile),
        plugins: plugins.to_vec(),
        client_key_mode: recipe.tls.client_key_mode().to_owned(),
    })
}

/// Where Docker's client looks for plugins of all users (docker/cli, `cli-plugins/manager`).
const PLUGIN_DIRECTORIES: [&str; 4] = [
    "usr/local/lib/docker/cli-plugins",
    "usr/local/libexec/docker/cli-plugins",
    "usr/lib/docker/cli-plugins",
    "usr/libexec/docker/cli-plugins",
];

/// The plugins of Docker's client in a tree, in the order of their names.
pub fn plugins(tree: &Tree) -> Vec<String> {
    let directories = PLUGIN_DIRECTORIES.iter();
    let directories = directories.filter_map(|path| TreePath::parse(path).ok());
    let found = directories.flat_map(|directory| tree.below(&directory));
    let names = found.filter_map(|(path, _)| path.file_name().map(str::to_owned));
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The ladder of the recipe.
fn rungs(recipe: &Recipe) -> Vec<String> {
    let storage = &recipe.storage;
    let ladder = || {
        let fallback = storage.fallback.iter().map(|rung| rung.word());
        [StorageDriver::Overlay2.word()].into_iter().chain(fallback)
    };
    match storage.driver {
        Some(driver) => vec![driver.word().to_owned()],
        None => ladder().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(lines: &str) -> Recipe {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("r.toml");
        let text = format!("schema = 1\n{lines}\n[debian]\nsuite = \"trixie\"\n");
        std::fs::write(&path, text).expect("recipe written");
        crate::recipe::load(&path).expect("valid").default().clone()
    }

    #[test]
    fn a_client_needs_no_privileges_and_declares_no_volumes() {
        let recipe = recipe("profile = \"cli\"");
        let runtime = runtime(&recipe);
        assert_eq!(
            runtime.entrypoint,
            ["tini", "-s", "-g", "--", "docker-entrypoint.sh"]
        );
        assert_eq!(runtime.environment["DOCKER_TLS_CERTDIR"], "/certs");
        assert!(runtime.volumes.is_empty() && runtime.ports.is_empty());
        let contract = contract(&recipe, &runtime, "26.1.5", &[]).expect("a profile");
        assert!(!contract.privileges.privileged);
        assert!(contract.storage.is_empty());
    }

    #[test]
    fn a_machine_is_halted_as_systemd_asks_and_offers_ssh_alone() {
        let recipe = recipe("profile = \"vmlc\"\ninit.kind = \"systemd\"");
        let runtime = runtime(&recipe);
        assert_eq!(runtime.entrypoint, ["vmlc-entrypoint.sh"]);
        assert_eq!(runtime.stop_signal, "SIGRTMIN+3");
        assert!(!runtime.environment.contains_key("DOCKER_TLS_CERTDIR"));
        let contract = contract(&recipe, &runtime, "26.1.5", &[]).expect("a profile");
        let ports: Vec<(u16, &str)> = contract
            .ports
            .iter()
            .map(|port| (port.port, port.purpose.as_str()))
            .collect();
        assert_eq!(ports, [(22, "ssh")]);
        assert!(contract.privileges.privileged);
    }
}
