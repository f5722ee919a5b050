//! The outer container's memory limit binds what is nested in it, and only that ends.

use super::super::bench::{Bench, TWIN_MEMORY};
use super::super::error::CheckError;
use super::super::nested::IMAGE;
use super::cgroup::READ_LIMIT;
use super::{Check, KILLED, Ruling, has_daemon, held, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "limits",
    rule: "a nested container that outgrows the outer container's memory is ended, and the daemon lives on",
    hint: "nested containers lie outside of the outer container's control group (a wrong cgroup-parent), or memory.oom.group ends the daemon with them",
    limit: 120,
    needs: &[],
    applies: has_daemon,
    run,
};

/// Doubles a string until it holds 512 MiB, with nothing but the shell.
const GROW: &str = "x=0123456789abcdef; i=0
while [ $i -lt 25 ]; do x=$x$x; i=$((i+1)); done
echo survived";

fn run(bench: &Bench<'_>) -> Ruling {
    let twin = rule!(bench.twin()?);
    let limit = twin.run(&["sh", "-c", READ_LIMIT])?.text();
    if limit != TWIN_MEMORY.to_string() {
        return Err(CheckError::Unproven(format!(
            "the engine was asked for {TWIN_MEMORY} bytes of memory, the container sees `{limit}`"
        )));
    }
    let grown = twin.nested_run(&["--rm", IMAGE, "sh", "-c", GROW])?;
    if grown.code() != KILLED {
        return violated(format!(
            "a nested container that grows to 512 MiB in a container of 300 MiB ended with code {}, expected {KILLED}: {}",
            grown.code(),
            grown.complaint()
        ));
    }
    let ready = twin.run(&["dindctl", "ready"])?;
    if !ready.status.success() {
        return violated(format!(
            "with the nested container the daemon went: {}",
            ready.complaint()
        ));
    }
    held(format!(
        "ended with code {} in 300 MiB, the daemon answers",
        grown.code()
    ))
}
