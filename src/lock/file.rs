//! The lock as TOML text.

use std::collections::BTreeSet;

use super::model::{LOCK_VERSION, Lock};

/// Written at the head of every lock file.
const HEAD: &str = "\
# Made by `dindimg lock`; commit it beside its recipe, and change it with `dindimg lock --update`.

";

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is not a lock of this format.
    #[error("not a lock file: {0}; make it anew with `dindimg lock --update`")]
    Syntax(String),
    /// Another version of the format.
    #[error(
        "lock version is {found}; this program reads version {LOCK_VERSION}; make it anew with `dindimg lock --update`"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// A package names a repository that the lock does not have, or appears twice.
    #[error("inconsistent lock file: {0}; make it anew with `dindimg lock --update`")]
    Inconsistent(String),
    /// The lock cannot be written as text.
    #[error("cannot write the lock file: {0}")]
    Render(#[from] toml::ser::Error),
}

/// Reads a lock file and checks that it is consistent with itself.
pub fn parse(text: &str) -> Result<Lock, LockError> {
    #[derive(serde::Deserialize)]
    struct Head {
        version: u32,
    }
    let syntax = |error: toml::de::Error| LockError::Syntax(error.to_string());
    let head: Head = toml::from_str(text).map_err(syntax)?;
    if head.version != LOCK_VERSION {
        return Err(LockError::Version {
            found: head.version,
        });
    }
    let lock: Lock = toml::from_str(text).map_err(syntax)?;
    let mut seen = BTreeSet::new();
    for package in &lock.packages {
        if lock.repository(&package.repository).is_none() {
            return Err(LockError::Inconsistent(format!(
                "{} comes from `{}`, which is no repository of it",
                package.name, package.repository
            )));
        }
        for (variant, platforms) in &package.platforms {
            if lock.image(variant).is_none() {
                return Err(LockError::Inconsistent(format!(
                    "{} is locked for `{variant}`, which is no image of it",
                    package.name
                )));
            }
            for platform in platforms {
                if !seen.insert((&package.name, variant, platform)) {
                    return Err(LockError::Inconsistent(format!(
                        "{} is locked twice for {variant} on {platform}",
                        package.name
                    )));
                }
            }
        }
    }
    Ok(lock)
}

/// The text of a lock file: the same lock gives the same text.
pub fn render(lock: &Lock) -> Result<String, LockError> {
    let mut sorted = lock.clone();
    sorted.sort();
    Ok(format!("{HEAD}{}", toml::to_string(&sorted)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::digest::Digest;
    use crate::epoch::Epoch;
    use crate::lock::{
        ArtifactKind, Dropped, Encoding, LockedArtifact, LockedImage, LockedPackage,
        LockedRepository, LockedScript,
    };

    use super::*;

    fn variant() -> crate::recipe::VariantName {
        "default".parse().expect("a name")
    }

    pub(crate) fn sample() -> Lock {
        let epoch = Epoch::from_seconds(1_783_764_997).expect("in range");
        Lock {
            version: LOCK_VERSION,
            generator: "0.1.0".to_owned(),
            request: Digest::of("request"),
            epoch,
            images: vec![LockedImage {
                variant: variant(),
                encoding: Encoding {
                    compression: "gzip:6".to_owned(),
                    encoder: "test".to_owned(),
                },
                exclude_paths: vec!["/usr/share/man/*".to_owned()],
                include_paths: Vec::new(),
                dropped: BTreeMap::from([(
                    "dpkg".to_owned(),
                    Dropped {
                        reason: "no package is installed later".to_owned(),
                        wanted_by: ["tini".to_owned()].into(),
                    },
                )]),
                artifacts: vec![LockedArtifact {
                    path: "/etc/motd".to_owned(),
                    kind: ArtifactKind::File,
                    sha256: Some(Digest::of("motd")),
                    target: None,
                    owner: "root:root".to_owned(),
                    mode: Some("0644".to_owned()),
                }],
            }],
            repositories: vec![LockedRepository {
                name: "debian/bookworm".to_owned(),
                kind: "deb".to_owned(),
                suite: "bookworm".to_owned(),
                date: epoch,
                digest: Digest::of("release"),
                signers: vec!["AB".to_owned()],
                snapshot: Some("20260711T221637Z".to_owned()),
                warnings: Vec::new(),
            }],
            packages: vec![LockedPackage {
                name: "tini".to_owned(),
                version: "0.19.0-1+b3".to_owned(),
                architecture: "amd64".to_owned(),
                source: "tini".to_owned(),
                platforms: BTreeMap::from([(
                    variant(),
                    ["linux/amd64".parse().expect("platform")].into(),
                )]),
                repository: "debian/bookworm".to_owned(),
                path: "pool/main/t/tini/tini_0.19.0-1+b3_amd64.deb".to_owned(),
                size: 7,
                sha256: Digest::of("tini"),
                depends: ["libc6".to_owned()].into(),
                scripts: BTreeMap::from([(
                    "postinst".to_owned(),
                    LockedScript {
                        sha256: Digest::of("script"),
                        rule: Some("debhelper".to_owned()),
                    },
                )]),
            }],
            downloads: Vec::new(),
        }
    }

    #[test]
    fn a_lock_reads_as_it_was_written() {
        let text = render(&sample()).expect("renders");
        assert!(text.contains("[[package]]\nname = \"tini\"\n"), "{text}");
        assert_eq!(parse(&text).expect("parses"), sample());
    }

    #[test]
    fn foreign_future_and_inconsistent_locks_are_refused() {
        assert!(matches!(parse("x"), Err(LockError::Syntax(_))));
        assert!(matches!(
            parse("version = 9\n"),
            Err(LockError::Version { found: 9 })
        ));
        let mut lock = sample();
        lock.packages.push(lock.packages[0].clone());
        let twice = parse(&render(&lock).expect("renders")).expect_err("twice");
        assert!(twice.to_string().contains("locked twice"), "{twice}");
        lock.packages.truncate(1);
        lock.packages[0].repository = "elsewhere".to_owned();
        assert!(parse(&render(&lock).expect("renders")).is_err());
        lock = sample();
        lock.images.clear();
        let foreign = parse(&render(&lock).expect("renders")).expect_err("no such image");
        assert!(foreign.to_string().contains("no image of it"), "{foreign}");
    }
}
