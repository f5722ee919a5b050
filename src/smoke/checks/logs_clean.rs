//! The container's log shows no crash, and its report is complete.

use super::super::bench::Bench;
use super::{Check, Ruling, has_daemon, held, is_daemon, rule, violated};
use crate::recipe::SmokeMode;

pub(super) const CHECK: Check = Check {
    id: "logs-clean",
    rule: "no crash in the log, and report.json is complete",
    hint: "dockerd or containerd crashed and the line is the first of its trace, or the start ended before its last decision: the log says at which",
    limit: 60,
    needs: &[],
    applies: has_daemon,
    run,
};

/// What a crash of a Go program or a shell leaves in a log. `level=error` is not among them:
/// removing a `--rm` container by force logs a harmless one.
const CRASHES: [&str; 5] = [
    "panic:",
    "fatal error:",
    "level=fatal",
    "SIGSEGV",
    "Segmentation fault",
];

/// Where dockerd writes when the container's output is a command's (`images/README.md`, `DIND_LOG`).
const DAEMON_LOG: &str = "/var/log/dind/dockerd.log";

fn run(bench: &Bench<'_>) -> Ruling {
    // A log there is, whether the daemon still runs or not; a report only while it runs.
    let mut log = bench.engine.logs(&bench.main.name)?;
    if bench.cell.mode == SmokeMode::Command
        && is_daemon(bench.contract, bench.cell)
        && bench.daemon().is_ok()
    {
        let dockerd = bench.inside(&["cat", DAEMON_LOG])?;
        if !dockerd.status.success() {
            return violated(format!(
                "with a command, dockerd's log is not in {DAEMON_LOG}: {}",
                dockerd.complaint()
            ));
        }
        log.push_str(&dockerd.text());
    }
    if let Some(line) = crash(&log) {
        return violated(format!("the log has `{line}`"));
    }
    let report = rule!(bench.report()?);
    let missing = report.missing();
    if !missing.is_empty() {
        return violated(format!(
            "report.json lacks the decisions {}",
            missing.join(", ")
        ));
    }
    held(format!(
        "{} lines, report.json complete",
        log.lines().count()
    ))
}

fn crash(log: &str) -> Option<&str> {
    log.lines()
        .find(|line| CRASHES.iter().any(|crash| line.contains(crash)))
}

#[cfg(test)]
mod tests {
    use super::crash;

    #[test]
    fn crashes_are_seen_and_errors_are_not() {
        let log = "time=x level=error msg=\"container gone\"\nlevel=info msg=ready";
        assert_eq!(crash(log), None);
        for line in ["panic: runtime error", "time=x level=fatal msg=\"no\""] {
            assert_eq!(crash(&format!("{log}\n{line}\nmore")), Some(line));
        }
    }
}
