//! What no image has unless its recipe says so: privileges, open doors and secrets in its files.
//!
//! First the packages' files are mended, and dpkg told so; at the end the finished tree is judged.
//! Each judgement is one file and one line in [`CHECKS`].

mod accounts;
mod mend;
mod secrets;
mod world_writable;

use crate::recipe::Hardening;
use crate::setup::Package;
use crate::tree::{Owner, Placed, Tree, TreeError, TreePath};

pub use mend::mend;

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
    hardening: &'a Hardening,
}

impl Subject<'_> {
    /// Whose entry it is, for messages.
    fn owner(&self, placed: &Placed) -> String {
        match placed.owner {
            Owner::Package(number) => self
                .packages
                .get(number)
                .map_or_else(String::new, |package| {
                    format!(" of package {}", package.name)
                }),
            Owner::Generated => String::new(),
        }
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
const CHECKS: [Check; 3] = [world_writable::CHECK, accounts::CHECK, secrets::CHECK];

/// Judges the finished tree.
///
/// # Errors
/// [`HardenError::Findings`] with everything that is against `hardening`.
pub fn check(tree: &Tree, packages: &[Package], hardening: &Hardening) -> Result<(), HardenError> {
    let subject = Subject {
        tree,
        packages,
        hardening,
    };
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
        Ok(())
    } else {
        Err(HardenError::Findings(findings))
    }
}

#[cfg(test)]
mod tests;
