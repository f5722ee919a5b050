//! Version 2, in a machine that has nothing else.

use std::fs;

use super::{LIB, holds, nested};
use crate::vm::{Lab, Results, Scenario};

macro_rules! scenario {
    ($name:literal, $sentences:literal) => {
        Scenario {
            name: $name,
            script: include_str!(concat!($name, ".sh")),
            sentences: $sentences,
        }
    };
}

/// Everything that is tried on one machine.
const ALL: &[Scenario] = &[
    scenario!("private", 15),
    scenario!("host", 15),
    scenario!("mounted", 22),
    scenario!("parent", 3),
    scenario!("refused", 8),
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

/// Kernels, images, and what is tried on each.
type Machines<'a> = [(&'static str, &'static str, &'a [Scenario])];

/// One machine after another: each takes more than a processor.
fn hold(machines: &Machines<'_>) {
    for (kernel, image, scenarios) in machines {
        let results = run(kernel, image, scenarios);
        for scenario in *scenarios {
            let outcome = results.of(scenario.name);
            let name = format!(
                "{image} on the kernel of {kernel}, {} ({} s in the machine)",
                scenario.name, outcome.seconds
            );
            holds(&name, outcome.code, &outcome.output, scenario.sentences);
        }
    }
}

#[test]
fn limits_hold_on_version_2_and_nothing_is_left() {
    let usual = [scenario!("private", 15), scenario!("refused", 8)];
    hold(&[("bookworm", "bookworm", &usual)]);
}

#[test]
#[ignore = "three emulated machines take ten minutes"]
fn limits_hold_on_version_2_in_either_namespace_and_with_every_kernel_and_nothing_is_left() {
    let basics = [scenario!("basics", 12)];
    hold(&[
        ("bookworm", "bookworm", ALL),
        ("bullseye", "bookworm", &basics),
        ("trixie", "trixie", &basics),
    ]);
}
