//! Memory limits of nested containers are in effect.

use super::super::bench::Bench;
use super::super::error::CheckError;
use super::super::nested::IMAGE;
use super::{Check, KILLED, Ruling, has_root_daemon, held, rule, violated};
use crate::recipe::CgroupNamespace;

pub(super) const CHECK: Check = Check {
    id: "cgroup",
    rule: "the guest sees the namespace it was given, and a nested container's memory limit is in effect",
    hint: "a cgroup-parent outside of the container's own group, or hierarchies that the container cannot write; the decision `cgroup` of `dindctl report` says what was seen",
    limit: 120,
    needs: &[],
    applies: has_root_daemon,
    run,
};

/// The limit: room for a shell, and above the 6 MiB that Docker insists on.
const LIMIT_MIB: u64 = 32;

/// Doubles a string until it holds 128 MiB, with nothing but the shell.
const GROW: &str = "x=0123456789abcdef; i=0
while [ $i -lt 23 ]; do x=$x$x; i=$((i+1)); done
echo survived";

/// The limit as the kernel has it, version 2 or 1 of the interface (cgroups(7)).
pub(super) const READ_LIMIT: &str =
    "for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
  if [ -e $file ]; then exec cat $file; fi
done";

/// Whether what the guest found (`images/README.md`, "Control groups") can be seen from a container
/// with that namespace.
fn sees(namespace: CgroupNamespace, choice: &str) -> bool {
    match namespace {
        CgroupNamespace::Private => choice.ends_with("-private"),
        CgroupNamespace::Host => !choice.ends_with("-private"),
        CgroupNamespace::Mounted => choice.ends_with("-host"),
    }
}

/// Prints the groups of a nested container as the daemon container sees them (cgroups(7),
/// `/proc/PID/cgroup`).
const NESTED_PATHS: &str = r#"set -e
trap 'docker rm --force "$id" >/dev/null' EXIT
id=$(docker run --detach "$1" sleep 600)
cat "/proc/$(docker inspect --format '{{.State.Pid}}' "$id")/cgroup""#;

fn nested_paths(bench: &Bench<'_>) -> Result<Result<String, String>, CheckError> {
    bench.main.ensure_nested()?;
    let output = bench.inside(&["sh", "-c", NESTED_PATHS, "sh", IMAGE])?;
    Ok(if output.status.success() {
        Ok(output.text())
    } else {
        let complaint = output.complaint();
        Err(format!(
            "a nested container's groups cannot be read: {complaint}"
        ))
    })
}

/// The path of a line of `/proc/PID/cgroup`, if it is outside of the daemon container's own group:
/// above the root of its namespace, or, where it sees the host's, without its id. Hierarchies
/// without a controller limit nothing, and the unified one of a hybrid layout has none.
fn stray<'a>(line: &'a str, choice: &str, outer: &str) -> Option<&'a str> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let version_2 = choice.starts_with("v2");
    if !version_2 && (controllers.is_empty() || controllers.starts_with("name=")) {
        return None;
    }
    let inside = match choice.rsplit_once('-') {
        Some((_, "private")) => !path.starts_with("/.."),
        Some((_, "root")) => true,
        _ => path.contains(outer),
    };
    (!inside).then_some(path)
}

fn run(bench: &Bench<'_>) -> Ruling {
    let report = rule!(bench.report()?);
    let decision = rule!(report.decision("cgroup"));
    let choice = &decision.choice;
    let namespace = bench.cell.cgroup;
    if !sees(namespace, choice) {
        return violated(format!(
            "started with control groups `{namespace}`, the guest found `{choice}` ({})",
            decision.reason
        ));
    }
    let outer = bench.engine.state(&bench.main.name)?.id;
    let paths = rule!(nested_paths(bench)?);
    if let Some(path) = paths.lines().find_map(|line| stray(line, choice, &outer)) {
        return violated(format!(
            "a nested container lies in the group `{path}`, outside of the daemon container's ({choice})"
        ));
    }
    let info = bench.inside(&["docker", "info", "--format", "{{.MemoryLimit}}"])?;
    if !info.status.success() {
        return violated(format!("docker info: {}", info.complaint()));
    }
    if info.text() != "true" {
        return Err(CheckError::Unproven(format!(
            "{choice}; the host gives no memory controller, so no limit was tried"
        )));
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
    let code = grown.code();
    if code != KILLED {
        return violated(format!(
            "a nested container that grows to four times its {LIMIT_MIB} MiB ended with code {code}, expected {KILLED} ({choice}): {}",
            grown.complaint()
        ));
    }
    held(format!(
        "{choice}; {LIMIT_MIB} MiB set, growing beyond it ended with code {code}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_outside_of_the_containers_own_is_seen() {
        for (line, choice, seen) in [
            ("4:memory:/docker/ab", "v1-private", None),
            (
                "4:memory:/../elsewhere/ab",
                "v1-private",
                Some("/../elsewhere/ab"),
            ),
            ("4:memory:/docker/0ff1ce/docker/ab", "hybrid-scoped", None),
            (
                "4:memory:/elsewhere/ab",
                "hybrid-host",
                Some("/elsewhere/ab"),
            ),
            ("0::/elsewhere/ab", "hybrid-host", None),
            ("1:name=systemd:/elsewhere", "v1-host", None),
            ("0::/elsewhere/ab", "v2-host", Some("/elsewhere/ab")),
            ("0::/docker/ab", "v2-root", None),
        ] {
            assert_eq!(stray(line, choice, "0ff1ce"), seen, "{line} {choice}");
        }
    }

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
