//! What a container may.

use super::super::image::Reference;
use super::super::model::{Container, Group, Manifest, Platform};
use super::{Found, Level, subject};

/// Privileged containers that are clients, rootless daemons, or in Sysbox. Others may have reasons
/// that a manifest does not tell.
pub fn without_need(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one) in manifest.containers() {
        let Some(place) = &one.security.privileged else {
            continue;
        };
        let (level, what) = match &one.daemon {
            _ if one.runs_in("sysbox") => (
                Level::Error,
                "is privileged in Sysbox, which refuses such containers: it gives them a user namespace with privileges of its own",
            ),
            Some(daemon) if daemon.rootless => (
                Level::Note,
                "is privileged for a daemon of a user's, which needs less: no filter of system calls (seccomp, AppArmor), all of /proc, and /dev/net/tun",
            ),
            None if client(group, one) => (
                Level::Warning,
                "is privileged and a client only: it is root on the host for nothing, the daemon is what starts containers",
            ),
            _ => continue,
        };
        let message = format!("{} {what}", subject(group, one));
        found.push(Found::new(place, message).level(level));
    }
    found
}

/// A client by its image, or one that is told of a daemon that is not its own.
fn client(group: &Group, one: &Container) -> bool {
    one.reference().is_some_and(Reference::client)
        || (one.env.settings.contains_key("DOCKER_HOST") && group.daemons().next().is_some())
}

/// Daemons outside of GitLab, whose runner grants what its own configuration says. Runtime classes
/// other than Kata's may grant what a daemon needs.
pub fn missing(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, daemon) in manifest.daemons() {
        let security = &one.security;
        let granted = security.privileged.is_some() || security.mounts;
        let runtime = one.runtime.is_some() && !one.runs_in("kata");
        if granted || runtime || one.mounts_open || group.platform == Platform::GitLab {
            continue;
        }
        let engine = group.platform != Platform::Kubernetes;
        let place = security.place.as_ref().unwrap_or(&one.place);
        let subject = subject(group, one);
        if !daemon.rootless {
            let message = format!(
                "{subject} runs a daemon without privileges: it cannot mount, and does not start"
            );
            found.push(Found::new(place, message));
        } else if engine && !security.seccomp {
            let message = format!(
                "{subject} runs a daemon of a user's below the engine's filter of system calls, which permits no user namespaces: it does not start"
            );
            let help = "Give it the security options seccomp=unconfined, apparmor=unconfined and systempaths=unconfined, and the device /dev/net/tun.";
            found.push(Found::new(place, message).help(help));
        }
    }
    found
}
