//! From a recipe to a lock: open the repositories, solve for each platform, take the census.

mod census;
mod download;
mod error;
mod fetch;
mod request;
mod spool;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::epoch::Epoch;
use crate::family::{
    self, Chosen, FileId, Mirrors, OpenContext, Opened, Repository, SolveRequest, Solved,
};
use crate::fetch::Fetcher;
use crate::lock::{
    Dropped, Encoding, LOCK_VERSION, Lock, LockedImage, LockedPackage, LockedRepository, Request,
    record_artifacts,
};
use crate::platform::{Architecture, Platform};
use crate::progress::{Reporter, Stage};
use crate::recipe::{Recipes, VariantName};

pub use census::examine;
pub use download::fetch_downloads;
pub use error::ResolveError;
pub use fetch::{fetch_packages, open_package};
pub use request::{Roots, filters, request, requests, roots};
pub use spool::spooled;

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
    /// How the layers of each variant will be encoded.
    pub encodings: &'a BTreeMap<VariantName, Encoding>,
    /// Who is told of progress.
    pub reporter: &'a dyn Reporter,
}

/// Resolves every image of `recipes`, keeping versions of `previous` as `keep` says.
pub fn resolve(
    recipes: &Recipes,
    previous: Option<&Lock>,
    keep: &Keep,
    context: &Context<'_>,
) -> Result<Lock, ResolveError> {
    // The distribution is the same for every variant.
    let recipe = recipes.default();
    let family = family::of(recipe);
    let repositories = family.repositories(recipe, context.mirrors)?;
    let requests = requests(recipes, &repositories);
    let task = context.reporter.begin(Stage::Resolve, &recipe.name, None);
    let locked_dates = previous
        .map(|lock| {
            lock.repositories
                .iter()
                .map(|r| (r.name.clone(), r.date))
                .collect()
        })
        .unwrap_or_default();
    let platforms: BTreeSet<Platform> = requests
        .values()
        .flat_map(|request| request.platforms.iter().copied())
        .collect();
    let architectures: BTreeSet<Architecture> = platforms
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
    let mut answers = Vec::new();
    for &platform in &platforms {
        let preferred = previous
            .map(|lock| preferred(lock, platform, keep))
            .unwrap_or_default();
        let asked: Vec<(&VariantName, SolveRequest)> = requests
            .iter()
            .filter(|(_, request)| request.platforms.contains(&platform))
            .map(|(variant, request)| (variant, solve_request(request, &preferred)))
            .collect();
        let (variants, asked): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let mut solved = family.solve(&opened, platform.architecture, &asked)?;
        family
            .pin(&mut solved, &opened, context.fetcher)
            .map_err(fetch::gone)?;
        answers.extend(
            variants
                .into_iter()
                .zip(solved)
                .map(|(variant, solved)| Answer {
                    variant,
                    platform,
                    solved,
                }),
        );
    }
    let images = images(&requests, &answers, context.encodings);
    warn_of_drops(recipes, &images, context.reporter);
    let packages = merge(answers, &opened)?;
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
        request: Request::digest(&requests),
        epoch,
        images,
        repositories: opened.iter().map(locked_repository).collect(),
        packages,
        downloads: download::lock(recipes, context.fetcher)?,
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
    census::take(&mut lock, recipes, family, context.fetcher)?;
    record_artifacts(&mut lock, recipes);
    lock.sort();
    Ok(lock)
}

/// Whether `lock` answers what the recipe asks now, and rests on keys that the recipe trusts now.
pub fn is_current(lock: &Lock, recipes: &Recipes, repositories: &[Repository]) -> bool {
    stale(lock, recipes, repositories).is_none()
}

/// Why `lock` does not answer what the recipe asks now, if it does not: the end of a sentence that
/// begins with the lock.
pub fn stale(lock: &Lock, recipes: &Recipes, repositories: &[Repository]) -> Option<String> {
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
    (lock.request != Request::digest(&requests(recipes, repositories)))
        .then(|| "is stale: the recipe asks for something else since it was made".to_owned())
}

/// The choice for one image.
struct Answer<'a> {
    variant: &'a VariantName,
    platform: Platform,
    solved: Solved,
}

fn solve_request(request: &Request, preferred: &BTreeMap<String, String>) -> SolveRequest {
    SolveRequest {
        packages: request.packages.clone(),
        optional: request.optional.clone(),
        drop: request.drop.keys().cloned().collect(),
        recommends: request.recommends,
        preferred: preferred.clone(),
        pins: request.pins.clone(),
    }
}

