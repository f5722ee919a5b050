//! Places a recipe's own files, after everything else is in the tree.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::epoch::Epoch;
use crate::recipe::{Bytes, Content, Entry, File, FileMode, ImagePath, reserved};
use crate::setup::divert::{divert, is_conffile, shipped_name};
use crate::setup::enrol::Owners;
use crate::setup::{self, Package, Setup, SetupError};
use crate::tree::{Kind, Meta, Node, Owner, PathError, Tree, TreeError, TreePath};

use super::place::{GuestData, render, renderer};

/// Why a recipe's own content cannot be placed.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// Something stands there already.
    #[error(
        "[[file]] {path}: {owner} has it; say `replace = true` to put the recipe's in its place"
    )]
    Present {
        /// The path.
        path: ImagePath,
        /// Who put it there.
        owner: String,
    },
    /// The entry does not fit the image.
    #[error("[[file]] {path}: {message}")]
    Unfit {
        /// The path.
        path: ImagePath,
        /// What is wrong.
        message: String,
    },
    /// There is no certificate store to add to.
    #[error(
        "[ca] `bundle`: the image has no certificate store; add `ca-certificates` to [packages] `include`"
    )]
    NoStore,
    /// The accounts or the certificate store cannot be written.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// What the templates of a recipe can say: what the guest's can, and the image's own words.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileData {
    /// What the guest's data files say.
    #[serde(flatten)]
    pub guest: GuestData,
    /// The suite.
    pub suite: String,
    /// The target, as Debian names it.
    pub architecture: String,
    /// `[env]`
    pub env: BTreeMap<String, String>,
    /// `[labels]`
    pub labels: BTreeMap<String, String>,
}

/// Adds accounts and certificates: what rules of the distribution have made the ground for.
pub fn enrol(setup: &mut Setup<'_>, content: &Content) -> Result<(), ContentError> {
    setup::enrol::enrol(setup, content)?;
    if content.authorities.is_empty() {
        return Ok(());
    }
    if !setup.has("ca-certificates") {
        return Err(ContentError::NoStore);
    }
    setup.rule = "ca";
    for (path, file) in &content.authorities {
        if let Entry::Certificate(bytes) = &file.entry {
            setup.write(path.as_str(), file.mode.0, bytes.content().to_vec())?;
        }
    }
    Ok(setup::ca_store::update(setup)?)
}

/// Places every file of `content`. Runs after the package database is written, so that it records
/// what packages ship, not what takes its place.
pub fn place_content(
    setup: &mut Setup<'_>,
    content: &Content,
    data: &FileData,
) -> Result<(), ContentError> {
    if content.files.is_empty() {
        return Ok(());
    }
    setup.rule = "file";
    let owners = Owners::of(setup)?;
    let mut work = Work {
        tree: setup.tree,
        packages: setup.packages,
        diverts: setup.conventions.diverts,
        owners: &owners,
        data,
        epoch: setup.epoch,
    };
    for (path, file) in &content.files {
        work.place(path, file)?;
    }
    Ok(())
}

struct Work<'a> {
    tree: &'a mut Tree,
    packages: &'a [Package],
    diverts: bool,
    owners: &'a Owners,
    data: &'a FileData,
    epoch: Epoch,
}

impl Work<'_> {
    fn place(&mut self, path: &ImagePath, file: &File) -> Result<(), ContentError> {
        let unfit = |message: String| ContentError::Unfit {
            path: path.clone(),
            message,
        };
        let wrong = |error: TreeError| unfit(error.to_string());
        let parsed =
            TreePath::parse(path.as_str()).map_err(|error: PathError| unfit(error.to_string()))?;
        let (uid, gid) = self.owners.ids(&file.owner).map_err(unfit)?;
        let meta = Meta {
            uid,
            gid,
            ..Meta::root(file.mode.0, self.epoch.seconds())
        };
        let directory = matches!(file.entry, Entry::Directory { .. });
        // A link in the image that leads to a directory stands for it.
        let at = match self.tree.follow(&parsed).map_err(wrong)? {
            real if directory && self.is_directory(&real) => real,
            _ => self.tree.locate(&parsed).map_err(wrong)?,
        };
        if let Some(reason) = reserved(&at.to_string()) {
            return Err(unfit(reason));
        }
        if let Entry::Directory { named } = file.entry
            && self.is_directory(&at)
        {
            if named {
                self.tree.amend(&at, |present| *present = meta);
            }
            return Ok(());
        }
        if self.tree.get(&at).is_some() {
            self.make_room(path, file, &at)?;
        }
        let kind = match &file.entry {
            Entry::Directory { .. } => Kind::Directory,
            Entry::Link(target) => Kind::Symlink(target.clone()),
            Entry::File(bytes) | Entry::Certificate(bytes) => {
                Kind::File(bytes.content().to_vec().into())
            }
            Entry::Template { name, bytes } => {
                Kind::File(self.rendered(name, bytes).map_err(unfit)?.into())
            }
        };
        let mut meta = meta;
        if matches!(kind, Kind::Symlink(_)) {
            meta.mode = FileMode(0o777).0;
        }
        self.tree
            .set(&at, Node { kind, meta })
            .map(|_| ())
            .map_err(wrong)
    }

    fn is_directory(&self, at: &TreePath) -> bool {
        self.tree
            .get(at)
            .is_some_and(|placed| matches!(placed.node.kind, Kind::Directory))
    }

    /// Lets what stands at `at` give way, if the recipe says so.
    fn make_room(
        &mut self,
        path: &ImagePath,
        file: &File,
        at: &TreePath,
    ) -> Result<(), ContentError> {
        let package = match self.tree.get(at).map(|placed| placed.owner) {
            Some(Owner::Package(number)) => self.packages.get(number),
            _ => None,
        };
        if !file.replace {
            let owner = match package {
                Some(package) => format!("package {} {}", package.name, package.version),
                None => "the image itself".to_owned(),
            };
            return Err(ContentError::Present {
                path: path.clone(),
                owner,
            });
        }
        if self.is_directory(at) || !self.diverts {
            return Ok(());
        }
        let Some(package) = package else {
            return Ok(());
        };
        let Some(name) = shipped_name(self.tree, package, at) else {
            return Ok(());
        };
        if is_conffile(package, name) {
            return Ok(());
        }
        divert(self.tree, name, at, self.epoch.seconds()).map_err(|error| ContentError::Unfit {
            path: path.clone(),
            message: error.to_string(),
        })
    }

    fn rendered(&self, name: &str, bytes: &Bytes) -> Result<Vec<u8>, String> {
        render(&renderer(), name, bytes.content(), self.data).map_err(|error| {
            format!(
                "{error}; a template can use engine.version, engine.major, engine.minor, suite, architecture, profile, init, iptables.backend, daemon, env, labels and the keys of storage, run, listen, tls, network and hardening"
            )
        })
    }
}
