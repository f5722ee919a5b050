//! What tests of several topics share.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use dindimg::epoch::Epoch;

/// Says on standard error, past the capture of the test harness, that a check did not run.
pub fn skipped(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: {why}");
}

/// A file of the real data that `DINDIMG_FIXTURES` points at; says so and gives `None` if unset.
pub fn fixture(name: &str) -> Option<Vec<u8>> {
    let Some(root) = std::env::var_os("DINDIMG_FIXTURES") else {
        skipped(name, "DINDIMG_FIXTURES is not set");
        return None;
    };
    let path = PathBuf::from(root).join(name);
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// The present.
pub fn now() -> Epoch {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    i64::try_from(elapsed.as_secs())
        .ok()
        .and_then(Epoch::from_seconds)
        .expect("a clock before 9999")
}
