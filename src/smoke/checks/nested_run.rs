//! A nested container prints its output and passes its exit code.

use super::super::bench::Bench;
use super::super::nested::IMAGE;
use super::{Check, Ruling, has_daemon, held, violated};

pub(super) const CHECK: Check = Check {
    id: "nested-run",
    rule: "a nested container runs, prints, and passes its exit code",
    hint: "dockerd answers but cannot start containers: control groups that cannot be written, runc or a shim that is missing, or a security module of the host; `dindctl doctor` in the container says which",
    limit: 120,
    needs: &[],
    applies: has_daemon,
    run,
};

const MARKER: &str = "nested container speaking";
const CODE: i32 = 7;

fn run(bench: &Bench<'_>) -> Ruling {
    let script = format!("echo '{MARKER}'; exit {CODE}");
    let output = bench.nested_run(&["--rm", IMAGE, "sh", "-c", &script])?;
    let (text, code) = (output.text(), output.code());
    if text != MARKER || code != CODE {
        return violated(format!(
            "expected `{MARKER}` and code {CODE}, got `{text}` and code {code}: {}",
            output.complaint()
        ));
    }
    held(format!("output and exit code {CODE} came through"))
}
