//! A daemon that was killed, as by a node that runs out of memory, starts again on what it left.

use super::super::bench::Bench;
use super::super::engine::Feature;
use super::{Check, Held, KILLED, Ruling, has_daemon, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "kill",
    rule: "a daemon that is killed starts again, with the images it had",
    hint: "pid files, sockets or locks of the killed daemon that nothing removes before the next one starts, or a data directory that is not the one of before",
    limit: 300,
    needs: &[Feature::Restart],
    applies: has_daemon,
    run,
};

fn run(bench: &Bench<'_>) -> Ruling {
    bench.main.ensure_nested()?;
    let name = &bench.main.name;
    bench.main.lost(CHECK.id);
    bench.engine.kill(name)?;
    let code = bench.engine.state(name)?.exit_code;
    if code != KILLED {
        return violated(format!("killed, it ended with code {code}, not {KILLED}"));
    }
    let time = rule!(
        bench
            .main
            .begin_again()?
            .map_err(|sentence| format!("after a kill: {sentence}"))
    );
    // Memory ends with the container: there is nothing to come back to.
    if !bench.cell.storage.is_memory() && !bench.main.has_nested() {
        return violated("after a kill the nested image is gone");
    }
    Ok(Ok(Held {
        detail: format!("ready {:.1} s after the next start", time.as_secs_f64()),
        time: Some(time),
    }))
}
