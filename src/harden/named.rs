//! The files that a recipe names: where links lead, and every name of what is there.

use std::collections::BTreeSet;

use crate::recipe::{Hardening, ImagePath};
use crate::tree::{Kind, Tree, TreeError, TreePath};

use super::HardenError;

/// Every name of the files that `paths` lead to, links followed. A path that leads nowhere counts
/// for itself.
pub(super) fn named(tree: &Tree, paths: &[ImagePath]) -> Result<BTreeSet<TreePath>, HardenError> {
    let mut files = BTreeSet::new();
    for path in paths {
        let path = TreePath::parse(path.as_str()).map_err(TreeError::from)?;
        let at = tree.follow(&path)?;
        files.insert(match tree.get(&at).map(|placed| &placed.node.kind) {
            Some(Kind::Hardlink(first)) => first.clone(),
            _ => at,
        });
    }
    let links: Vec<TreePath> = tree
        .iter()
        .filter(|(_, placed)| match &placed.node.kind {
            Kind::Hardlink(first) => files.contains(first),
            _ => false,
        })
        .map(|(path, _)| path.clone())
        .collect();
    files.extend(links);
    Ok(files)
}

/// The names of `hardening` that the image has no file for, each as a sentence; those that every
/// recipe has by default are not among them.
pub(super) fn unknown(tree: &Tree, hardening: &Hardening) -> Result<Vec<String>, HardenError> {
    let mut said = Vec::new();
    for (key, paths) in [
        ("setuid", &hardening.setuid),
        ("secrets", &hardening.secrets),
    ] {
        for path in paths {
            let usual = key == "setuid" && Hardening::SETUID.contains(&path.as_str());
            let at = tree.follow(&TreePath::parse(path.as_str()).map_err(TreeError::from)?)?;
            if !usual && tree.get(&at).is_none() {
                said.push(format!(
                    "[hardening] `{key}` names {path}, which the image does not have"
                ));
            }
        }
    }
    Ok(said)
}
