//! systemd came up whole, and what a machine is known by runs.

use std::thread;
use std::time::{Duration, Instant};

use super::super::bench::Bench;
use super::super::error::CheckError;
use super::super::inner::INSIDE;
use super::{Check, Ruling, held, is_machine, violated};
use crate::process::{Input, Output};

pub(super) const CHECK: Check = Check {
    id: "machine",
    rule: "systemd is `running` with no failed unit, and journal, bus, containerd, SSH and the socket-activated daemon are there",
    hint: "`systemctl --failed` names the unit and `journalctl -u UNIT` its reason; usual are a unit that reaches for the host's devices or settings (mask it), and control groups that systemd cannot write",
    limit: 120,
    needs: &[],
    applies: is_machine,
    run,
};

/// Processes of every machine, by the names of their programs.
const PROCESSES: [&str; 4] = ["systemd-journald", "dbus-daemon", "containerd", "sshd"];
/// The daemon, as its unit starts it.
const DAEMON: [&str; 2] = ["dockerd ", "-H fd://"];

fn run(bench: &Bench<'_>) -> Ruling {
    let name = &bench.main.name;
    // A machine without a daemon was started by no check before.
    let engine = !bench.contract.engine.version.is_empty();
    match engine {
        true => {
            bench.daemon()?;
        }
        false => bench
            .engine
            .run_detached(&bench.privileged("daemon", &[]))?,
    }
    let state = settled(bench)?;
    let failed = exec(
        bench,
        &[
            "systemctl",
            "list-units",
            "--failed",
            "--plain",
            "--no-legend",
        ],
    )?;
    if state != "running" || !failed.text().is_empty() {
        let units = failed.text();
        let units: Vec<&str> = units
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        return violated(format!(
            "{name} is `{state}`, failed units: {}",
            match units[..] {
                [] => "none".to_owned(),
                _ => units.join(", "),
            }
        ));
    }
    let processes = exec(bench, &["ps", "-e", "-o", "args="])?.text();
    let runs = |name: &str| processes.lines().any(|line| program(line) == name);
    if let Some(missing) = PROCESSES.iter().find(|name| !runs(name)) {
        return violated(format!("no process `{missing}` runs"));
    }
    let mut lines = processes.lines();
    if engine && !lines.any(|line| DAEMON.iter().all(|part| line.contains(part))) {
        return violated(format!("no process `{}` runs", DAEMON.join("… ")));
    }
    held(format!("running, {} processes", processes.lines().count()))
}

/// The name of the program in a line of `ps -o args`; sshd writes a colon after its own.
fn program(line: &str) -> &str {
    let word = line.split_whitespace().next().unwrap_or_default();
    let name = word.rsplit('/').next().unwrap_or_default();
    name.trim_end_matches(':')
}

/// What systemd says of the machine when it has come up; `starting` where it does not in time.
fn settled(bench: &Bench<'_>) -> Result<String, CheckError> {
    let started = Instant::now();
    loop {
        let state = exec(bench, &["systemctl", "is-system-running"])?.text();
        let passing = matches!(state.as_str(), "" | "initializing" | "starting" | "offline");
        if !passing || started.elapsed() > INSIDE {
            return Ok(state);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn exec(bench: &Bench<'_>, program: &[&str]) -> Result<Output, CheckError> {
    Ok(bench
        .engine
        .exec(&bench.main.name, program, Input::Null, INSIDE)?)
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn a_program_is_known_by_its_name_and_not_by_its_arguments() {
        for (line, name) in [
            ("/lib/systemd/systemd-journald", "systemd-journald"),
            (
                "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",
                "sshd",
            ),
            (
                "dockerd --containerd=/run/containerd/containerd.sock",
                "dockerd",
            ),
            (
                "/usr/bin/containerd-shim-runc-v2 -id x",
                "containerd-shim-runc-v2",
            ),
            ("", ""),
        ] {
            assert_eq!(program(line), name);
        }
    }
}
