//! What an image of each profile declares: entry point, environment, ports, volumes, directories.

use std::collections::BTreeMap;

use crate::recipe::{InitKind, Profile, Recipe};

use super::label::{Contract, Engine, Port, Privileges};

/// Port of the TLS listener, as every Docker client expects it.
pub(super) const TLS_PORT: u16 = 2376;
/// Port of the plain listener, used only when TLS is switched off.
pub(super) const PLAIN_PORT: u16 = 2375;

/// The run-time part of an image configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// The program that starts, with its arguments.
    pub entrypoint: Vec<String>,
    /// Arguments when the user gives none.
    pub command: Vec<String>,
    /// Environment.
    pub environment: BTreeMap<String, String>,
    /// TCP ports.
    pub ports: Vec<u16>,
    /// Volumes.
    pub volumes: Vec<String>,
    /// The command of the health check.
    pub health: Option<Vec<String>>,
    /// Directories that have to be there, with their modes.
    pub directories: Vec<(&'static str, u32)>,
    /// The parts of `images/` that are placed.
    pub parts: Vec<&'static str>,
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The ports of [`GuestData`](super::GuestData), by their names in templates.
pub fn listeners() -> BTreeMap<String, u16> {
    BTreeMap::from([
        ("tls-port".to_owned(), TLS_PORT),
        ("port".to_owned(), PLAIN_PORT),
    ])
}

/// The runtime of a recipe's profile; without a profile a plain shell.
pub fn runtime(recipe: &Recipe) -> Runtime {
    let mut environment = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
    let Some(Profile::Dind) = recipe.profile else {
        environment.extend(recipe.env.clone());
        return Runtime {
            command: vec!["/bin/sh".to_owned()],
            environment,
            ..Runtime::default()
        };
    };
    environment.insert("DOCKER_TLS_CERTDIR".to_owned(), "/certs".to_owned());
    environment.extend(recipe.env.clone());
    let volumes = if recipe.volume {
        vec![
            "/var/lib/docker".to_owned(),
            "/var/lib/containerd".to_owned(),
        ]
    } else {
        Vec::new()
    };
    Runtime {
        entrypoint: init(recipe.init)
            .iter()
            .chain(&["dockerd-entrypoint.sh"])
            .map(|word| (*word).to_owned())
            .collect(),
        command: Vec::new(),
        environment,
        ports: vec![TLS_PORT],
        volumes,
        health: Some(vec![
            "CMD".to_owned(),
            "dindctl".to_owned(),
            "health".to_owned(),
        ]),
        directories: vec![
            ("certs", 0o1777),
            ("certs/client", 0o1777),
            ("var/lib/docker", 0o710),
            ("var/lib/containerd", 0o711),
            ("etc/dind/pre.d", 0o755),
            ("etc/dind/ready.d", 0o755),
        ],
        parts: vec!["common", "dind"],
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
    }
}

/// The label that describes the image to `smoke` and `deploy`.
pub fn contract(recipe: &Recipe, runtime: &Runtime, engine_version: &str) -> Option<Contract> {
    let profile = recipe.profile?;
    Some(Contract {
        schema: 1,
        profile: profile.word().to_owned(),
        engine: Engine {
            name: "docker".to_owned(),
            version: engine_version.to_owned(),
        },
        distribution: format!("debian/{}", recipe.debian.suite),
        init: recipe.init.word().to_owned(),
        iptables: recipe.iptables.word().to_owned(),
        ports: runtime
            .ports
            .iter()
            .map(|&port| Port {
                port,
                purpose: if port == PLAIN_PORT {
                    "docker"
                } else {
                    "docker-tls"
                }
                .to_owned(),
            })
            .collect(),
        volumes: runtime.volumes.clone(),
        stop_timeout: recipe.stop_timeout,
        privileges: Privileges { privileged: true },
    })
}
