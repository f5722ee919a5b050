//! Kubernetes through kubectl, with the user's own configuration: context, namespace and cluster are
//! what `kubectl config` says.
//!
//! Each container is the pod of a job that is not tried again and that the cluster ends by itself, so
//! that nothing stays for ever where this program is killed. A cluster pulls its images and says
//! nothing of them: what an image promises is known from its registry.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::pod::{CONTAINER, workload};
use super::words::text_at;
use super::{
    Capabilities, CgroupNamespaces, Engine, EngineError, EngineInfo, Entry, Feature, Image,
    RunSpec, Settings, State, cluster,
};
use crate::deploy::Job;
use crate::process::{Command, Input, Output};
use crate::recipe::CgroupNamespace;

pub(super) const ENTRY: Entry = Entry {
    name: NAME,
    loads: false,
    open: |settings| Box::new(Kubernetes { settings }),
};

const NAME: &str = "kubernetes";

/// Seconds after which the cluster ends a job: longer than any cell.
const DEADLINE: u32 = 3600;

/// Seconds for which the cluster keeps a job that has ended, should nobody remove it.
const KEEP: u32 = 600;

/// How long a pod may take to run, its place on a node and the pull of its image included.
const START: Duration = Duration::from_secs(600);

/// How long everything of a run may take to go.
const GONE: Duration = Duration::from_secs(180);

/// With its dependents first: the job is there until its pod is gone.
const GONE_FIRST: &str = "--cascade=foreground";

/// How often a pod that is on its way is looked at.
const POLL: Duration = Duration::from_millis(500);

/// Most bytes of a container's log that are read; a daemon writes some kilobytes a minute.
const LOG_LIMIT: usize = 16 << 20;

struct Kubernetes {
    settings: Settings,
}

impl Kubernetes {
    /// A command that runs to its end whatever the user presses.
    fn steady(&self, args: &[&str]) -> Command {
        self.settings.env.iter().fold(
            Command::new("kubectl")
                .args(args)
                .install("kubectl (see kubernetes.io/docs/tasks/tools)"),
            |command, (name, value)| command.env(name, value),
        )
    }

    fn command(&self, args: &[&str]) -> Command {
        self.steady(args).interrupt(&self.settings.interrupt)
    }

    fn must(
        &self,
        command: Command,
        verb: &'static str,
        subject: &str,
    ) -> Result<Output, EngineError> {
        let output = command.output()?;
        match output.status.success() {
            true => Ok(output),
            false => Err(EngineError::refused(NAME, verb, subject, &output)),
        }
    }

    fn json(&self, output: &Output) -> Result<Value, EngineError> {
        serde_json::from_slice(&output.stdout).map_err(|error| unreadable(output, error))
    }

    /// The pod of a job, or nothing while there is none.
    fn pod(&self, job: &str) -> Result<Option<Value>, EngineError> {
        let selector = format!("--selector=job-name={job}");
        let command = self.command(&["get", "pods", &selector, "--output=json"]);
        let output = self.must(command, "look for the pod of", job)?;
        let first = self.json(&output)?["items"][0].take();
        Ok((!first.is_null()).then_some(first))
    }

    /// What the cluster says of an object that does not become anything.
    fn events(&self, name: &str) -> Result<String, EngineError> {
        let of = format!("--field-selector=involvedObject.name={name}");
        let output = self
            .command(&["get", "events", &of, "--output=json"])
            .output()?;
        Ok(match self.json(&output) {
            Ok(list) => cluster::events(&list),
            Err(_) => output.complaint(),
        })
    }

