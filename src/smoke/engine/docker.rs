//! Docker, by its command line: Engine 20.10 and later.

use serde_json::Value;

use super::cli::{Cli, Dialect};
use super::words::{architecture, count, text_at};
use super::{Capabilities, EngineInfo, Entry};

pub(super) const ENTRY: Entry = Entry {
    name: "docker",
    open: |settings| Box::new(Cli::new(&DIALECT, settings)),
};

pub(super) static DIALECT: Dialect = Dialect {
    name: "docker",
    install: "Docker (Debian: apt-get install docker.io; see docs.docker.com/engine/install)",
    capabilities: Capabilities {
        privileged: true,
        networks: true,
        volumes: true,
        restart: true,
        foreground: true,
        cgroup_namespaces: (20, 10),
    },
    info,
};

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
    fn an_absent_daemon_is_told_in_its_own_words() {
        let value = json!({"ServerErrors": ["Cannot connect to the Docker daemon"]});
        assert_eq!(
            info(&value),
            Err("Cannot connect to the Docker daemon".into())
        );
    }
}
