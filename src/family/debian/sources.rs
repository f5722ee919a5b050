//! Debian's repositories: the one table of default hosts, and what a recipe makes of it.

use std::collections::BTreeSet;

use crate::deb::keys::{ArchivePart, archive_keys, default_fingerprints};
use crate::recipe::{Debian, Pin, Recipe, Trust};

use super::super::repositories::{check_pins, mirrors as chosen};
use super::super::{FamilyError, Mirrors, Repository};
use super::local;

/// Where a part of the archive lives by default.
struct Hosts {
    /// Mirror of living suites. Plain HTTP as in apt's own defaults: what counts is signed.
    live: &'static str,
    /// Mirror of archived suites.
    archived: &'static str,
    /// Snapshots of every state.
    snapshots: &'static str,
}

const MAIN: Hosts = Hosts {
    live: "http://deb.debian.org/debian",
    archived: "http://archive.debian.org/debian",
    snapshots: "http://snapshot.debian.org/archive/debian",
};
const SECURITY: Hosts = Hosts {
    live: "http://deb.debian.org/debian-security",
    archived: "http://archive.debian.org/debian-security",
    snapshots: "http://snapshot.debian.org/archive/debian-security",
};
/// Priority of a repository that names none, as in apt_preferences(5).
const PRIORITY: i32 = 500;
/// Suites whose security suite is named `SUITE/updates`: those before bullseye.
const OLD_SECURITY_NAMES: &[&str] = &["jessie", "stretch", "buster"];
/// Suites that have neither an updates nor a security suite.
const ROLLING: &[&str] = &["sid", "unstable", "experimental"];

/// The repositories of a recipe: the suite, its updates and security suites, then further ones.
pub(super) fn repositories(
    recipe: &Recipe,
    mirrors: &Mirrors,
) -> Result<Vec<Repository>, FamilyError> {
    let debian = super::table(recipe)?;
    let suite = debian.suite.as_str();
    let mut suites = vec![(suite.to_owned(), ArchivePart::Main)];
    let rolling = ROLLING.contains(&suite);
    if debian.updates && !rolling {
        suites.push((format!("{suite}-updates"), ArchivePart::Main));
    }
    if debian.security && !rolling {
        let name = if OLD_SECURITY_NAMES.contains(&suite) {
            format!("{suite}/updates")
        } else {
            format!("{suite}-security")
        };
        suites.push((name, ArchivePart::Security));
    }
    let mut repositories: Vec<Repository> = Vec::new();
    for (name, part) in suites {
        let (hosts, own, configured) = match part {
            ArchivePart::Main => (&MAIN, &debian.mirrors, &mirrors.debian),
            ArchivePart::Security => (
                &SECURITY,
                &debian.security_mirrors,
                &mirrors.debian_security,
            ),
        };
        let default = if debian.archived {
            hosts.archived
        } else {
            hosts.live
        };
        let (certificates, fingerprints) = trust(debian, part)?;
        repositories.push(Repository {
            name: format!("debian/{name}"),
            kind: "deb",
            mirrors: chosen(own, configured, default),
            directory: None,
            snapshots: Some(hosts.snapshots.to_owned()),
            suite: name,
            components: debian.components.iter().map(ToString::to_string).collect(),
            priority: PRIORITY,
            only: BTreeSet::new(),
            tag: None,
            certificates,
            key_addresses: Vec::new(),
            fingerprints,
            snapshot: debian.snapshot,
            archived: debian.archived,
            check_valid_until: debian.check_valid_until,
        });
    }
    for extra in &debian.repositories {
        unused("repository", extra.name.as_str(), &repositories)?;
        let (certificates, fingerprints) = pinned(&extra.pins);
        repositories.push(Repository {
            name: extra.name.to_string(),
            kind: "deb",
            mirrors: extra.mirrors.iter().map(ToString::to_string).collect(),
            directory: None,
            snapshots: None,
            suite: extra.suite.to_string(),
            components: extra.components.iter().map(ToString::to_string).collect(),
            priority: extra.priority,
            only: extra.packages.clone(),
            tag: None,
            certificates,
            key_addresses: Vec::new(),
            fingerprints,
            snapshot: None,
            archived: false,
            check_valid_until: extra.check_valid_until,
        });
    }
    for local in &debian.local {
        unused("local", local.name.as_str(), &repositories)?;
        repositories.push(local::repository(local)?);
    }
    check_pins(recipe, &repositories)?;
    Ok(repositories)
}

/// Refuses a name that another repository has.
fn unused(table: &str, name: &str, known: &[Repository]) -> Result<(), FamilyError> {
    if name.starts_with("debian/") || known.iter().any(|known| known.name == name) {
        return Err(FamilyError::Recipe(format!(
            "[[debian.{table}]] `{name}` has a name that is taken; give each repository its own, not below `debian/`"
        )));
    }
    Ok(())
}

type Certificates = (Vec<(String, Vec<u8>)>, Vec<String>);

fn trust(debian: &Debian, part: ArchivePart) -> Result<Certificates, FamilyError> {
    match &debian.trust {
        Trust::Pinned(pins) => Ok(pinned(pins)),
        Trust::Distribution => {
            let suite = debian.suite.as_str();
            let fingerprints = default_fingerprints(suite, part).ok_or_else(|| {
                FamilyError::Recipe(format!(
                    "no keys are known for suite `{suite}`; use its code name (bookworm, trixie, …) or name `keys` in [debian]"
                ))
            })?;
            let fingerprints: Vec<String> = fingerprints.iter().map(ToString::to_string).collect();
            let certificates = archive_keys()
                .iter()
                .filter(|key| fingerprints.iter().any(|wanted| wanted == key.fingerprint))
                .map(|key| {
                    (
                        key.description.to_owned(),
                        key.certificate.as_bytes().to_vec(),
                    )
                })
                .collect();
            Ok((certificates, fingerprints))
        }
    }
}

fn pinned(pins: &[Pin]) -> Certificates {
    let certificates = pins
        .iter()
        .map(|pin| (pin.file.clone(), pin.certificate.clone()));
    let fingerprints = pins.iter().map(|pin| pin.fingerprint.to_string());
    (certificates.collect(), fingerprints.collect())
}
