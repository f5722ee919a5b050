//! nerdctl, by its command line: the client of containerd that follows Docker's. Its `--runtime`
//! takes the names of containerd's shims, Kata Containers' `io.containerd.kata.v2` among them.
//!
//! Written from nerdctl's reference (`docs/command-reference.md` of its repository, 1.7 to 2.2): no
//! distribution of the tests' packages it. What differs from Docker and matters here: a refusal of
//! the engine has code 1, images are listed by the digests of their manifests, an inspected
//! container has no `OOMKilled` and invented names of networks, and there is no `--network-alias`: the
//! others of a network know a container by its name and its host name.

use serde_json::Value;

use super::cli::{Cli, Dialect, Runtimes};
use super::words::{RunWords, architecture, count, text_at};
use super::{Capabilities, CgroupNamespaces, EngineInfo, Entry};
use crate::guest::Confinement;

pub(super) const ENTRY: Entry = Entry {
    name: "nerdctl",
    loads: true,
    open: |settings| Box::new(Cli::new(&DIALECT, settings)),
};

static DIALECT: Dialect = Dialect {
    name: "nerdctl",
    install: "nerdctl and containerd (see the releases of containerd/nerdctl)",
    variable: "CONTAINERD_ADDRESS",
    words: RunWords {
        alias: "--hostname",
        whole_proc: Confinement::Proc.lifted(),
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
        // The version that `info` has is containerd's; every nerdctl since 0.8 has the option.
        cgroup_namespaces: CgroupNamespaces::Chosen(0, 0),
    },
    info,
    // `info` has no list, and whether containerd finds a shim is known when it is started.
    runtimes: Runtimes::Unsaid,
};

/// Reads `nerdctl info --format '{{json .}}'`, whose server is containerd and whose driver is a
/// snapshotter.
fn info(value: &Value) -> Result<EngineInfo, String> {
    let version = text_at(value, "/ServerVersion")?;
    Ok(EngineInfo {
        version: version.trim_start_matches('v').to_owned(),
        kernel: text_at(value, "/KernelVersion")?,
        cgroup: format!("v{}", text_at(value, "/CgroupVersion")?),
        architecture: architecture(&text_at(value, "/Architecture")?),
        storage: text_at(value, "/Driver")?,
        cpus: count(&value["NCPU"]),
        memory: value["MemTotal"].as_u64(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::words::{image_from, loaded_names, state_from};
    use super::*;
    use serde_json::json;

    #[test]
    fn info_is_containerds() {
        let value = json!({
            "ID": "0e5f", "Driver": "overlayfs", "Plugins": {"Log": ["json-file"]},
            "LoggingDriver": "json-file", "CgroupDriver": "systemd", "CgroupVersion": "2",
            "KernelVersion": "6.1.0-9-amd64", "OSType": "linux", "Architecture": "x86_64",
            "NCPU": 4, "MemTotal": 8_u64 << 30, "ServerVersion": "v1.7.24"
        });
        assert_eq!(
            info(&value),
            Ok(EngineInfo {
                version: "1.7.24".into(),
                kernel: "6.1.0-9-amd64".into(),
                cgroup: "v2".into(),
                architecture: "amd64".into(),
                storage: "overlayfs".into(),
                cpus: Some(4),
                memory: Some(8 << 30),
            })
        );
    }

    #[test]
    fn what_it_loads_is_named_after_its_progress() {
        for text in [
            "unpacking localhost/a:1 (sha256:00)...done\nLoaded image: localhost/a:1\n",
            "localhost/a:1 \tsaved\t\nelapsed: 0.4 s\ttotal: 30.1 M\t(75 MiB/s)\t\nLoaded image: localhost/a:1\n",
        ] {
            assert_eq!(loaded_names(text), ["localhost/a:1"], "{text}");
        }
    }

    #[test]
    fn inspected_objects_are_read_with_what_they_lack() {
        let value = json!({
            "Id": "sha256:ab", "RepoTags": ["localhost/a:1"], "Architecture": "amd64",
            "RepoDigests": ["localhost/a@sha256:cd"], "Config": {"Labels": {"k": "v"}}
        });
        let image = image_from(&value, "localhost/a:1").expect("complete");
        assert_eq!(image.id, "sha256:ab");
        assert_eq!(image.digest.as_deref(), Some("sha256:cd"));

        let value = json!({
            "Id": "ef", "State": {"Status": "exited", "Running": false, "Pid": 0, "ExitCode": 143, "Error": ""},
            "NetworkSettings": {"Ports": {}, "Networks": {}}
        });
        let state = state_from(&value).expect("complete");
        assert_eq!((state.running, state.exit_code), (false, 143));
        assert_eq!((state.oom_killed, state.address), (false, None));

        let value = json!({
            "Id": "ef", "State": {"Status": "running", "Running": true, "Pid": 7, "ExitCode": 0},
            "NetworkSettings": {"Networks": {"unknown-eth0": {"IPAddress": "10.4.1.2"}}}
        });
        let state = state_from(&value).expect("complete");
        assert_eq!(
            state.address.map(|address| address.to_string()).as_deref(),
            Some("10.4.1.2")
        );
    }
}
