//! Bringing a lock's package files into the cache.

use std::fs::File;

use crate::family::Repository;
use crate::fetch::{FetchError, Fetcher, Wanted};
use crate::lock::{Lock, LockedPackage};
use crate::platform::Platform;
use crate::recipe::VariantName;

use super::error::ResolveError;

/// Fetches the packages of `lock`, of one image or of all: from the mirrors, and where those
/// have dropped a version, from the snapshot archive at the time the lock records.
pub fn fetch_packages(
    lock: &Lock,
    image: Option<(&VariantName, Platform)>,
    repositories: &[Repository],
    fetcher: &Fetcher,
) -> Result<(), ResolveError> {
    let wanted = lock
        .packages
        .iter()
        .filter(|package| image.is_none_or(|(variant, platform)| package.is_in(variant, platform)))
        .map(|package| wanted(lock, package, repositories))
        .collect::<Result<Vec<_>, _>>()?;
    fetcher.fetch_all(&wanted).map_err(gone)
}

/// What is gone from the mirrors has a remedy of its own.
pub(super) fn gone(error: FetchError) -> ResolveError {
    match error {
        FetchError::Gone { failures } => ResolveError::Gone {
            packages: failures
                .into_iter()
                .map(|failure| failure.subject)
                .collect(),
        },
        other => other.into(),
    }
}

/// Opens a package file in the cache, verified.
pub fn open_package(package: &LockedPackage, fetcher: &Fetcher) -> Result<File, ResolveError> {
    fetcher
        .cache()
        .open_blob(&package.sha256, package.size)
        .map_err(FetchError::from)?
        .ok_or_else(|| ResolveError::Vanished {
            package: package.name.clone(),
        })
}

fn wanted(
    lock: &Lock,
    package: &LockedPackage,
    repositories: &[Repository],
) -> Result<Wanted, ResolveError> {
    let missing = || ResolveError::Repository {
        package: package.name.clone(),
        repository: package.repository.clone(),
    };
    let repository = repositories
        .iter()
        .find(|repository| repository.name == package.repository)
        .ok_or_else(missing)?;
    let snapshot = lock
        .repository(&package.repository)
        .and_then(|locked| locked.snapshot.as_ref())
        .zip(repository.snapshots.as_ref())
        .map(|(stamp, base)| format!("{base}/{stamp}/{}", package.path));
    Ok(Wanted {
        subject: format!(
            "{} {} ({})",
            package.name, package.version, package.architecture
        ),
        mirrors: repository.addresses(&package.path),
        fallbacks: snapshot.into_iter().collect(),
        digest: package.sha256,
        size: package.size,
    })
}
