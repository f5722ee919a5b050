//! Signed Debian archives for tests: real packages re-published from the live archive, or packages
//! made for the test, under any suite name, with keys made for the test.
//!
//! ```text
//! closure(recipe) ─► Vec<Package> ─► Suite::named("buster").packages(…).publish(root, &[&key])
//! Deb::new(…) ─► Package::built ──┘         └► root/{pool, dists/buster/{InRelease, …}}
//! ```
//!
//! The layout is that of DebianRepository/Format; apt is asked whether it agrees.

mod deb;
mod package;
mod peer;
mod place;
mod signer;
mod suite;

use std::path::Path;

use dindimg::epoch::Epoch;

use crate::fetch::server::{Reply, Server};

pub use deb::Deb;
pub use package::{Package, closure, shared_cache};
pub use place::Place;
pub use signer::Signer;
pub use suite::{Digests, Indexes, Signed, Suite};

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The present, moved by `seconds`.
pub fn from_now(seconds: i64) -> Epoch {
    Epoch::from_seconds(crate::support::now().seconds() + seconds).expect("a year that prints")
}

/// A key that has been in use for a year.
pub fn sound_key() -> Signer {
    Signer::born(from_now(-365 * DAY))
}

/// The address of an archive on disk.
pub fn address(root: &Path) -> String {
    format!("file://{}", root.display())
}

/// Serves an archive over HTTP for as long as the server lives.
pub fn serve(root: &Path) -> Server {
    let root = root.to_owned();
    Server::start(move |request| {
        match std::fs::read(root.join(request.path.trim_start_matches('/'))) {
            Ok(bytes) => Reply::ok(&bytes),
            Err(_) => Reply::status("404 Not Found"),
        }
    })
}

/// Changes a published file, as an attacker or a broken disk does.
pub fn tamper(root: &Path, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = root.join(path);
    let mut bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    change(&mut bytes);
    std::fs::write(&path, bytes).expect("a file of the archive");
}

/// A single-line field of a control stanza.
fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}
