//! The script rules. Adding one is a file here and a line in [`RULES`].

use super::context::{Setup, SetupError};

mod accounts;
mod adduser;
mod alternatives;
mod apt;
mod base_files;
mod ca_certificates;
mod dbus;
mod debconf;
mod debianutils;
mod diversions;
mod fontconfig;
mod fuse;
mod glib;
mod inert;
mod init_scripts;
mod java;
mod ld_cache;
mod libwrap;
mod machine_id;
mod name_service;
mod network_files;
mod openssh_client;
mod openssh_server;
mod openssl;
mod pam;
mod passwd_files;
mod timezone;
mod tmpfiles;
mod units;
mod usr_merge;
mod wtmpdb;

pub use usr_merge::merge as usr_merge;

/// A declared effect that stands for maintainer scripts.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Name, as the lock's census records it.
    pub name: &'static str,
    /// What the scripts it stands for do.
    pub replaces: &'static str,
    /// The packages whose scripts it covers.
    pub covers: &'static [&'static str],
    /// Applies it; does nothing when the packages it concerns are absent.
    pub apply: fn(&mut Setup<'_>) -> Result<(), SetupError>,
}

/// Every rule, in the order of application: later ones may build on files of earlier ones.
pub const RULES: &[Rule] = &[
    base_files::RULE,
    passwd_files::RULE,
    accounts::RULE,
    adduser::RULE,
    openssh_client::RULE,
    openssh_server::RULE,
    dbus::RULE,
    fontconfig::RULE,
    fuse::RULE,
    libwrap::RULE,
    glib::RULE,
    wtmpdb::RULE,
    name_service::RULE,
    network_files::RULE,
    debianutils::RULE,
    pam::RULE,
    openssl::RULE,
    ca_certificates::RULE,
    timezone::RULE,
    machine_id::RULE,
    tmpfiles::RULE,
    units::RULE,
    init_scripts::RULE,
    java::RULE,
    alternatives::RULE,
    diversions::RULE,
    debconf::RULE,
    apt::RULE,
    ld_cache::RULE,
    inert::RULE,
];

/// The rule that covers a package's scripts, or the reason why they have no effect here.
pub fn covering(package: &str) -> Option<&'static str> {
    if inert::reason(package).is_some() {
        return Some(inert::RULE.name);
    }
    RULES
        .iter()
        .find(|rule| rule.covers.contains(&package))
        .map(|rule| rule.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_package_is_covered_once_and_rules_have_names_of_their_own() {
        let mut packages = BTreeSet::new();
        let mut names = BTreeSet::new();
        for rule in RULES {
            assert!(names.insert(rule.name), "rule {} twice", rule.name);
            for package in rule.covers {
                assert!(packages.insert(package), "{package} is covered twice");
                assert!(
                    inert::reason(package).is_none(),
                    "{package} is covered and inert"
                );
            }
        }
    }
}
