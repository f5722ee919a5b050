//! Rules about the daemon's configuration: chapter 2 of the CIS Docker Benchmark, as far as it is
//! about keys of `daemon.json` that a container can have.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Finding;
use super::super::subject::Subject;

/// What is in the daemon's configuration.
type Keys = BTreeMap<String, Value>;

/// Finds `message` at a key where `wrong`.
fn at(
    subject: &Subject<'_>,
    key: &str,
    message: &str,
    wrong: impl Fn(&Keys) -> bool,
) -> Vec<Finding> {
    match &subject.daemon {
        Some(keys) if wrong(keys) => vec![Finding::new(format!("daemon.{key}"), message)],
        _ => Vec::new(),
    }
}

fn is(keys: &Keys, key: &str, default: bool) -> bool {
    keys.get(key).and_then(Value::as_bool).unwrap_or(default)
}

fn text<'a>(keys: &'a Keys, key: &str) -> &'a str {
    keys.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(keys: &'a Keys, key: &str) -> Vec<&'a str> {
    let list = keys.get(key).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

pub(super) fn tcp(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "hosts",
        "the daemon listens on TCP and verifies no client",
        |keys| {
            // Without a scheme it is TCP: dockerd(8), --host.
            let local = |host: &str| {
                ["unix:", "fd:", "npipe:"]
                    .iter()
                    .any(|one| host.starts_with(one))
            };
            let listens = list(keys, "hosts").iter().any(|host| !local(host));
            listens && !is(keys, "tlsverify", false)
        },
    )
}

pub(super) fn registries(subject: &Subject<'_>) -> Vec<Finding> {
    let keys = subject.daemon.iter();
    let named = keys.flat_map(|keys| list(keys, "insecure-registries"));
    named
        .map(|name| {
            let message = format!("the daemon trusts the registry {name} without TLS");
            Finding::new("daemon.insecure-registries", message)
        })
        .collect()
}

pub(super) fn seccomp(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "seccomp-profile",
        "nested containers have no filter of system calls",
        |keys| text(keys, "seccomp-profile") == "unconfined",
    )
}

pub(super) fn iptables(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "iptables",
        "the daemon writes no firewall rules",
        |keys| !is(keys, "iptables", true),
    )
}

pub(super) fn debug(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "log-level",
        "the daemon logs what is for developers",
        |keys| is(keys, "debug", false) || ["debug", "trace"].contains(&text(keys, "log-level")),
    )
}

pub(super) fn userland_proxy(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "userland-proxy",
        "a process carries the traffic to each published port",
        |keys| {
            let rootless = is(keys, "rootless", false);
            // Ports of a rootless daemon are carried by a process in any case.
            is(keys, "userland-proxy", true) && !rootless
        },
    )
}

pub(super) fn experimental(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "experimental",
        "experimental features are on",
        |keys| is(keys, "experimental", false),
    )
}

pub(super) fn storage_driver(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "storage-driver",
        "the storage driver is one that is not to be used",
        |keys| ["aufs", "devicemapper", "overlay", "vfs"].contains(&text(keys, "storage-driver")),
    )
}

pub(super) fn log_size(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "log-driver",
        "logs of nested containers have no limit",
        |keys| {
            let driver = text(keys, "log-driver");
            // The others bound themselves, or keep nothing here.
            let files = ["", "json-file"].contains(&driver);
            files
                && keys
                    .get("log-opts")
                    .is_none_or(|options| options["max-size"].is_null())
        },
    )
}

pub(super) fn open_files(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "default-ulimits",
        "nested containers may open as many files as the daemon",
        |keys| {
            keys.get("default-ulimits")
                .is_none_or(|limits| limits["nofile"].is_null())
        },
    )
}

pub(super) fn icc(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "icc",
        "containers of the default bridge reach each other",
        |keys| is(keys, "icc", true),
    )
}

pub(super) fn new_privileges(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "no-new-privileges",
        "nested containers may gain privileges by set-id programs",
        |keys| !is(keys, "no-new-privileges", false),
    )
}

pub(super) fn user_namespaces(subject: &Subject<'_>) -> Vec<Finding> {
    at(
        subject,
        "userns-remap",
        "root in a nested container is the daemon's root",
        |keys| text(keys, "userns-remap").is_empty() && !is(keys, "rootless", false),
    )
}
