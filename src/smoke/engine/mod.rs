//! Container engines: what the smoke checks and `--load` ask of them.
//!
//! Adding an engine is one file and one line in [`ENGINES`]. Engines whose command line follows
//! Docker's share one implementation and differ only in a table.

mod cli;
mod cluster;
mod docker;
mod error;
mod kubernetes;
mod nerdctl;
mod pod;
mod podman;
mod podman_kube;
mod vm;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::guest::{Confinement, Privileges};
use crate::lab::Supply;
use crate::process::{Command, Input, Interrupt, Output};
use crate::recipe::{CgroupNamespace, SmokeHost, SmokeStorage};

pub use error::EngineError;
pub(super) use words::release;

/// Everything an engine has to be able to do. Names are the user's words of `docker --help`.
///
/// Commands end early when [`Settings::interrupt`] is set, except those that clean up:
/// [`Engine::sweep`] and [`Engine::remove_image`].
pub trait Engine: Send + Sync {
    /// The word for `--engine` and `--load`.
    fn name(&self) -> &'static str;

    /// The OCI runtime that it was told to use, or none for its own choice.
    fn runtime(&self) -> Option<&str>;

    /// Where it is.
    fn host(&self) -> SmokeHost {
        SmokeHost::Here
    }

    /// Why it cannot give a container this storage, or be on this host; `None` when it can.
    fn lacks(&self, storage: SmokeStorage, host: SmokeHost) -> Option<String> {
        if host != SmokeHost::Here {
            return Some(format!(
                "only the engine vm has other hosts than `here`, {} has not",
                self.name()
            ));
        }
        storage.is_virtiofs().then(|| {
            format!(
                "only the engine vm shares directories by virtiofs, {} does not",
                self.name()
            )
        })
    }

    /// What this engine can be asked for.
    fn capabilities(&self) -> Capabilities;

    /// Asks the engine who it is.
    ///
    /// # Errors
    /// [`EngineError::Process`] when the program is missing, [`EngineError::Unreachable`] when its
    /// service does not answer, [`EngineError::Runtime`] when it does not know the OCI runtime that
    /// [`Settings::runtime`] names.
    fn probe(&self) -> Result<EngineInfo, EngineError>;

    /// Loads a docker-archive and returns the names (or, untagged, the ids) of its images.
    ///
    /// # Errors
    /// When the engine refuses the archive, or it cannot be read.
    fn load(&self, archive: Input) -> Result<Vec<String>, EngineError>;

    /// Looks an image up in the engine's store; `None` when it is not there.
    ///
    /// # Errors
    /// When the engine answers in a form that is not understood.
    fn image(&self, reference: &str) -> Result<Option<Image>, EngineError>;

    /// Every image in the engine's store, `sha256:…` (its [`Image::id`] or its [`Image::digest`],
    /// whichever the engine lists), and every name of one.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    fn images(&self) -> Result<BTreeSet<String>, EngineError>;

    /// Fetches an image from its registry.
    ///
    /// # Errors
    /// When the registry or the engine refuses.
    fn pull(&self, reference: &str) -> Result<(), EngineError>;

    /// Removes an image; other names of it stay.
    ///
    /// # Errors
    /// When the engine refuses, for instance because a container still uses it.
    fn remove_image(&self, reference: &str) -> Result<(), EngineError>;

    /// Starts a container in the background.
    ///
    /// # Errors
    /// When the engine cannot create or start it.
    fn run_detached(&self, spec: &RunSpec) -> Result<(), EngineError>;

    /// Runs a container in the foreground to its end and removes it. A non-zero exit code is part
    /// of the output; the engine's own refusals (code 125) are errors.
    ///
    /// # Errors
    /// When the engine cannot create or start it, or it does not end in time.
    fn run(&self, spec: &RunSpec, input: Input) -> Result<Output, EngineError>;

    /// Runs a program inside a running container. A non-zero exit code is part of the output.
    ///
    /// # Errors
    /// When the engine's client cannot be run, or the program does not end within `limit`.
    fn exec(
        &self,
        container: &str,
        program: &[&str],
        input: Input,
        limit: Duration,
    ) -> Result<Output, EngineError> {
        let reads = !matches!(input, Input::Null);
        let command = self.inside(container, program, reads)?;
        Ok(command.input(input).timeout(limit).output()?)
    }

    /// The command that runs a program inside a running container, which reads the command's input
    /// or none.
    ///
    /// # Errors
    /// When the engine does not run.
    fn inside(
        &self,
        container: &str,
        program: &[&str],
        reads: bool,
    ) -> Result<Command, EngineError>;

    /// The command line by which a user enters a running container; none where containers go with
    /// the engine.
    fn enter(&self, container: &str) -> Option<String>;

    /// Everything a container has written so far, both streams.
    ///
    /// # Errors
    /// When there is no such container.
    fn logs(&self, container: &str) -> Result<String, EngineError>;

    /// Whether a container runs, how it ended, where it is reached.
    ///
    /// # Errors
    /// When there is no such container.
    fn state(&self, container: &str) -> Result<State, EngineError>;

