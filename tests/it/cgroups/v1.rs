//! Version 1, hybrid or not, on this host.

use std::path::Path;

use super::{LIB, holds, nested};
use crate::engines;
use crate::images::built_image;
use crate::product::Run;
use crate::smoke::in_turn;
use crate::support::skipped;

/// The options of `docker run`, and what the runtime then decides. Only with the host's tree
/// mounted can the container tell hybrid from pure version 1, for which `LAYOUT` stands.
const MODES: [(&str, &str); 4] = [
    ("--cgroupns=host", "v1-scoped"),
    ("--cgroupns=private", "v1-private"),
    (
        "--cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rshared",
        "LAYOUT-host",
    ),
    (
        "--cgroupns=private -v /sys/fs/cgroup:/sys/fs/cgroup:rshared",
        "LAYOUT-private",
    ),
];

#[test]
fn limits_hold_on_version_1_however_the_hierarchies_are_seen_and_nothing_is_left() {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        skipped("control groups, version 1", "this host has version 2 only");
        return;
    }
    in_turn(limits_hold);
}

fn limits_hold() {
    // A daemon of its own: what is left is looked for in all of its groups.
    let engine = engines::docker_fresh();
    let image = engine.load(&built_image("bookworm"));
    // As systemd has it, so that what is mounted inside of the container could show outside.
    let mut share = engine.beside("mount");
    let share = share.args(["--make-rshared", "/sys/fs/cgroup"]).status();
    assert!(share.expect("mount runs").success(), "a shared tree");
    let scratch = tempfile::tempdir().expect("temporary directory");
    nested(&scratch.path().join("nested.tar"));
    let scenario = scratch.path().join("v1.sh");
    for (path, text) in [
        (scenario.clone(), include_str!("v1.sh")),
        (scratch.path().join("lib.sh"), LIB),
    ] {
        std::fs::write(path, text).expect("scenario written");
    }
    let layout = if Path::new("/sys/fs/cgroup/unified").exists() {
        "hybrid"
    } else {
        "v1"
    };
    let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest/harness.sh");
    for (mode, choice) in MODES {
        let work = scratch.path().join("work");
        let mut shell = engine.beside("sh");
        let shell = shell
            .arg(&harness)
            .args([&scenario, &work])
            .env("LAB_IMAGE", &image)
            .env("LAB_MODE", mode)
            .env("LAB_CHOICE", choice.replace("LAYOUT", layout));
        let run = Run::of(shell.output().expect("sh runs"));
        let output = run.stdout + &run.stderr;
        if run.code != Some(0) || output.contains("not ok ") {
            let _ = engine.command("docker").args(["rm", "-fv", "box"]).output();
        }
        holds(mode, run.code, &output, 12);
    }
}
