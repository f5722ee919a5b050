//! Which of two packages keeps a file that both have (apk-tools, `src/database.c`,
//! `apk_db_install_archive_entry`): of one source the later one, else the one that replaces the
//! other, and where both do, the one of the higher priority.

use crate::apk::package::{self, INFO};
use crate::apk::relation::{self, Constraint};
use crate::apk::version::Version;
use crate::deb::archive::Control;

/// Whether `winner` takes files of `loser` over.
pub(super) fn replaces(winner: &Control, loser: &Control) -> bool {
    let (Some(winner), Some(loser)) = (Info::of(winner), Info::of(loser)) else {
        return false;
    };
    match (winner.over(&loser), loser.over(&winner)) {
        (Some(mine), Some(theirs)) => mine >= theirs,
        (Some(_), None) => true,
        // Sub-packages of one source share files without saying so.
        (None, None) => winner.origin == loser.origin,
        (None, Some(_)) => false,
    }
}

/// What decides.
struct Info {
    name: String,
    version: Option<Version>,
    origin: String,
    replaces: Vec<relation::Dependency>,
    priority: u32,
}

impl Info {
    fn of(control: &Control) -> Option<Self> {
        let fields = package::fields(control.files.get(INFO)?).ok()?;
        let values = |name: &str| -> Vec<&str> {
            let named = fields.iter().filter(|(key, _)| key == name);
            named.map(|(_, value)| value.as_str()).collect()
        };
        let first = |name: &str| values(name).first().copied().unwrap_or_default();
        let name = first("pkgname").to_owned();
        let origin = match first("origin") {
            "" => name.clone(),
            origin => origin.to_owned(),
        };
        Some(Self {
            version: first("pkgver").parse().ok(),
            replaces: relation::parse(&values("replaces").join(" ")).unwrap_or_default(),
            priority: first("replaces_priority").parse().unwrap_or(0),
            origin,
            name,
        })
    }

    /// The priority by which it replaces `other`, if it does.
    fn over(&self, other: &Self) -> Option<u32> {
        let meant = |one: &&relation::Dependency| {
            one.name == other.name
                && match (&one.constraint, &other.version) {
                    (None, _) => true,
                    (Some(constraint @ Constraint::Version { .. }), Some(version)) => {
                        constraint.accepts(version)
                    }
                    _ => false,
                }
        };
        self.replaces.iter().find(meant).map(|_| self.priority)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn control(info: &str) -> Control {
        Control {
            files: BTreeMap::from([(INFO.to_owned(), info.as_bytes().to_vec())]),
            identity: None,
        }
    }

    #[test]
    fn the_one_that_replaces_wins_and_of_two_the_one_of_the_higher_priority() {
        let data = control("pkgname = data\npkgver = 1-r0\nreplaces = layout<2\n");
        let old = control("pkgname = layout\npkgver = 1-r0\n");
        let new = control("pkgname = layout\npkgver = 2-r0\n");
        assert!(replaces(&data, &old) && !replaces(&old, &data));
        assert!(!replaces(&data, &new));
        let strong = control("pkgname = b\npkgver = 1\nreplaces = a\nreplaces_priority = 2\n");
        let weak = control("pkgname = a\npkgver = 1\nreplaces = b\nreplaces_priority = 1\n");
        assert!(replaces(&strong, &weak) && !replaces(&weak, &strong));
        let sibling = control("pkgname = b-doc\npkgver = 1\norigin = b\n");
        assert!(replaces(&sibling, &control("pkgname = b\npkgver = 1\n")));
        assert!(!replaces(&sibling, &old));
    }
}
