//! What the checks of a cell share: the image on its engine, and the daemon container.

use super::Options;
use super::engine::{Capabilities, Engine, RunSpec};
use super::error::CheckError;
use super::guest::GuestReport;
use super::inner::{Daemon, Inner};
use super::matrix::{self, Cell, DATA};
use super::session::Session;
use super::site::Site;
use crate::guest::Contract;
use crate::process::Output;
use crate::recipe::SmokeStorage;

/// Where client certificates are, as docker:dind has them.
pub(super) const CLIENT_CERTS: &str = "/certs/client";

/// Name of the volume with the client certificates.
pub(super) const CERTS_VOLUME: &str = "certs";

/// Name of the volume with the data directory.
pub(super) const DATA_VOLUME: &str = "data";

/// Name of the network the containers of a run share.
pub(super) const NETWORK: &str = "net";

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
        }
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

    /// A privileged container of this run, as the contract and the cell ask for it.
    pub(super) fn privileged(&self, role: &str, args: &[&str]) -> RunSpec {
        let mut spec = RunSpec {
            privileged: self.contract.privileges.privileged,
            ..self.container(role, args)
        };
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
            spec.anonymous_volumes.retain(|path| path != DATA);
            spec.volumes
                .push(self.session.mount(DATA_VOLUME, DATA, false));
        }
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
