//! What the tree of an image knows and its lock does not, for bills of materials.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use crate::digest::Digest;
use crate::family::{Described, Family};
use crate::guest::{self, Sources};
use crate::recipe::Recipe;
use crate::setup::Package;
use crate::tree::{Tree, TreeError, TreePath};

use super::error::BuildError;

/// The ending of guest files that are rendered.
const TEMPLATE: &str = ".hbs";

/// What is in an image, beyond its lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// What each package says of itself, by its name.
    pub packages: BTreeMap<String, Described>,
    /// The files that are of no package and that somebody wrote, by their path without a leading
    /// slash; what is generated out of packages is not among them.
    pub files: BTreeMap<String, OwnFile>,
}

/// A file that is of no package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnFile {
    /// Who brings it.
    pub origin: Origin,
    /// Its content.
    pub sha256: Digest,
    /// The same in hexadecimal digits of SHA-1, which SPDX demands (2.3, 8.4).
    pub sha1: String,
}

/// Who brings a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The guest runtime.
    Guest,
    /// The recipe.
    Recipe,
}

/// Reads it off a finished tree.
pub(super) fn of(
    tree: &Tree,
    packages: &[Package],
    recipe: &Recipe,
    sources: &Sources,
    family: &dyn Family,
) -> Result<Inventory, BuildError> {
    let mut inventory = Inventory::default();
    for package in packages {
        let copyright = text(tree, &format!("usr/share/doc/{}/copyright", package.name))?;
        let described = family.describe(&package.control, copyright.as_deref());
        inventory.packages.insert(package.name.clone(), described);
    }
    let own = recipe.content.files.keys();
    let own = own.chain(recipe.content.authorities.keys());
    let own: BTreeSet<String> = own
        .map(|path| path.as_str().trim_start_matches('/').to_owned())
        .collect();
    let mut guests = BTreeSet::new();
    for part in guest::runtime(recipe).parts {
        let files = sources
            .files(part)
            .map_err(|source| guest::GuestError::Read {
                part: part.to_owned(),
                source,
            })?;
        guests.extend(files.into_keys().map(|name| {
            name.strip_suffix(TEMPLATE)
                .map_or_else(|| name.clone(), str::to_owned)
        }));
    }
    let guests = guests.difference(&own).map(|path| (path, Origin::Guest));
    for (path, origin) in guests.chain(own.iter().map(|path| (path, Origin::Recipe))) {
        let Some(bytes) = bytes(tree, path)? else {
            continue;
        };
        let file = OwnFile {
            origin,
            sha256: Digest::of(&bytes),
            sha1: hex::encode(Sha1::digest(&bytes)),
        };
        inventory.files.insert(path.clone(), file);
    }
    Ok(inventory)
}

fn text(tree: &Tree, path: &str) -> Result<Option<String>, BuildError> {
    Ok(bytes(tree, path)?.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// The content of a file; `None` for what is none, or is not there.
fn bytes(tree: &Tree, path: &str) -> Result<Option<Vec<u8>>, BuildError> {
    let path = TreePath::parse(path).map_err(TreeError::from)?;
    let read = |source| TreeError::Content {
        path: path.clone(),
        source,
    };
    let content = tree.file(&path).map(|content| content.read());
    Ok(content.transpose().map_err(read)?)
}
