//! The directory in which a daemon keeps images and containers.

use std::collections::BTreeMap;

use super::super::daemon::{CONTAINERD_DATA, Daemon, options, tokens};
use super::super::image::Reference;
use super::super::model::{Container, Group, Life, Manifest, Mount, Platform, Source};
use super::{Found, Level, subject};

/// Words of commands that make a file system of their own.
const OWN: &[&str] = &["mkfs", "mkfs.ext4", "mke2fs", "losetup", "loop"];

/// Daemons in pods, Compose files and GitHub's jobs; GitLab's runner mounts what its own
/// configuration says. An image whose repository is `docker` declares the volume itself.
pub fn volume(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, daemon) in manifest.daemons() {
        if one.mounts_open || one.devices || one.runs_in("kata") || one.runs_in("sysbox") {
            continue;
        }
        let subject = subject(group, one);
        let data = &daemon.data;
        if one.data().is_some() {
            found.extend(containerd(group, one, daemon));
            continue;
        }
        if elsewhere(one) {
            continue;
        }
        let declared = one.reference().is_some_and(Reference::official);
        let (level, message) = match (group.platform, declared) {
            (Platform::GitLab, _) | (Platform::GitHub, true) => continue,
            (Platform::Kubernetes, true) => (
                Level::Warning,
                format!(
                    "{subject} has no volume on {data}: the image declares one, so the runtime makes a directory on the node's disk that no limit counts and that is lost whenever the container restarts"
                ),
            ),
            (_, true) => (
                Level::Note,
                format!(
                    "{subject} has no volume on {data}: the image declares one, so each container that is made anew may get an anonymous volume, and old ones stay on the disk"
                ),
            ),
            (_, false) => (
                Level::Warning,
                format!(
                    "{subject} has no volume on {data}: unless the image declares one, layers lie on the container's own overlay, where overlay2 is refused or vfs is taken, and fill the host's disk"
                ),
            ),
        };
        found.push(Found::new(&one.mounts_at, message).level(level));
    }
    found
}

/// A containerd beside the daemon, which machines and `--containerd` have, keeps images of Docker 29.
fn containerd(group: &Group, one: &Container, daemon: &Daemon) -> Option<Found> {
    let tokens = tokens(&one.words);
    let beside = daemon.machine || !options(&tokens, &["--containerd"]).is_empty();
    let inside = group.platform == Platform::GitLab || one.holding(CONTAINERD_DATA).is_some();
    (beside && !inside).then(|| {
        let subject = subject(group, one);
        let message = format!(
            "{subject} has no volume on {CONTAINERD_DATA}: from Docker 29 on images are kept by containerd, which lies there where dockerd does not run it itself"
        );
        Found::new(&one.mounts_at, message).level(Level::Note)
    })
}

/// Whether the data directory's file system is made by the container itself.
fn elsewhere(one: &Container) -> bool {
    let storage = one.env.settings.get("DIND_STORAGE");
    let rungs = storage.map(|setting| setting.value.as_deref());
    let chosen = match rungs {
        Some(Some(rungs)) => rungs
            .split_whitespace()
            .any(|rung| matches!(rung, "loop" | "tmpfs" | "fuse-overlayfs")),
        Some(None) => true,
        None => false,
    };
    chosen || tokens(&one.words).iter().any(|token| OWN.contains(token))
}

/// Kinds of Kata, by a part of their names, that share no file system with the node.
const UNSHARED: &[&str] = &["fc", "remote", "snp", "tdx", "sev", "se", "cca", "coco"];

fn virtual_machine(one: &Container) -> bool {
    let name = one.runtime.as_deref().unwrap_or_default();
    one.runs_in("kata") && !name.split('-').any(|part| UNSHARED.contains(&part))
}

/// Pods whose runtime class is called after Kata: what is neither memory nor a block device is
/// virtiofs inside.
pub fn virtiofs(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, daemon) in manifest.daemons() {
        if !virtual_machine(one) || one.devices || elsewhere(one) {
            continue;
        }
        let subject = subject(group, one);
        let data = &daemon.data;
        let refused =
            "an overlay's upper directory is refused there, and dockerd fails or takes vfs";
        let (place, level, what) = match one.data() {
            Some(Mount { source, place, .. }) => match source {
                Source::EmptyDir { memory: false, .. } => (place, Level::Error, "an emptyDir"),
                Source::Host(_) => (place, Level::Error, "a directory of the node"),
                Source::Claim(_) | Source::Own(_) => {
                    (place, Level::Warning, "a claim's file system")
                }
                _ => continue,
            },
            None => (&one.mounts_at, Level::Warning, "no volume of its own"),
        };
        let message = format!(
            "{subject} runs in Kata and has {what} on {data}: the virtual machine sees it by virtiofs; {refused}"
        );
        found.push(Found::new(place, message).level(level));
    }
    found
}

