//! What a daemon may use.

use super::super::model::{Manifest, Platform, Source};
use super::{Found, Level, subject};

/// Daemons in pods and Compose files. In pods the request for cpu is asked for too.
pub fn missing(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, _) in manifest.daemons() {
        let pod = match group.platform {
            Platform::Kubernetes => true,
            Platform::Compose => false,
            Platform::GitLab | Platform::GitHub => continue,
        };
        // What lies in memory has a rule of its own.
        let memory = matches!(
            one.data().map(|mount| &mount.source),
            Some(Source::EmptyDir { memory: true, .. })
        );
        let subject = subject(group, one);
        let place = &one.limits.place;
        if !one.limits.memory_said && !memory {
            let message = format!(
                "{subject} has no memory limit: nested containers take the host's memory, and the host's other programs are killed for it"
            );
            let level = if pod { Level::Warning } else { Level::Note };
            found.push(Found::new(place, message).level(level));
        } else if pod && !one.limits.cpu {
            let message = format!(
                "{subject} asks for no cpu: the scheduler counts it and its nested containers as nothing"
            );
            found.push(Found::new(place, message).level(Level::Note));
        }
    }
    found
}

/// Daemons whose data directory is an emptyDir on the node's disk.
pub fn storage(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, daemon) in manifest.daemons() {
        let Some(mount) = one.data() else {
            continue;
        };
        let unlimited = matches!(
            mount.source,
            Source::EmptyDir {
                memory: false,
                limited: false,
                ..
            }
        );
        if !unlimited || one.limits.storage {
            continue;
        }
        let subject = subject(group, one);
        let message = format!(
            "{subject} has an emptyDir without sizeLimit on {}, and no limit of ephemeral-storage: images and volumes fill the node's disk, and the node evicts other pods",
            daemon.data
        );
        found.push(Found::new(&mount.place, message));
    }
    found
}

/// Daemons whose data directory lies in memory: an emptyDir with that medium, a tmpfs.
pub fn memory_volume(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, daemon) in manifest.daemons() {
        let Some(mount) = one.data() else {
            continue;
        };
        let (limited, size) = match &mount.source {
            Source::EmptyDir {
                memory: true,
                limit,
                limited,
                ..
            } => (*limited, *limit),
            Source::Tmpfs(size) => (size.is_some(), *size),
            _ => continue,
        };
        let pod = group.platform == Platform::Kubernetes;
        let subject = subject(group, one);
        let data = &daemon.data;
        let (level, what) = match (size, one.limits.memory) {
            _ if !limited => (
                Level::Warning,
                "has no size: it grows until the container is killed for its memory, or the host runs out",
            ),
            _ if !one.limits.memory_said && pod => (
                Level::Error,
                "lies in memory, and the container has no memory limit: it takes the node's",
            ),
            (Some(size), Some(memory)) if memory <= size => (
                Level::Error,
                "may take all of the container's memory limit, which what lies in it counts for: the container is killed before the volume is full",
            ),
            _ => continue,
        };
        let message = format!("the volume of {subject} on {data} {what}");
        found.push(Found::new(&mount.place, message).level(level));
    }
    found
}
