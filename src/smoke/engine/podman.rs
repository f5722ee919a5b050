//! Podman, by its command line: 4.0 and later.

use serde_json::Value;

use super::cli::{Cli, Dialect, Runtimes};
use super::words::{RunWords, architecture, count, text_at};
use super::{Capabilities, CgroupNamespaces, EngineInfo, Entry};

pub(super) const ENTRY: Entry = Entry {
    name: "podman",
    loads: true,
    open: |settings| Box::new(Cli::new(&DIALECT, settings)),
};

pub(super) static DIALECT: Dialect = Dialect {
    name: "podman",
    install: "Podman (Debian: apt-get install podman)",
    variable: "CONTAINER_HOST",
    words: RunWords {
        alias: "--network-alias",
        whole_proc: "unmask=ALL",
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
        cgroup_namespaces: CgroupNamespaces::Chosen(2, 0),
    },
    info,
    runtimes: Runtimes::Refused("OCI runtime"),
};

/// Reads `podman info --format '{{json .}}'`.
fn info(value: &Value) -> Result<EngineInfo, String> {
    Ok(EngineInfo {
        version: text_at(value, "/version/Version")?,
        kernel: text_at(value, "/host/kernel")?,
        cgroup: text_at(value, "/host/cgroupVersion")?,
        architecture: architecture(&text_at(value, "/host/arch")?),
        storage: text_at(value, "/store/graphDriverName")?,
        cpus: count(&value["host"]["cpus"]),
        memory: value["host"]["memTotal"].as_u64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn info_is_read() {
        let value = json!({
            "version": {"Version": "4.3.1"},
            "host": {"kernel": "6.1.0-9", "cgroupVersion": "v2", "arch": "arm64", "cpus": 4},
            "store": {"graphDriverName": "overlay"}
        });
        assert_eq!(
            info(&value),
            Ok(EngineInfo {
                version: "4.3.1".into(),
                kernel: "6.1.0-9".into(),
                cgroup: "v2".into(),
                architecture: "arm64".into(),
                storage: "overlay".into(),
                cpus: Some(4),
                memory: None,
            })
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            info(&json!({"version": {}})),
            Err("no /version/Version".into())
        );
    }
}
