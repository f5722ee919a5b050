//! From a repository's address to verified, decoded indexes.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::deb::decompress::decompress;
use crate::deb::freshness::{Archive, Freshness, judge};
use crate::deb::openpgp::{SigningTime, verify_detached, verify_inline};
use crate::deb::{Fingerprint, IndexFile, Keyring, Release, TrustError, Verified};
use crate::digest::Digest;
use crate::fetch::{DOCUMENT_LIMIT, FetchError, Validity, Wanted};
use crate::platform::Architecture;

use super::super::repositories::record_seen;
use super::super::{FamilyError, OpenContext, Opened, Repository};
use super::local;

/// Largest decoded index, in bytes. Debian's main index has about 60 MB.
const INDEX_LIMIT: u64 = 1 << 30;

/// An index file to fetch for one architecture of one repository.
struct Needed {
    repository: usize,
    architecture: Architecture,
    subject: String,
    file: IndexFile,
    wanted: Wanted,
}

/// Opens every repository: all signed files first, then all indexes in one batch.
pub(super) fn open(
    repositories: &[Repository],
    architectures: &std::collections::BTreeSet<Architecture>,
    context: &OpenContext<'_>,
) -> Result<Vec<Opened>, FamilyError> {
    let mut opened = Vec::new();
    let mut needed = Vec::new();
    for (position, repository) in repositories.iter().enumerate() {
        if let Some(directory) = &repository.directory {
            opened.push(local::open(repository, directory, architectures)?);
            continue;
        }
        let (verified, release) = signed_release(repository, context)?;
        let warnings = judged(repository, &release, context)?;
        for &architecture in architectures {
            needed.extend(indexes(position, repository, &release, architecture)?);
        }
        opened.push(Opened {
            repository: repository.clone(),
            date: release.date,
            digest: Digest::of(&verified.text),
            signers: verified.signers.iter().map(ToString::to_string).collect(),
            warnings,
            indexes: BTreeMap::new(),
        });
    }
    let wanted: Vec<Wanted> = needed.iter().map(|needed| needed.wanted.clone()).collect();
    context.fetcher.fetch_all(&wanted)?;
    let decoded: Vec<Vec<u8>> = needed
        .par_iter()
        .map(|needed| decoded(needed, context))
        .collect::<Result<_, _>>()?;
    for (needed, bytes) in needed.iter().zip(decoded) {
        let indexes = &mut opened[needed.repository].indexes;
        indexes.entry(needed.architecture).or_default().push(bytes);
    }
    record_seen(&opened, context)?;
    Ok(opened)
}

