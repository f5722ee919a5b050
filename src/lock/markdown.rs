//! What has changed between two locks, for whoever reviews it.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::{Change, changes};
use super::model::{Lock, LockedPackage};

/// The changes from `old` to `new` of a recipe, in Markdown: what moved, by source package, what
/// came and went, and what wants a look.
pub fn markdown(name: &str, old: &Lock, new: &Lock) -> String {
    let changes = changes(old, new);
    let mut text = format!("## {name}\n\n");
    let (before, after) = (old.epoch, new.epoch);
    if changes.is_empty() {
        text.push_str("No package has changed.\n");
        return text;
    }
    let bytes = |lock: &Lock| lock.packages.iter().map(|one| one.size).sum::<u64>();
    text.push_str(&format!(
        "Repositories of {before} → {after}; {} → {} packages, {} → {} bytes of packages.\n",
        old.packages.len(),
        new.packages.len(),
        bytes(old),
        bytes(new),
    ));
    let looks = changes
        .iter()
        .filter(|change| matches!(change, Change::Rebuilt { .. } | Change::Script { .. }));
    let looks: Vec<String> = looks.map(|change| format!("- {change}\n")).collect();
    if !looks.is_empty() {
        text.push_str("\n### To be looked at\n\n");
        text.extend(looks);
    }
    text.push_str(&moved(old, new));
    for (title, added) in [("Added", true), ("Removed", false)] {
        let lines: Vec<String> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Added { package, version } if added => Some((package, version)),
                Change::Removed { package, version } if !added => Some((package, version)),
                _ => None,
            })
            .map(|(package, version)| format!("- `{package}` {version}\n"))
            .collect();
        if !lines.is_empty() {
            text.push_str(&format!("\n### {title}\n\n"));
            text.extend(lines);
        }
    }
    text
}

/// The packages that have another version, those of one source and one step on one line.
fn moved(old: &Lock, new: &Lock) -> String {
    let key = |one: &LockedPackage| (one.name.clone(), one.architecture.clone());
    let before: BTreeMap<_, _> = old.packages.iter().map(|one| (key(one), one)).collect();
    let mut steps: BTreeMap<(&str, &str, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    for is in &new.packages {
        let Some(was) = before.get(&key(is)).filter(|was| was.version != is.version) else {
            continue;
        };
        let step = (
            is.source.as_str(),
            was.version.as_str(),
            is.version.as_str(),
            is.repository.as_str(),
        );
        steps.entry(step).or_default().insert(&is.name);
    }
    if steps.is_empty() {
        return String::new();
    }
    let mut text =
        "\n### Moved\n\n| Source | Packages | from | to | repository |\n|---|---|---|---|---|\n"
            .to_owned();
    for ((source, from, to, repository), names) in steps {
        let names: Vec<&str> = names.into_iter().collect();
        text.push_str(&format!(
            "| `{source}` | {} | {from} | {to} | {repository} |\n",
            names.join(", ")
        ));
    }
    text
}
