//! When the outer container is removed, nothing of what was nested in it remains.

use std::thread;
use std::time::{Duration, Instant};

use super::super::bench::Bench;
use super::super::error::CheckError;
use super::super::host;
use super::super::nested::IMAGE;
use super::{Check, Held, Ruling, has_daemon, violated};

pub(super) const CHECK: Check = Check {
    id: "clean-up",
    rule: "with the container go all nested processes, control groups, mounts and networks",
    hint: "nested containers lie outside of the container's own control group or mounts were made where they propagate to the host: a wrong cgroup-parent, or host directories mounted into the container",
    limit: 120,
    needs: &[],
    applies: has_daemon,
    run,
};

/// How long the engine and the kernel have to tidy up.
const LIMIT: Duration = Duration::from_secs(20);

fn run(bench: &Bench<'_>) -> Ruling {
    if bench.kept.get() {
        return Err(CheckError::Unproven(
            "the container is kept, so nothing is removed".to_owned(),
        ));
    }
    if bench.host.is_none() {
        return Err(CheckError::Unproven(
            "the engine's containers do not run on this machine, whose processes and mounts could be looked at".to_owned(),
        ));
    }
    let nested = bench.nested_run(&["--detach", IMAGE, "sleep", "600"])?;
    if !nested.status.success() {
        return violated(nested.complaint());
    }
    let create = ["docker", "network", "create", "dindimg-smoke-left"];
    let network = bench.inside(&create)?;
    if !network.status.success() {
        return violated(network.complaint());
    }
    let network = network.text().trim().to_owned();
    let ids = [
        bench.engine.state(&bench.main.name)?.id,
        nested.text().trim().to_owned(),
    ];
    if host::traces(&ids[0]).is_empty() {
        return Err(CheckError::Unproven(
            "the container runs, but no process of this machine is its own".to_owned(),
        ));
    }
    bench.main.lost(CHECK.id);
    bench.engine.remove(&bench.main.name)?;
    let started = Instant::now();
    loop {
        let mut left: Vec<String> = ids.iter().flat_map(|id| host::traces(id)).collect();
        left.extend(host::network_traces(&network));
        if left.is_empty() {
            return Ok(Ok(Held {
                detail: format!(
                    "nothing left after {:.1} s",
                    started.elapsed().as_secs_f64()
                ),
                time: None,
            }));
        }
        if started.elapsed() > LIMIT {
            return violated(format!(
                "{} s after its removal there remain: {}",
                LIMIT.as_secs(),
                left.join(", ")
            ));
        }
        thread::sleep(Duration::from_millis(200));
    }
}
