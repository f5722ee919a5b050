//! What an image can be deployed to.

use super::choices::Choices;
use super::error::DeployError;
use super::model::Container;
use super::plan::{Place, Plan, plan};
use super::subject::Subject;
use super::template::Templates;
use crate::recipe::suggest;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub title: &'static str,
    /// The profiles that it is for.
    pub profiles: &'static [&'static str],
    /// What can be said about it, beside [`COMMON`].
    pub keys: &'static [&'static str],
    /// The files that are rendered: each a name, and its template below `images/deploy`.
    pub files: &'static [(&'static str, &'static str)],
    /// What reads them.
    pub place: Place,
}

/// The profiles with a daemon for others.
const DAEMONS: &[&str] = &["dind", "rootless"];
/// Every profile with a daemon.
const ALL: &[&str] = &["dind", "rootless", "vmlc", "kind-cluster"];

/// What can be said about every target.
pub const COMMON: &[&str] = &["name", "image"];

/// Every target, in the order of the list.
pub const TARGETS: &[Target] = &[
    Target {
        name: "docker-run",
        title: "a shell script of docker run: a daemon with volumes, and a client over TLS",
        profiles: ALL,
        keys: ENGINE,
        files: &[("run.sh", "docker-run.sh")],
        place: Place::Engine,
    },
    Target {
        name: "compose",
        title: "a Compose file: the daemon as the service docker, and a client over TLS",
        profiles: ALL,
        keys: ENGINE,
        files: &[("compose.yaml", "compose.yaml")],
        place: Place::Engine,
    },
    Target {
        name: "kubernetes-sidecar",
        title: "a pod with a daemon beside the work: a native sidecar with probes and limits",
        profiles: DAEMONS,
        keys: SIDECAR,
        files: &[("pod.yaml", "kubernetes-sidecar.yaml")],
        place: Place::Sidecar,
    },
    Target {
        name: "kubernetes-pod",
        title: "a pod that is a daemon: nested containers answer at its address",
        profiles: ALL,
        keys: POD,
        files: &[("pod.yaml", "kubernetes-pod.yaml")],
        place: Place::Pod,
    },
    Target {
        name: "kubernetes-kind-cluster",
        title: "a pod that is a Kubernetes cluster, whose API server answers at port 30001",
        profiles: &["kind-cluster"],
        keys: CLUSTER,
        files: &[("pod.yaml", "kubernetes-pod.yaml")],
        place: Place::Pod,
    },
    Target {
        name: "gitlab-ci",
        title: "a GitLab job with the daemon as its service, and the runner's configuration",
        profiles: DAEMONS,
        keys: SERVICE,
        files: &[
            (".gitlab-ci.yml", "gitlab-ci.yaml"),
            ("config.toml", "gitlab-runner.toml"),
        ],
        place: Place::Engine,
    },
    Target {
        name: "github-actions",
        title: "a GitHub job with the daemon as its service",
        profiles: DAEMONS,
        keys: SERVICE,
        files: &[("workflow.yml", "github-workflow.yaml")],
        place: Place::Engine,
    },
    Target {
        name: "github-runners",
        title: "values of GitHub's runner scale sets: each runner with a daemon beside it",
        profiles: &["dind"],
        keys: RUNNERS,
        files: &[("values.yaml", "github-runners.yaml")],
        place: Place::Sidecar,
    },
    Target {
        name: "jenkins",
        title: "the pod of a Jenkins job, with a daemon beside the work",
        profiles: DAEMONS,
        keys: AGENT,
        files: &[("pod.yaml", "jenkins-pod.yaml")],
        place: Place::Sidecar,
    },
    Target {
        name: "dood",
        title: "the daemon of the host in place of one's own, and what is lost by it",
        profiles: &["cli", "dind"],
        keys: &["client.image", "client.command", "host"],
        files: &[("run.sh", "dood.sh")],
        place: Place::Engine,
    },
];

/// A job's service, which the runner starts.
const SERVICE: &[&str] = &[
    "client.image",
    "client.command",
    "connection",
    "cpu.limit",
    "memory.limit",
];
const RUNNERS: &[&str] = &[
    "runner.image",
    "connection",
    "storage.kind",
    "storage.size",
    "storage.class",
    "cpu.request",
    "cpu.limit",
    "memory.request",
    "memory.limit",
    "runtime-class",
    "host-users",
];
const AGENT: &[&str] = &[
    "device.resource",
    "client.image",
    "connection",
    "storage.kind",
    "storage.size",
    "storage.class",
    "cpu.request",
    "cpu.limit",
    "memory.request",
    "memory.limit",
    "runtime-class",
    "host-users",
];
const ENGINE: &[&str] = &[
    "client.image",
    "client.command",
    "connection",
    "storage.kind",
    "storage.size",
    "cpu.limit",
    "memory.limit",
    "runtime-class",
    "ssh.port",
    "ssh.keys",
];
const POD: &[&str] = &[
    "device.resource",
    "namespace",
    "storage.kind",
    "storage.size",
    "storage.class",
    "cpu.request",
    "cpu.limit",
    "memory.request",
    "memory.limit",
    "runtime-class",
    "host-users",
    "pod-security",
    "network-policy",
    "ssh.keys",
];
const CLUSTER: &[&str] = &[
    "namespace",
    "storage.kind",
    "storage.size",
    "storage.class",
    "cpu.request",
    "cpu.limit",
    "memory.request",
    "memory.limit",
    "runtime-class",
    "host-users",
    "pod-security",
    "network-policy",
];
const SIDECAR: &[&str] = &[
    "device.resource",
    "namespace",
    "client.image",
    "client.command",
    "connection",
    "sidecar",
    "storage.kind",
    "storage.size",
    "storage.class",
    "cpu.request",
    "cpu.limit",
    "memory.request",
    "memory.limit",
    "runtime-class",
    "host-users",
    "pod-security",
    "network-policy",
];