    /// Sends the stop signal, waits up to `grace`, then kills. The output's `elapsed` is the time
    /// the container took.
    ///
    /// # Errors
    /// When there is no such container.
    fn stop(&self, container: &str, grace: Duration) -> Result<Output, EngineError>;

    /// Starts a stopped container again.
    ///
    /// # Errors
    /// When there is no such container or it cannot start.
    fn start(&self, container: &str) -> Result<(), EngineError>;

    /// Names of the running containers.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    fn running(&self) -> Result<BTreeSet<String>, EngineError>;

    /// Kills the processes of a container, which stays: SIGKILL, and no other signal before.
    ///
    /// # Errors
    /// [`EngineError::Lacks`] on engines whose containers do not stay; when there is no such
    /// container or it does not end.
    fn kill(&self, _container: &str) -> Result<(), EngineError> {
        Err(EngineError::Lacks {
            engine: self.name(),
            lack: Feature::Restart.lack(),
        })
    }

    /// Kills a container and removes it with its anonymous volumes.
    ///
    /// # Errors
    /// When there is no such container or the engine refuses.
    fn remove(&self, container: &str) -> Result<(), EngineError>;

    /// Creates a bridge network that carries `label`.
    ///
    /// # Errors
    /// When the engine refuses.
    fn create_network(&self, name: &str, label: &str) -> Result<(), EngineError>;

    /// Creates a volume that carries `label`.
    ///
    /// # Errors
    /// When the engine refuses.
    fn create_volume(&self, name: &str, label: &str) -> Result<(), EngineError>;

    /// Removes every container (with its anonymous volumes), network and volume that carries
    /// `label`, running or not, and returns what could not be removed.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    fn sweep(&self, label: &str) -> Result<Vec<String>, EngineError>;
}

/// What an engine can be asked for beyond running a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// `run --privileged`, as far as the host permits it.
    pub privileged: bool,
    /// Containers that are confined by less than usual.
    pub unconfined: bool,
    /// Networks of their own between containers.
    pub networks: bool,
    /// Named volumes shared between containers.
    pub volumes: bool,
    /// Stopping a container and starting the same one again.
    pub restart: bool,
    /// Running a container to its end with its input, output and exit code.
    pub foreground: bool,
    /// A store that images are loaded into and looked up in. Without one it pulls what it is told
    /// to run.
    pub images: bool,
    /// The release, major and minor, from which on a directory can lie in memory.
    pub memory: (u32, u32),
    /// Who chooses the control group namespace.
    pub cgroup_namespaces: CgroupNamespaces,
}

/// Who chooses the control group namespace of a privileged container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CgroupNamespaces {
    /// Who runs it, from this release on, major and minor: `run --cgroupns`.
    Chosen(u32, u32),
    /// The engine, by the version of the host's control groups.
    Given {
        /// On version 1, hybrid included.
        v1: CgroupNamespace,
        /// On version 2.
        v2: CgroupNamespace,
    },
}

/// What a check asks of an engine beyond starting a container in the background.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feature {
    /// [`Capabilities::networks`]
    Networks,
    /// [`Capabilities::volumes`]
    Volumes,
    /// [`Capabilities::restart`]
    Restart,
    /// [`Capabilities::foreground`]
    Foreground,
}

impl Feature {
    /// What an engine without it does not give, as the end of a sentence.
    pub fn lack(self) -> &'static str {
        match self {
            Self::Networks => "no networks of its own between containers",
            Self::Volumes => "no volumes shared between containers",
            Self::Restart => "no second start of the same container",
            Self::Foreground => "no containers in the foreground",
        }
    }
}

impl Capabilities {
    /// Whether the engine gives `feature`.
    pub fn has(&self, feature: Feature) -> bool {
        match feature {
            Feature::Networks => self.networks,
            Feature::Volumes => self.volumes,
            Feature::Restart => self.restart,
            Feature::Foreground => self.foreground,
        }
    }
}

/// What stands for a fact that an engine does not tell.
pub const UNSAID: &str = "unsaid";

/// Who an engine is and what it runs on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineInfo {
    /// The engine's own version.
    pub version: String,
    /// Kernel release of the host that runs the containers, which may be a remote one.
    pub kernel: String,
    /// cgroup layout as the engine sees it: `v1` (hybrid included) or `v2`; or [`UNSAID`].
    pub cgroup: String,
    /// Architecture of that host in OCI's words: `amd64`, `arm64`.
    pub architecture: String,
    /// The storage driver below containers: `overlay2`, `overlay`, `vfs`; or [`UNSAID`].
    pub storage: String,
    /// Processors of that host, where the engine says.
    pub cpus: Option<u32>,
    /// Bytes of memory of that host, where the engine says.
    pub memory: Option<u64>,
}

/// An image in an engine's store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Content digest of the configuration, `sha256:…`.
    pub id: String,
    /// Digest of the manifest the image was pulled by, where it was pulled.
    pub digest: Option<String>,
    /// Labels of the configuration.
    pub labels: BTreeMap<String, String>,
    /// Its architecture in OCI's words.
    pub architecture: Option<String>,
}

