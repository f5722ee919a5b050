//! An image as rules see it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::guest::{Contract, LABEL};
use crate::recipe::{Hardening, Recipe};
use crate::view::{File, View};

use super::daemon;

/// What a recipe has decided, of which an image alone says nothing.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Programs that keep their set-id bits, absolute.
    pub set_id: BTreeSet<String>,
    /// Files that the recipe or the guest brings, without a leading slash.
    pub own: BTreeSet<String>,
}

impl Accepted {
    /// What every image may have.
    pub fn usual() -> Self {
        Self {
            set_id: Hardening::SETUID.iter().map(|&path| path.into()).collect(),
            own: BTreeSet::new(),
        }
    }

    /// What the images of a recipe may have, with the paths of `own` files.
    pub fn of(recipe: &Recipe, own: impl IntoIterator<Item = String>) -> Self {
        let programs = recipe.hardening.setuid.iter();
        Self {
            set_id: programs.map(|path| path.as_str().to_owned()).collect(),
            own: own.into_iter().collect(),
        }
    }
}

/// An image with what rules have to know of it.
pub(super) struct Subject<'a> {
    pub view: &'a View,
    pub accepted: &'a Accepted,
    /// Its label, if it is one of ours.
    pub contract: Option<Contract>,
    /// What its daemon is configured with, if it has one.
    pub daemon: Option<BTreeMap<String, Value>>,
}

impl<'a> Subject<'a> {
    pub fn new(view: &'a View, accepted: &'a Accepted) -> Self {
        let label = view.config.config.labels.get(LABEL);
        Self {
            view,
            accepted,
            contract: label.and_then(|text| serde_json::from_str(text).ok()),
            daemon: daemon::configuration(view),
        }
    }

    /// Every entry with its path.
    pub fn files(&self) -> impl Iterator<Item = (&'a str, &'a File)> {
        let files = self.view.files.iter();
        files.map(|(path, file)| (path.as_str(), file))
    }

    /// The fields of the lines of a database such as passwd(5).
    pub fn database(&self, path: &str) -> Vec<Vec<String>> {
        let text = self.view.text(path).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split(':').map(str::to_owned).collect())
            .collect()
    }
}
