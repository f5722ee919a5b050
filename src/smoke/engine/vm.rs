//! A virtual machine as an engine: the lab's, whose Docker is that of the image under test. It is
//! reached by Docker's own client, so that every check runs as it does on a host's engine.
//!
//! The machine is started when an image is brought and ends with the engine.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::cli::Cli;
use super::{
    Capabilities, Engine, EngineError, EngineInfo, Entry, Image, RunSpec, Settings, State, docker,
};
use crate::lab::{self, LabError, Layout, Machine, Plan};
use crate::process::{Command, Input, Output};
use crate::recipe::{SmokeHost, SmokeStorage};

pub(super) const ENTRY: Entry = Entry {
    name: "vm",
    loads: false,
    open: |settings| Box::new(Vm::new(settings)),
};

/// Architecture of the machines in OCI's words.
const ARCHITECTURE: &str = "amd64";

/// One machine, started by [`Engine::load`].
struct Vm {
    settings: Settings,
    host: SmokeHost,
    running: OnceLock<Running>,
}

/// A machine with a client of its daemon. The client is dropped first.
struct Running {
    cli: Cli,
    /// The names of the image.
    names: Vec<String>,
    /// Ends when it is dropped.
    _machine: Mutex<Machine>,
}

/// The Debian suite and the control groups of a machine.
fn plan(host: SmokeHost) -> Plan {
    let (suite, layout) = match host {
        SmokeHost::Here | SmokeHost::BookwormV2 => ("bookworm", Layout::V2),
        SmokeHost::BookwormV1 => ("bookworm", Layout::V1),
        SmokeHost::BookwormHybrid => ("bookworm", Layout::Hybrid),
        SmokeHost::TrixieV2 => ("trixie", Layout::V2),
        SmokeHost::TrixieV1 => ("trixie", Layout::V1),
        SmokeHost::TrixieHybrid => ("trixie", Layout::Hybrid),
        SmokeHost::BullseyeV2 => ("bullseye", Layout::V2),
        SmokeHost::BullseyeV1 => ("bullseye", Layout::V1),
        SmokeHost::BullseyeHybrid => ("bullseye", Layout::Hybrid),
    };
    Plan {
        name: host.word().to_owned(),
        suite,
        layout,
    }
}

impl Vm {
    fn new(settings: Settings) -> Self {
        let host = settings.host.unwrap_or(SmokeHost::BookwormV2);
        Self {
            settings,
            host,
            running: OnceLock::new(),
        }
    }

    fn cli(&self) -> Result<&Cli, EngineError> {
        let running = self.running.get();
        running
            .map(|running| &running.cli)
            .ok_or_else(|| refused("use", "before it has an image"))
    }

    /// The first line that a program prints of its version; an error names what to install.
    fn version(&self, program: &str, args: &[&str], install: &str) -> Result<String, EngineError> {
        let command = Command::new(program)
            .args(args)
            .install(install)
            .interrupt(&self.settings.interrupt);
        let command = self
            .settings
            .env
            .iter()
            .fold(command, |command, (name, value)| command.env(name, value));
        Ok(command.run()?.text())
    }

