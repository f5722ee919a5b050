//! Ways from outside to a daemon, and from a daemon to its host.

use super::super::daemon::{Daemon, tokens};
use super::super::image::Reference;
use super::super::model::{Container, Group, HostNamespace, Manifest, Platform, Reach, Source};
use super::{Found, Level, subject};

/// Sockets that command a host's containers.
const SOCKETS: &[&str] = &[
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/var/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
];

/// Directories in which such sockets are; programs that look after hosts mount them for other ends.
const DIRECTORIES: &[&str] = &["/var/run", "/run"];

/// Containers that name both ports without publishing the plain one, which is worse and another rule.
pub fn both_ports(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one) in manifest.containers() {
        let port = |number| one.ports.iter().find(move |port| port.number == number);
        let (Some(plain), Some(_)) = (port(2375), port(2376)) else {
            continue;
        };
        if plain.reach == Reach::Published {
            continue;
        }
        let message = format!(
            "{} names both 2375 and 2376: a daemon listens on one of them, what waits for every port that is named waits in vain, and 2375 is open without TLS should it ever listen",
            subject(group, one)
        );
        found.push(Found::new(&plain.place, message));
    }
    found
}

/// Port 2375 that other hosts reach, and daemons that listen without TLS on more than 127.0.0.1.
pub fn plain_port(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for service in &manifest.services {
        if service.number == 2375 {
            let message = format!(
                "{} leads to port 2375, on which daemons ask nobody who they are: whoever reaches it is root on the node",
                service.title
            );
            found.push(Found::new(&service.place, message));
        }
    }
    for (group, one) in manifest.containers() {
        let published = |number: &u16| {
            let mut ports = one.ports.iter();
            ports.find(|port| port.number == *number && port.reach == Reach::Published)
        };
        if let Some(port) = published(&2375) {
            let message = format!(
                "{} publishes port 2375, on which daemons ask nobody who they are: whoever reaches the host is root on it",
                subject(group, one)
            );
            let level = match group.platform {
                Platform::GitHub => Level::Warning,
                _ => Level::Error,
            };
            found.push(Found::new(&port.place, message).level(level));
        } else if let Some(daemon) = &one.daemon {
            found.extend(listens(group, one, daemon));
        }
    }
    found
}

fn listens(group: &Group, one: &Container, daemon: &Daemon) -> Option<Found> {
    let listening = daemon.listening.as_ref().filter(|how| how.open)?;
    let port = listening.plain.first()?;
    let whose = match group.platform {
        Platform::Kubernetes => "the pod's address, for every pod of the cluster",
        Platform::Compose => "every network of the service",
        Platform::GitLab | Platform::GitHub => "the job's network",
    };
    let level = match group.platform {
        // That network ends with the job, and has nobody else.
        Platform::GitLab | Platform::GitHub => Level::Note,
        _ => Level::Warning,
    };
    let setting = one.env.settings.get("DOCKER_TLS_CERTDIR");
    let told = tokens(&one.words)
        .iter()
        .any(|token| token.contains("tcp://"));
    let place = match setting {
        Some(setting) if !told => &setting.place,
        _ => &one.words_at,
    };
    let message = format!(
        "{} listens without TLS on port {port} of {whose}: whoever reaches it commands the daemon, and by that the host",
        subject(group, one)
    );
    Some(Found::new(place, message).level(level))
}

/// Any container; that the mount is read-only changes nothing, since a socket is spoken through. The
/// sockets' directories count where the image is Docker's own.
pub fn host_socket(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one) in manifest.containers() {
        for mount in &one.mounts {
            let Source::Host(path) = &mount.source else {
                continue;
            };
            let docker = one.reference().is_some_and(Reference::official);
            let directory = docker && DIRECTORIES.contains(&path.as_str());
            if !directory && !SOCKETS.contains(&path.as_str()) {
                continue;
            }
            let message = format!(
                "{} has {path} of its host, and by that is root there; what it starts is nobody's: it outlives the job, is cleaned up by nobody, is in the host's network with its ports and names, and no limit counts it",
                subject(group, one)
            );
            found.push(Found::new(&mount.place, message));
        }
    }
    found
}

fn shares(
    manifest: &Manifest,
    which: impl Fn(HostNamespace, &Daemon) -> Option<&'static str>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, daemon) in manifest.daemons() {
        for (namespace, place) in &one.host {
            if let Some(what) = which(*namespace, daemon) {
                let message = format!("{} {what}", subject(group, one));
                found.push(Found::new(place, message));
            }
        }
    }
    found
}

/// Daemons; a user's has its bridge and its packet filter in a network of its own all the same.
pub fn host_network(manifest: &Manifest) -> Vec<Found> {
    shares(manifest, |namespace, daemon| {
        (namespace == HostNamespace::Network && !daemon.rootless).then_some(
            "is in the host's network: the daemon rewrites the host's packet filter, makes its bridge there, and its ports are the host's, one daemon a host",
        )
    })
}

/// Daemons, for processes and for shared memory.
pub fn host_pid(manifest: &Manifest) -> Vec<Found> {
    shares(manifest, |namespace, _| match namespace {
        HostNamespace::Network => None,
        HostNamespace::Processes => Some(
            "sees the host's processes: nested containers that share them can end and inspect every program of the host",
        ),
        HostNamespace::Ipc => Some(
            "shares memory and message queues with the host: nested containers can read what the host's programs exchange",
        ),
    })
}

/// Daemons that can write the host's control groups.
pub fn cgroup_mount(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, _) in manifest.daemons() {
        for mount in &one.mounts {
            let groups = matches!(&mount.source, Source::Host(path) if path == "/sys/fs/cgroup" || path == "/sys");
            if !groups || mount.read_only {
                continue;
            }
            let message = format!(
                "{} can write the host's control groups: what is nested may escape its limits, change those of others, and stay after the container is gone",
                subject(group, one)
            );
            found.push(Found::new(&mount.place, message));
        }
    }
    found
}