    /// Waits until the container of a job runs or has ended.
    fn wait(&self, job: &str) -> Result<(), EngineError> {
        let started = Instant::now();
        loop {
            let pod = self.pod(job)?;
            let progress = pod.as_ref().map(cluster::progress);
            let refusal = match progress {
                Some(cluster::Progress::Begun) => return Ok(()),
                Some(cluster::Progress::Stuck(reason)) => Some(reason),
                _ if started.elapsed() < START => None,
                _ => {
                    let name = pod
                        .as_ref()
                        .and_then(|pod| pod["metadata"]["name"].as_str());
                    let seconds = START.as_secs();
                    let events = self.events(name.unwrap_or(job))?;
                    Some(format!("not running after {seconds} s: {events}"))
                }
            };
            if let Some(detail) = refusal {
                return Err(EngineError::Refused {
                    engine: NAME,
                    verb: "run",
                    subject: job.to_owned(),
                    detail,
                });
            }
            thread::sleep(POLL);
        }
    }

    /// Whether there is a `RuntimeClass`. A user who may not look is not told.
    fn runtime_class(&self, name: &str) -> Result<(), EngineError> {
        let output = self
            .command(&["get", "runtimeclasses", name, "--output=name"])
            .output()?;
        match output.complaint() {
            complaint if complaint.contains("(NotFound)") => Err(EngineError::Runtime {
                reason: format!("the cluster has no RuntimeClass `{name}`"),
            }),
            _ => Ok(()),
        }
    }

