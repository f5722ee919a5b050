//! One daemon container: what is run in it, and the nested image that its engine has.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::engine::{Engine, EngineError, RunSpec};
use super::error::CheckError;
use super::guest::GuestReport;
use super::nested::{self, Files};
use crate::process::{Input, Output};

/// Bound on a program inside a container that is expected to end soon.
pub(super) const INSIDE: Duration = Duration::from_secs(60);

/// How often a starting container is asked whether it is ready.
const POLL: Duration = Duration::from_millis(100);

/// Reads, in one round trip, the first of its arguments that is a file: its path on the first
/// line, then its content. Code 3 says that none is.
const FIRST_FILE: &str = r#"for path; do
  if [ -f "$path" ]; then printf '%s\n' "$path"; exec cat "$path"; fi
done
exit 3"#;

/// The nested image of an image under test: made by the first daemon that needs it, for all.
#[derive(Default)]
pub(super) struct NestedImage(Mutex<Option<Archive>>);

/// The nested image as the inner engine loads it.
#[derive(Clone)]
struct Archive {
    bytes: Vec<u8>,
    /// Whether it has what checks of networks use.
    speaks: bool,
}

impl NestedImage {
    /// Whether it has been made, with what checks of networks use.
    pub(super) fn speaks(&self) -> bool {
        self.made().as_ref().is_some_and(|archive| archive.speaks)
    }

    fn made(&self) -> MutexGuard<'_, Option<Archive>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A daemon container, seen ready.
#[derive(Clone, Copy)]
pub(super) struct Daemon {
    pub address: IpAddr,
}

/// A container with a daemon in it, running or not.
pub(super) struct Inner<'a> {
    pub engine: &'a dyn Engine,
    /// Name of the container.
    pub name: String,
    /// Bound on the time from start to ready.
    ready_timeout: Duration,
    image: &'a NestedImage,
    /// The running daemon, or the check that did not give one.
    daemon: Cell<Result<Daemon, &'static str>>,
    /// Whether the nested image is in the inner engine.
    nested: Cell<bool>,
}

impl<'a> Inner<'a> {
    /// A container that is not started yet; `check` is the one that will.
    pub(super) fn new(
        engine: &'a dyn Engine,
        name: String,
        ready_timeout: Duration,
        image: &'a NestedImage,
        check: &'static str,
    ) -> Self {
        Self {
            engine,
            name,
            ready_timeout,
            image,
            daemon: Cell::new(Err(check)),
            nested: Cell::new(false),
        }
    }

    /// The same, which may take so long until it is ready.
    pub(super) fn with_patience(self, ready_timeout: Duration) -> Self {
        Self {
            ready_timeout,
            ..self
        }
    }

    /// From now on there is no daemon, because of the named check.
    pub(super) fn lost(&self, check: &'static str) {
        self.daemon.set(Err(check));
    }

    /// The daemon, when the checks before gave one.
    pub(super) fn daemon(&self) -> Result<Daemon, CheckError> {
        self.daemon.get().map_err(CheckError::Needs)
    }

    /// Starts the container and waits until it is ready: the time from its start, or what is in
    /// its way.
    pub(super) fn begin(&self, spec: &RunSpec) -> Result<Result<Duration, String>, CheckError> {
        let started = Instant::now();
        self.engine.run_detached(spec)?;
        Ok(self.wait_ready()?.map(|()| started.elapsed()))
    }

    /// Starts the stopped container again, as [`Inner::begin`] does.
    pub(super) fn begin_again(&self) -> Result<Result<Duration, String>, CheckError> {
        let started = Instant::now();
        self.engine.start(&self.name)?;
        if let Err(sentence) = self.wait_ready()? {
            return Ok(Err(sentence));
        }
        let time = started.elapsed();
        // Images in memory went with the first start.
        let image = self.run(&["docker", "image", "inspect", nested::IMAGE])?;
        self.nested.set(image.status.success());
        Ok(Ok(time))
    }