/// What is particular about each image.
fn images(
    requests: &BTreeMap<VariantName, Request>,
    answers: &[Answer<'_>],
    encodings: &BTreeMap<VariantName, Encoding>,
) -> Vec<LockedImage> {
    requests
        .iter()
        .filter_map(|(variant, request)| {
            let encoding = encodings.get(variant)?.clone();
            let mut dropped: BTreeMap<String, Dropped> = BTreeMap::new();
            for answer in answers.iter().filter(|answer| answer.variant == variant) {
                for (name, wanted_by) in &answer.solved.dropped {
                    dropped
                        .entry(name.clone())
                        .or_insert_with(|| Dropped {
                            reason: request.drop.get(name).cloned().unwrap_or_default(),
                            wanted_by: BTreeSet::new(),
                        })
                        .wanted_by
                        .extend(wanted_by.iter().cloned());
                }
            }
            Some(LockedImage {
                variant: variant.clone(),
                encoding,
                exclude_paths: request.exclude_paths.clone(),
                include_paths: request.include_paths.clone(),
                dropped,
                artifacts: Vec::new(),
            })
        })
        .collect()
}

/// A package that the recipe asks for by name may well need what its userland leaves out.
fn warn_of_drops(recipes: &Recipes, images: &[LockedImage], reporter: &dyn Reporter) {
    for recipe in recipes.iter() {
        let image = images.iter().find(|image| image.variant == recipe.variant);
        let (Some(profile), Some(image)) = (recipe.profile, image) else {
            continue;
        };
        let missed = family::of(recipe).profile(profile, recipe).run_time_drops;
        for name in missed
            .iter()
            .filter(|name| !recipe.drop.contains_key(*name))
        {
            let Some(dropped) = image.dropped.get(name) else {
                continue;
            };
            let asked = |wanting: &&String| recipe.include.iter().any(|one| one.name == **wanting);
            if let Some(wanting) = dropped.wanted_by.iter().find(asked) {
                reporter.warn(
                    Stage::Resolve,
                    &format!(
                        "{}: {wanting} depends on {name}, which its userland is without ({}); add {name} to `include`, or to `drop` if {wanting} does without",
                        recipe.name, dropped.reason
                    ),
                );
            }
        }
    }
}

/// The versions that the last lock has on `platform`, of whatever variant: images of one recipe
/// have the same.
fn preferred(lock: &Lock, platform: Platform, keep: &Keep) -> BTreeMap<String, String> {
    lock.packages
        .iter()
        .filter(|package| {
            package
                .platforms
                .values()
                .any(|platforms| platforms.contains(&platform))
        })
        .filter(|package| match keep {
            Keep::All => true,
            Keep::AllBut(moved) => !moved.contains(&package.name),
            Keep::Nothing => false,
        })
        .map(|package| (package.name.clone(), package.version.clone()))
        .collect()
}

/// One entry for each package file, however many images have it.
fn merge(answers: Vec<Answer<'_>>, opened: &[Opened]) -> Result<Vec<LockedPackage>, ResolveError> {
    let mut merged: BTreeMap<(String, String, String), LockedPackage> = BTreeMap::new();
    for answer in answers {
        for package in answer.solved.packages {
            let key = (
                package.name.clone(),
                package.architecture.clone(),
                package.version.clone(),
            );
            let depends = package.depends.clone();
            let entry = match merged.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(locked_package(package, opened)?),
            };
            entry
                .platforms
                .entry(answer.variant.clone())
                .or_default()
                .insert(answer.platform);
            entry.depends.extend(depends);
        }
    }
    Ok(merged.into_values().collect())
}

fn locked_package(package: Chosen, opened: &[Opened]) -> Result<LockedPackage, ResolveError> {
    let FileId::Sha256(sha256) = package.file else {
        return Err(ResolveError::Vanished {
            package: package.name,
        });
    };
    Ok(LockedPackage {
        name: package.name,
        version: package.version,
        architecture: package.architecture,
        source: package.source,
        repository: opened[package.repository].repository.name.clone(),
        path: package.path,
        size: package.size,
        sha256,
        depends: BTreeSet::new(),
        platforms: BTreeMap::new(),
        scripts: BTreeMap::new(),
    })
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
