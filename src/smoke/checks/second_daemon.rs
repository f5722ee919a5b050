//! A second daemon on one data directory is refused, and harms nothing.

use std::thread;
use std::time::{Duration, Instant};

use super::super::bench::Bench;
use super::super::engine::Feature;
use super::{Check, Ruling, held, is_daemon, violated};
use crate::recipe::SmokeStorage;

pub(super) const CHECK: Check = Check {
    id: "second-daemon",
    rule: "a second daemon on the same data directory is refused in bounded time, and the first goes on",
    hint: "the lock on the data directory was not taken: another entry point than the image's, or a file system without locks; two daemons on one directory destroy it",
    limit: 120,
    needs: &[Feature::Volumes],
    applies: |contract, cell| is_daemon(contract, cell) && cell.storage == SmokeStorage::Volume,
    run,
};

/// The guest's words for it (`lock.sh`): whatever else ends the daemon is no lock.
const REFUSAL: &str = "is in use by";

/// Most time a refusal may take.
const LIMIT: Duration = Duration::from_secs(30);

fn run(bench: &Bench<'_>) -> Ruling {
    bench.daemon()?;
    let mut spec = bench.privileged("second", &[]);
    bench.name_data(&mut spec);
    spec.env.insert("DIND_LOCK_WAIT".to_owned(), "1".to_owned());
    bench.engine.run_detached(&spec)?;
    let started = Instant::now();
    let state = loop {
        let state = bench.engine.state(&spec.name)?;
        if !state.running {
            break state;
        }
        if started.elapsed() > LIMIT {
            return violated(format!(
                "a second daemon on the same data directory still runs after {} s",
                LIMIT.as_secs()
            ));
        }
        thread::sleep(Duration::from_millis(200));
    };
    let log = bench.engine.logs(&spec.name)?;
    bench.engine.remove(&spec.name)?;
    let last = log.lines().last().unwrap_or_default().to_owned();
    if state.exit_code == 0 || !log.contains(REFUSAL) {
        return violated(format!(
            "a second daemon was not refused for the directory, it ended with code {}: {last}",
            state.exit_code
        ));
    }
    let ready = bench.inside(&["dindctl", "ready"])?;
    if !ready.status.success() {
        return violated(format!(
            "the second daemon was refused, but the first does not answer any more: {}",
            ready.complaint()
        ));
    }
    held(format!(
        "refused with code {} after {:.1} s: {last}",
        state.exit_code,
        started.elapsed().as_secs_f64()
    ))
}
