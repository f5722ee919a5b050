//! Where no storage driver can work, the start is refused: soon, and in words that help.

use std::thread;
use std::time::{Duration, Instant};

use super::super::bench::Bench;
use super::super::engine::State;
use super::super::error::CheckError;
use super::{Check, Held, Ruling, refuses, violated};

pub(super) const CHECK: Check = Check {
    id: "refusal",
    rule: "a start on a data directory that holds no layers ends at once, with code 1, and says what it lies on and what to do",
    hint: "a storage driver that copies every layer (vfs) was taken in silence, or dockerd was started without the probe of the data directory; DIND_STORAGE names what may be tried",
    limit: 120,
    needs: &[],
    applies: refuses,
    run,
};

/// Bound on the time until the container has ended; emulated hosts take some seconds.
const LIMIT: Duration = Duration::from_secs(90);

/// How often the container is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Where the daemons lie that this check is for.
const DATA: &str = "/var/lib/docker";

/// What a message has to have beside the file system: the place, and a remedy.
const WORDS: [&str; 4] = [DATA, "put a volume on", "DIND_STORAGE=loop", "tmpfs"];

/// The file system of the cell, as the kernel calls it.
const FILE_SYSTEM: &str = "(virtiofs)";

fn run(bench: &Bench<'_>) -> Ruling {
    let spec = bench.daemon_container("daemon");
    let started = Instant::now();
    bench.engine.run_detached(&spec)?;
    let Some((state, time)) = ended(bench, &spec.name, started)? else {
        return violated(format!(
            "the container still runs after {} s",
            LIMIT.as_secs()
        ));
    };
    let log = bench.engine.logs(&spec.name)?;
    match judge(state.exit_code, &log) {
        Ok(said) => Ok(Ok(Held {
            detail: format!("code 1 after {:.1} s: {said}", time.as_secs_f64()),
            time: Some(time),
        })),
        Err(sentence) => violated(sentence),
    }
}

/// The state of the container once it has ended, and when that was seen.
fn ended(
    bench: &Bench<'_>,
    name: &str,
    started: Instant,
) -> Result<Option<(State, Duration)>, CheckError> {
    while started.elapsed() < LIMIT {
        let state = bench.engine.state(name)?;
        if !state.running {
            return Ok(Some((state, started.elapsed())));
        }
        thread::sleep(POLL);
    }
    Ok(None)
}

/// The line that refuses, or what is wrong with the refusal.
fn judge(code: i32, log: &str) -> Result<&str, String> {
    let line = log.lines().find(|line| line.contains(FILE_SYSTEM));
    let said = line.map_or("", str::trim);
    if code != 1 {
        return Err(format!("it ended with code {code}, expected 1: {said}"));
    }
    let mut words = [FILE_SYSTEM].into_iter().chain(WORDS);
    match words.find(|word| !log.contains(word)) {
        None => Ok(said),
        Some(word) => Err(format!("its log does not say `{word}`: {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "dind: no storage driver works on /var/lib/docker (virtiofs), tried: overlay2
dind: put a volume on /var/lib/docker, or set DIND_STORAGE=loop (ext4 in a file) or tmpfs (memory)";

    #[test]
    fn a_refusal_has_its_code_its_file_system_and_a_remedy() {
        assert_eq!(judge(1, LOG), Ok(LOG.lines().next().unwrap_or_default()));
        for (code, log, part) in [
            (0, LOG, "code 0, expected 1"),
            (137, LOG, "code 137"),
            (
                1,
                "failed to start daemon: overlay2",
                "does not say `(virtiofs)`",
            ),
            (
                1,
                LOG.lines().next().unwrap_or_default(),
                "`put a volume on`",
            ),
        ] {
            let error = judge(code, log).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
