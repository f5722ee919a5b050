//! A daemon that was killed, as by a node that runs out of memory, starts again on what it left.

use std::time::Duration;

use super::super::bench::{Bench, Daemon};
use super::super::nested::IMAGE;
use super::{Check, Held, Ruling, has_daemon, rule, violated};
use crate::recipe::SmokeStorage;

pub(super) const CHECK: Check = Check {
    id: "kill",
    rule: "a daemon that is killed starts again, with the images it had",
    hint: "pid files, sockets or locks of the killed daemon that nothing removes before the next one starts, or a data directory that is not the one of before",
    applies: has_daemon,
    run,
};

fn run(bench: &Bench<'_>) -> Ruling {
    bench.daemon()?;
    let name = bench.daemon_name();
    bench.set_daemon(Err(CHECK.id));
    // No time at all: the engine kills at once.
    bench.engine.stop(&name, Duration::ZERO)?;
    bench.engine.start(&name)?;
    let time = rule!(
        bench
            .wait_ready()?
            .map_err(|sentence| format!("after a kill: {sentence}"))
    );
    let Some(address) = bench.engine.state(&name)?.address else {
        return violated("after a kill the container has no address on its network");
    };
    bench.set_daemon(Ok(Daemon { address }));
    // Memory ends with the container: there is nothing to come back to.
    if bench.cell.storage != SmokeStorage::Tmpfs {
        let image = bench.inside(&["docker", "image", "inspect", IMAGE])?;
        if !image.status.success() {
            return violated(format!(
                "after a kill the nested image is gone: {}",
                image.complaint()
            ));
        }
    }
    Ok(Ok(Held {
        detail: format!("ready {:.1} s after the next start", time.as_secs_f64()),
        time: Some(time),
    }))
}
