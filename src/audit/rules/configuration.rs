//! Rules about the image's configuration.

use crate::view::Kind;

use super::super::Finding;
use super::super::subject::Subject;

/// The daemon's port without TLS, as everybody has it.
const PLAIN: &str = "2375/tcp";
/// What says where TLS has its certificates, and switches it off where it is empty.
const CERTIFICATES: &str = "DOCKER_TLS_CERTDIR";
/// Writable by the group or by everybody.
const OTHERS: u32 = 0o022;

fn variable<'a>(subject: &Subject<'a>, name: &str) -> Option<&'a str> {
    let mut env = subject.view.config.config.env.iter();
    env.find_map(|text| text.strip_prefix(name)?.strip_prefix('='))
}

pub(super) fn root_user(subject: &Subject<'_>) -> Vec<Finding> {
    let needed = subject
        .contract
        .as_ref()
        .is_some_and(|contract| contract.privileges.privileged);
    let user = &subject.view.config.config.user;
    let name = user.split(':').next().unwrap_or(user);
    match ["", "0", "root"].contains(&name) && !needed {
        true => vec![Finding::new(
            "config.User",
            "the configuration names no user, so containers run as root",
        )],
        false => Vec::new(),
    }
}

pub(super) fn health_check(subject: &Subject<'_>) -> Vec<Finding> {
    let config = &subject.view.config.config;
    let none = |test: &[String]| test.first().is_none_or(|word| word == "NONE");
    let absent = config
        .healthcheck
        .as_ref()
        .is_none_or(|check| none(&check.test));
    match absent && !config.exposed_ports.is_empty() {
        true => vec![Finding::new(
            "config.Healthcheck",
            "the image exposes a port and has no health check",
        )],
        false => Vec::new(),
    }
}

pub(super) fn plain_port(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if subject.view.config.config.exposed_ports.contains(PLAIN) {
        let message = format!("the image exposes {PLAIN}, the daemon without TLS");
        found.push(Finding::new("config.ExposedPorts", message));
    }
    if subject.daemon.is_some() && variable(subject, CERTIFICATES) == Some("") {
        let message = format!("{CERTIFICATES} is empty, which switches TLS off");
        found.push(Finding::new(format!("config.Env.{CERTIFICATES}"), message));
    }
    found
}

pub(super) fn search_path(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(path) = variable(subject, "PATH") else {
        return Vec::new();
    };
    path.split(':')
        .filter_map(|part| {
            let Some(absolute) = part.strip_prefix('/') else {
                let message = format!("`{part}` of $PATH is wherever a program happens to be");
                return Some(Finding::new("config.Env.PATH", message));
            };
            let (real, file) = subject.view.find(absolute)?;
            let open = file.kind == Kind::Directory && (file.mode & OTHERS != 0 || file.uid != 0);
            let message = format!("/{real} of $PATH may be written by others than root");
            open.then(|| Finding::new(format!("/{real}"), message))
        })
        .collect()
}
