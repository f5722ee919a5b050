//! What each distribution does its own way once packages are in the tree.

use crate::epoch::Epoch;
use crate::platform::Architecture;
use crate::recipe::Distribution;
use crate::tree::{Tree, TreeError};

use super::census::{self, Finding};
use super::context::{Setup, SetupError};
use super::rules::{self, Rule};
use super::{alpine, dpkg};

/// The ways of one distribution.
pub struct Conventions {
    /// Makes what has to be there before packages are placed.
    pub prepare: fn(&mut Tree, Architecture, Epoch) -> Result<(), TreeError>,
    /// The package whose directories others repeat, placed first.
    pub first: &'static str,
    /// When the package manager would run a control file; none for what is no script.
    pub role: fn(&str) -> Option<Role>,
    /// Which rule stands for an installing script of a package.
    pub classify: fn(&str, &[u8]) -> Finding,
    /// The rules, in the order of application.
    pub rules: &'static [Rule],
    /// Writes the package manager's database, after every rule.
    pub write_database: fn(&mut Setup<'_>) -> Result<(), SetupError>,
    /// Whether the file that a recipe's own replaces is kept beside it.
    pub diverts: bool,
    /// What the names of certificates in the store begin with.
    pub certificate_prefix: &'static str,
    /// The package that brings the account files.
    pub accounts: &'static str,
    /// Shell of a user who must not log in.
    pub no_shell: &'static str,
}

/// When a script of a package runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// While packages are installed: a rule stands for it.
    Installing,
    /// When they are upgraded or removed, which no image does: recorded only.
    Other,
}

impl std::fmt::Debug for Conventions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the ways of the distribution of {}", self.first)
    }
}

/// The ways of a distribution.
pub fn of(distribution: &Distribution) -> &'static Conventions {
    match distribution {
        Distribution::Debian(_) => &DEBIAN,
        Distribution::Alpine(_) => &ALPINE,
    }
}

/// dpkg's.
pub static DEBIAN: Conventions = Conventions {
    prepare: rules::usr_merge,
    first: "base-files",
    role: census::role,
    classify: census::classify,
    rules: rules::RULES,
    write_database: dpkg::write_database,
    diverts: true,
    certificate_prefix: "",
    accounts: "base-passwd",
    no_shell: "/usr/sbin/nologin",
};

/// apk's.
pub static ALPINE: Conventions = Conventions {
    prepare: |_, _, _| Ok(()),
    first: "alpine-baselayout",
    role: alpine::role,
    classify: alpine::classify,
    rules: alpine::RULES,
    write_database: alpine::write_database,
    diverts: false,
    certificate_prefix: "ca-cert-",
    accounts: "alpine-baselayout",
    no_shell: "/sbin/nologin",
};
