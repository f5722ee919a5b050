//! `dindimg update`: new locks, and what has changed in words for a pull request.

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::lock;
use crate::recipe::{self, RecipeError};
use crate::resolve::Keep;

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
    let (mut text, mut moved, mut results) = (String::new(), Vec::new(), Vec::new());
    for path in &arguments.recipes {
        let recipes = recipe::load(path)?;
        warn_of_content(&session, &recipes);
        let lock_path = lock_path(recipes.default(), &arguments.locking);
        let previous = previous_lock(&session, &lock_path, true)?;
        let allow = arguments.locking.allow_expired;
        let lock = session.resolve(&recipes, previous.as_ref(), &Keep::Nothing, allow)?;
        let old = previous.as_ref();
        let changes = old.map_or_else(Vec::new, |old| lock::changes(old, &lock));
        let is_new = old.is_none();
        // A lock whose repositories alone are newer gives an image of another date.
        let dated = old.is_some_and(|old| old.epoch != lock.epoch);
        if is_new || !changes.is_empty() {
            moved.push(recipes.default().name.clone());
            let part = match old {
                Some(old) => lock::markdown(&recipes.default().name, old, &lock),
                None => format!(
                    "## {}\n\nThe first lock: {} packages.\n",
                    recipes.default().name,
                    lock.packages.len()
                ),
            };
            text.push_str(&part);
            text.push('\n');
        }
        for change in &changes {
            output.say(&format!("{}: {change}", recipes.default().name));
        }
        output.say(&format!(
            "{}: {}",
            lock_path.display(),
            match (is_new, changes.len()) {
                (true, _) => format!("{} packages", lock.packages.len()),
                (false, 0) => "no package has moved".to_owned(),
                (false, count) => format!("{count} changes"),
            }
        ));
        if !arguments.check {
            write_lock(&lock_path, &lock)?;
        }
        results.push(json!({
            "recipe": path, "lock": lock_path, "new": is_new, "dated": dated,
            "changes": changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
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
