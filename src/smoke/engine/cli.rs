//! The command line that Docker and Podman share.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::words::{RunWords, image_from, listed, loaded_names, run_args, state_from};
use super::{Capabilities, Engine, EngineError, EngineInfo, Image, RunSpec, Settings, State};
use crate::process::{Command, Input, Output};

/// Moving an image of a few hundred megabytes through a slow disk or network.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(900);

/// A foreground container of the checks starts a daemon at most once.
pub(super) const RUN_TIMEOUT: Duration = Duration::from_secs(180);

/// What a client may take on top of the grace it was told to give a container.
const STOP_MARGIN: Duration = Duration::from_secs(60);

/// Most bytes of a container's log that are read; a daemon writes some kilobytes a minute.
const LOG_LIMIT: usize = 16 << 20;

/// Exit code by which `docker run` and `podman run` say that the engine, not the program, failed
/// (docker-run(1), podman-run(1), "Exit Status").
const ENGINE_FAILED: i32 = 125;

/// Rounds of removal: a container in creation while the first round looked is seen by the next.
pub(super) const SWEEP_ROUNDS: usize = 3;

/// Where engines that follow Docker's command line differ.
pub(super) struct Dialect {
    /// Name of the engine and of its program.
    pub name: &'static str,
    /// What to install when it is missing.
    pub install: &'static str,
    /// The variable that tells its program where the service is.
    pub variable: &'static str,
    /// Its own words for options of `run`.
    pub words: RunWords,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Reads the answer of `info`, or says why there is none.
    pub info: fn(&Value) -> Result<EngineInfo, String>,
    /// How it says whether it has an OCI runtime.
    pub runtimes: Runtimes,
}

/// How an engine says whether it has an OCI runtime, before a container is run with it.
pub(super) enum Runtimes {
    /// The answer of `info` has them: whether the named one is among them, or why not.
    Listed(fn(&Value, &str) -> Result<(), String>),
    /// `--runtime` is an option of `info` too, which fails without it and says these words.
    Refused(&'static str),
    /// Not at all.
    Unsaid,
}

/// An engine driven by its client program.
pub(super) struct Cli {
    dialect: &'static Dialect,
    settings: Settings,
}

impl Cli {
    pub(super) fn new(dialect: &'static Dialect, settings: Settings) -> Self {
        Self { dialect, settings }
    }

    /// A command that runs to its end whatever the user presses.
    pub(super) fn steady(&self, args: &[&str]) -> Command {
        self.settings.env.iter().fold(
            Command::new(self.dialect.name)
                .args(args)
                .install(self.dialect.install),
            |command, (name, value)| command.env(name, value),
        )
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        self.steady(args).interrupt(&self.settings.interrupt)
    }

    /// Runs `command` and turns any other exit code than 0 into a refusal.
    pub(super) fn must(
        &self,
        command: Command,
        verb: &'static str,
        subject: &str,
    ) -> Result<Output, EngineError> {
        let output = command.output()?;
        if output.status.success() {
            return Ok(output);
        }
        Err(EngineError::refused(
            self.dialect.name,
            verb,
            subject,
            &output,
        ))
    }

    /// The option of `run` that chooses the OCI runtime.
    pub(super) fn with_runtime(&self) -> Option<String> {
        self.runtime().map(|name| format!("--runtime={name}"))
    }

    /// Whether a complaint is about the OCI runtime that was asked for.
    fn no_runtime(&self, complaint: &str) -> Option<EngineError> {
        let runtime = self.settings.runtime.as_ref()?;
        let Runtimes::Refused(words) = self.dialect.runtimes else {
            return None;
        };
        let name = self.dialect.name;
        complaint.contains(words).then(|| EngineError::Runtime {
            reason: format!("{name} knows no runtime `{runtime}`: {complaint}"),
        })
    }

