//! What a cell that failed leaves for whoever looks into it, taken before anything is removed.

use std::time::Duration;

use super::bench::Bench;
use super::report::Evidence;
use crate::process::Input;

/// Lines of a log that are kept: a start with every decision has about fifty.
const LINES: usize = 200;

/// Bound on the guest's own report.
const REPORT: Duration = Duration::from_secs(20);

/// The daemon container as it is now; nothing when there is none. What cannot be had is left out:
/// the failure that is being looked into is the one to report.
pub(super) fn collect(bench: &Bench<'_>) -> Option<Evidence> {
    let name = &bench.main.name;
    let log = bench.engine.logs(name).ok()?;
    let output = bench
        .engine
        .exec(name, &["dindctl", "report"], Input::Null, REPORT);
    let report = output.ok().filter(|output| output.status.success());
    Some(Evidence {
        log: tail(&log),
        report: report.and_then(|output| serde_json::from_slice(&output.stdout).ok()),
    })
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_kept() {
        assert_eq!(tail("a\nb\n"), "a\nb");
        let long: String = (0..300).map(|line| format!("{line}\n")).collect();
        let kept = tail(&long);
        assert!(kept.starts_with("100\n") && kept.ends_with("\n299"));
    }
}
