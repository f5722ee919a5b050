//! From a recipe to a lock: open the repositories, solve for each platform, take the census.

mod census;
mod error;
mod fetch;
mod request;

use std::collections::{BTreeMap, BTreeSet};

use crate::epoch::Epoch;
use crate::family::{self, Chosen, Mirrors, OpenContext, Opened, Repository, SolveRequest};
use crate::fetch::Fetcher;
use crate::lock::{Encoding, LOCK_VERSION, Lock, LockedPackage, LockedRepository};
use crate::platform::{Architecture, Platform};
use crate::progress::{Reporter, Stage};
use crate::recipe::Recipe;

pub use census::examine;
pub use error::ResolveError;
pub use fetch::{fetch_packages, open_package};
pub use request::{Roots, request, roots};

/// Seconds after a Release's date at which the snapshot archive holds everything it names: the
/// mirror push takes hours, the snapshot runs four times a day, and pools keep superseded files
/// for longer than this.
const SNAPSHOT_DELAY: i64 = 12 * 60 * 60;

/// Which versions of the last lock are kept.
#[derive(Clone, Debug, Default)]
pub enum Keep {
    /// Every one that still exists and fits.
    #[default]
    All,
    /// Every one but those of the named packages.
    AllBut(BTreeSet<String>),
    /// None: everything moves to the newest.
    Nothing,
}

/// What resolving needs beside the recipe.
pub struct Context<'a> {
    /// The network and the cache.
    pub fetcher: &'a Fetcher,
    /// Mirrors from the environment or the user's configuration.
    pub mirrors: &'a Mirrors,
    /// The present.
    pub now: Epoch,
    /// Whether an expired Release is accepted with a warning.
    pub allow_expired: bool,
    /// How layers will be encoded.
    pub encoding: Encoding,
    /// Who is told of progress.
    pub reporter: &'a dyn Reporter,
}

/// Resolves `recipe`, keeping versions of `previous` as `keep` says.
pub fn resolve(
    recipe: &Recipe,
    previous: Option<&Lock>,
    keep: &Keep,
    context: &Context<'_>,
) -> Result<Lock, ResolveError> {
    let family = family::of(recipe);
    let repositories = family.repositories(recipe, context.mirrors)?;
    let request = request(recipe, &repositories);
    let task = context.reporter.begin(Stage::Resolve, &recipe.name, None);
    let locked_dates = previous
        .map(|lock| {
            lock.repositories
                .iter()
                .map(|r| (r.name.clone(), r.date))
                .collect()
        })
        .unwrap_or_default();
    let architectures: BTreeSet<Architecture> = recipe
        .platforms
        .iter()
        .map(|platform| platform.architecture)
        .collect();
    let opened = family.open(
        &repositories,
        &architectures,
        &OpenContext {
            fetcher: context.fetcher,
            now: context.now,
            allow_expired: context.allow_expired,
            locked_dates: &locked_dates,
        },
    )?;
    for warning in opened.iter().flat_map(|opened| &opened.warnings) {
        context.reporter.warn(Stage::Resolve, warning);
    }
    let mut chosen = Vec::new();
    for &platform in &request.platforms {
        let preferred = previous
            .map(|lock| preferred(lock, platform, keep))
            .unwrap_or_default();
        let solved = family.solve(
            &opened,
            &SolveRequest {
                architecture: platform.architecture,
                packages: request.packages.clone(),
                optional: request.optional.clone(),
                recommends: request.recommends,
                preferred,
                pins: request.pins.clone(),
            },
        )?;
        chosen.extend(solved.into_iter().map(|package| (platform, package)));
    }
    let packages = merge(chosen, &opened);
    context
        .reporter
        .finish(task, &format!("{} packages", packages.len()));
    // Directories have no date, and are older than every archive.
    let epoch = opened
        .iter()
        .map(|opened| opened.date)
        .max()
        .unwrap_or(context.now);
    let mut lock = Lock {
        version: LOCK_VERSION,
        generator: env!("CARGO_PKG_VERSION").to_owned(),
        request: request.digest(),
        epoch,
        encoding: context.encoding.clone(),
        repositories: opened.iter().map(locked_repository).collect(),
        packages,
    };
    match fetch_packages(&lock, None, &repositories, context.fetcher) {
        // The choice stands without them; whoever builds has to reach them, and takes their census.
        Err(ResolveError::Gone { packages }) => context.reporter.warn(
            Stage::Resolve,
            &format!(
                "{} packages are listed but gone from every mirror, and their scripts could not be examined; building needs the snapshot archive for: {}",
                packages.len(),
                packages.join(", ")
            ),
        ),
        other => other?,
    }
    census::take(&mut lock, recipe, family, context.fetcher)?;
    lock.sort();
    Ok(lock)
}

