//! `podman kube play`: Podman as a reader of Kubernetes' manifests, 4.3 and later.
//!
//! Images are Podman's. Each container is the only one of a pod, made of the template that
//! `deploy` has.

use std::collections::BTreeSet;
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

/// Kills a pod and removes it with its volumes.
const REMOVE: [&str; 4] = ["pod", "rm", "--force", "--time=0"];

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
        let command = self.podman.command(&REMOVE).arg(pod);
        self.podman.must(command, "remove", pod).map(drop)
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
                let output = self.podman.steady(&REMOVE).arg(&pod).output()?;
                if !output.status.success() {
                    left.push(format!("{pod}: {}", output.complaint()));
                }
            }
            if left.is_empty() && self.pods(label)?.is_empty() {
                break;
            }
        }
        Ok(left)
    }
}
