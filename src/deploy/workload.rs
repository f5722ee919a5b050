//! A container of an image in a pod of its own, as Kubernetes writes it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::{Container, Kind, Mount, Probe, Resources, Security, Variable, Volume};
use super::template::TEMPLATES;

/// A pod with one container.
///
/// Its arguments and variables are what the container gets, letter by letter: what Kubernetes would
/// take for a reference to a variable is escaped
/// (kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Workload {
    /// Name of the pod.
    pub name: String,
    /// Labels of everything that is made.
    pub labels: BTreeMap<String, String>,
    /// Name of the container.
    pub container: String,
    /// The image's reference.
    pub image: String,
    /// Program and arguments instead of the image's entry point; the image's own when empty.
    pub command: Vec<String>,
    /// Arguments instead of the image's; the image's own when empty.
    pub args: Vec<String>,
    /// Environment on top of the image's.
    pub env: BTreeMap<String, String>,
    /// Every privilege.
    pub privileged: bool,
    /// The root file system is mounted read-only.
    pub read_only: bool,
    /// Bytes of memory that it may use; no limit otherwise.
    pub memory: Option<u64>,
    /// The `RuntimeClass`, or none for the cluster's default.
    pub runtime_class: Option<String>,
    /// Seconds between the stop signal and killing.
    pub grace: u32,
    /// The program that says by its exit code whether the container is ready; none when empty.
    pub ready: Vec<String>,
    /// Directories that end with the pod.
    pub directories: Vec<Directory>,
}

/// A directory that ends with its pod, an `emptyDir`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directory {
    /// What the pod calls it. Podman has one volume for all the pods of a name.
    pub name: String,
    /// Absolute path inside.
    pub path: String,
    /// Whether it lies in memory, instead of on the node's disk.
    pub memory: bool,
}

/// A job of one pod, which is not tried a second time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// The pod; the job has its name.
    pub workload: Workload,
    /// Seconds after which the cluster ends it.
    pub deadline: u32,
    /// Seconds after its end in which the cluster keeps it.
    pub keep: u32,
}

/// What the templates `pod` and `job` are given.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Data<'a> {
    name: &'a str,
    namespace: &'a str,
    labels: &'a BTreeMap<String, String>,
    container: Container,
    volumes: Vec<Volume>,
    runtime_class: &'a str,
    grace: u32,
    deadline: u32,
    keep: u32,
}

impl Workload {
    /// The pod as YAML.
    pub fn pod(&self) -> String {
        render("pod.yaml", &self.data(0, 0))
    }

    fn data(&self, deadline: u32, keep: u32) -> Data<'_> {
        let texts = |texts: &[String]| texts.iter().map(|text| literal(text)).collect();
        let variable = |(name, value): (&String, &String)| Variable {
            name: name.clone(),
            value: literal(value),
            field: String::new(),
            note: String::new(),
        };
        let limit = self
            .memory
            .map(|bytes| ("memory".to_owned(), bytes.to_string()));
        let ready = Probe {
            exec: self.ready.clone(),
            period: 2,
            timeout: 10,
            failures: 1,
            ..Probe::default()
        };
        let mounts = self.directories.iter().map(|directory| Mount {
            volume: directory.name.clone(),
            path: directory.path.clone(),
            read_only: false,
            sub_path: String::new(),
        });
        let volumes = self.directories.iter().map(|directory| Volume {
            name: directory.name.clone(),
            note: String::new(),
            kind: Kind::Empty {
                memory: directory.memory,
                size: String::new(),
            },
        });
        Data {
            name: &self.name,
            namespace: "",
            labels: &self.labels,
            container: Container {
                name: self.container.clone(),
                image: self.image.clone(),
                command: texts(&self.command),
                args: texts(&self.args),
                env: self.env.iter().map(variable).collect(),
                security: Security {
                    privileged: self.privileged,
                    read_only: self.read_only,
                    ..Security::default()
                },
                resources: Resources::new(BTreeMap::new(), limit.into_iter().collect()),
                readiness: (!self.ready.is_empty()).then_some(ready),
                mounts: mounts.collect(),
                ..Container::default()
            },
            volumes: volumes.collect(),
            runtime_class: self.runtime_class.as_deref().unwrap_or_default(),
            grace: self.grace,
            deadline,
            keep,
        }
    }
}

impl Job {
    /// The job as YAML.
    pub fn yaml(&self) -> String {
        render("job.yaml", &self.workload.data(self.deadline, self.keep))
    }
}

fn render(name: &str, data: &Data<'_>) -> String {
    TEMPLATES
        .render(name, data, false)
        .expect("the data has every field of the template, which a test renders")
}

/// `$(NAME)` and `$$` have a meaning in arguments and values; a second dollar takes it away. Where
/// neither stands nothing is changed, since Podman 4 takes variables as they are.
pub(super) fn literal(text: &str) -> String {
    if text.contains("$$") || text.contains("$(") {
        text.replace('$', "$$")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Workload {
            name: "dindimg-x-daemon".to_owned(),
            labels: BTreeMap::from([("io.dindimg.smoke".to_owned(), "0042".to_owned())]),
            container: "dind".to_owned(),
            image: "registry.example.com/ci/dind@sha256:00".to_owned(),
            command: Vec::new(),
            args: texts(&["sleep", "86400"]),
            env: BTreeMap::from([("DIND_WAIT".to_owned(), "1".to_owned())]),
            privileged: true,
            read_only: false,
            memory: Some(300 << 20),
            runtime_class: Some("kata".to_owned()),
            grace: 10,
            ready: texts(&["dindctl", "ready"]),
            directories: vec![
                Directory {
                    name: "x-0".to_owned(),
                    path: "/var/lib/docker".to_owned(),
                    memory: false,
                },
                Directory {
                    name: "x-1".to_owned(),
                    path: "/run".to_owned(),
                    memory: true,
                },
            ],
        }
    }

    #[test]
    fn a_pod_has_every_part() {
        insta::assert_snapshot!(workload().pod());
    }

    #[test]
    fn a_job_is_its_pod_once() {
        let workload = Workload {
            args: Vec::new(),
            env: BTreeMap::new(),
            memory: None,
            runtime_class: None,
            ready: Vec::new(),
            directories: Vec::new(),
            ..workload()
        };
        let job = Job {
            workload,
            deadline: 3600,
            keep: 600,
        };
        insta::assert_snapshot!(job.yaml());
    }

    #[test]
    fn a_value_is_the_text_that_it_is() {
        let value = "a\"\nprivileged: true # $(HOME) \\ {{name}} é";
        let pod = Workload {
            env: BTreeMap::from([("A".to_owned(), value.to_owned())]),
            args: vec!["- x".to_owned(), "${y} $$(X)".to_owned()],
            ..workload()
        };
        let pod = pod.pod();
        let lines: Vec<&str> = pod.lines().map(str::trim_start).collect();
        for line in [
            r#"value: "a\"\nprivileged: true # $$(HOME) \\ {{name}} é""#,
            r#"- "- x""#,
            r#"- "$${y} $$$$(X)""#,
        ] {
            assert!(lines.contains(&line), "{line} is not in\n{pod}");
        }
    }
}
