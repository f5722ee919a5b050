//! Podman, by its command line: 4.0 and later.

use serde_json::Value;

use super::cli::{Cli, Dialect};
use super::words::text_at;
use super::{Capabilities, EngineInfo, Entry};

pub(super) const ENTRY: Entry = Entry {
    name: "podman",
    open: |settings| Box::new(Cli::new(&DIALECT, settings)),
};

static DIALECT: Dialect = Dialect {
    name: "podman",
    install: "Podman (Debian: apt-get install podman)",
    capabilities: Capabilities {
        privileged: true,
        networks: true,
        volumes: true,
    },
    info,
};

/// Reads `podman info --format '{{json .}}'`.
fn info(value: &Value) -> Result<EngineInfo, String> {
    Ok(EngineInfo {
        version: text_at(value, "/version/Version")?,
        kernel: text_at(value, "/host/kernel")?,
        cgroup: text_at(value, "/host/cgroupVersion")?,
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
            "host": {"kernel": "6.1.0-9", "cgroupVersion": "v2"}
        });
        assert_eq!(
            info(&value),
            Ok(EngineInfo {
                version: "4.3.1".into(),
                kernel: "6.1.0-9".into(),
                cgroup: "v2".into()
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