    fn start(&self, archive: Input) -> Result<Running, EngineError> {
        let Input::File(image) = archive else {
            return Err(refused("load", "anything but a file"));
        };
        let supply = self.settings.lab.as_ref();
        let supply = supply.ok_or_else(|| refused("start", "without a cache for kernels"))?;
        let interrupt = &self.settings.interrupt;
        let machine = Machine::start(&plan(self.host), image, supply, interrupt)?;
        let mut settings = self.settings.clone();
        let certificates = machine.certificates().display().to_string();
        settings.env.extend(
            [
                ("DOCKER_HOST", machine.address()),
                ("DOCKER_TLS_VERIFY", "1".to_owned()),
                ("DOCKER_CERT_PATH", certificates),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        Ok(Running {
            cli: Cli::new(&docker::DIALECT, settings),
            names: machine.names().to_vec(),
            _machine: Mutex::new(machine),
        })
    }
}

impl From<LabError> for EngineError {
    fn from(error: LabError) -> Self {
        Self::Lab(Box::new(error))
    }
}

fn refused(verb: &'static str, detail: &str) -> EngineError {
    EngineError::Refused {
        engine: ENTRY.name,
        verb,
        subject: "a machine".to_owned(),
        detail: detail.to_owned(),
    }
}

impl Engine for Vm {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn runtime(&self) -> Option<&str> {
        self.settings.runtime.as_deref()
    }

    fn host(&self) -> SmokeHost {
        self.host
    }

    fn lacks(&self, storage: SmokeStorage, host: SmokeHost) -> Option<String> {
        if host != self.host {
            return Some(format!("the machine is {}, not {host}", self.host));
        }
        if storage.is_virtiofs() {
            return lab::no_virtiofs();
        }
        None
    }

    fn capabilities(&self) -> Capabilities {
        docker::DIALECT.capabilities
    }

    /// The machine's daemon; before it is started what is known of it, if the host has what a
    /// machine needs.
    fn probe(&self) -> Result<EngineInfo, EngineError> {
        if let Some(running) = self.running.get() {
            return running.cli.probe();
        }
        self.version(
            lab::QEMU,
            &["--version"],
            "QEMU (Debian: apt-get install qemu-system-x86)",
        )?;
        self.version(
            "setpriv",
            &["--version"],
            "util-linux (Debian: apt-get install util-linux)",
        )?;
        let client = self.version("docker", &["--version"], docker::DIALECT.install)?;
        let version = client
            .split(' ')
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let plan = plan(self.host);
        Ok(EngineInfo {
            version: version.unwrap_or_default().trim_end_matches(',').to_owned(),
            kernel: format!("of Debian {}", plan.suite),
            cgroup: match plan.layout {
                Layout::V2 => "v2",
                Layout::V1 | Layout::Hybrid => "v1",
            }
            .to_owned(),
            architecture: ARCHITECTURE.to_owned(),
            storage: "overlay2".to_owned(),
            cpus: None,
            memory: Some(u64::from(lab::MEMORY) << 20),
        })
    }

    fn load(&self, archive: Input) -> Result<Vec<String>, EngineError> {
        if let Some(running) = self.running.get() {
            return running.cli.load(archive);
        }
        let running = self.start(archive)?;
        Ok(self.running.get_or_init(|| running).names.clone())
    }

    fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        match self.running.get() {
            Some(running) => running.cli.image(reference),
            None => Ok(None),
        }
    }

    fn images(&self) -> Result<BTreeSet<String>, EngineError> {
        match self.running.get() {
            Some(running) => running.cli.images(),
            None => Ok(BTreeSet::new()),
        }
    }

    fn pull(&self, reference: &str) -> Result<(), EngineError> {
        Err(EngineError::Refused {
            engine: ENTRY.name,
            verb: "pull",
            subject: reference.to_owned(),
            detail:
                "machines have no network; give a recipe, or the image as an archive (docker save)"
                    .to_owned(),
        })
    }

    /// It goes with the machine, whose root file system it is.
    fn remove_image(&self, _: &str) -> Result<(), EngineError> {
        Ok(())
    }

    fn run_detached(&self, spec: &RunSpec) -> Result<(), EngineError> {
        self.cli()?.run_detached(spec)
    }

    fn run(&self, spec: &RunSpec, input: Input) -> Result<Output, EngineError> {
        self.cli()?.run(spec, input)
    }

    fn inside(
        &self,
        container: &str,
        program: &[&str],
        reads: bool,
    ) -> Result<Command, EngineError> {
        self.cli()?.inside(container, program, reads)
    }

    /// The machine ends with the run.
    fn enter(&self, _: &str) -> Option<String> {
        None
    }

    fn logs(&self, container: &str) -> Result<String, EngineError> {
        self.cli()?.logs(container)
    }

    fn state(&self, container: &str) -> Result<State, EngineError> {
        self.cli()?.state(container)
    }

    fn stop(&self, container: &str, grace: Duration) -> Result<Output, EngineError> {
        self.cli()?.stop(container, grace)
    }

    fn start(&self, container: &str) -> Result<(), EngineError> {
        self.cli()?.start(container)
    }

    fn running(&self) -> Result<BTreeSet<String>, EngineError> {
        self.cli()?.running()
    }

    fn remove(&self, container: &str) -> Result<(), EngineError> {
        self.cli()?.remove(container)
    }

    fn kill(&self, container: &str) -> Result<(), EngineError> {
        self.cli()?.kill(container)
    }

    fn create_network(&self, name: &str, label: &str) -> Result<(), EngineError> {
        self.cli()?.create_network(name, label)
    }

    fn create_volume(&self, name: &str, label: &str) -> Result<(), EngineError> {
        self.cli()?.create_volume(name, label)
    }

    fn sweep(&self, label: &str) -> Result<Vec<String>, EngineError> {
        // What an interrupted run left goes with the machine.
        match self.running.get() {
            Some(running) if !self.settings.interrupt.is_set() => running.cli.sweep(label),
            _ => Ok(Vec::new()),
        }
    }
}
