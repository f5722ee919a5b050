//! `dindimg lock`

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::json;

use crate::lock::{Change, changed_artifacts, changes};
use crate::recipe::{self, Recipes};
use crate::resolve::{self, Keep};

use super::args::{Common, Lock};
use super::context::{Session, lock_path, previous_lock, warn_of_content, write_lock};
use super::exit::LockStale;
use super::output::Output;

pub(super) fn run(arguments: &Lock, common: &Common, output: &Output) -> Result<()> {
    let session = Session::open(common, false, output.reporter())?;
    if arguments.locking.lock_file.is_some() && arguments.recipes.len() > 1 {
        bail!(crate::recipe::RecipeError::Whole {
            path: arguments.recipes[1].clone(),
            message: "--lock-file holds the lock of one recipe; lock recipes one at a time"
                .to_owned(),
        });
    }
    let mut report = Vec::new();
    for path in &arguments.recipes {
        let recipes = recipe::load(path)?;
        warn_of_content(&session, &recipes);
        let lock_path = lock_path(recipes.default(), &arguments.locking);
        let previous = previous_lock(&session, &lock_path, arguments.update)?;
        if arguments.check {
            check(&session, arguments, &recipes, previous.as_ref(), &lock_path)?;
            output.say(&format!("{} is current", lock_path.display()));
            report.push(json!({ "lock": lock_path, "current": true }));
            continue;
        }
        let keep = if arguments.update {
            Keep::Nothing
        } else {
            Keep::AllBut(
                arguments
                    .update_package
                    .iter()
                    .cloned()
                    .collect::<BTreeSet<_>>(),
            )
        };
        if let Some(previous) = &previous {
            let unknown = arguments.update_package.iter().find(|name| {
                !previous
                    .packages
                    .iter()
                    .any(|package| package.name == **name)
            });
            if let Some(name) = unknown {
                bail!(LockStale(format!(
                    "{} has no package `{name}` to update",
                    lock_path.display()
                )));
            }
        }
        let lock = session.resolve(
            &recipes,
            previous.as_ref(),
            &keep,
            arguments.locking.allow_expired,
        )?;
        write_lock(&lock_path, &lock)?;
        let mut changed: Vec<String> = Vec::new();
        if let Some(previous) = &previous {
            changed.extend(changes(previous, &lock).iter().map(Change::to_string));
            changed.extend(changed_artifacts(previous, &recipes));
        }
        describe(
            output,
            &lock_path.display().to_string(),
            previous.is_some(),
            &changed,
            lock.packages.len(),
        );
        report.push(json!({
            "lock": lock_path,
            "packages": lock.packages.len(),
            "changes": changed,
        }));
    }
    output.object(&json!({ "locks": report }));
    Ok(())
}

fn describe(output: &Output, path: &str, existed: bool, changed: &[String], packages: usize) {
    match (existed, changed) {
        (false, _) => output.say(&format!("{path}: {packages} packages")),
        (true, []) => output.say(&format!("{path}: {packages} packages, no change")),
        (true, changed) => {
            output.say(&format!("{path}: {} changes", changed.len()));
            for change in changed {
                output.say(&format!("  {change}"));
            }
        }
    }
}

/// Fails unless the lock answers the recipe and the archive has nothing newer.
fn check(
    session: &Session,
    arguments: &Lock,
    recipes: &Recipes,
    previous: Option<&crate::lock::Lock>,
    path: &std::path::Path,
) -> Result<()> {
    let Some(previous) = previous else {
        bail!(LockStale(format!(
            "lock file {} does not exist",
            path.display()
        )));
    };
    let repositories = session.repositories(recipes.default())?;
    if let Some(why) = resolve::stale(previous, recipes, &repositories) {
        bail!(LockStale(format!("lock file {} {why}", path.display())));
    }
    let changed = changed_artifacts(previous, recipes);
    if !changed.is_empty() {
        bail!(LockStale(format!(
            "lock file {} is stale: since it was made, {}; run `dindimg lock {}`",
            path.display(),
            changed.join(", "),
            recipes.default().path.display()
        )));
    }
    let fresh = session.resolve(
        recipes,
        Some(previous),
        &Keep::Nothing,
        arguments.locking.allow_expired,
    )?;
    let changed = changes(previous, &fresh);
    if !changed.is_empty() {
        let lines: Vec<String> = changed.iter().map(|change| format!("  {change}")).collect();
        bail!(LockStale(format!(
            "the archive has moved on from {}:\n{}\nrun `dindimg lock --update {}`",
            path.display(),
            lines.join("\n"),
            recipes.default().path.display()
        )));
    }
    Ok(())
}
