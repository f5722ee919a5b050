//! The modes of packages' files: set-id bits, writing by everybody, and reading of what the recipe
//! calls a secret. dpkg is told of each change, so that an upgrade keeps to it
//! (dpkg-statoverride(1)).

use std::collections::BTreeMap;

use crate::recipe::Hardening;
use crate::setup::divert::shipped_name;
use crate::setup::{Package, Setup};
use crate::tree::{Kind, Node, Owner, TreePath};

use super::HardenError;
use super::named::named;

/// The set-user-id and set-group-id bits.
pub(super) const SET_ID: u32 = 0o6000;
/// The sticky bit.
const STICKY: u32 = 0o1000;
/// Writing by everybody.
const OTHERS_WRITE: u32 = 0o002;
/// Everything that everybody may do.
pub(super) const OTHERS: u32 = 0o007;
/// dpkg's record: user, group, mode and path on a line.
const OVERRIDES: &str = "var/lib/dpkg/statoverride";
/// What these changes are called in messages.
pub(super) const RULE: &str = "hardening";

/// Changes the modes of packages' files as `hardening` asks, and returns the paths that lost their
/// set-id bits.
///
/// # Errors
/// When the package manager's record cannot be written.
pub fn mend(setup: &mut Setup<'_>, hardening: &Hardening) -> Result<Vec<String>, HardenError> {
    setup.rule = RULE;
    let kept = named(setup.tree, &hardening.setuid)?;
    let secrets = named(setup.tree, &hardening.secrets)?;
    let mut changes: BTreeMap<TreePath, u32> = BTreeMap::new();
    let mut lost = Vec::new();
    for (path, placed) in setup.tree.iter() {
        let Owner::Package(_) = placed.owner else {
            continue;
        };
        let mode = placed.node.meta.mode;
        let asked = Asked {
            keeps_bits: kept.contains(path),
            world_writable: hardening.world_writable,
            secret: secrets.contains(path),
        };
        let mended = mended(&placed.node, asked);
        if mode != mended {
            changes.insert(path.clone(), mended);
        }
        if (mode ^ mended) & SET_ID != 0 {
            lost.push(path.to_string());
        }
    }
    for (path, mode) in &changes {
        setup.tree.amend(path, |meta| meta.mode = *mode);
    }
    if setup.has("dpkg") {
        record(setup, changes.keys())?;
    }
    Ok(lost)
}

/// What the recipe says of an entry.
#[derive(Clone, Copy, Default)]
struct Asked {
    keeps_bits: bool,
    world_writable: bool,
    secret: bool,
}

/// The mode an entry gets. Directories keep a set-group-id bit, which hands on their group and
/// gives nobody a privilege.
fn mended(node: &Node, asked: Asked) -> u32 {
    let mut mode = node.meta.mode;
    match node.kind {
        Kind::Symlink(_) => return mode,
        Kind::Directory => {
            if mode & OTHERS_WRITE != 0 && !asked.world_writable {
                mode |= STICKY;
            }
        }
        _ => {
            if !asked.keeps_bits {
                mode &= !SET_ID;
            }
            if !asked.world_writable {
                mode &= !OTHERS_WRITE;
            }
            if asked.secret {
                mode &= !OTHERS;
            }
        }
    }
    mode
}

/// Adds the present owners and modes of `paths` to dpkg's overrides, under the names that packages
/// have for them.
fn record<'a>(
    setup: &mut Setup<'_>,
    paths: impl Iterator<Item = &'a TreePath>,
) -> Result<(), HardenError> {
    let users = names(setup, "etc/passwd")?;
    let groups = names(setup, "etc/group")?;
    let mut text = setup.text(OVERRIDES)?.unwrap_or_default();
    for path in paths {
        let Some(placed) = setup.tree.get(path) else {
            continue;
        };
        let Some(package) = package_of(setup.packages, placed.owner) else {
            continue;
        };
        let Some(name) = shipped_name(setup.tree, package, path) else {
            continue;
        };
        let meta = &placed.node.meta;
        // Numbers of nobody are written as such (dpkg, `lib/dpkg/db-fsys-override.c`).
        let of = |names: &BTreeMap<u32, String>, id: u32| {
            names.get(&id).cloned().unwrap_or_else(|| format!("#{id}"))
        };
        text.push_str(&format!(
            "{} {} {:o} {name}\n",
            of(&users, meta.uid),
            of(&groups, meta.gid),
            meta.mode
        ));
    }
    if !text.is_empty() {
        setup.write(OVERRIDES, 0o644, text.as_str())?;
    }
    Ok(())
}

fn package_of(packages: &[Package], owner: Owner) -> Option<&Package> {
    match owner {
        Owner::Package(number) => packages.get(number),
        Owner::Generated => None,
    }
}

/// The names of `/etc/passwd` or `/etc/group` by number; the first of several counts.
fn names(setup: &Setup<'_>, path: &str) -> Result<BTreeMap<u32, String>, HardenError> {
    let mut names = BTreeMap::new();
    for line in setup.text(path)?.unwrap_or_default().lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(id)) = (fields.next(), fields.nth(1))
            && let Ok(id) = id.parse()
        {
            names.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use crate::tree::Meta;

    use super::*;

    #[test]
    fn bits_and_open_doors_go_and_what_they_do_not_concern_stays() {
        let file = || Kind::File("x".into());
        for (kind, mode, keeps_bits, world_writable, wanted) in [
            (file(), 0o4755, false, false, 0o755),
            (file(), 0o4755, true, false, 0o4755),
            (file(), 0o2755, false, true, 0o755),
            (file(), 0o666, false, false, 0o664),
            (file(), 0o666, false, true, 0o666),
            (Kind::Directory, 0o777, false, false, 0o1777),
            (Kind::Directory, 0o1777, false, false, 0o1777),
            (Kind::Directory, 0o2775, false, false, 0o2775),
            (Kind::Symlink("x".to_owned()), 0o777, false, false, 0o777),
        ] {
            let node = Node {
                kind: kind.clone(),
                meta: Meta::root(mode, 0),
            };
            let asked = Asked {
                keeps_bits,
                world_writable,
                secret: false,
            };
            assert_eq!(mended(&node, asked), wanted, "{kind:?} {mode:o}");
            let secret = Asked {
                secret: true,
                ..asked
            };
            let private = match kind {
                Kind::File(_) => wanted & !0o007,
                _ => wanted,
            };
            assert_eq!(mended(&node, secret), private, "{kind:?} {mode:o}");
        }
    }
}