/// A volume that two daemons of one text have, a volume that several pods of one object have, and
/// the data directory of the host's own daemon.
pub fn shared(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    let mut first: BTreeMap<(String, Option<String>), (usize, String)> = BTreeMap::new();
    for (number, group) in manifest.groups.iter().enumerate() {
        for (_, one, _) in group.daemons() {
            let Some(mount) = one.data() else {
                continue;
            };
            let title = subject(group, one);
            if let Some(message) = hosts_own(&title, mount) {
                found.push(Found::new(&mount.place, message));
                continue;
            }
            found.extend(several(manifest, group, one, mount));
            let Some(key) = identity(number, group, one, mount) else {
                continue;
            };
            let Some((before, other)) = first.get(&key) else {
                first.insert(key, (number, title));
                continue;
            };
            // One after the other they may have it.
            let (level, when) = match *before == number {
                true => (Level::Error, ""),
                false => (Level::Warning, ", should they ever run at once"),
            };
            let message = format!(
                "{title} has the data directory of {other}: two daemons on one break each other's images and databases{when}"
            );
            found.push(Found::new(&mount.place, message).level(level));
        }
    }
    found
}

fn hosts_own(title: &str, mount: &Mount) -> Option<String> {
    let Source::Host(path) = &mount.source else {
        return None;
    };
    let own = ["/var/lib/docker", "/var/lib/containerd", "/var/lib", "/var"];
    own.contains(&path.as_str()).then(|| {
        format!(
            "{title} has {path} of its host as data directory: the host's own daemon works in it, and two daemons on one break each other's images and databases"
        )
    })
}

/// What a volume is across a text. Init containers that end have it one after another.
fn identity(
    number: usize,
    group: &Group,
    one: &Container,
    mount: &Mount,
) -> Option<(String, Option<String>)> {
    let name = match &mount.source {
        _ if one.life == Life::Init => return None,
        Source::EmptyDir { name, .. } => format!("{number} emptyDir {name}"),
        Source::Host(path) if path.contains('$') => return None,
        // Jobs of a workflow run on hosts of their own.
        Source::Host(path) if group.platform == Platform::GitHub => format!("{number} host {path}"),
        Source::Host(path) => format!("host {path}"),
        Source::Claim(name) => format!("claim {} {name}", group.controller.namespace),
        Source::Named(name) => format!("{number} volume {name}"),
        Source::Own(name) if !name.is_empty() => format!("{number} own {name}"),
        Source::Own(_) | Source::Tmpfs(_) | Source::Other => return None,
    };
    Some((name, mount.part.clone()))
}

fn several(manifest: &Manifest, group: &Group, one: &Container, mount: &Mount) -> Option<Found> {
    let several = one.several.as_ref()?;
    let (what, level) = match &mount.source {
        Source::Claim(name) => {
            let key = (group.controller.namespace.clone(), name.clone());
            if manifest.claims.get(&key).is_some_and(|claim| claim.one_pod) {
                return None;
            }
            ("one claim", Level::Error)
        }
        // Pods of a DaemonSet are on different nodes.
        Source::Host(_) if group.controller.kind == "DaemonSet" => return None,
        Source::Host(_) if group.platform == Platform::Kubernetes => {
            ("one directory of each node", Level::Warning)
        }
        Source::Host(_) => ("one directory of the host", Level::Error),
        Source::Named(_) => ("one volume", Level::Error),
        _ => return None,
    };
    let level = match several.always {
        true => level,
        false => Level::Warning,
    };
    let message = format!(
        "{} has {what} as data directory and {}: two daemons on one break each other's images and databases",
        subject(group, one),
        several.what
    );
    Some(Found::new(&several.place, message).level(level))
}

/// A driver that is chosen by arguments or variables.
pub fn vfs(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, _) in manifest.daemons() {
        let tokens = tokens(&one.words);
        let chosen = options(&tokens, &["--storage-driver", "-s"]).contains(&"vfs");
        let mut places = Vec::from_iter(chosen.then_some(&one.words_at));
        for name in ["DOCKER_DRIVER", "DIND_STORAGE"] {
            let Some(setting) = one.env.settings.get(name) else {
                continue;
            };
            let value = setting.value.as_deref().unwrap_or_default();
            let first = value.split_whitespace().next();
            if matches!(first, Some("vfs" | "native")) {
                places.push(&setting.place);
            }
        }
        let subject = subject(group, one);
        for place in places {
            let message = format!(
                "{subject} is told to use vfs: every layer and every container is a whole copy, which takes many times the disk and the time"
            );
            found.push(Found::new(place, message));
        }
    }
    found
}
