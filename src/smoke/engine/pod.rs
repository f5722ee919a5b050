//! A container to run as a pod: what engines that read Kubernetes' manifests are given.

use std::collections::BTreeMap;

use super::{Feature, RunSpec};
use crate::deploy::{Directory, Workload};

/// Name of the container in its pod.
pub(super) const CONTAINER: &str = "dind";

/// Says whether the daemon answers, by its exit code (`images/README.md`).
const READY: [&str; 2] = ["dindctl", "ready"];

/// Seconds of a container that does not say: Kubernetes' own default.
const GRACE: u32 = 30;

/// The pod of a container, or what of it no pod has.
pub(super) fn workload(spec: &RunSpec, runtime: Option<&str>) -> Result<Workload, &'static str> {
    if !spec.volumes.is_empty() {
        return Err(Feature::Volumes.lack());
    }
    if spec.network.is_some() || !spec.aliases.is_empty() || !spec.hosts.is_empty() {
        return Err(Feature::Networks.lack());
    }
    if !spec.binds.is_empty() {
        return Err("no directories of the host");
    }
    let (key, value) = spec.label.split_once('=').unwrap_or((&spec.label, ""));
    // Only the image's own entry point starts a daemon.
    let ready = match spec.entrypoint {
        None => READY.map(str::to_owned).to_vec(),
        Some(_) => Vec::new(),
    };
    let path = |place: &String| place.split(':').next().unwrap_or(place).to_owned();
    let disk = spec
        .anonymous_volumes
        .iter()
        .map(|path| (path.clone(), false));
    let memory = spec.tmpfs.iter().map(|place| (path(place), true));
    let directories = disk.chain(memory).enumerate();
    Ok(Workload {
        name: spec.name.clone(),
        labels: BTreeMap::from([(key.to_owned(), value.to_owned())]),
        container: CONTAINER.to_owned(),
        image: spec.image.clone(),
        command: spec.entrypoint.iter().cloned().collect(),
        args: spec.args.clone(),
        env: spec.env.clone(),
        privileged: spec.privileged,
        read_only: spec.read_only,
        memory: spec.memory,
        runtime_class: runtime.map(str::to_owned),
        grace: spec.stop_timeout.unwrap_or(GRACE),
        ready,
        directories: directories
            .map(|(number, (path, memory))| Directory {
                name: format!("{}-{number}", spec.name),
                path,
                memory,
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_a_pod_with_its_directories() {
        let spec = RunSpec {
            image: "img".into(),
            name: "n".into(),
            label: "k=v".into(),
            privileged: true,
            stop_timeout: Some(20),
            tmpfs: vec!["/run:size=1m".into()],
            anonymous_volumes: vec!["/var/lib/docker".into()],
            ..RunSpec::default()
        };
        let pod = workload(&spec, Some("kata")).expect("a pod");
        let directories: Vec<_> = pod
            .directories
            .iter()
            .map(|one| (one.name.as_str(), one.path.as_str(), one.memory))
            .collect();
        assert_eq!(
            directories,
            [("n-0", "/var/lib/docker", false), ("n-1", "/run", true)]
        );
        assert_eq!(pod.labels, BTreeMap::from([("k".into(), "v".into())]));
        assert_eq!((pod.grace, pod.ready.len()), (20, 2));
        assert_eq!(pod.runtime_class.as_deref(), Some("kata"));

        let probe = RunSpec {
            entrypoint: Some("sh".into()),
            args: vec!["-c".into(), ":".into()],
            ..spec.clone()
        };
        let pod = workload(&probe, None).expect("a pod");
        assert_eq!((pod.command, pod.ready), (vec!["sh".to_owned()], vec![]));

        let network = RunSpec {
            network: Some("net".into()),
            ..spec
        };
        assert_eq!(workload(&network, None), Err(Feature::Networks.lack()));
    }
}
