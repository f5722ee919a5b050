//! Why a recipe cannot be resolved.

use crate::family::{FamilyError, PackageError};
use crate::fetch::FetchError;

/// Why a recipe cannot be resolved, or its packages cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The family's part failed: trust, freshness, metadata or the solver.
    #[error(transparent)]
    Family(#[from] FamilyError),
    /// The network or the cache failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The mirrors and the snapshot archive have dropped versions the lock names.
    #[error("{} gone from every mirror:\n{}\nmirrors keep superseded versions only for weeks; move the lock with `dindimg lock --update`, or reach the snapshot archive",
        if packages.len() == 1 { "a locked package is" } else { "locked packages are" }, lines(packages))]
    Gone {
        /// The packages with their versions.
        packages: Vec<String>,
    },
    /// The lock names a repository the recipe does not have.
    #[error(
        "package {package} is locked from repository `{repository}`, which the recipe does not have; run `dindimg lock --update`"
    )]
    Repository {
        /// The package.
        package: String,
        /// The repository.
        repository: String,
    },
    /// A package file left the cache between fetching and reading.
    #[error("package {package} left the cache while it was used; run again")]
    Vanished {
        /// The package.
        package: String,
    },
    /// A package file cannot be read.
    #[error("package {package}: {source}")]
    Package {
        /// The package.
        package: String,
        /// Why.
        source: PackageError,
    },
    /// Scripts other than those the lock was made from.
    #[error(
        "package {package}: its maintainer scripts are not those the lock records; make the lock anew with `dindimg lock --update`"
    )]
    Census {
        /// The package with its version.
        package: String,
    },
    /// Scripts without a rule.
    #[error("no rule stands for {} maintainer {}:\n{}\nread what they do; if the image does without, accept them in the recipe:\n  [packages]\n  acknowledge-scripts = [{}]",
        scripts.len(), if scripts.len() == 1 { "script" } else { "scripts" }, lines(scripts), names(scripts))]
    Uncovered {
        /// Package, version and script.
        scripts: Vec<String>,
    },
}

fn lines(items: &[String]) -> String {
    items
        .iter()
        .map(|item| format!("  {item}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn names(scripts: &[String]) -> String {
    let mut names: Vec<String> = scripts
        .iter()
        .filter_map(|script| script.split(' ').next())
        .map(|name| format!("\"{name}\""))
        .collect();
    names.dedup();
    names.join(", ")
}
