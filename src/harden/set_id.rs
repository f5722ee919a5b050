//! No set-user-id and set-group-id bits but those the recipe names.

use crate::tree::{Kind, Placed, TreePath};

use super::mend::SET_ID;
use super::named::named;
use super::{Check, HardenError, Subject};

pub(super) const CHECK: Check = Check { key: "setuid", run };

fn run(subject: &Subject<'_>) -> Result<Vec<String>, HardenError> {
    let kept = named(subject.tree, &subject.hardening.setuid)?;
    let privileged = |path: &TreePath, placed: &Placed| {
        !matches!(placed.node.kind, Kind::Directory | Kind::Symlink(_))
            && placed.node.meta.mode & SET_ID != 0
            && !kept.contains(path)
            && subject.answers_for(path, placed)
    };
    let found = subject
        .tree
        .iter()
        .filter(|(path, placed)| privileged(path, placed));
    Ok(found
        .map(|(path, placed)| {
            let mode = placed.node.meta.mode;
            format!(
                "{path} gives whoever runs it the rights of its owner or group, by its mode {mode:04o}: make it {:04o}, or name it in `setuid`",
                mode & !SET_ID
            )
        })
        .collect())
}
