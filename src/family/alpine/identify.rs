//! From what an index says of a package to the digest of its whole file.
//!
//! An index names a package by the SHA-1 of its control files alone, and these name the payload by
//! SHA-256. So the file is fetched when the lock is made and held to both; from then on the lock's
//! SHA-256 of the whole is what counts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, sink};
use std::sync::Arc;

use crate::apk::checksum::Checksum;
use crate::apk::package::{PackageError, head};
use crate::digest::Digest;
use crate::fetch::{FetchError, Fetcher, Found, Known, Sought};

use super::super::{Chosen, FileId, Opened, Solved};

/// Changes whenever a file that was accepted before could be refused.
const JUDGEMENT: &str = "apk/1";

/// Fetches every chosen package and puts the digest of its file in the place of its identity.
pub(super) fn pin(
    solved: &mut [Solved],
    opened: &[Opened],
    fetcher: &Fetcher,
) -> Result<(), FetchError> {
    let mut sought: BTreeMap<Digest, Sought> = BTreeMap::new();
    for package in solved.iter().flat_map(|solved| &solved.packages) {
        if let Some((name, one)) = seek(package, opened) {
            sought.entry(name).or_insert(one);
        }
    }
    let wanted: Vec<Sought> = sought.values().cloned().collect();
    let found: BTreeMap<Digest, Found> = sought.into_keys().zip(fetcher.seek(&wanted)?).collect();
    for package in solved.iter_mut().flat_map(|solved| &mut solved.packages) {
        let Some((name, _)) = seek(package, opened) else {
            continue;
        };
        if let Some(found) = found.get(&name) {
            package.file = FileId::Sha256(found.digest);
        }
    }
    Ok(())
}

/// What to look for, and the name of its judgement.
fn seek(package: &Chosen, opened: &[Opened]) -> Option<(Digest, Sought)> {
    let FileId::Control(identity) = &package.file else {
        return None;
    };
    let checksum: Checksum = identity.parse().ok()?;
    let name = Digest::of(format!("{JUDGEMENT}\n{identity}\n{}\n", package.size));
    let judge = move |file: File| {
        let mut reader = BufReader::with_capacity(128 << 10, file);
        accept(&mut reader, &checksum).map_err(|error| error.to_string())
    };
    let sought = Sought {
        subject: format!(
            "{} {} ({})",
            package.name, package.version, package.architecture
        ),
        mirrors: opened[package.repository]
            .repository
            .addresses(&package.path),
        known: Known::Size {
            size: package.size,
            name,
            judge: Arc::new(judge),
        },
    };
    Some((name, sought))
}

fn accept(reader: &mut BufReader<File>, expected: &Checksum) -> Result<(), PackageError> {
    let head = head(reader)?;
    head.identify(expected)?;
    head.payload(reader, &mut sink())
}