/// Whether `lock` answers what the recipe asks now, and rests on keys that the recipe trusts now.
pub fn is_current(lock: &Lock, recipe: &Recipe, repositories: &[Repository]) -> bool {
    stale(lock, recipe, repositories).is_none()
}

/// Why `lock` does not answer what the recipe asks now, if it does not: the end of a sentence that
/// begins with the lock.
pub fn stale(lock: &Lock, recipe: &Recipe, repositories: &[Repository]) -> Option<String> {
    for repository in repositories {
        let Some(locked) = lock.repository(&repository.name) else {
            return Some(format!(
                "is stale: it has no repository {}, which the recipe has",
                repository.name
            ));
        };
        if let Some(directory) = &repository.directory {
            if locked.digest != directory.digest {
                return Some(format!(
                    "is stale: the packages in {} have changed since it was made",
                    directory.named
                ));
            }
            continue;
        }
        let signers = &locked.signers;
        if !signers
            .iter()
            .any(|signer| repository.fingerprints.contains(signer))
        {
            return Some(format!(
                "is stale: the recipe does not trust those who signed {} when it was made",
                repository.name
            ));
        }
    }
    (lock.request != request(recipe, repositories).digest())
        .then(|| "is stale: the recipe asks for something else since it was made".to_owned())
}

fn preferred(lock: &Lock, platform: Platform, keep: &Keep) -> BTreeMap<String, String> {
    lock.packages_of(platform)
        .filter(|package| match keep {
            Keep::All => true,
            Keep::AllBut(moved) => !moved.contains(&package.name),
            Keep::Nothing => false,
        })
        .map(|package| (package.name.clone(), package.version.clone()))
        .collect()
}

/// One entry for each package file, however many platforms it is installed on.
fn merge(chosen: Vec<(Platform, Chosen)>, opened: &[Opened]) -> Vec<LockedPackage> {
    let mut merged: BTreeMap<(String, String, String), LockedPackage> = BTreeMap::new();
    for (platform, package) in chosen {
        let key = (
            package.name.clone(),
            package.architecture.clone(),
            package.version.clone(),
        );
        let entry = merged.entry(key).or_insert_with(|| LockedPackage {
            name: package.name,
            version: package.version,
            architecture: package.architecture,
            source: package.source,
            platforms: BTreeSet::new(),
            repository: opened[package.repository].repository.name.clone(),
            path: package.path,
            size: package.size,
            sha256: package.sha256,
            depends: BTreeSet::new(),
            scripts: BTreeMap::new(),
        });
        entry.platforms.insert(platform);
        entry.depends.extend(package.depends);
    }
    merged.into_values().collect()
}

fn locked_repository(opened: &Opened) -> LockedRepository {
    let repository = &opened.repository;
    let snapshot = repository.snapshots.as_ref().and_then(|_| {
        repository
            .snapshot
            .or_else(|| Epoch::from_seconds(opened.date.seconds() + SNAPSHOT_DELAY))
            .map(Epoch::to_snapshot)
    });
    LockedRepository {
        name: repository.name.clone(),
        kind: repository.kind.to_owned(),
        suite: repository.suite.clone(),
        date: opened.date,
        digest: opened.digest,
        signers: opened.signers.clone(),
        snapshot,
        warnings: opened.warnings.clone(),
    }
}
