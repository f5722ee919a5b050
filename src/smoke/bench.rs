//! What the checks of a cell share: the image on its engine, and the daemon container.

use std::cell::{self, OnceCell};
use std::net::IpAddr;

use super::engine::{Capabilities, Engine, RunSpec};
use super::error::CheckError;
use super::guest::GuestReport;
use super::host::Host;
use super::inner::{Daemon, INSIDE, Inner};
use super::matrix::{self, Cell};
use super::session::Session;
use super::site::Site;
use super::{Keep, Options, nested, speech};
use crate::guest::Contract;
use crate::process::{Input, Output};
use crate::recipe::SmokeStorage;

/// Where client certificates are, as docker:dind has them.
pub(super) const CLIENT_CERTS: &str = "/certs/client";

/// Name of the volume with the client certificates.
pub(super) const CERTS_VOLUME: &str = "certs";

/// Name of the volume with the data directory.
pub(super) const DATA_VOLUME: &str = "data";

/// Name of the network the containers of a run share.
pub(super) const NETWORK: &str = "net";

/// What the machine beyond the daemon container is called on that network.
pub(super) const OUTSIDE: &str = "dindimg-outside";

/// The port that speakers listen on.
pub(super) const SPOKEN: u16 = 7000;

/// A nested container that speaks, its network, and the port it publishes.
pub(super) const SPEAKER_NAME: &str = "dindimg-smoke-speaker";
pub(super) const NESTED_NETWORK: &str = "dindimg-smoke-net";
pub(super) const NESTED_PORT: u16 = 8098;

/// Bytes of memory of the second instance.
pub(super) const TWIN_MEMORY: u64 = 300 << 20;

