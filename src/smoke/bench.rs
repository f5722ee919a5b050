//! What the checks share: the image on its engine, one daemon container, the nested image in it.

use std::cell;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::engine::{Engine, EngineError, RunSpec};
use super::error::CheckError;
use super::guest::GuestReport;
use super::matrix::{self, Cell};
use super::nested::{self, Files};
use super::session::Session;
use crate::guest::Contract;
use crate::process::{Input, Output};

/// Bound on a program inside a container that is expected to end soon.
const INSIDE: Duration = Duration::from_secs(60);

/// How often a starting container is asked whether it is ready.
const POLL: Duration = Duration::from_millis(100);

/// Where client certificates are, as docker:dind has them.
pub(super) const CLIENT_CERTS: &str = "/certs/client";

/// Name of the volume with the client certificates.
pub(super) const CERTS_VOLUME: &str = "certs";

/// Name of the network the containers of a run share.
pub(super) const NETWORK: &str = "net";

/// Reads, in one round trip, the first of its arguments that is a file: its path on the first
/// line, then its content. Code 3 says that none is.
const FIRST_FILE: &str = r#"for path; do
  if [ -f "$path" ]; then printf '%s\n' "$path"; exec cat "$path"; fi
done
exit 3"#;

/// The daemon container of a run, seen ready.
#[derive(Clone, Copy)]
pub(super) struct Daemon {
    pub address: IpAddr,
}

