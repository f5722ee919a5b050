//! What the Docker daemon of an image is configured with: `daemon.json` (dockerd(8)), and in images
//! of this program the decisions of the recipe that the guest gives it (`images/dind`, `config.sh`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::view::View;

/// Where dockerd is.
const PROGRAMS: [&str; 4] = [
    "usr/bin/dockerd",
    "usr/sbin/dockerd",
    "usr/local/bin/dockerd",
    "usr/libexec/docker/dockerd",
];
/// The recipe's decisions.
const DECISIONS: &str = "etc/dind/config.env";
/// Configurations, each over the one before.
const FILES: [&str; 2] = ["etc/dind/daemon.json", "etc/docker/daemon.json"];
/// A limit of open files that is none.
const INHERIT: &str = "inherit";

/// The configuration by its keys; `None` for an image without a daemon.
pub(super) fn configuration(view: &View) -> Option<BTreeMap<String, Value>> {
    PROGRAMS.iter().find_map(|path| view.find(path))?;
    let mut keys = BTreeMap::new();
    for line in view.text(DECISIONS).unwrap_or_default().lines() {
        if let Some((name, value)) = line.split_once('=') {
            decision(&mut keys, name, value.trim_matches('"'));
        }
    }
    for path in FILES {
        let text = view.text(path).unwrap_or_default();
        if let Ok(Value::Object(object)) = serde_json::from_str(&text) {
            keys.extend(object);
        }
    }
    let config = &view.config.config;
    arguments(&mut keys, config.entrypoint.iter().chain(&config.cmd));
    Some(keys)
}

/// What the image's own command gives the daemon: its addresses, and whether it verifies clients.
fn arguments<'a>(keys: &mut BTreeMap<String, Value>, words: impl Iterator<Item = &'a String>) {
    let mut hosts = Vec::new();
    let mut words = words.map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "-H" | "--host" => hosts.extend(words.next()),
            "--tlsverify" | "--tlsverify=true" => {
                keys.insert("tlsverify".to_owned(), json!(true));
            }
            _ => {
                let host = word.strip_prefix("--host=");
                hosts.extend(host.or_else(|| word.strip_prefix("-H=")));
            }
        }
    }
    if !hosts.is_empty() {
        keys.insert("hosts".to_owned(), json!(hosts));
    }
}

fn decision(keys: &mut BTreeMap<String, Value>, name: &str, value: &str) {
    let mut put = |key: &str, value: Value| {
        keys.insert(key.to_owned(), value);
    };
    match (name, value) {
        ("USERLAND_PROXY", _) => put("userland-proxy", json!(value == "true")),
        ("ICC", _) => put("icc", json!(value == "true")),
        ("NO_NEW_PRIVILEGES", _) => put("no-new-privileges", json!(value == "true")),
        ("USERNS_REMAP", "true") => put("userns-remap", json!("default")),
        ("LOG_DRIVER", _) => put("log-driver", json!(value)),
        ("LOG_MAX_SIZE", _) => put("log-opts", json!({ "max-size": value })),
        ("NOFILE", _) if value != INHERIT => {
            put("default-ulimits", json!({ "nofile": { "Name": "nofile" } }));
        }
        ("LISTEN_TCP", "plain") => put("hosts", json!(["tcp://0.0.0.0:2375"])),
        ("PROFILE", "rootless") => put("rootless", json!(true)),
        _ => {}
    }
}