/// The shared state of the checks of a cell, which run in order.
pub(super) struct Bench<'a> {
    pub engine: &'a dyn Engine,
    pub capabilities: Capabilities,
    pub site: &'a Site<'a>,
    pub contract: &'a Contract,
    pub session: &'a Session<'a>,
    /// How the image is run.
    pub cell: &'a Cell,
    pub options: &'a Options,
    /// The daemon that the checks are about.
    pub main: Inner<'a>,
    /// The host before anything was started, where it is this machine.
    pub host: Option<Host>,
    twin: OnceCell<Inner<'a>>,
    /// Where the machine beyond the daemon container is, once it runs.
    outside: cell::Cell<Option<IpAddr>>,
    /// Whether the nested container that speaks runs.
    speaker: cell::Cell<bool>,
    /// Whether the daemon container is to be left when the cell ends.
    pub kept: cell::Cell<bool>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        site: &'a Site<'a>,
        session: &'a Session<'a>,
        cell: &'a Cell,
        options: &'a Options,
    ) -> Self {
        Self {
            engine: site.engine,
            capabilities: site.engine.capabilities(),
            site,
            contract: &site.contract,
            session,
            cell,
            options,
            main: inner(site, session, options, "daemon", "ready"),
            host: site.local.then(Host::read),
            twin: OnceCell::new(),
            outside: cell::Cell::new(None),
            speaker: cell::Cell::new(false),
            kept: cell::Cell::new(options.keep == Keep::Always),
        }
    }

    /// A further daemon of this cell; `check` is the one that starts it.
    pub(super) fn another(&self, role: &str, check: &'static str) -> Inner<'a> {
        inner(self.site, self.session, self.options, role, check)
    }

    /// The daemon container, when the checks before gave one.
    pub(super) fn daemon(&self) -> Result<Daemon, CheckError> {
        self.main.daemon()
    }

    /// A container of this run. An image that is made for a read-only root file system gets one,
    /// and the directories that it declares as written in memory.
    pub(super) fn container(&self, role: &str, args: &[&str]) -> RunSpec {
        let read_only = self.contract.read_only;
        let written = self.contract.writable.iter().filter(|_| read_only);
        RunSpec {
            read_only,
            tmpfs: written.cloned().collect(),
            ..self.session.container(&self.site.reference, role, args)
        }
    }

    /// A container of this run with the privileges that the contract asks for, as the cell has it.
    pub(super) fn privileged(&self, role: &str, args: &[&str]) -> RunSpec {
        let mut spec = RunSpec {
            stop_timeout: Some(self.contract.stop_timeout),
            ..self.container(role, args)
        };
        spec.grant(&self.contract.privileges);
        matrix::apply(self.cell, self.contract, &mut spec);
        spec
    }

    /// A container with a daemon, started in the cell's way.
    pub(super) fn daemon_container(&self, role: &str) -> RunSpec {
        let mut spec = self.privileged(role, &[]);
        matrix::start(self.cell, &mut spec);
        spec
    }

    /// Has the data directory of `spec` on a volume with a name, where the cell has it on a volume:
    /// so that another container can be given the same.
    pub(super) fn name_data(&self, spec: &mut RunSpec) {
        if self.cell.storage == SmokeStorage::Volume {
            let data = self.contract.data();
            spec.anonymous_volumes.retain(|path| path != data);
            spec.volumes
                .push(self.session.mount(DATA_VOLUME, data, false));
        }
    }

    /// A second instance, with little memory; what is in its way is the inner error.
    pub(super) fn twin(&self) -> Result<Result<&Inner<'a>, String>, CheckError> {
        self.daemon()?;
        if let Some(twin) = self.twin.get() {
            twin.daemon()?;
            return Ok(Ok(twin));
        }
        let twin = self.twin.get_or_init(|| self.another("twin", "isolation"));
        let mut spec = self.privileged("twin", &[]);
        spec.memory = Some(TWIN_MEMORY);
        let ready = twin.begin(&spec)?;
        Ok(ready
            .map(|_| twin)
            .map_err(|sentence| format!("a second instance: {sentence}")))
    }

    /// The address of a machine beyond the daemon container that speaks ([`super::speech`]).
    pub(super) fn outside(&self) -> Result<IpAddr, CheckError> {
        self.can_speak()?;
        if let Some(address) = self.outside.get() {
            return Ok(address);
        }
        let spec = RunSpec {
            network: Some(self.session.name(NETWORK)),
            aliases: vec![OUTSIDE.to_owned()],
            entrypoint: Some(nested::SPEAKER.to_owned()),
            args: speech::server(SPOKEN),
            ..self.container("outside", &[])
        };
        self.engine.run_detached(&spec)?;
        let state = self.engine.state(&spec.name)?;
        let Some(address) = state.address else {
            return Err(CheckError::Unproven(
                "a second container has no address on the network".to_owned(),
            ));
        };
        self.outside.set(Some(address));
        Ok(address)
    }

    /// Runs a line of shell on the machine beyond the daemon container.
    pub(super) fn say_outside(&self, line: &str) -> Result<Output, CheckError> {
        self.outside()?;
        let name = self.session.name("outside");
        let program = ["sh", "-c", line];
        Ok(self.engine.exec(&name, &program, Input::Null, INSIDE)?)
    }

    /// Has a nested container that speaks, on a network of its own and at a published port; what
    /// is in its way is the inner error.
    pub(super) fn speaker(&self) -> Result<Result<(), String>, CheckError> {
        self.can_speak()?;
        if self.speaker.get() {
            return Ok(Ok(()));
        }
        let network = self.inside(&["docker", "network", "create", NESTED_NETWORK])?;
        if !network.status.success() {
            return Ok(Err(format!("no nested network: {}", network.complaint())));
        }
        let network = format!("--network={NESTED_NETWORK}");
        let port = format!("--publish={NESTED_PORT}:{SPOKEN}");
        let words = speech::server(SPOKEN);
        let mut args = vec!["--detach", "--name", SPEAKER_NAME, &network, &port];
        args.extend([nested::IMAGE, nested::SPEAKER]);
        args.extend(words.iter().map(String::as_str));
        let started = self.nested_run(&args)?;
        if !started.status.success() {
            return Ok(Err(format!(
                "a nested container with a published port: {}",
                started.complaint()
            )));
        }
        self.speaker.set(true);
        Ok(Ok(()))
    }

    fn can_speak(&self) -> Result<(), CheckError> {
        self.main.ensure_nested()?;
        if self.site.nested.speaks() {
            return Ok(());
        }
        Err(CheckError::Unproven(format!(
            "the image has no {}, with which networks are tried",
            nested::SPEAKER
        )))
    }

    /// Runs a program in the daemon container.
    pub(super) fn inside(&self, program: &[&str]) -> Result<Output, CheckError> {
        self.main.run(program)
    }

    /// Runs `docker run ARGS` in the daemon container; loads the nested image first.
    pub(super) fn nested_run(&self, args: &[&str]) -> Result<Output, CheckError> {
        self.main.nested_run(args)
    }

    /// The guest's report.
    ///
    /// The inner result says what is wrong with it.
    pub(super) fn report(&self) -> Result<Result<GuestReport, String>, CheckError> {
        self.main.report()
    }
}

fn inner<'a>(
    site: &'a Site<'a>,
    session: &Session<'_>,
    options: &Options,
    role: &str,
    check: &'static str,
) -> Inner<'a> {
    let name = session.name(role);
    Inner::new(
        site.engine,
        name,
        options.ready_timeout,
        &site.nested,
        check,
    )
}