/// The shared state of the checks, which run in order.
pub(super) struct Bench<'a> {
    pub engine: &'a dyn Engine,
    /// Reference that containers are started from.
    pub image: &'a str,
    pub contract: &'a Contract,
    pub session: &'a Session<'a>,
    /// How the image is run.
    pub cell: &'a Cell,
    /// Bound on the time from start to ready.
    pub ready_timeout: Duration,
    /// The running daemon, or the check that did not give one.
    daemon: cell::Cell<Result<Daemon, &'static str>>,
    /// Whether the nested image is in the inner engine.
    nested: cell::Cell<bool>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        engine: &'a dyn Engine,
        image: &'a str,
        contract: &'a Contract,
        session: &'a Session<'a>,
        cell: &'a Cell,
        ready_timeout: Duration,
    ) -> Self {
        Self {
            engine,
            image,
            contract,
            session,
            cell,
            ready_timeout,
            daemon: cell::Cell::new(Err("ready")),
            nested: cell::Cell::new(false),
        }
    }

    /// Name of the daemon container.
    pub(super) fn daemon_name(&self) -> String {
        self.session.name("daemon")
    }

    /// From now on there is a daemon, or there is none because of the named check.
    pub(super) fn set_daemon(&self, daemon: Result<Daemon, &'static str>) {
        self.daemon.set(daemon);
    }

    /// The daemon container, when the checks before gave one.
    pub(super) fn daemon(&self) -> Result<Daemon, CheckError> {
        self.daemon.get().map_err(CheckError::Needs)
    }

    /// A container of this run. An image that is made for a read-only root file system gets one,
    /// and the directories that it declares as written in memory.
    pub(super) fn container(&self, role: &str, args: &[&str]) -> RunSpec {
        let read_only = self.contract.read_only;
        let written = self.contract.writable.iter().filter(|_| read_only);
        RunSpec {
            read_only,
            tmpfs: written.cloned().collect(),
            ..self.session.container(self.image, role, args)
        }
    }

    /// A privileged container of this run, as the contract and the cell ask for it.
    pub(super) fn privileged(&self, role: &str, args: &[&str]) -> RunSpec {
        let mut spec = RunSpec {
            privileged: self.contract.privileges.privileged,
            ..self.container(role, args)
        };
        matrix::apply(self.cell, self.contract, &mut spec);
        spec
    }

    /// The container with the daemon, started in the cell's way.
    pub(super) fn daemon_container(&self) -> RunSpec {
        let mut spec = self.privileged("daemon", &[]);
        matrix::start(self.cell, &mut spec);
        spec
    }

    /// Runs a program in the daemon container.
    pub(super) fn inside(&self, program: &[&str]) -> Result<Output, CheckError> {
        self.inside_with(program, Input::Null)
    }

    fn inside_with(&self, program: &[&str], input: Input) -> Result<Output, CheckError> {
        self.daemon()?;
        Ok(self
            .engine
            .exec(&self.daemon_name(), program, input, INSIDE)?)
    }

    /// Runs `docker run ARGS` in the daemon container; loads the nested image first.
    pub(super) fn nested_run(&self, args: &[&str]) -> Result<Output, CheckError> {
        self.ensure_nested()?;
        self.inside(&[&["docker", "run"], args].concat())
    }

    /// The guest's report.
    ///
    /// The inner result says what is wrong with it.
    pub(super) fn report(&self) -> Result<Result<GuestReport, String>, CheckError> {
        let output = self.inside(&["dindctl", "report"])?;
        if !output.status.success() {
            let complaint = output.complaint();
            return Ok(Err(format!("`dindctl report` failed: {complaint}")));
        }
        Ok(GuestReport::parse(&output.stdout))
    }

    /// Waits until the daemon container says that it is ready: the time it took in seconds, or
    /// what it says instead.
    pub(super) fn wait_ready(&self) -> Result<Result<Duration, String>, CheckError> {
        let name = self.daemon_name();
        let started = Instant::now();
        loop {
            let probe = self
                .engine
                .exec(&name, &["dindctl", "ready"], Input::Null, INSIDE)?;
            if probe.status.success() {
                return Ok(Ok(started.elapsed()));
            }
            let state = self.engine.state(&name)?;
            if !state.running {
                let code = state.exit_code;
                let log = self.log_tail()?;
                return Ok(Err(format!("the container ended with code {code}: {log}")));
            }
            if started.elapsed() > self.ready_timeout {
                let limit = self.ready_timeout.as_secs();
                let complaint = probe.complaint();
                let log = self.log_tail()?;
                return Ok(Err(format!(
                    "not ready after {limit} s: {complaint}; its log ends: {log}"
                )));
            }
            thread::sleep(POLL);
        }
    }

    /// The last lines the daemon container wrote.
    fn log_tail(&self) -> Result<String, CheckError> {
        const LINES: usize = 5;
        let log = self.engine.logs(&self.daemon_name())?;
        let lines: Vec<&str> = log.lines().collect();
        Ok(lines[lines.len().saturating_sub(LINES)..].join(" | "))
    }

    fn ensure_nested(&self) -> Result<(), CheckError> {
        if self.nested.get() {
            return Ok(());
        }
        let rootfs = nested::collect(&mut Inside(self))?;
        let archive =
            nested::docker_archive(&rootfs, nested::IMAGE).map_err(CheckError::Archive)?;
        let load = self.inside_with(&["docker", "load"], Input::Bytes(archive))?;
        if !load.status.success() {
            return Err(CheckError::InnerLoad(load.complaint()));
        }
        self.nested.set(true);
        Ok(())
    }
}

/// The daemon container as a source of files.
struct Inside<'a>(&'a Bench<'a>);

impl Files for Inside<'_> {
    type Error = EngineError;

    fn first(&mut self, candidates: &[String]) -> Result<Option<(String, Vec<u8>)>, EngineError> {
        let candidates = candidates.iter().map(String::as_str);
        let program: Vec<&str> = ["sh", "-c", FIRST_FILE, "sh"]
            .into_iter()
            .chain(candidates)
            .collect();
        let name = self.0.daemon_name();
        let mut output = self.0.engine.exec(&name, &program, Input::Null, INSIDE)?;
        match (
            output.code(),
            output.stdout.iter().position(|b| *b == b'\n'),
        ) {
            (0, Some(end)) => {
                let content = output.stdout.split_off(end + 1);
                Ok(Some((output.text(), content)))
            }
            (3, _) => Ok(None),
            _ => Err(EngineError::Unreadable {
                engine: self.0.engine.name(),
                command: output.command.clone(),
                reason: output.complaint(),
            }),
        }
    }
}
