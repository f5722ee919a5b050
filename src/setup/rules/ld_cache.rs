//! `/etc/ld.so.cache`, the trigger of libc-bin.

use super::super::context::{Setup, SetupError};
use super::super::ldcache;
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "ld-cache",
    replaces: "libc-bin's ldconfig trigger",
    covers: &[],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("libc6") {
        return Ok(());
    }
    let directories = ldcache::directories(setup)?;
    let libraries = ldcache::libraries(setup, &directories)?;
    let version = setup
        .package("libc6")
        .map(|libc| libc.version.clone())
        .unwrap_or_default();
    setup.write(
        "etc/ld.so.cache",
        0o644,
        ldcache::encode(&libraries, &version),
    )
}
