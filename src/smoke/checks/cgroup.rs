//! Memory limits of nested containers are in effect.

use super::super::bench::Bench;
use super::super::nested::IMAGE;
use super::{Check, Ruling, has_daemon, held, rule, violated};
use crate::recipe::CgroupNamespace;

pub(super) const CHECK: Check = Check {
    id: "cgroup",
    rule: "the guest sees the namespace it was given, and a nested container's memory limit is in effect",
    hint: "a cgroup-parent outside of the container's own group, or hierarchies that the container cannot write; the decision `cgroup` of `dindctl report` says what was seen",
    limit: 120,
    needs: &[],
    applies: has_daemon,
    run,
};

/// The limit: room for a shell, and above the 6 MiB that Docker insists on.
const LIMIT_MIB: u64 = 32;

/// Doubles a string until it holds 128 MiB, with nothing but the shell.
const GROW: &str = "x=0123456789abcdef; i=0
while [ $i -lt 23 ]; do x=$x$x; i=$((i+1)); done
echo survived";

/// The limit as the kernel has it, version 2 or 1 of the interface (cgroups(7)).
const READ_LIMIT: &str =
    "for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
  if [ -e $file ]; then exec cat $file; fi
done";

/// Whether what the guest found (`images/README.md`, "Control groups") can be seen from a container
/// with that namespace.
fn sees(namespace: CgroupNamespace, choice: &str) -> bool {
    choice.ends_with("-private") == (namespace == CgroupNamespace::Private)
}

fn run(bench: &Bench<'_>) -> Ruling {
    let report = rule!(bench.report()?);
    let decision = rule!(report.decision("cgroup"));
    let choice = &decision.choice;
    let namespace = bench.cell.cgroup;
    if !sees(namespace, choice) {
        return violated(format!(
            "started with --cgroupns={namespace}, the guest found `{choice}` ({})",
            decision.reason
        ));
    }
    let info = bench.inside(&["docker", "info", "--format", "{{.MemoryLimit}}"])?;
    if info.text() != "true" {
        return held(format!(
            "{choice}; the host gives no memory controller, so no limit was tried"
        ));
    }
    let memory = format!("--memory={LIMIT_MIB}m");
    // Without swap in the sum, growing past the limit cannot end anywhere else.
    let swap = format!("--memory-swap={LIMIT_MIB}m");
    let limited = |script| bench.nested_run(&["--rm", &memory, &swap, IMAGE, "sh", "-c", script]);
    let seen = limited(READ_LIMIT)?.text();
    if seen != (LIMIT_MIB << 20).to_string() {
        return violated(format!(
            "a nested container with {memory} sees the limit `{seen}` ({choice})"
        ));
    }
    let grown = limited(GROW)?;
    if grown.status.success() || grown.text().contains("survived") {
        return violated(format!(
            "a nested container grew to four times its {LIMIT_MIB} MiB ({choice})"
        ));
    }
    let code = grown.code();
    held(format!(
        "{choice}; {LIMIT_MIB} MiB set, growing beyond it ended with code {code}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_told_by_what_the_guest_found() {
        use CgroupNamespace::{Host, Private};
        for (choice, namespace) in [
            ("v2-private", Private),
            ("hybrid-private", Private),
            ("v2-host", Host),
            ("v1-scoped", Host),
            ("v2-root", Host),
        ] {
            for given in [Host, Private] {
                assert_eq!(sees(given, choice), given == namespace, "{choice}");
            }
        }
    }
}
