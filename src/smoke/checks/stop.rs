//! Stopping a daemon with a busy nested container is quick, clean, and leaves a usable data root.

use std::time::Duration;

use super::super::bench::Bench;
use super::super::engine::Feature;
use super::super::nested::IMAGE;
use super::{Check, Held, Ruling, has_daemon, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "stop",
    rule: "the daemon stops within its stop timeout, cleanly, nested containers first, and starts again on what it left",
    hint: "a first process that does not signal its group (tini without -g), a stop-grace that leaves nested containers no time, an entry point that ignores SIGTERM, or a pid file of the first start that stops the second",
    limit: 300,
    needs: &[Feature::Restart],
    applies: has_daemon,
    run,
};

/// Exit codes of a clean end: 0 from dockerd's own shutdown, 143 (128 + SIGTERM) from an init that
/// reports the signal it forwarded, 130 from systemd, whose halt the kernel reports as a SIGINT
/// (reboot(2), in a pid namespace). 137 would be the engine's kill.
const CLEAN: [i32; 3] = [0, 130, 143];

/// Name of the nested container that is running when the daemon is stopped.
const NESTED: &str = "dindimg-smoke-sleeper";

/// Name of one that wants half a second to tidy up.
const LEAVER: &str = "dindimg-smoke-leaver";
const KEPT: &str = "dindimg-smoke-said:/kept";
const LEAVE: &str = "trap 'sleep 0.5; echo goodbye >/kept/said; exit 0' TERM
while :; do sleep 1 & wait $!; done";

fn run(bench: &Bench<'_>) -> Ruling {
    let leaver =
        bench.nested_run(&["-d", "--name", LEAVER, "-v", KEPT, IMAGE, "sh", "-c", LEAVE])?;
    if !leaver.status.success() {
        return violated(format!(
            "a nested container with a volume cannot be started: {}",
            leaver.complaint()
        ));
    }
    // `sleep` as process 1 ignores SIGTERM, which is what makes a naive shutdown take ten seconds.
    let nested = bench.nested_run(&["-d", "--name", NESTED, IMAGE, "sleep", "600"])?;
    if !nested.status.success() {
        return violated(format!(
            "a nested container cannot be started: {}",
            nested.complaint()
        ));
    }
    let name = &bench.main.name;
    bench.main.lost(CHECK.id);
    let limit = bench.contract.stop_timeout;
    let stopped = bench.engine.stop(name, Duration::from_secs(limit.into()))?;
    let time = stopped.elapsed;
    let state = bench.engine.state(name)?;
    if state.running {
        return violated("the container still runs after the engine's stop");
    }
    let code = state.exit_code;
    let seconds = time.as_secs_f64();
    if !CLEAN.contains(&code) {
        return violated(format!(
            "ended with code {code} after {seconds:.1} s of {limit} s, expected 0, 130 or 143"
        ));
    }
    rule!(
        bench
            .main
            .begin_again()?
            .map_err(|sentence| format!("after a restart: {sentence}"))
    );
    let detail = format!("code {code} after {seconds:.1} s of {limit} s, restarts clean");
    if bench.cell.storage.is_memory() {
        // Memory ends with the container: there is nothing to come back to.
        return Ok(Ok(Held {
            detail,
            time: Some(time),
        }));
    }
    let filter = format!("name={NESTED}");
    let format = "{{.Status}}";
    let nested = bench
        .inside(&[
            "docker", "ps", "--all", "--filter", &filter, "--format", format,
        ])?
        .text();
    if !nested.starts_with("Exited") {
        return violated(format!(
            "after a restart the nested container is `{nested}`, expected it to have ended with its daemon"
        ));
    }
    let said = bench.nested_run(&["--rm", "-v", KEPT, IMAGE, "cat", "/kept/said"])?;
    if said.text() != "goodbye" {
        return violated(format!(
            "a nested container that tidies up at SIGTERM was killed before it had: `{}` {}",
            said.text(),
            said.complaint()
        ));
    }
    let removed = bench.inside(&["docker", "rm", NESTED, LEAVER])?;
    if !removed.status.success() {
        return violated(format!(
            "after a restart the nested container cannot be removed: {}",
            removed.complaint()
        ));
    }
    Ok(Ok(Held {
        detail,
        time: Some(time),
    }))
}
