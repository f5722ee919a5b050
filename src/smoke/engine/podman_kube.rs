//! `podman kube play`: Podman as a reader of Kubernetes' manifests, 4.3 and later.
//!
//! Images are Podman's. Each container is the only one of a pod, made of the template that
//! `deploy` has.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::cli::{Cli, RUN_TIMEOUT, SWEEP_ROUNDS};
use super::pod::{CONTAINER, workload};
use super::words::state_from;
use super::{
    Capabilities, CgroupNamespaces, Engine, EngineError, EngineInfo, Entry, Feature, Image,
    RunSpec, Settings, State, podman,
};
use crate::process::{Command, Input, Output};
use crate::recipe::CgroupNamespace;

pub(super) const ENTRY: Entry = Entry {
    name: NAME,
    loads: false,
    open: |settings| Box::new(PodmanKube::new(settings)),
};

const NAME: &str = "podman-kube";

/// What a network mode says of a container that shares another one's network: that one's id.
const SHARED: &str = "container:";

/// Kills a pod and removes it.
const REMOVE: [&str; 4] = ["pod", "rm", "--force", "--time=0"];

/// The volumes of a container, a line each: its `emptyDir`s and those that the image declares.
const VOLUMES: &str = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}}\n{{end}}{{end}}";

/// How long to wait for a pod that was killed before it is looked at again: Podman gives up where
/// the end of a container takes longer than it expects, and where its policy restarts it meanwhile.
const PAUSE: Duration = Duration::from_secs(1);

struct PodmanKube {
    podman: Cli,
}

impl PodmanKube {
    fn new(settings: Settings) -> Self {
        Self {
            podman: Cli::new(&podman::DIALECT, settings),
        }
    }

    fn inspect(&self, container: &str) -> Result<(Value, Output), EngineError> {
        let command = self.podman.command(&["container", "inspect", container]);
        let output = self.podman.must(command, "inspect", container)?;
        Ok((self.podman.json(&output)?[0].take(), output))
    }

    fn pods(&self, label: &str) -> Result<Vec<String>, EngineError> {
        self.podman
            .labelled(&["pod", "ps", "--quiet", "--no-trunc"], label)
    }

    /// The volumes of a pod's containers, none where it is gone.
    fn volumes(&self, pod: &str) -> Result<BTreeSet<String>, EngineError> {
        let filter = format!("pod={pod}");
        let list = ["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter];
        let containers = self.podman.steady(&list).output()?.text();
        let mut volumes = BTreeSet::new();
        for container in containers.lines() {
            let inspect = ["container", "inspect", "--format", VOLUMES, container];
            let output = self.podman.steady(&inspect).output()?;
            if output.status.success() {
                volumes.extend(output.text().split_whitespace().map(str::to_owned));
            }
        }
        Ok(volumes)
    }

    /// Kills a pod and removes it with its volumes: what could not be removed, and why.
    fn take_away(&self, pod: &str) -> Result<Option<String>, EngineError> {
        let mut volumes = self.volumes(pod)?;
        let mut complaint = None;
        for round in 0..SWEEP_ROUNDS {
            if round > 0 {
                thread::sleep(PAUSE);
                volumes.extend(self.volumes(pod)?);
            }
            let removal = self.podman.steady(&REMOVE).arg(pod).output()?;
            let there = ["pod", "exists", pod];
            if !self.podman.steady(&there).output()?.status.success() {
                complaint = None;
                break;
            }
            complaint = Some(format!("{pod}: {}", removal.complaint()));
        }
        for volume in &volumes {
            let removal = ["volume", "rm", "--force", volume];
            let output = self.podman.steady(&removal).output()?;
            let there = ["volume", "exists", volume];
            if self.podman.steady(&there).output()?.status.success() {
                complaint.get_or_insert(format!("volume {volume}: {}", output.complaint()));
            }
        }
        Ok(complaint)
    }
}

/// The container of a pod, as Podman names it.
fn container(pod: &str) -> String {
    format!("{pod}-{CONTAINER}")
}

impl Engine for PodmanKube {
    fn name(&self) -> &'static str {
        NAME
    }

