//! `dindimg update`: new locks, and what has changed in words for a pull request.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::lock::{self, Lock};
use crate::recipe::{self, RecipeError};
use crate::resolve::{self, Keep};

use super::args::{Common, Update};
use super::context::{Session, lock_path, previous_lock, replace, warn_of_content, write_lock};
use super::exit::LockStale;
use super::output::Output;

pub(super) fn run(arguments: &Update, common: &Common, output: &Output) -> Result<()> {
    let session = Session::open(common, false, output.reporter())?;
    if arguments.locking.lock_file.is_some() && arguments.recipes.len() > 1 {
        bail!(RecipeError::Whole {
            path: arguments.recipes[1].clone(),
            message: "--lock-file holds the lock of one recipe; update recipes one at a time"
                .to_owned(),
        });
    }
    // Every recipe is resolved before any lock is written.
    let mut resolved = Vec::new();
    for path in &arguments.recipes {
        resolved.push(one(&session, path, arguments)?);
    }
    let (mut text, mut moved, mut results) = (String::new(), Vec::new(), Vec::new());
    for found in &resolved {
        for change in &found.changes {
            output.say(&format!("{}: {change}", found.name));
        }
        output.say(&format!("{}: {}", found.place.display(), found.summary()));
        if found.has_moved() {
            moved.push(found.name.clone());
            text.push_str(&found.markdown());
            if !arguments.check {
                write_lock(&found.place, &found.new)?;
            }
        }
        results.push(json!({
            "recipe": found.path, "lock": found.place, "new": found.old.is_none(),
            "changes": found.changes,
        }));
    }
    if text.is_empty() {
        text.push_str("Nothing has moved.\n");
    }
    if let Some(path) = &arguments.markdown {
        replace(path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output.object(&json!({ "recipes": results, "moved": moved }));
    match arguments.check && !moved.is_empty() {
        true => Err(LockStale(format!(
            "the archive has moved on from the locks of {}; run `dindimg update` without --check",
            moved.join(", ")
        ))
        .into()),
        false => Ok(()),
    }
}

/// A recipe with its lock as it was and as it would be.
struct Found {
    name: String,
    path: PathBuf,
    place: PathBuf,
    old: Option<Lock>,
    new: Lock,
    /// What has changed; newer repositories with the same packages are no change, and their lock
    /// stays.
    changes: Vec<String>,
}

fn one(session: &Session, path: &Path, arguments: &Update) -> Result<Found> {
    let recipes = recipe::load(path)?;
    warn_of_content(session, &recipes);
    let recipe = recipes.default();
    let place = lock_path(recipe, &arguments.locking);
    let old = previous_lock(session, &place, true)?;
    let allow = arguments.locking.allow_expired;
    let new = session.resolve(&recipes, old.as_ref(), &Keep::Nothing, allow)?;
    let mut changes = Vec::new();
    if let Some(old) = &old {
        changes.extend(lock::changes(old, &new).iter().map(ToString::to_string));
        changes.extend(lock::changed_artifacts(old, &recipes));
        let repositories = session.repositories(recipe)?;
        let stale = resolve::stale(old, &recipes, &repositories);
        changes.extend(stale.map(|why| format!("the lock {why}")));
    }
    Ok(Found {
        name: recipe.name.clone(),
        path: path.to_owned(),
        place,
        old,
        new,
        changes,
    })
}

impl Found {
    fn has_moved(&self) -> bool {
        self.old.is_none() || !self.changes.is_empty()
    }

    fn summary(&self) -> String {
        match (&self.old, self.changes.len()) {
            (None, _) => format!("{} packages", self.new.packages.len()),
            (Some(_), 0) => "nothing has moved".to_owned(),
            (Some(_), count) => format!("{count} changes"),
        }
    }

    fn markdown(&self) -> String {
        let Some(old) = &self.old else {
            let count = self.new.packages.len();
            return format!("## {}\n\nThe first lock: {count} packages.\n\n", self.name);
        };
        let mut text = lock::markdown(&self.name, old, &self.new);
        let packages = lock::changes(old, &self.new).len();
        for other in self.changes.iter().skip(packages) {
            text.push_str(&format!("\n- {other}\n"));
        }
        text + "\n"
    }
}