/// State of a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// Whether its main process runs.
    pub running: bool,
    /// The engine's id of it, by which control groups and mounts are named.
    pub id: String,
    /// Exit code of the main process, once it has ended.
    pub exit_code: i32,
    /// Whether the kernel's OOM killer ended it.
    pub oom_killed: bool,
    /// Address on its first network, while it runs.
    pub address: Option<IpAddr>,
}

/// A container to run.
#[derive(Clone, Default, Debug)]
pub struct RunSpec {
    /// Image name or id.
    pub image: String,
    /// Name of the container.
    pub name: String,
    /// Label, `key=value`, by which [`Engine::sweep`] finds it.
    pub label: String,
    /// Whether to give it every privilege.
    pub privileged: bool,
    /// What it is not confined by, where it does not have every privilege.
    pub unconfined: Vec<Confinement>,
    /// Devices of the host.
    pub devices: Vec<String>,
    /// Whether its root file system is mounted read-only.
    pub read_only: bool,
    /// Seconds between the stop signal and killing, for engines that are told so at the start.
    pub stop_timeout: Option<u32>,
    /// The control group namespace: `private` or `host`; the engine's default otherwise.
    pub cgroup_namespace: Option<String>,
    /// Bytes of memory it may use, swap included; no limit otherwise.
    pub memory: Option<u64>,
    /// Directories in memory, each a path or `PATH:OPTIONS`.
    pub tmpfs: Vec<String>,
    /// Environment on top of the image's.
    pub env: BTreeMap<String, String>,
    /// Directories of the host, mounted writable: at the same path, or as `PATH:INSIDE`.
    pub binds: Vec<String>,
    /// Named volumes.
    pub volumes: Vec<Mount>,
    /// Paths that get a volume which ends with the container.
    pub anonymous_volumes: Vec<String>,
    /// Network to join instead of the default one.
    pub network: Option<String>,
    /// Names on that network.
    pub aliases: Vec<String>,
    /// Lines for its `/etc/hosts`: name and address.
    pub hosts: Vec<(String, IpAddr)>,
    /// Program to run instead of the image's entry point.
    pub entrypoint: Option<String>,
    /// Arguments after the image.
    pub args: Vec<String>,
}

impl RunSpec {
    /// Gives the container what an image asks for.
    pub fn grant(&mut self, privileges: &Privileges) {
        self.privileged = privileges.privileged;
        self.unconfined.clone_from(&privileges.unconfined);
        self.devices.clone_from(&privileges.devices);
    }
}

/// A named volume inside a container.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Name of the volume.
    pub volume: String,
    /// Absolute path inside.
    pub target: String,
    /// Whether writing is refused.
    pub read_only: bool,
}

/// How to reach an engine. Without anything set, its client decides as it does for the user:
/// `PATH`, `DOCKER_HOST`, contexts and configuration files.
#[derive(Clone, Default, Debug)]
pub struct Settings {
    /// Environment of the client on top of the inherited one.
    pub env: BTreeMap<String, String>,
    /// Ends running commands early.
    pub interrupt: Interrupt,
    /// The OCI runtime that containers run with, by the name that the engine knows it by; the
    /// engine's default otherwise.
    pub runtime: Option<String>,
    /// Where the engine `vm` has its machines from.
    pub lab: Option<Supply>,
    /// Which machine the engine `vm` is.
    pub host: Option<SmokeHost>,
}

impl Settings {
    /// The same, on this host.
    #[must_use]
    pub fn at(&self, host: SmokeHost) -> Self {
        Self {
            host: Some(host),
            ..self.clone()
        }
    }
}

/// An engine that can be chosen by name.
pub struct Entry {
    /// The word for `--engine`, and for `--load` where it loads.
    pub name: &'static str,
    /// Whether it has a store of its own that images are loaded into.
    pub loads: bool,
    /// Makes the engine; nothing is run yet.
    pub open: fn(Settings) -> Box<dyn Engine>,
}

/// Every engine, in the order help shows them.
pub const ENGINES: &[Entry] = &[
    docker::ENTRY,
    podman::ENTRY,
    nerdctl::ENTRY,
    podman_kube::ENTRY,
    kubernetes::ENTRY,
    vm::ENTRY,
];

/// The names of the engines, for `--engine`.
pub fn names() -> Vec<&'static str> {
    ENGINES.iter().map(|entry| entry.name).collect()
}

/// The names of the engines that images are loaded into, for `--load`.
pub fn stores() -> Vec<&'static str> {
    let entries = ENGINES.iter().filter(|entry| entry.loads);
    entries.map(|entry| entry.name).collect()
}

/// The engine called `name`; nothing is run yet.
///
/// # Errors
/// [`EngineError::Unknown`] when there is none of that name.
pub fn open(name: &str, settings: Settings) -> Result<Box<dyn Engine>, EngineError> {
    let entry = ENGINES.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| EngineError::Unknown {
        name: name.to_owned(),
        known: ENGINES
            .iter()
            .map(|entry| entry.name)
            .collect::<Vec<_>>()
            .join(", "),
    })?;
    Ok((entry.open)(settings))
}
