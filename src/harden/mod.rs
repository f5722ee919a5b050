//! What no image has unless its recipe says so: privileges, open doors and secrets in its files.
//!
//! First the packages' files are mended, and dpkg told so; at the end the finished tree is judged.
//! Each judgement is one file and one line in [`CHECKS`].

mod accounts;
mod armour;
mod confer;
mod mend;
mod named;
mod secrets;
mod set_id;
mod world_writable;

use std::collections::{BTreeMap, BTreeSet};

use crate::recipe::{Hardening, Recipe};
use crate::setup::divert::diverted;
use crate::setup::{Package, dpkg};
use crate::tree::{Owner, Placed, Tree, TreeError, TreePath};

pub use confer::confer;
pub use mend::mend;
pub use secrets::{SECRET_LIMIT, secret_in};

/// What is made of packages' own files: dpkg's database and debconf's, and apk's.
const DATABASES: [&str; 3] = ["var/lib/dpkg/", "var/cache/debconf/", "lib/apk/db/"];

/// Why an image is not built.
#[derive(Debug, thiserror::Error)]
pub enum HardenError {
    /// Something in the image is against its hardening.
    #[error("the image is not built: {}", .0.join("; "))]
    Findings(Vec<String>),
    /// A file cannot be read.
    #[error("{path} cannot be judged: {source}")]
    Read {
        /// The file.
        path: TreePath,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the package manager cannot be written.
    #[error(transparent)]
    Setup(#[from] crate::setup::SetupError),
    /// A link leads nowhere.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// A finished image, as it is judged.
struct Subject<'a> {
    tree: &'a Tree,
    packages: &'a [Package],
    recipe: &'a Recipe,
    hardening: &'a Hardening,
    /// What the recipe's `[[file]]` tables are about, where it really is: they can give a package's
    /// directory another mode.
    changed: BTreeSet<TreePath>,
    /// Packages' files that the recipe's stand in the place of, with the names packages have.
    diverted: BTreeMap<TreePath, String>,
    /// The packages by the names of their info files.
    control_files: BTreeMap<String, &'a Package>,
}

/// Who brings the content of an entry.
enum Origin<'a> {
    /// The recipe, or the program for it.
    Own,
    /// A package, where it can be told which.
    Package(Option<&'a Package>),
}

impl<'a> Subject<'a> {
    fn new(
        tree: &'a Tree,
        packages: &'a [Package],
        recipe: &'a Recipe,
    ) -> Result<Self, HardenError> {
        let changed = recipe
            .content
            .files
            .keys()
            .map(|path| {
                let path = TreePath::parse(path.as_str())?;
                // A link of the recipe may lead in a circle.
                tree.follow(&path).or_else(|_| tree.locate(&path))
            })
            .collect::<Result<_, TreeError>>()?;
        let control_files = packages
            .iter()
            .map(|package| (package.info_name(), package));
        Ok(Self {
            tree,
            packages,
            recipe,
            hardening: &recipe.hardening,
            changed,
            diverted: diverted(tree)?,
            control_files: control_files.collect(),
        })
    }

    /// Whether the mode of an entry is the image's doing. Packages have been mended where there is
    /// a profile; without one they are installed as they are.
    fn answers_for(&self, path: &TreePath, placed: &Placed) -> bool {
        self.recipe.profile.is_some()
            || (placed.owner == Owner::Generated && !self.diverted.contains_key(path))
            || self.changed.contains(path)
    }

    /// Who brings an entry. Databases are made of packages' own files.
    fn origin(&self, path: &TreePath, placed: &Placed) -> Origin<'a> {
        if let Owner::Package(number) = placed.owner {
            return Origin::Package(self.packages.get(number));
        }
        if let Some(name) = self.diverted.get(path) {
            let ships = |package: &&Package| package.paths.contains(name);
            return Origin::Package(self.packages.iter().find(ships));
        }
        if DATABASES.iter().any(|top| path.as_str().starts_with(top)) {
            let owner = dpkg::control_file_of(path.as_str());
            return Origin::Package(owner.and_then(|owner| self.control_files.get(owner).copied()));
        }
        Origin::Own
    }
}

/// One judgement.
struct Check {
    /// The key of `[hardening]` that decides, for messages.
    key: &'static str,
    /// What is against it, each as a sentence without the key.
    run: fn(&Subject<'_>) -> Result<Vec<String>, HardenError>,
}

/// Every judgement, in the order of its messages.
const CHECKS: [Check; 4] = [
    set_id::CHECK,
    world_writable::CHECK,
    accounts::CHECK,
    secrets::CHECK,
];

/// Judges the finished tree and the texts of the image's configuration. Returns what should be
/// known although the image is built.
///
/// # Errors
/// [`HardenError::Findings`] with everything that is against the recipe's hardening.
pub fn check(
    tree: &Tree,
    packages: &[Package],
    recipe: &Recipe,
) -> Result<Vec<String>, HardenError> {
    let subject = Subject::new(tree, packages, recipe)?;
    let mut findings = Vec::new();
    for check in CHECKS {
        let found = (check.run)(&subject)?;
        let key = check.key;
        findings.extend(
            found
                .into_iter()
                .map(|finding| format!("{finding} ([hardening] `{key}`)")),
        );
    }
    if findings.is_empty() {
        named::unknown(tree, subject.hardening)
    } else {
        Err(HardenError::Findings(findings))
    }
}

#[cfg(test)]
mod tests;
