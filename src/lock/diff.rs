//! What has changed between two locks, in words.

use std::collections::BTreeMap;
use std::fmt;

use super::model::{Lock, LockedPackage};

/// One difference between two locks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A package that was not there.
    Added {
        /// Name and architecture, `git (amd64)`.
        package: String,
        /// Its version.
        version: String,
    },
    /// A package that is gone.
    Removed {
        /// Name and architecture.
        package: String,
        /// Its version.
        version: String,
    },
    /// Another version.
    Moved {
        /// Name and architecture.
        package: String,
        /// The version before.
        from: String,
        /// The version now.
        to: String,
    },
    /// The same version with other bytes: the archive rebuilt it, or somebody exchanged it.
    Rebuilt {
        /// Name and architecture.
        package: String,
        /// Its version.
        version: String,
    },
    /// A maintainer script that its rule was written for has changed.
    Script {
        /// Name and architecture.
        package: String,
        /// `preinst` or `postinst`.
        script: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { package, version } => write!(f, "+ {package} {version}"),
            Self::Removed { package, version } => write!(f, "- {package} {version}"),
            Self::Moved { package, from, to } => write!(f, "  {package} {from} -> {to}"),
            Self::Rebuilt { package, version } => {
                write!(
                    f,
                    "! {package} {version} has other bytes under the same version"
                )
            }
            Self::Script { package, script } => {
                write!(
                    f,
                    "! {package}: {script} has changed; see that its rule still fits"
                )
            }
        }
    }
}

/// The differences from `old` to `new`, by package.
pub fn changes(old: &Lock, new: &Lock) -> Vec<Change> {
    fn by_name(lock: &Lock) -> BTreeMap<String, &LockedPackage> {
        lock.packages
            .iter()
            .map(|package| {
                (
                    format!("{} ({})", package.name, package.architecture),
                    package,
                )
            })
            .collect()
    }
    let (before, after) = (by_name(old), by_name(new));
    let mut changes = Vec::new();
    for (package, was) in &before {
        let package = package.clone();
        let Some(is) = after.get(&package) else {
            changes.push(Change::Removed {
                package,
                version: was.version.clone(),
            });
            continue;
        };
        if was.version != is.version {
            changes.push(Change::Moved {
                package: package.clone(),
                from: was.version.clone(),
                to: is.version.clone(),
            });
        } else if was.sha256 != is.sha256 {
            changes.push(Change::Rebuilt {
                package: package.clone(),
                version: is.version.clone(),
            });
        }
        for (script, now) in is
            .scripts
            .iter()
            .filter(|(_, script)| script.rule.is_some())
        {
            if was
                .scripts
                .get(script)
                .is_some_and(|then| then.sha256 != now.sha256)
            {
                changes.push(Change::Script {
                    package: package.clone(),
                    script: script.clone(),
                });
            }
        }
    }
    for (package, is) in &after {
        if !before.contains_key(package) {
            changes.push(Change::Added {
                package: package.clone(),
                version: is.version.clone(),
            });
        }
    }
    changes
}
