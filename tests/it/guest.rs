//! The guest's shell scripts: their own tests under both shells, and shellcheck.

use std::path::Path;
use std::process::Command;

use crate::peers::require;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn unit_tests(shell: &str) {
    let output = Command::new("sh")
        .args(["tests/guest/run.sh", shell])
        .current_dir(root())
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let passed: u32 = said
        .lines()
        .find_map(|line| {
            line.split_once(" passed")?
                .0
                .rsplit(' ')
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    assert!(passed > 100, "only {passed} tests ran: {said}");
}

#[test]
fn guest_scripts_hold_under_dash() {
    if require(&["dash"], "dash").is_some() && require(&["jq"], "jq").is_some() {
        unit_tests("dash");
    }
}

#[test]
fn guest_scripts_hold_under_busybox_ash() {
    if require(&["busybox"], "busybox-static").is_some() && require(&["jq"], "jq").is_some() {
        unit_tests("busybox ash");
    }
}

#[test]
fn guest_scripts_are_clean() {
    let Some(shellcheck) = require(&["shellcheck"], "shellcheck") else {
        return;
    };
    let mut scripts = Vec::new();
    for place in [
        "images",
        "tests/it/cgroups",
        "tests/it/cluster",
        "tests/it/vm/guest",
    ] {
        collect(&root().join(place), &mut scripts);
    }
    assert!(scripts.len() > 40, "{scripts:?}");
    let output = Command::new(shellcheck)
        .args(["-s", "sh", "-x"])
        .args(&scripts)
        .current_dir(root())
        .output()
        .expect("shellcheck runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn collect(directory: &Path, scripts: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("readable") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            collect(&path, scripts);
            continue;
        }
        let text = std::fs::read(&path).expect("readable");
        // Templates of manifests are checked as what they are rendered to (`deploy`).
        if path.extension().is_some_and(|extension| extension == "hbs") {
            continue;
        }
        if text.starts_with(b"#!/bin/sh")
            || path.extension().is_some_and(|extension| extension == "sh")
        {
            scripts.push(path);
        }
    }
}
