//! Other programs that tests run against. A missing one fails its tests, so that a green run
//! means that they ran.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Names the programs that may be missing, separated by commas; their tests then pass unrun.
const ALLOW_MISSING: &str = "DINDIMG_TEST_ALLOW_MISSING";

/// The first of `programs` (absolute, or a name to be looked up in `PATH`), which the Debian
/// package `package` installs. `None` only where the environment allows it to be missing.
pub fn require(programs: &[&str], package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = programs.iter().find_map(|program| {
        std::env::split_paths(&path)
            .chain(sbin.clone())
            .map(|directory| directory.join(program))
            .find(|candidate| candidate.is_file())
    });
    if found.is_none() {
        let allowed = std::env::var(ALLOW_MISSING).unwrap_or_default();
        let name = programs[0];
        assert!(
            allowed.split(',').any(|allowed| allowed == name),
            "this test runs {name}: apt-get install {package}, or set {ALLOW_MISSING}={name}"
        );
    }
    found
}

/// Runs `program` with `arguments` and returns its standard output; fails with its words.
pub fn run<A: AsRef<std::ffi::OsStr>>(program: &Path, arguments: &[A]) -> Vec<u8> {
    let output = output(program, arguments);
    assert!(
        output.status.success(),
        "{} {:?}: {}\n{}{}",
        program.display(),
        arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output.stdout
}

/// Runs `program` with `arguments`, however it ends.
pub fn output<A: AsRef<std::ffi::OsStr>>(program: &Path, arguments: &[A]) -> Output {
    Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()))
}
