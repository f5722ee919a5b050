//! Control groups for real: limits that hold for nested containers, whatever the outer engine lets
//! them see. Version 2 in the lab's machines, version 1 on hosts that have it.

mod v1;
mod v2;

use std::path::Path;

use crate::deliver::busybox_archive;

/// What the scenarios of both versions share.
const LIB: &str = include_str!("lib.sh");

/// The nested image of the scenarios.
pub fn nested(path: &Path) {
    busybox_archive(path);
}

/// Fails unless a scenario ended well, all of its sentences hold, and there are at least as many
/// as it is known to have.
#[allow(clippy::print_stdout)]
fn holds(scenario: &str, code: Option<i32>, output: &str, sentences: usize) {
    let said = |word: &str| output.lines().filter(|l| l.starts_with(word)).count();
    assert_eq!(
        (code, said("not ok ")),
        (Some(0), 0),
        "{scenario}:\n{output}"
    );
    let held = said("ok ");
    assert!(
        held >= sentences,
        "{scenario}: {held} of {sentences}:\n{output}"
    );
    println!("{scenario}:\n{output}");
}
