//! Nothing that everybody may write, but directories with the sticky bit (chmod(1)).

use crate::tree::{Kind, Node};

use super::{Check, HardenError, Subject};

pub(super) const CHECK: Check = Check {
    key: "world-writable",
    run,
};

fn run(subject: &Subject<'_>) -> Result<Vec<String>, HardenError> {
    if subject.hardening.world_writable {
        return Ok(Vec::new());
    }
    let found = subject
        .tree
        .iter()
        .filter(|(path, placed)| open(&placed.node) && subject.answers_for(path, placed));
    Ok(found
        .map(|(path, placed)| {
            let mode = placed.node.meta.mode;
            let remedy = match placed.node.kind {
                Kind::Directory => format!("{:04o}", mode | 0o1000),
                _ => format!("{:04o}", mode & !0o002),
            };
            format!("everybody may write {path}, whose mode is {mode:04o}: make it {remedy}")
        })
        .collect())
}

fn open(node: &Node) -> bool {
    let mode = node.meta.mode;
    match node.kind {
        Kind::Symlink(_) => false,
        Kind::Directory => mode & 0o1002 == 0o002,
        _ => mode & 0o002 != 0,
    }
}