    /// Whether the user may create jobs in the namespace.
    fn may_create(&self) -> Result<(), EngineError> {
        let output = self
            .command(&["auth", "can-i", "create", "jobs.batch"])
            .output()?;
        match output.text().as_str() {
            "no" => Err(EngineError::Refused {
                engine: NAME,
                verb: "create",
                subject: "jobs".to_owned(),
                detail: "`kubectl auth can-i create jobs.batch` says no; use another context or namespace of `kubectl config`".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn labelled(&self, kind: &str, label: &str) -> Result<Vec<String>, EngineError> {
        let selector = format!("--selector={label}");
        let command = self.steady(&["get", kind, &selector, "--output=name"]);
        let output = self.must(command, "list", kind)?;
        Ok(output.text().lines().map(str::to_owned).collect())
    }
}

fn unreadable(output: &Output, reason: impl ToString) -> EngineError {
    EngineError::Unreadable {
        engine: NAME,
        command: output.command.clone(),
        reason: reason.to_string(),
    }
}

fn lacks<T>(feature: Feature) -> Result<T, EngineError> {
    Err(EngineError::Lacks {
        engine: NAME,
        lack: feature.lack(),
    })
}

/// What a cluster without a store says to everything that needs one.
fn no_store<T>() -> Result<T, EngineError> {
    Err(EngineError::Lacks {
        engine: NAME,
        lack: "no store that an image could be loaded into",
    })
}

/// The job of a container, as kubectl names objects.
fn job(name: &str) -> String {
    format!("job/{name}")
}

impl Engine for Kubernetes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Option<&str> {
        self.settings.runtime.as_deref()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            privileged: true,
            unconfined: false,
            networks: false,
            volumes: false,
            restart: false,
            foreground: false,
            images: false,
            memory: (0, 0),
            // containerd and CRI-O leave privileged pods in the node's namespace.
            cgroup_namespaces: CgroupNamespaces::Given {
                v1: CgroupNamespace::Host,
                v2: CgroupNamespace::Host,
            },
        }
    }

    fn probe(&self) -> Result<EngineInfo, EngineError> {
        let output = self.command(&["version", "--output=json"]).output()?;
        if !output.status.success() {
            return Err(EngineError::Unreachable {
                engine: NAME,
                detail: output.complaint(),
                variable: "KUBECONFIG",
            });
        }
        let version = text_at(&self.json(&output)?, "/serverVersion/gitVersion")
            .map_err(|reason| unreadable(&output, reason))?;
        self.may_create()?;
        if let Some(name) = self.runtime() {
            self.runtime_class(name)?;
        }
        // Nodes belong to no namespace: many users may not look at them.
        let nodes = self.command(&["get", "nodes", "--output=json"]).output()?;
        let nodes = self.json(&nodes).unwrap_or_default();
        Ok(EngineInfo {
            version: version.trim_start_matches('v').to_owned(),
            ..cluster::nodes(&nodes)
        })
    }

    fn load(&self, _: Input) -> Result<Vec<String>, EngineError> {
        no_store()
    }

    fn image(&self, _: &str) -> Result<Option<Image>, EngineError> {
        no_store()
    }

    fn images(&self) -> Result<BTreeSet<String>, EngineError> {
        no_store()
    }

    fn pull(&self, _: &str) -> Result<(), EngineError> {
        no_store()
    }

    fn remove_image(&self, _: &str) -> Result<(), EngineError> {
        no_store()
    }

    fn run_detached(&self, spec: &RunSpec) -> Result<(), EngineError> {
        let refused = |lack| EngineError::Lacks { engine: NAME, lack };
        let job = Job {
            workload: workload(spec, self.runtime()).map_err(refused)?,
            deadline: DEADLINE,
            keep: KEEP,
        };
        let command = self
            .command(&["create", "--filename=-"])
            .input(Input::Bytes(job.yaml().into_bytes()));
        self.must(command, "create", &spec.name)?;
        self.wait(&spec.name)
    }

    fn run(&self, _: &RunSpec, _: Input) -> Result<Output, EngineError> {
        lacks(Feature::Foreground)
    }

    fn inside(&self, name: &str, program: &[&str], reads: bool) -> Result<Command, EngineError> {
        let mut command = self.command(&["exec"]);
        if reads {
            command = command.arg("--stdin");
        }
        let container = [job(name).as_str(), "--container", CONTAINER, "--"].map(str::to_owned);
        Ok(command.args(container).args(program))
    }

    fn enter(&self, name: &str) -> Option<String> {
        Some(format!(
            "kubectl exec -it {} --container {CONTAINER} -- sh",
            job(name)
        ))
    }

    fn logs(&self, name: &str) -> Result<String, EngineError> {
        let command = self
            .command(&["logs", &job(name), "--container", CONTAINER])
            .stdout_limit(LOG_LIMIT);
        let output = self.must(command, "read the log of", name)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn state(&self, name: &str) -> Result<State, EngineError> {
        let pod = self.pod(name)?.ok_or_else(|| EngineError::Refused {
            engine: NAME,
            verb: "inspect",
            subject: name.to_owned(),
            detail: "its job has no pod".to_owned(),
        })?;
        Ok(cluster::state(&pod))
    }

    fn stop(&self, _: &str, _: Duration) -> Result<Output, EngineError> {
        lacks(Feature::Restart)
    }

    fn start(&self, _: &str) -> Result<(), EngineError> {
        lacks(Feature::Restart)
    }

    fn running(&self) -> Result<BTreeSet<String>, EngineError> {
        let running = "--field-selector=status.phase=Running";
        let command = self.command(&["get", "pods", running, "--output=name"]);
        let output = self.must(command, "list", "its pods")?;
        let names = output.text();
        let names = names.lines().map(|name| name.trim_start_matches("pod/"));
        Ok(names.map(str::to_owned).collect())
    }

    fn remove(&self, name: &str) -> Result<(), EngineError> {
        let command = self
            .command(&["delete", &job(name), GONE_FIRST])
            .timeout(GONE);
        self.must(command, "remove", name).map(drop)
    }

    fn create_network(&self, _: &str, _: &str) -> Result<(), EngineError> {
        lacks(Feature::Networks)
    }

    fn create_volume(&self, _: &str, _: &str) -> Result<(), EngineError> {
        lacks(Feature::Volumes)
    }

    fn sweep(&self, label: &str) -> Result<Vec<String>, EngineError> {
        let selector = format!("--selector={label}");
        let delete = self
            .steady(&["delete", "jobs", &selector, GONE_FIRST])
            .timeout(GONE);
        let output = delete.output()?;
        let mut left = Vec::new();
        if !output.status.success() {
            left.push(output.complaint());
        }
        for kind in ["jobs", "pods"] {
            left.extend(self.labelled(kind, label)?);
        }
        Ok(left)
    }
}