    /// Runs a program in the container.
    pub(super) fn run(&self, program: &[&str]) -> Result<Output, CheckError> {
        self.run_with(program, Input::Null)
    }

    /// Runs a program in the container that reads `input`.
    pub(super) fn run_with(&self, program: &[&str], input: Input) -> Result<Output, CheckError> {
        self.daemon()?;
        Ok(self.engine.exec(&self.name, program, input, INSIDE)?)
    }

    /// Runs `docker run ARGS` in the container; loads the nested image first.
    pub(super) fn nested_run(&self, args: &[&str]) -> Result<Output, CheckError> {
        self.ensure_nested()?;
        self.run(&[&["docker", "run"], args].concat())
    }

    /// The guest's report.
    ///
    /// The inner result says what is wrong with it.
    pub(super) fn report(&self) -> Result<Result<GuestReport, String>, CheckError> {
        let output = self.run(&["dindctl", "report"])?;
        if !output.status.success() {
            let complaint = output.complaint();
            return Ok(Err(format!("`dindctl report` failed: {complaint}")));
        }
        Ok(GuestReport::parse(&output.stdout))
    }

    /// Whether the nested image is in the inner engine, as far as this run saw.
    pub(super) fn has_nested(&self) -> bool {
        self.nested.get()
    }

    /// Loads the nested image unless it is there.
    pub(super) fn ensure_nested(&self) -> Result<(), CheckError> {
        if self.nested.get() {
            return Ok(());
        }
        let archive = self.nested_image()?;
        let load = self.run_with(&["docker", "load"], Input::Bytes(archive))?;
        if !load.status.success() {
            return Err(CheckError::InnerLoad(load.complaint()));
        }
        self.nested.set(true);
        Ok(())
    }

    /// Waits until the container says that it is ready and has an address.
    fn wait_ready(&self) -> Result<Result<(), String>, CheckError> {
        let started = Instant::now();
        loop {
            let probe = self
                .engine
                .exec(&self.name, &["dindctl", "ready"], Input::Null, INSIDE)?;
            let state = self.engine.state(&self.name)?;
            if probe.status.success() {
                return Ok(match state.address {
                    Some(address) => {
                        self.daemon.set(Ok(Daemon { address }));
                        Ok(())
                    }
                    None => Err("the container has no address on its network".to_owned()),
                });
            }
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

    /// The last lines the container wrote.
    fn log_tail(&self) -> Result<String, CheckError> {
        const LINES: usize = 5;
        let log = self.engine.logs(&self.name)?;
        let lines: Vec<&str> = log.lines().collect();
        Ok(lines[lines.len().saturating_sub(LINES)..].join(" | "))
    }

    /// The docker-archive of the nested image, made of this container unless another gave it.
    fn nested_image(&self) -> Result<Vec<u8>, CheckError> {
        let mut made = self.image.made();
        if let Some(archive) = made.as_ref() {
            return Ok(archive.bytes.clone());
        }
        let rootfs = nested::collect(&mut Container(self))?;
        let bytes = nested::docker_archive(&rootfs, nested::IMAGE).map_err(CheckError::Archive)?;
        *made = Some(Archive {
            bytes: bytes.clone(),
            speaks: rootfs.speaks(),
        });
        Ok(bytes)
    }
}

/// A daemon container as a source of files.
struct Container<'a>(&'a Inner<'a>);

impl Files for Container<'_> {
    type Error = EngineError;

    fn first(&mut self, candidates: &[String]) -> Result<Option<(String, Vec<u8>)>, EngineError> {
        let candidates = candidates.iter().map(String::as_str);
        let program: Vec<&str> = ["sh", "-c", FIRST_FILE, "sh"]
            .into_iter()
            .chain(candidates)
            .collect();
        let Inner { engine, name, .. } = self.0;
        let mut output = engine.exec(name, &program, Input::Null, INSIDE)?;
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
                engine: engine.name(),
                command: output.command.clone(),
                reason: output.complaint(),
            }),
        }
    }
}
