//! Docker, by its command line: Engine 20.10 and later.

use serde_json::Value;

use super::cli::{Cli, Dialect, Runtimes};
use super::words::{RunWords, architecture, count, release, text_at};
use super::{Capabilities, CgroupNamespaces, EngineInfo, Entry};
use crate::guest::Confinement;

pub(super) const ENTRY: Entry = Entry {
    name: "docker",
    loads: true,
    open: |settings| Box::new(Cli::new(&DIALECT, settings)),
};

pub(super) static DIALECT: Dialect = Dialect {
    name: "docker",
    install: "Docker (Debian: apt-get install docker.io; see docs.docker.com/engine/install)",
    variable: "DOCKER_HOST",
    words: RunWords {
        alias: "--network-alias",
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
        cgroup_namespaces: CgroupNamespaces::Chosen(20, 10),
    },
    info,
    runtimes: Runtimes::Listed(has_runtime),
};

/// The release from which on a runtime that is not in the daemon's configuration is handed to
/// containerd by its name (moby#43800, in the notes of 23.0).
const SHIMS_SINCE: (u32, u32) = (23, 0);

/// Whether a runtime is one of the daemon's, or one that containerd has a shim of: those are known
/// when a container is run.
fn has_runtime(info: &Value, runtime: &str) -> Result<(), String> {
    let runtimes = info["Runtimes"].as_object();
    let names: Vec<&str> = runtimes
        .into_iter()
        .flat_map(|map| map.keys())
        .map(String::as_str)
        .collect();
    // containerd's names of shims have dots, and a shim can be named by its path.
    let shim = runtime.starts_with("io.containerd.") || runtime.starts_with('/');
    if names.contains(&runtime) {
        return Ok(());
    }
    let version = info["ServerVersion"].as_str().unwrap_or_default();
    match shim {
        true if release(version) >= SHIMS_SINCE => Ok(()),
        true => Err(format!(
            "docker {version} cannot start the containerd shim `{runtime}` (Kata Containers 2 and later are one); docker {}.{} and later can, nerdctl can",
            SHIMS_SINCE.0, SHIMS_SINCE.1
        )),
        false => Err(format!(
            "docker knows no runtime `{runtime}`; it has {}",
            names.join(", ")
        )),
    }
}

/// Reads `docker info --format '{{json .}}'`; without a daemon, `ServerErrors` says why.
fn info(value: &Value) -> Result<EngineInfo, String> {
    if let Some(error) = value["ServerErrors"][0].as_str() {
        return Err(error.to_owned());
    }
    Ok(EngineInfo {
        version: text_at(value, "/ServerVersion")?,
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
    use super::*;
    use serde_json::json;

    #[test]
    fn info_is_read() {
        let value = json!({
            "ServerVersion": "20.10.24+dfsg1", "KernelVersion": "6.1.0-9", "CgroupVersion": "1",
            "Architecture": "x86_64", "Driver": "overlay2", "NCPU": 2, "MemTotal": 8_u64 << 30, "ServerErrors": null
        });
        assert_eq!(
            info(&value),
            Ok(EngineInfo {
                version: "20.10.24+dfsg1".into(),
                kernel: "6.1.0-9".into(),
                cgroup: "v1".into(),
                architecture: "amd64".into(),
                storage: "overlay2".into(),
                cpus: Some(2),
                memory: Some(8 << 30),
            })
        );
    }

    #[test]
    fn a_runtime_is_the_daemons_or_a_shim_that_the_release_can_start() {
        let judge = |version: &str, runtime| {
            let runtimes = json!({"runc": {"path": "runc"}, "crun": {"path": "/usr/bin/crun"}});
            let info = json!({"ServerVersion": version, "Runtimes": runtimes});
            has_runtime(&info, runtime).err().unwrap_or_default()
        };
        assert_eq!(judge("20.10.24+dfsg1", "crun"), "");
        assert_eq!(
            judge("28.2.2", "runsc"),
            "docker knows no runtime `runsc`; it has crun, runc"
        );
        let kata = "io.containerd.kata.v2";
        assert_eq!(judge("23.0.0", kata), "");
        assert_eq!(
            judge("20.10.24+dfsg1", kata),
            "docker 20.10.24+dfsg1 cannot start the containerd shim `io.containerd.kata.v2` (Kata Containers 2 and later are one); docker 23.0 and later can, nerdctl can"
        );
    }

    #[test]
    fn an_absent_daemon_is_told_in_its_own_words() {
        let value = json!({"ServerErrors": ["Cannot connect to the Docker daemon"]});
        assert_eq!(
            info(&value),
            Err("Cannot connect to the Docker daemon".into())
        );
    }
}