    pub(super) fn unreadable(&self, output: &Output, reason: impl ToString) -> EngineError {
        EngineError::Unreadable {
            engine: self.dialect.name,
            command: output.command.clone(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn json(&self, output: &Output) -> Result<Value, EngineError> {
        serde_json::from_slice(&output.stdout).map_err(|error| self.unreadable(output, error))
    }

    /// Lists the objects of one kind that carry `label`.
    pub(super) fn labelled(&self, kind: &[&str], label: &str) -> Result<Vec<String>, EngineError> {
        let filter = format!("label={label}");
        let output = self.must(self.steady(kind).args(["--filter", &filter]), "list", label)?;
        Ok(output.text().lines().map(str::to_owned).collect())
    }
}

impl Engine for Cli {
    fn name(&self) -> &'static str {
        self.dialect.name
    }

    fn runtime(&self) -> Option<&str> {
        self.settings.runtime.as_deref()
    }

    fn capabilities(&self) -> Capabilities {
        self.dialect.capabilities
    }

    fn probe(&self) -> Result<EngineInfo, EngineError> {
        let mut command = self.command(&["info", "--format", "{{json .}}"]);
        if let Runtimes::Refused(_) = self.dialect.runtimes {
            command = command.args(self.with_runtime());
        }
        let output = command.output()?;
        let unreachable = |detail| EngineError::Unreachable {
            engine: self.dialect.name,
            detail,
            variable: self.dialect.variable,
        };
        let value = match self.json(&output) {
            Ok(value) => value,
            Err(_) if !output.status.success() => {
                let complaint = output.complaint();
                return Err(self
                    .no_runtime(&complaint)
                    .unwrap_or(unreachable(complaint)));
            }
            Err(error) => return Err(error),
        };
        let info = (self.dialect.info)(&value).map_err(|reason| {
            if output.status.success() {
                self.unreadable(&output, reason)
            } else {
                unreachable(reason)
            }
        })?;
        if let (Some(runtime), Runtimes::Listed(judge)) =
            (&self.settings.runtime, &self.dialect.runtimes)
        {
            judge(&value, runtime).map_err(|reason| EngineError::Runtime { reason })?;
        }
        Ok(info)
    }

    fn load(&self, archive: Input) -> Result<Vec<String>, EngineError> {
        let command = self
            .command(&["load"])
            .input(archive)
            .timeout(TRANSFER_TIMEOUT);
        let output = self.must(command, "load", "the archive")?;
        let names = loaded_names(&output.text());
        if names.is_empty() {
            return Err(self.unreadable(&output, "no loaded image is named"));
        }
        Ok(names)
    }

    fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        let output = self.command(&["image", "inspect", reference]).output()?;
        if !output.status.success() {
            return Ok(None);
        }
        image_from(&self.json(&output)?[0], reference)
            .map(Some)
            .map_err(|reason| self.unreadable(&output, reason))
    }

    fn images(&self) -> Result<BTreeSet<String>, EngineError> {
        let format = "--format={{.ID}} {{.Repository}}:{{.Tag}}";
        let command = self.command(&["images", "--all", "--no-trunc", format]);
        let output = self.must(command, "list", "its images")?;
        Ok(listed(&output.text()))
    }

    fn pull(&self, reference: &str) -> Result<(), EngineError> {
        let command = self
            .command(&["pull", "--quiet", reference])
            .timeout(TRANSFER_TIMEOUT);
        self.must(command, "pull", reference).map(drop)
    }

    fn remove_image(&self, reference: &str) -> Result<(), EngineError> {
        self.must(
            self.steady(&["image", "rm", reference]),
            "remove",
            reference,
        )
        .map(drop)
    }

    fn run_detached(&self, spec: &RunSpec) -> Result<(), EngineError> {
        let command = self
            .command(&["run", "--detach"])
            .args(self.with_runtime())
            .args(run_args(spec, self.dialect.words))
            .timeout(RUN_TIMEOUT);
        self.must(command, "run", &spec.image).map(drop)
    }

    fn run(&self, spec: &RunSpec, input: Input) -> Result<Output, EngineError> {
        let mut command = self.command(&["run", "--rm"]);
        if !matches!(input, Input::Null) {
            command = command.arg("--interactive");
        }
        let output = command
            .args(self.with_runtime())
            .args(run_args(spec, self.dialect.words))
            .input(input)
            .timeout(RUN_TIMEOUT)
            .output()?;
        if output.code() == ENGINE_FAILED {
            let name = self.dialect.name;
            return Err(EngineError::refused(name, "run", &spec.image, &output));
        }
        Ok(output)
    }

    fn inside(
        &self,
        container: &str,
        program: &[&str],
        reads: bool,
    ) -> Result<Command, EngineError> {
        let mut command = self.command(&["exec"]);
        if reads {
            command = command.arg("--interactive");
        }
        Ok(command.arg(container).args(program))
    }

    fn enter(&self, container: &str) -> Option<String> {
        Some(format!("{} exec -it {container} sh", self.dialect.name))
    }

    fn logs(&self, container: &str) -> Result<String, EngineError> {
        let command = self
            .command(&["logs", container])
            .stdout_limit(LOG_LIMIT)
            .stderr_tail(LOG_LIMIT);
        let output = self.must(command, "read the log of", container)?;
        let mut log = String::from_utf8_lossy(&output.stdout).into_owned();
        log.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok(log)
    }

    fn state(&self, container: &str) -> Result<State, EngineError> {
        let command = self.command(&["container", "inspect", container]);
        let output = self.must(command, "inspect", container)?;
        state_from(&self.json(&output)?[0]).map_err(|reason| self.unreadable(&output, reason))
    }

    fn stop(&self, container: &str, grace: Duration) -> Result<Output, EngineError> {
        let seconds = grace.as_secs().to_string();
        let command = self
            .command(&["stop", "-t", &seconds, container])
            .timeout(grace + STOP_MARGIN);
        self.must(command, "stop", container)
    }

    fn start(&self, container: &str) -> Result<(), EngineError> {
        self.must(self.command(&["start", container]), "start", container)
            .map(drop)
    }

    fn running(&self) -> Result<BTreeSet<String>, EngineError> {
        let command = self.command(&["ps", "--format", "{{.Names}}"]);
        let output = self.must(command, "list", "its containers")?;
        Ok(output.text().lines().map(str::to_owned).collect())
    }

    fn kill(&self, container: &str) -> Result<(), EngineError> {
        self.must(self.command(&["kill", container]), "kill", container)?;
        // The client comes back before the engine has seen the end.
        let command = self.command(&["wait", container]).timeout(STOP_MARGIN);
        self.must(command, "wait for", container).map(drop)
    }

    fn remove(&self, container: &str) -> Result<(), EngineError> {
        let command = self.command(&["rm", "--force", "--volumes", container]);
        self.must(command, "remove", container).map(drop)
    }

    fn create_network(&self, name: &str, label: &str) -> Result<(), EngineError> {
        let command = self.command(&["network", "create", "--label", label, name]);
        self.must(command, "create network", name).map(drop)
    }

    fn create_volume(&self, name: &str, label: &str) -> Result<(), EngineError> {
        let command = self.command(&["volume", "create", "--label", label, name]);
        self.must(command, "create volume", name).map(drop)
    }

    fn sweep(&self, label: &str) -> Result<Vec<String>, EngineError> {
        const KINDS: [(&[&str], &[&str]); 3] = [
            (&["ps", "--all", "--quiet"], &["rm", "--force", "--volumes"]),
            (&["network", "ls", "--quiet"], &["network", "rm"]),
            (&["volume", "ls", "--quiet"], &["volume", "rm", "--force"]),
        ];
        let mut left = Vec::new();
        for _ in 0..SWEEP_ROUNDS {
            left.clear();
            for (list, remove) in KINDS {
                for name in self.labelled(list, label)? {
                    let output = self.steady(remove).arg(&name).output()?;
                    if !output.status.success() {
                        left.push(format!("{name}: {}", output.complaint()));
                    }
                }
            }
            if left.is_empty() && self.labelled(KINDS[0].0, label)?.is_empty() {
                break;
            }
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::super::CgroupNamespaces;
    use super::*;

    #[test]
    fn a_missing_client_names_what_to_install() {
        static NONE: Dialect = Dialect {
            name: "dindimg-no-engine",
            install: "an engine",
            variable: "NONE",
            words: RunWords {
                alias: "--network-alias",
                whole_proc: crate::guest::Confinement::Proc.lifted(),
            },
            capabilities: Capabilities {
                privileged: true,
                unconfined: true,
                networks: true,
                volumes: true,
                restart: true,
                foreground: true,
                images: true,
                memory: (0, 0),
                cgroup_namespaces: CgroupNamespaces::Chosen(0, 0),
            },
            info: |_| Err(String::new()),
            runtimes: Runtimes::Unsaid,
        };
        let error = Cli::new(&NONE, Settings::default()).probe();
        assert_eq!(
            error.expect_err("no client").to_string(),
            "`dindimg-no-engine` is not on PATH; install an engine"
        );
    }
}