/// Words at the top of a file of GitLab's that are no jobs (docs.gitlab.com, "CI/CD YAML syntax").
const RESERVED: [&str; 13] = [
    "default",
    "include",
    "stages",
    "variables",
    "workflow",
    "image",
    "services",
    "cache",
    "pages",
    "spec",
    "true",
    "false",
    "nil",
];

/// A rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

/// The target of a name.
///
/// # Errors
/// When there is none.
pub fn target(name: &str) -> Result<&'static Target, DeployError> {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.ok_or_else(|| DeployError::Target {
        name: name.to_owned(),
        hint: suggest::hint(name, TARGETS.iter().map(|target| target.name)),
    })
}

impl Target {
    /// Renders its files for an image. With `explain` each field says why it is there.
    ///
    /// # Errors
    /// When the image is not of its profiles, when a key means nothing to it, when choices do not go
    /// together, or when a template of the user's cannot be rendered.
    pub fn render(
        &self,
        subject: &Subject,
        choices: &Choices,
        templates: &Templates,
        explain: bool,
    ) -> Result<Vec<Rendered>, DeployError> {
        let plan = self.plan(subject, choices)?;
        let files = self.files.iter();
        files
            .map(|(name, template)| {
                let text = templates.render(template, &plan, explain)?;
                Ok(Rendered { name, text })
            })
            .collect()
    }

    fn plan(&self, subject: &Subject, choices: &Choices) -> Result<Plan, DeployError> {
        let profile = subject.contract.profile.as_str();
        if !self.profiles.contains(&profile) {
            return Err(DeployError::Profile {
                target: self.name,
                wanted: self.profiles.join(" or "),
                image: subject.name.clone(),
                profile: profile.to_owned(),
            });
        }
        if let Some(name) = choices.said().find(|name| !self.knows(name)) {
            let known = [COMMON, self.keys].concat();
            return Err(DeployError::Unused {
                name,
                target: self.name,
                known: known.join(", "),
            });
        }
        if self.keys == SERVICE && choices.get("connection") == "socket" {
            return Err(DeployError::Together(
                "a service and its job share no socket: `connection` is tls or tcp".to_owned(),
            ));
        }
        if self.keys == SERVICE && RESERVED.contains(&choices.get("name")) {
            return Err(DeployError::Together(format!(
                "GitLab takes a job called {} for something else: say another `name`",
                choices.get("name")
            )));
        }
        let one_pod = self.keys != RUNNERS && self.keys != AGENT;
        if !one_pod && choices.get("storage.kind") == "persistent" {
            return Err(DeployError::Together(
                "pods that a controller makes run beside each other and cannot take over one claim: `storage.kind` is disk, memory, loop or block"
                    .to_owned(),
            ));
        }
        if self.keys == RUNNERS && choices.get("runner.image").is_empty() {
            return Err(DeployError::Together(
                "the target needs the image of the runner: say --set runner.image=REFERENCE"
                    .to_owned(),
            ));
        }
        let mut plan = plan(self.name, self.place, subject, choices)?;
        if self.keys == RUNNERS {
            plan.share_with_runner();
        }
        if self.keys == AGENT {
            // The plugin runs the steps of a job in it.
            let words = ["sleep", "infinity"].map(str::to_owned).to_vec();
            match plan.client.command.is_empty() {
                true => plan.client.args = words,
                false => plan.client.command = words,
            }
        }
        for container in [&mut plan.daemon, &mut plan.client] {
            self.quote(container);
        }
        Ok(plan)
    }

    fn knows(&self, key: &str) -> bool {
        COMMON.contains(&key) || self.keys.contains(&key)
    }

    /// Takes their meaning from what the reader of the manifest would replace.
    fn quote(&self, container: &mut Container) {
        let quote: fn(&str) -> String = match (self.place, self.name) {
            // compose-spec, "Interpolation".
            (Place::Engine, "compose") => |text| text.replace('$', "$$"),
            (Place::Engine, _) => return,
            _ => super::workload::literal,
        };
        for text in container.command.iter_mut().chain(&mut container.args) {
            *text = quote(text);
        }
        for variable in &mut container.env {
            variable.value = quote(&variable.value);
        }
    }
}
