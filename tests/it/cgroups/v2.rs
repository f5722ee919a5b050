//! Version 2, in a machine that has nothing else.

use std::fs;
use std::sync::OnceLock;

use super::{LIB, holds, nested};
use crate::vm::{Lab, Results, Scenario};

macro_rules! scenario {
    ($name:literal) => {
        Scenario {
            name: $name,
            script: include_str!(concat!($name, ".sh")),
        }
    };
}

/// Everything that is tried on one machine.
const ALL: &[Scenario] = &[
    scenario!("private"),
    scenario!("host"),
    scenario!("mounted"),
    scenario!("parent"),
    scenario!("refused"),
];

/// Mebibytes: two daemons, and what a nested container takes before it is killed.
const MEMORY: u32 = 2048;

fn run(kernel: &'static str, image: &'static str, scenarios: &[Scenario]) -> Results {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let archive = scratch.path().join("nested.tar");
    nested(&archive);
    let lab = Lab {
        kernel,
        image,
        memory: MEMORY,
    };
    let files = [
        ("lib.sh", LIB.into()),
        ("v2.sh", include_str!("v2.sh").into()),
        ("dockerd-18.09", include_str!("dockerd-18.09.sh").into()),
        ("nested.tar", fs::read(&archive).expect("an archive")),
    ];
    lab.run(scenarios, &files)
}

/// The machine that runs all scenarios, booted by the first test that asks.
fn machine() -> &'static Results {
    static RESULTS: OnceLock<Results> = OnceLock::new();
    RESULTS.get_or_init(|| run("bookworm", "bookworm", ALL))
}

fn held(results: &Results, scenario: &str, sentences: usize) {
    let outcome = results.of(scenario);
    let name = format!("{scenario} ({} s in the machine)", outcome.seconds);
    holds(&name, outcome.code, &outcome.output, sentences);
}

#[test]
fn with_a_private_namespace_limits_hold_and_the_outer_container_outlives_its_nested_ones() {
    held(machine(), "private", 15);
}

#[test]
fn with_the_hosts_namespace_the_own_group_is_delegated_and_the_root_left_alone() {
    held(machine(), "host", 15);
}

#[test]
fn with_the_hosts_tree_mounted_nothing_is_left_behind_in_either_namespace() {
    held(machine(), "mounted", 22);
}

#[test]
fn processes_that_come_meanwhile_are_moved_too_and_a_cgroup_parent_of_the_users_wins() {
    held(machine(), "parent", 3);
}

#[test]
fn what_cannot_work_ends_the_start_with_its_reason() {
    held(machine(), "refused", 8);
}

#[test]
fn limits_hold_on_the_kernel_of_bullseye() {
    let scenario = [scenario!("basics")];
    held(&run("bullseye", "bookworm", &scenario), "basics", 12);
}

#[test]
fn limits_hold_with_the_kernel_and_the_engine_of_trixie() {
    let scenario = [scenario!("basics")];
    held(&run("trixie", "trixie", &scenario), "basics", 12);
}
