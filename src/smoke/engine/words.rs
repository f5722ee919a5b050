//! The words spoken with Docker-like clients: arguments out, answers in. No process is run here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::{Image, RunSpec, State};
use crate::guest::Confinement;
use crate::platform::Architecture;

/// The text at a JSON pointer, or which pointer has none.
pub(super) fn text_at(value: &Value, pointer: &str) -> Result<String, String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    match found {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("no {pointer}")),
    }
}

/// A number of things, or nothing where the value is none.
pub(super) fn count(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|count| u32::try_from(count).ok())
}

/// Options of `run` that clients have different words for.
#[derive(Clone, Copy)]
pub(super) struct RunWords {
    /// Gives a container another name on its network.
    pub alias: &'static str,
    /// The value of `--security-opt` that shows all of `/proc`.
    pub whole_proc: &'static str,
}

/// The value of `--security-opt` without which a container is confined.
fn unconfined(confinement: Confinement, words: RunWords) -> &'static str {
    match confinement {
        Confinement::Proc => words.whole_proc,
        other => other.lifted(),
    }
}

/// The options of `run`, the image and its arguments.
pub(super) fn run_args(spec: &RunSpec, words: RunWords) -> Vec<String> {
    let mut args = vec![format!("--name={}", spec.name)];
    args.push(format!("--label={}", spec.label));
    if spec.privileged {
        args.push("--privileged".to_owned());
    }
    let lifted = spec.unconfined.iter();
    args.extend(lifted.map(|one| format!("--security-opt={}", unconfined(*one, words))));
    args.extend(spec.devices.iter().map(|path| format!("--device={path}")));
    if spec.read_only {
        args.push("--read-only".to_owned());
    }
    args.extend(
        spec.cgroup_namespace
            .iter()
            .map(|namespace| format!("--cgroupns={namespace}")),
    );
    if let Some(bytes) = spec.memory {
        args.push(format!("--memory={bytes}"));
        args.push(format!("--memory-swap={bytes}"));
    }
    args.extend(spec.tmpfs.iter().map(|path| format!("--tmpfs={path}")));
    args.extend(spec.env.iter().map(|(k, v)| format!("--env={k}={v}")));
    args.extend(spec.binds.iter().map(|path| {
        let (outside, inside) = path.split_once(':').unwrap_or((path, path));
        format!("--volume={outside}:{inside}:rw")
    }));
    args.extend(spec.volumes.iter().map(|mount| {
        let mode = if mount.read_only { ":ro" } else { "" };
        format!("--volume={}:{}{mode}", mount.volume, mount.target)
    }));
    args.extend(
        spec.anonymous_volumes
            .iter()
            .map(|path| format!("--volume={path}")),
    );
    args.extend(spec.network.iter().map(|name| format!("--network={name}")));
    args.extend(
        spec.aliases
            .iter()
            .map(|alias| format!("{}={alias}", words.alias)),
    );
    args.extend(
        spec.hosts
            .iter()
            .map(|(name, address)| format!("--add-host={name}:{address}")),
    );
    args.extend(
        spec.entrypoint
            .iter()
            .map(|program| format!("--entrypoint={program}")),
    );
    args.push(spec.image.clone());
    args.extend(spec.args.iter().cloned());
    args
}

/// The names in what `load` prints: `Loaded image: NAME`, `Loaded image ID: sha256:…`, and the
/// comma-separated `Loaded image(s): A,B` of older Podman.
pub(super) fn loaded_names(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix("Loaded image")?;
            let rest = rest
                .strip_prefix("(s)")
                .or(rest.strip_prefix(" ID"))
                .unwrap_or(rest);
            rest.strip_prefix(": ")
        })
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Ids and names of a list of images, a line each.
pub(super) fn listed(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .flat_map(|(id, name)| [with_algorithm(id), name.to_owned()])
        .collect()
}

/// An image id in one form: Podman leaves the algorithm out in some answers.
pub(super) fn with_algorithm(id: &str) -> String {
    format!("sha256:{}", id.trim_start_matches("sha256:"))
}