fn keyring(repository: &Repository) -> Result<Keyring, FamilyError> {
    let files: Vec<(&str, &[u8])> = repository
        .certificates
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let fingerprints = repository
        .fingerprints
        .iter()
        .map(|text| {
            text.parse::<Fingerprint>()
                .map_err(|error| FamilyError::Recipe(error.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Keyring::from_certificates(&files)?.pin(&fingerprints)?)
}

/// `InRelease`, or `Release` with its detached signature where a mirror has only those.
fn signed_release(
    repository: &Repository,
    context: &OpenContext<'_>,
) -> Result<(Verified, Release), FamilyError> {
    let keyring = keyring(repository)?;
    let at = if repository.archived {
        SigningTime::OfSignature
    } else {
        SigningTime::Now(repository.snapshot.unwrap_or(context.now))
    };
    let place = |name: &str| repository.addresses(&format!("dists/{}/{name}", repository.suite));
    let get = |name: &str, validity| {
        context
            .fetcher
            .document(&place(name), DOCUMENT_LIMIT, validity)
            .map_err(FamilyError::from)
    };
    let inline = |validity| -> Result<Verified, FamilyError> {
        let document = get("InRelease", validity)?;
        Ok(verify_inline(&document.url, &document.bytes, &keyring, at)?)
    };
    let verified = match inline(Validity::Conditional) {
        Err(FamilyError::Fetch(FetchError::NotFound { .. })) => {
            let release =
                get("Release", Validity::Conditional).map_err(|error| absent(repository, error))?;
            let signature = match get("Release.gpg", Validity::Conditional) {
                Err(FamilyError::Fetch(FetchError::NotFound { .. })) => {
                    return Err(TrustError::Unsigned { file: release.url }.into());
                }
                other => other?,
            };
            verify_detached(&release.url, &release.bytes, &signature.bytes, &keyring, at)?
        }
        // The copy in the cache may be the damaged one: ask once for the whole document.
        Err(FamilyError::Trust(TrustError::Bad { .. } | TrustError::Framing { .. })) => {
            inline(Validity::Always)?
        }
        other => other?,
    };
    let release =
        Release::parse(&verified.text).map_err(|error| metadata(repository, "Release", error))?;
    Ok((verified, release))
}

fn absent(repository: &Repository, error: FamilyError) -> FamilyError {
    match error {
        FamilyError::Fetch(FetchError::NotFound { urls }) => FamilyError::Recipe(format!(
            "suite `{}` has no InRelease and no Release; check its name, or switch it off with `updates = false` or `security = false`; asked for: {}",
            repository.suite,
            urls.join(", "),
        )),
        other => other,
    }
}

fn judged(
    repository: &Repository,
    release: &Release,
    context: &OpenContext<'_>,
) -> Result<Vec<String>, FamilyError> {
    let cached = context
        .fetcher
        .cache()
        .newest_seen(&repository.identity())
        .map_err(FetchError::from)?;
    let locked = context.locked_dates.get(&repository.name).copied();
    // A recipe that names a snapshot wants that state, also when it lies before the lock's.
    let seen = if repository.snapshot.is_some() {
        cached
    } else {
        cached.max(locked)
    };
    let archive = match repository.snapshot {
        Some(stamp) => Archive::Snapshot(stamp),
        None if repository.archived => Archive::Archived,
        None => Archive::Live,
    };
    let policy = Freshness {
        archive,
        allow_expired: context.allow_expired || !repository.check_valid_until,
    };
    Ok(judge(release, context.now, policy, seen)?)
}

fn indexes(
    position: usize,
    repository: &Repository,
    release: &Release,
    architecture: Architecture,
) -> Result<Vec<Needed>, FamilyError> {
    let mut names = vec![architecture.debian()];
    if release.separate_all {
        names.push("all");
    }
    let mut needed = Vec::new();
    for component in &repository.components {
        for name in &names {
            let subject = format!("Packages of {} {component} {name}", repository.name);
            let file = release.packages_index(component, name).ok_or_else(|| {
                FamilyError::Recipe(format!(
                    "{} has no component `{component}` for {name}; it has {} for {}",
                    repository.name,
                    release.components.join(", "),
                    release.architectures.join(", "),
                ))
            })?;
            let paths = file.by_hash_path.iter().chain([&file.path]);
            let mirrors = paths
                .flat_map(|path| {
                    repository.addresses(&format!("dists/{}/{path}", repository.suite))
                })
                .collect();
            needed.push(Needed {
                repository: position,
                architecture,
                wanted: Wanted {
                    subject: subject.clone(),
                    mirrors,
                    fallbacks: Vec::new(),
                    digest: file.entry.digest,
                    size: file.entry.size,
                },
                subject,
                file,
            });
        }
    }
    Ok(needed)
}

fn decoded(needed: &Needed, context: &OpenContext<'_>) -> Result<Vec<u8>, FamilyError> {
    let entry = &needed.file.entry;
    let metadata = |message: String| FamilyError::Metadata {
        subject: needed.subject.clone(),
        message,
    };
    let file = context
        .fetcher
        .cache()
        .open_blob(&entry.digest, entry.size)
        .map_err(FetchError::from)?
        .ok_or_else(|| metadata("it left the cache while it was used; run again".to_owned()))?;
    let limit = needed
        .file
        .plain
        .as_ref()
        .map_or(INDEX_LIMIT, |plain| plain.size.min(INDEX_LIMIT));
    let mut bytes = Vec::with_capacity(limit.min(128 << 20) as usize);
    decompress(needed.file.compression, file, limit, &mut bytes)
        .map_err(|error| metadata(format!("cannot be decoded: {error}")))?;
    Ok(bytes)
}

fn metadata(repository: &Repository, file: &str, error: impl std::fmt::Display) -> FamilyError {
    FamilyError::Metadata {
        subject: format!("{file} of {}", repository.name),
        message: error.to_string(),
    }
}