    fn runtime(&self) -> Option<&str> {
        self.podman.runtime()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            privileged: true,
            unconfined: false,
            networks: false,
            volumes: false,
            restart: true,
            foreground: false,
            // As Podman does where nothing is said (podman-run(1), `--cgroupns`).
            cgroup_namespaces: CgroupNamespaces::Given {
                v1: CgroupNamespace::Host,
                v2: CgroupNamespace::Private,
            },
            // `medium: Memory` is a directory on disk before (containers/podman#21524).
            memory: (5, 0),
            ..self.podman.capabilities()
        }
    }

    fn probe(&self) -> Result<EngineInfo, EngineError> {
        self.podman.probe()
    }

    fn load(&self, archive: Input) -> Result<Vec<String>, EngineError> {
        self.podman.load(archive)
    }

    fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        self.podman.image(reference)
    }

    fn images(&self) -> Result<BTreeSet<String>, EngineError> {
        self.podman.images()
    }

    fn pull(&self, reference: &str) -> Result<(), EngineError> {
        self.podman.pull(reference)
    }

    fn remove_image(&self, reference: &str) -> Result<(), EngineError> {
        self.podman.remove_image(reference)
    }

    fn run_detached(&self, spec: &RunSpec) -> Result<(), EngineError> {
        let refused = |lack| EngineError::Lacks { engine: NAME, lack };
        // The runtime is Podman's to choose: a pod that is played has no `RuntimeClass`.
        let pod = workload(spec, None).map_err(refused)?.pod();
        let command = self
            .podman
            .command(&["kube", "play"])
            .args(self.podman.with_runtime())
            .arg("-")
            .input(Input::Bytes(pod.into_bytes()))
            .timeout(RUN_TIMEOUT);
        self.podman.must(command, "play", &spec.image).map(drop)
    }

    fn run(&self, _: &RunSpec, _: Input) -> Result<Output, EngineError> {
        Err(EngineError::Lacks {
            engine: NAME,
            lack: Feature::Foreground.lack(),
        })
    }

    fn inside(&self, pod: &str, program: &[&str], reads: bool) -> Result<Command, EngineError> {
        self.podman.inside(&container(pod), program, reads)
    }

    fn enter(&self, pod: &str) -> Option<String> {
        self.podman.enter(&container(pod))
    }

    fn logs(&self, pod: &str) -> Result<String, EngineError> {
        self.podman.logs(&container(pod))
    }

    /// The address is that of the pod's first container, whose network the others share.
    fn state(&self, pod: &str) -> Result<State, EngineError> {
        let read = |(value, output): &(Value, Output)| {
            state_from(value).map_err(|reason| self.podman.unreadable(output, reason))
        };
        let own = self.inspect(&container(pod))?;
        let state = read(&own)?;
        let mode = own.0["HostConfig"]["NetworkMode"].as_str();
        match mode.and_then(|mode| mode.strip_prefix(SHARED)) {
            Some(first) if state.running => Ok(State {
                address: read(&self.inspect(first)?)?.address,
                ..state
            }),
            _ => Ok(state),
        }
    }

    fn stop(&self, pod: &str, grace: Duration) -> Result<Output, EngineError> {
        self.podman.stop(&container(pod), grace)
    }

    fn start(&self, pod: &str) -> Result<(), EngineError> {
        self.podman.start(&container(pod))
    }

    fn running(&self) -> Result<BTreeSet<String>, EngineError> {
        self.podman.running()
    }

    fn kill(&self, pod: &str) -> Result<(), EngineError> {
        self.podman.kill(&container(pod))
    }

    fn remove(&self, pod: &str) -> Result<(), EngineError> {
        match self.take_away(pod)? {
            None => Ok(()),
            Some(detail) => Err(EngineError::Refused {
                engine: NAME,
                verb: "remove",
                subject: pod.to_owned(),
                detail,
            }),
        }
    }

    fn create_network(&self, _: &str, _: &str) -> Result<(), EngineError> {
        Err(EngineError::Lacks {
            engine: NAME,
            lack: Feature::Networks.lack(),
        })
    }

    fn create_volume(&self, _: &str, _: &str) -> Result<(), EngineError> {
        Err(EngineError::Lacks {
            engine: NAME,
            lack: Feature::Volumes.lack(),
        })
    }

    fn sweep(&self, label: &str) -> Result<Vec<String>, EngineError> {
        let mut left = Vec::new();
        for _ in 0..SWEEP_ROUNDS {
            left.clear();
            for pod in self.pods(label)? {
                left.extend(self.take_away(&pod)?);
            }
            if left.is_empty() && self.pods(label)?.is_empty() {
                break;
            }
        }
        Ok(left)
    }
}
