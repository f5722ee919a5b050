//! From a repository's address to a verified, decoded index.

use std::collections::{BTreeMap, BTreeSet};

use crate::apk::keys::{Key, verify};
use crate::apk::members::{decode, split};
use crate::apk::{TrustError, index};
use crate::digest::{Digest, Hasher};
use crate::epoch::Epoch;
use crate::fetch::{FetchError, Validity};
use crate::platform::Architecture;

use super::super::{FamilyError, OpenContext, Opened, Repository};
use super::sources;

/// The index of a repository.
const INDEX: &str = "APKINDEX.tar.gz";
/// The member of its archive that has the packages.
const PACKAGES: &str = "APKINDEX";
/// Most bytes of an index as it is downloaded. That of the largest repository has 2 MB.
const DOCUMENT_LIMIT: u64 = 64 << 20;
/// Most bytes of an index, decoded.
const INDEX_LIMIT: u64 = 512 << 20;
/// How far an index may lie in the future, in seconds, as for Debian's Release files.
const MAX_CLOCK_SKEW: i64 = crate::deb::MAX_CLOCK_SKEW;

/// Opens every repository for every architecture.
pub(super) fn open(
    repositories: &[Repository],
    architectures: &BTreeSet<Architecture>,
    context: &OpenContext<'_>,
) -> Result<Vec<Opened>, FamilyError> {
    let mut opened = Vec::new();
    let mut seen = Vec::new();
    for repository in repositories {
        opened.push(open_one(repository, architectures, &mut seen, context)?);
    }
    let cache = context.fetcher.cache();
    for (index, date) in seen {
        cache.record_seen(&index, date).map_err(FetchError::from)?;
    }
    Ok(opened)
}

/// What the newest date of an index is recorded by: architectures move each at their own pace.
fn index_identity(repository: &Repository, architecture: Architecture) -> String {
    format!("{} for {}", repository.identity(), architecture.alpine())
}

fn open_one(
    repository: &Repository,
    architectures: &BTreeSet<Architecture>,
    seen: &mut Vec<(String, Epoch)>,
    context: &OpenContext<'_>,
) -> Result<Opened, FamilyError> {
    let trusted = sources::keys(repository, context.fetcher)?
        .iter()
        .map(|key| Key::parse(&key.name, &key.bytes))
        .collect::<Result<Vec<Key>, TrustError>>()?;
    let mut indexes = BTreeMap::new();
    let mut signers = BTreeSet::new();
    // Each architecture has an index of its own; together they are the state of the repository.
    let mut digest = Hasher::new();
    let mut date = Epoch::default();
    for &architecture in architectures {
        let read = read(repository, architecture, &trusted, context)?;
        digest.update(read.digest.hex().as_bytes());
        signers.extend(read.signers);
        let identity = index_identity(repository, architecture);
        let cached = context.fetcher.cache().newest_seen(&identity);
        judge(
            repository,
            read.date,
            cached.map_err(FetchError::from)?,
            context,
        )?;
        seen.push((identity, read.date));
        date = date.max(read.date);
        indexes.insert(architecture, vec![read.packages]);
    }
    // The lock has one date, that of the newest index.
    let locked = context.locked_dates.get(&repository.name).copied();
    judge(repository, date, locked, context)?;
    Ok(Opened {
        repository: repository.clone(),
        date,
        digest: digest.finish(),
        signers: signers.into_iter().collect(),
        warnings: Vec::new(),
        indexes,
    })
}

/// An index that was verified.
struct Read {
    packages: Vec<u8>,
    digest: Digest,
    signers: Vec<String>,
    date: Epoch,
}

fn read(
    repository: &Repository,
    architecture: Architecture,
    trusted: &[Key],
    context: &OpenContext<'_>,
) -> Result<Read, FamilyError> {
    let name = architecture.alpine();
    let subject = format!("{INDEX} of {} for {name}", repository.name);
    let place = repository.addresses(&format!("{name}/{INDEX}"));
    let get = |validity| -> Result<Read, FamilyError> {
        let document = context
            .fetcher
            .document(&place, DOCUMENT_LIMIT, validity)
            .map_err(|error| absent(repository, name, error))?;
        read_bytes(&subject, &document.bytes, trusted)
    };
    match get(Validity::Conditional) {
        // The copy in the cache may be the damaged one: ask once for the whole document.
        Err(FamilyError::ApkTrust(TrustError::Bad { .. }) | FamilyError::Metadata { .. }) => {
            get(Validity::Always)
        }
        other => other,
    }
}

fn read_bytes(subject: &str, bytes: &[u8], trusted: &[Key]) -> Result<Read, FamilyError> {
    let metadata = |message: String| FamilyError::Metadata {
        subject: subject.to_owned(),
        message,
    };
    let signed = split(bytes).map_err(|error| metadata(error.to_string()))?;
    let names = verify(subject, signed.content, &signed.signatures, trusted)?;
    let archive = decode("index", signed.content, INDEX_LIMIT)
        .map_err(|error| metadata(error.to_string()))?;
    let (packages, written) = member(&archive).map_err(metadata)?;
    let records = index::parse(&packages).map_err(|error| metadata(error.to_string()))?;
    // A generated index is at least as new as its newest package; some are written with no date.
    let newest = records.iter().map(|record| record.built).max();
    let seconds = written.max(newest.unwrap_or_default()).max(0);
    let signers = trusted.iter().filter(|key| names.contains(&key.name));
    Ok(Read {
        digest: Digest::of(signed.content),
        signers: signers.map(|key| key.digest.to_string()).collect(),
        date: Epoch::from_seconds(seconds)
            .ok_or_else(|| metadata(format!("its date, {seconds} s, is out of range")))?,
        packages,
    })
}

/// The packages of an index's archive, and when it was written.
fn member(archive: &[u8]) -> Result<(Vec<u8>, i64), String> {
    let fail = |error: std::io::Error| error.to_string();
    for entry in tar::Archive::new(archive).entries().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        if &*entry.path_bytes() != PACKAGES.as_bytes() {
            continue;
        }
        let written = entry.header().mtime().map_err(fail)?;
        let mut packages = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut packages).map_err(fail)?;
        return Ok((packages, i64::try_from(written).unwrap_or(i64::MAX)));
    }
    Err(format!("it has no `{PACKAGES}`"))
}

/// Refuses a state that is older than one seen before, or from the future. What a mirror withholds
/// cannot be seen: an index says nothing of how long it is valid.
fn judge(
    repository: &Repository,
    date: Epoch,
    seen: Option<Epoch>,
    context: &OpenContext<'_>,
) -> Result<(), FamilyError> {
    let name = &repository.name;
    if let Some(seen) = seen.filter(|seen| date < *seen) {
        return Err(FamilyError::Stale(format!(
            "the index of {name} went back in time: it is of {date}, but one of {seen} was seen before; the mirror is behind or replays an old state, use another one"
        )));
    }
    if date.seconds() > context.now.seconds().saturating_add(MAX_CLOCK_SKEW) {
        return Err(FamilyError::Stale(format!(
            "the index of {name} is from the future: it is of {date}, judged at {}; check this machine's clock",
            context.now
        )));
    }
    Ok(())
}

fn absent(repository: &Repository, architecture: &str, error: FetchError) -> FamilyError {
    match error {
        FetchError::NotFound { urls } => FamilyError::Recipe(format!(
            "repository `{}` has no {INDEX} for {architecture}; check `branch` and `repositories`, or the address; asked for: {}",
            repository.name,
            urls.join(", "),
        )),
        other => other.into(),
    }
}
