//! What a recipe takes from elsewhere: found out when the lock is made, fetched when it is built.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::fetch::{FILE_LIMIT, FetchError, Fetcher, Found, Known, Sought, Wanted};
use crate::lock::{Lock, LockedDownload};
use crate::platform::Platform;
use crate::recipe::{Recipes, VariantName};

use super::error::ResolveError;

/// Fetches every artifact of the recipes, whose sizes only this tells.
pub(super) fn lock(
    recipes: &Recipes,
    fetcher: &Fetcher,
) -> Result<Vec<LockedDownload>, ResolveError> {
    let mut downloads: BTreeMap<(String, Digest), LockedDownload> = BTreeMap::new();
    for recipe in recipes.iter() {
        for artifact in &recipe.artifacts {
            for platform in &recipe.platforms {
                let Some(file) = artifact.files.get(platform) else {
                    continue;
                };
                downloads
                    .entry((artifact.name.clone(), file.sha256))
                    .or_insert_with(|| LockedDownload {
                        name: artifact.name.clone(),
                        version: artifact.version.clone(),
                        url: file.url.to_string(),
                        size: 0,
                        sha256: file.sha256,
                        platforms: BTreeMap::new(),
                    })
                    .platforms
                    .entry(recipe.variant.clone())
                    .or_default()
                    .insert(*platform);
            }
        }
    }
    let sought: Vec<Sought> = downloads
        .values()
        .map(|one| Sought {
            subject: format!("artifact {}", one.name),
            mirrors: vec![one.url.clone()],
            known: Known::Digest {
                digest: one.sha256,
                limit: FILE_LIMIT,
            },
        })
        .collect();
    let found: Vec<Found> = fetcher.seek(&sought).map_err(gone)?;
    let mut downloads: Vec<LockedDownload> = downloads.into_values().collect();
    for (download, found) in downloads.iter_mut().zip(found) {
        download.size = found.size;
    }
    Ok(downloads)
}

/// Fetches what one image takes from elsewhere.
pub fn fetch_downloads(
    lock: &Lock,
    variant: &VariantName,
    platform: Platform,
    fetcher: &Fetcher,
) -> Result<(), ResolveError> {
    let wanted: Vec<Wanted> = lock
        .downloads
        .iter()
        .filter(|one| one.is_in(variant, platform))
        .map(|one| Wanted {
            subject: format!("artifact {}", one.name),
            mirrors: vec![one.url.clone()],
            fallbacks: Vec::new(),
            digest: one.sha256,
            size: one.size,
        })
        .collect();
    fetcher.fetch_all(&wanted).map_err(gone)
}

/// That an address has the file no longer has another remedy than a package's: the recipe names it.
fn gone(error: FetchError) -> ResolveError {
    match error {
        FetchError::Gone { failures } => FetchError::Failed { failures }.into(),
        other => other.into(),
    }
}
