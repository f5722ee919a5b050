//! The certificate store of `ca-certificates`, as its trigger makes it.

use super::super::ca_store::{CONFIGURATION, LOCAL, update};
use super::super::context::{Setup, SetupError};
use super::super::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "ca-certificates",
    replaces: "ca-certificates.trigger and .post-install (update-ca-certificates)",
    covers: &["ca-certificates"],
    apply,
};

/// The bundle of the distribution in a package of its own needs nothing.
fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("ca-certificates") || !setup.exists(CONFIGURATION) {
        return Ok(());
    }
    setup.directory(LOCAL, 0o755, 0)?;
    update(setup)
}
