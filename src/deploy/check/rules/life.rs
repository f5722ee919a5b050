//! Start and end of a daemon.

use super::super::daemon::tokens;
use super::super::image::Reference;
use super::super::model::{Container, Group, Life, Manifest, Platform};
use super::{Found, Level, subject};

/// Seconds that a daemon needs: a nested container that ignores the signal takes all of its own ten.
const STOP: f64 = 10.0;

/// Seconds of sleep from which on a container has no end of its own.
const IDLE: u64 = 600;

/// Daemons in pods and Compose files that say how long they have.
pub fn stop(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, _) in manifest.daemons() {
        let Some((seconds, place)) = one.stop.as_ref().filter(|(seconds, _)| *seconds < STOP)
        else {
            continue;
        };
        let subject = subject(group, one);
        let (level, when) = match *seconds > 0.0 {
            true => (
                Level::Warning,
                format!("{seconds} seconds after it is told to stop"),
            ),
            false => (Level::Error, "at once when it is to stop".to_owned()),
        };
        let message = format!(
            "{subject} is killed {when}, and its nested containers with it: their data and the daemon's databases may be torn"
        );
        found.push(Found::new(place, message).level(level));
    }
    found
}

/// Daemons that serve, beside containers that end, in pods that are to end; and those in init
/// containers that hold up everything.
pub fn sidecar(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, daemon) in manifest.daemons() {
        if group.platform != Platform::Kubernetes || !daemon.serves || scripted(one) {
            continue;
        }
        let subject = subject(group, one);
        if one.life == Life::Init {
            let message = format!(
                "{subject} is an init container that does not end: the pod's containers never start"
            );
            found.push(Found::new(&one.place, message));
            continue;
        }
        let works =
            |other: &Container| other.life == Life::Main && other.daemon.is_none() && !idle(other);
        let controller = &group.controller;
        let ends = controller.ends.is_some() && !controller.shared_processes;
        if one.life != Life::Main || !ends || !group.containers.iter().any(works) {
            continue;
        }
        let level = match controller.kind.as_str() {
            "Pod" => Level::Warning,
            _ => Level::Error,
        };
        let message = format!(
            "{subject} runs on when the work is done: the pod never ends, and nothing counts as complete"
        );
        found.push(Found::new(&one.place, message).level(level));
    }
    found
}

/// A script that may end the daemon itself.
fn scripted(one: &Container) -> bool {
    let signs = ["&", "kill", "while ", "until ", "timeout "];
    let script = |word: &String| signs.iter().any(|sign| word.contains(sign));
    one.words.iter().any(script)
}

/// A container that something else gives work and ends.
fn idle(one: &Container) -> bool {
    let tokens = tokens(&one.words);
    let seconds = |text: &str| {
        matches!(text, "infinity" | "inf")
            || text.ends_with('d')
            || text.parse::<u64>().is_ok_and(|seconds| seconds >= IDLE)
    };
    let sleeps = tokens
        .windows(2)
        .any(|pair| pair[0].ends_with("sleep") && seconds(pair[1]));
    let waits = tokens.windows(2).any(|pair| pair == ["tail", "-f"]);
    sleeps || waits || tokens == ["cat"]
}

/// Daemons in pods without a probe, and services of a Compose file that start after a daemon without
/// waiting for it, or wait for a health check that nobody makes.
pub fn readiness(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, daemon) in manifest.daemons() {
        if group.platform != Platform::Kubernetes || !daemon.serves {
            continue;
        }
        let subject = subject(group, one);
        let (level, message) = match one.life {
            Life::Sidecar if !one.started => (
                Level::Warning,
                format!(
                    "{subject} has no startup probe: the work begins when the daemon's program runs, seconds before it answers"
                ),
            ),
            Life::Main if !one.ready => (
                Level::Note,
                format!(
                    "{subject} has no readiness probe: nobody can tell when the daemon answers"
                ),
            ),
            _ => continue,
        };
        found.push(Found::new(&one.ready_at, message).level(level));
    }
    for group in &manifest.groups {
        for (_, daemon, which) in group.daemons() {
            if which.serves {
                let each = group.containers.iter();
                found.extend(each.filter_map(|one| waits(group, one, daemon)));
            }
        }
    }
    found
}

fn waits(group: &Group, one: &Container, daemon: &Container) -> Option<Found> {
    let after = one.after.iter().find(|after| after.name == daemon.name)?;
    let (title, daemon_title) = (subject(group, one), subject(group, daemon));
    let unhealthy = !daemon.ready && daemon.reference().is_some_and(Reference::official);
    if !after.healthy {
        let message = format!(
            "{title} starts when the program of {daemon_title} runs, seconds before it answers"
        );
        let help = "Give the daemon a healthcheck (`docker info`), and wait for it: depends_on with condition: service_healthy.";
        return Some(Found::new(&after.place, message).help(help));
    }
    unhealthy.then(|| {
        let message = format!(
            "{title} waits until {daemon_title} is healthy, which has no health check, nor has its image: Compose refuses to start it"
        );
        let help = "Give the daemon a healthcheck, such as `docker info`.";
        Found::new(&after.place, message).level(Level::Error).help(help)
    })
}
