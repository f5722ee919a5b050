//! The inner daemon uses the storage driver that was decided for, and no silent copy of layers.

use super::super::bench::Bench;
use super::{Check, Ruling, has_daemon, held, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "storage",
    rule: "the storage driver is the one decided for, never vfs unless asked for by name",
    applies: has_daemon,
    run,
};

fn run(bench: &Bench<'_>) -> Ruling {
    let info = bench.inside(&["docker", "info", "--format", "{{.Driver}}"])?;
    let report = rule!(bench.report()?);
    let decision = rule!(report.decision("storage"));
    let (driver, choice) = (info.text(), &decision.choice);
    // The guest decides for vfs or native only when they are asked for by name, so equality with
    // its decision is also the proof that dockerd did not fall back to them in silence.
    if driver != *choice {
        return violated(format!(
            "docker info says `{driver}`, report.json decided for `{choice}` ({})",
            decision.reason
        ));
    }
    held(format!("{driver} ({})", decision.reason))
}
