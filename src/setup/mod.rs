//! What maintainer scripts would have done, as declared rules: no script is ever run.
//!
//! Found by comparing real installs with bare unpacking: scripts add files, set a few modes and
//! turn two directories into links; they never alter a shipped file. Each rule is one file below
//! `rules/` and one line in [`rules::RULES`].

pub mod accounts;
mod alpine;
pub mod alternatives;
pub mod apt;
pub mod ca_store;
pub mod census;
mod context;
pub mod conventions;
pub mod debconf;
pub mod diversions;
pub mod divert;
pub mod dpkg;
pub mod enrol;
pub mod java_store;
mod ldcache;
pub mod rules;
mod subject_hash;
pub mod units;

pub use context::{Package, Setup, SetupError};
pub use rules::{RULES, Rule};

/// Applies every rule that concerns an installed package, in the order of the distribution's list.
pub fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    for rule in setup.conventions.rules {
        setup.rule = rule.name;
        (rule.apply)(setup)?;
    }
    Ok(())
}