/// Major and minor of a version; what is no number counts as 0, a leading `v` for nothing.
pub(crate) fn release(version: &str) -> (u32, u32) {
    let mut parts = version
        .trim_start_matches('v')
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// An architecture in OCI's words, of the kernel's (`uname -m`) or of OCI's.
pub(super) fn architecture(name: &str) -> String {
    let known = Architecture::ALL.into_iter();
    let found = known
        .map(|known| (known.alpine(), known.oci()))
        .find(|(kernel, _)| *kernel == name);
    found.map_or(name, |(_, oci)| oci).to_owned()
}

/// An image from an element of `image inspect`, or what is missing. Without `--format`, because
/// Podman 4.3 and Docker disagree on what `{{json .}}` is the JSON of.
pub(super) fn image_from(value: &Value, reference: &str) -> Result<Image, String> {
    let id = text_at(value, "/Id")?;
    let labels = value["Config"]["Labels"].as_object();
    let labels = labels.into_iter().flatten();
    let labels: BTreeMap<_, _> = labels
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let digests = value["RepoDigests"].as_array().into_iter().flatten();
    let digest = digests
        .filter_map(|digest| digest.as_str()?.split_once('@'))
        .find(|(repository, _)| same_repository(repository, reference));
    Ok(Image {
        id: with_algorithm(&id),
        digest: digest.map(|(_, digest)| digest.to_owned()),
        labels,
        architecture: text_at(value, "/Architecture").ok(),
    })
}

/// Whether a reference is of that repository: Podman says `docker.io/library/` where Docker says
/// nothing, and an image can be known by the digests of several registries.
fn same_repository(repository: &str, reference: &str) -> bool {
    let bare = |name: &str| {
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    let name = bare(reference);
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[slash..].find(':').map_or(name.len(), |at| slash + at);
    bare(repository) == name[..end]
}

/// A container's state from an element of `container inspect`, or what is missing.
pub(super) fn state_from(value: &Value) -> Result<State, String> {
    let state = &value["State"];
    let networks = value["NetworkSettings"]["Networks"].as_object();
    let addresses = networks.into_iter().flat_map(|map| map.values());
    let address = addresses
        .filter_map(|network| network["IPAddress"].as_str()?.parse::<IpAddr>().ok())
        .next();
    Ok(State {
        id: text_at(value, "/Id")?,
        running: state["Running"].as_bool().ok_or("no State.Running")?,
        exit_code: state["ExitCode"]
            .as_i64()
            .and_then(|code| i32::try_from(code).ok())
            .ok_or("no State.ExitCode")?,
        oom_killed: state["OOMKilled"].as_bool().unwrap_or(false),
        address,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Mount;
    use super::*;
    use serde_json::json;

    const WORDS: RunWords = RunWords {
        alias: "--network-alias",
        whole_proc: Confinement::Proc.lifted(),
    };

    #[test]
    fn a_spec_becomes_the_options_of_run() {
        let spec = RunSpec {
            image: "img".into(),
            name: "n".into(),
            label: "k=v".into(),
            privileged: true,
            unconfined: vec![Confinement::Seccomp, Confinement::Proc],
            devices: vec!["/dev/net/tun".into()],
            read_only: true,
            stop_timeout: Some(10),
            cgroup_namespace: Some("host".into()),
            memory: Some(300 << 20),
            tmpfs: vec!["/run".into()],
            env: BTreeMap::from([("A".into(), "b c".into())]),
            binds: vec!["/sys/fs/cgroup".into(), "/srv/a:/a".into()],
            volumes: vec![Mount {
                volume: "vol".into(),
                target: "/certs/client".into(),
                read_only: true,
            }],
            anonymous_volumes: vec!["/var/lib/docker".into()],
            network: Some("net".into()),
            aliases: vec!["docker".into()],
            hosts: vec![("docker".into(), IpAddr::from([10, 0, 0, 2]))],
            entrypoint: Some("sh".into()),
            args: vec!["-c".into(), "exit 7".into()],
        };
        insta::assert_snapshot!(run_args(&spec, WORDS).join("\n"), @r"
        --name=n
        --label=k=v
        --privileged
        --security-opt=seccomp=unconfined
        --security-opt=systempaths=unconfined
        --device=/dev/net/tun
        --read-only
        --cgroupns=host
        --memory=314572800
        --memory-swap=314572800
        --tmpfs=/run
        --env=A=b c
        --volume=/sys/fs/cgroup:/sys/fs/cgroup:rw
        --volume=/srv/a:/a:rw
        --volume=vol:/certs/client:ro
        --volume=/var/lib/docker
        --network=net
        --network-alias=docker
        --add-host=docker:10.0.0.2
        --entrypoint=sh
        img
        -c
        exit 7
        ");
    }

    #[test]
    fn loaded_images_are_named_in_every_dialect() {
        for (text, names) in [
            (
                "Loaded image: a:1\nLoaded image: b:2\n",
                &["a:1", "b:2"][..],
            ),
            ("Loaded image ID: sha256:00", &["sha256:00"]),
            (
                "Loaded image(s): localhost/a:1,b:2",
                &["localhost/a:1", "b:2"],
            ),
            ("open /x: no such file", &[]),
        ] {
            assert_eq!(loaded_names(text), names, "{text}");
        }
    }

    #[test]
    fn a_list_of_images_has_ids_and_names() {
        let text = "sha256:00 localhost/a:1\n11 <none>:<none>\n";
        let names = ["<none>:<none>", "localhost/a:1", "sha256:00", "sha256:11"];
        assert!(listed(text).iter().eq(names.iter()));
    }

    #[test]
    fn images_and_states_are_read_from_inspect() {
        let value = json!({
            "Id": "ab", "Architecture": "arm64", "RepoDigests": ["mirror.example:5000/x@sha256:ee", "r.example/x@sha256:cd"],
            "Config": {"Labels": {"k": "v"}}
        });
        let image = image_from(&value, "r.example/x:1").expect("complete");
        assert_eq!(image.id, "sha256:ab");
        assert_eq!(image.digest.as_deref(), Some("sha256:cd"));
        assert_eq!(image.architecture.as_deref(), Some("arm64"));
        assert_eq!(image.labels.get("k").map(String::as_str), Some("v"));

        let value = json!({
            "Id": "ab", "State": {"Running": true, "ExitCode": 0, "OOMKilled": false},
            "NetworkSettings": {"Networks": {"net": {"IPAddress": "10.1.2.3"}}}
        });
        let state = state_from(&value).expect("complete");
        assert_eq!(state.address, Some(IpAddr::from([10, 1, 2, 3])));
        assert!(state_from(&json!({})).is_err());
    }

    #[test]
    fn a_repository_is_one_by_any_name() {
        for (repository, reference, same) in [
            ("r.example:5000/a/x", "r.example:5000/a/x:tag", true),
            ("r.example:5000/a/x", "r.example:5000/a/x@sha256:00", true),
            ("docker.io/library/x", "x:1", true),
            ("docker.io/ci/x", "ci/x", true),
            ("mirror.example/ci/x", "ci/x", false),
        ] {
            assert_eq!(same_repository(repository, reference), same, "{reference}");
        }
    }

    #[test]
    fn architectures_have_one_name() {
        for (name, oci) in [
            ("x86_64", "amd64"),
            ("aarch64", "arm64"),
            ("amd64", "amd64"),
            ("riscv64", "riscv64"),
        ] {
            assert_eq!(architecture(name), oci);
        }
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert!(release("4.3.1") < release("20.10.0+dfsg1"));
        assert!(release("28.0.0-rc.1") > release("20.10"));
        assert_eq!(release("v1.7.24"), (1, 7));
        assert_eq!(release("dev"), (0, 0));
    }
}
