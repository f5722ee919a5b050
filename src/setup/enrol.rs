//! The users and groups of a recipe, as groupadd(8), useradd(8) and usermod(8) would add them to
//! the accounts of the distribution.

use crate::recipe::{AccountRef, Content, OwnerText};
use crate::tree::{Kind, Meta, Node, TreePath};

use super::accounts::Accounts;
use super::context::{Setup, SetupError};

mod databases;
mod ids;

pub use databases::{Databases, Enrolled};

const RULE: &str = "users";
/// Group `shadow` in base-passwd's master.
const SHADOW: u32 = 42;
/// What a new home directory starts with.
const SKELETON: &str = "etc/skel";
/// Mode of a new home directory: `HOME_MODE` of login.defs(5).
const HOME_MODE: u32 = 0o700;
/// The shells of a user who names none, the first that is there.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

/// Adds what `content` asks for to the account databases in the tree, and makes home directories.
pub fn enrol(setup: &mut Setup<'_>, content: &Content) -> Result<(), SetupError> {
    if content.users.is_empty() && content.groups.is_empty() {
        return Ok(());
    }
    setup.rule = RULE;
    if !setup.exists("etc/passwd") || !setup.exists("etc/group") {
        return Err(setup.input(
            "[users]",
            format!(
                "the image has no /etc/passwd; add `{}` to [packages] `include`",
                setup.conventions.accounts
            ),
        ));
    }
    for (name, user) in &content.users {
        if let Some(shell) = &user.shell
            && !found(setup, shell.as_str())
        {
            let message = format!("the image has no {shell}; add the package that has it");
            return Err(setup.input(&format!("[users.{name}]"), message));
        }
    }
    let shell = SHELLS
        .into_iter()
        .find(|shell| found(setup, shell))
        .unwrap_or(SHELLS[1]);
    let text = |path: &str| Ok(setup.text(path)?.unwrap_or_default());
    let before = Databases {
        passwd: text("etc/passwd")?,
        group: text("etc/group")?,
        shadow: text("etc/shadow")?,
        gshadow: text("etc/gshadow")?,
        subuid: text("etc/subuid")?,
        subgid: text("etc/subgid")?,
    };
    let (after, enrolled) = before
        .clone()
        .enrol(content, shell, setup.conventions.no_shell, setup.epoch)
        .map_err(|(subject, message)| setup.input(&subject, message))?;
    setup.write("etc/passwd", 0o644, after.passwd.as_str())?;
    setup.write("etc/group", 0o644, after.group.as_str())?;
    setup.write_as("etc/shadow", 0o640, SHADOW, after.shadow.as_str())?;
    // Alpine has no such file.
    if setup.exists("etc/gshadow") {
        setup.write_as("etc/gshadow", 0o640, SHADOW, after.gshadow.as_str())?;
    }
    for (path, old, new) in [
        ("etc/subuid", &before.subuid, &after.subuid),
        ("etc/subgid", &before.subgid, &after.subgid),
    ] {
        if old != new {
            setup.write(path, 0o644, new.as_str())?;
        }
    }
    for (old, new) in &enrolled.renumbered {
        renumber(setup, *old, *new);
    }
    for home in &enrolled.homes {
        make_home(setup, home)?;
    }
    Ok(())
}

fn found(setup: &Setup<'_>, path: &str) -> bool {
    TreePath::parse(path).is_ok_and(|path| setup.tree.file(&path).is_some())
}

/// Gives what belongs to a group its new number.
fn renumber(setup: &mut Setup<'_>, old: u32, new: u32) {
    let paths: Vec<TreePath> = setup
        .tree
        .iter()
        .filter(|(_, placed)| placed.node.meta.gid == old)
        .map(|(path, _)| path.clone())
        .collect();
    for path in paths {
        setup.tree.amend(&path, |meta| meta.gid = new);
    }
}

/// Copies the skeleton for its new owner; a directory that is there stays as it is.
fn make_home(setup: &mut Setup<'_>, home: &databases::Home) -> Result<(), SetupError> {
    let path = setup.path(&home.path)?;
    if setup.tree.contains(&path) {
        return Ok(());
    }
    let mtime = setup.epoch.seconds();
    let own = |mode: u32| Meta {
        uid: home.uid,
        gid: home.gid,
        ..Meta::root(mode, mtime)
    };
    let mut entries = vec![(
        path.clone(),
        Node {
            kind: Kind::Directory,
            meta: own(HOME_MODE),
        },
    )];
    let skeleton = setup.path(SKELETON)?;
    let top = setup
        .tree
        .follow(&skeleton)
        .map_err(|error| setup.input(SKELETON, error.to_string()))?;
    for (at, placed) in setup.tree.below(&top) {
        let below = &at.as_str()[top.as_str().len()..];
        let kind = match &placed.node.kind {
            Kind::File(_) | Kind::Hardlink(_) => {
                let content = setup.read(at.as_str())?.unwrap_or_default();
                Kind::File(content.into())
            }
            Kind::Directory => Kind::Directory,
            Kind::Symlink(target) => Kind::Symlink(target.clone()),
            _ => continue,
        };
        let meta = own(placed.node.meta.mode);
        let copy = path
            .join(below)
            .map_err(|error| setup.input(at.as_str(), error.to_string()))?;
        entries.push((copy, Node { kind, meta }));
    }
    for (path, node) in entries {
        setup
            .tree
            .set(&path, node)
            .map_err(|source| SetupError::Tree { rule: RULE, source })?;
    }
    Ok(())
}

/// Looks owners up in the finished account databases of an image.
pub struct Owners {
    accounts: Accounts,
}

impl Owners {
    /// The accounts of the tree; an image without databases knows root alone.
    pub fn of(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let text = |path: &str| Ok::<_, SetupError>(setup.text(path)?.unwrap_or_default());
        let accounts = Accounts::parse(&text("etc/passwd")?, &text("etc/group")?)
            .map_err(|line| setup.input("/etc/passwd", format!("unreadable line `{line}`")))?;
        Ok(Self { accounts })
    }

    /// The numbers of an owner; the error names who is not known. Without a group it is the
    /// user's first one, or the one with the number of a user nobody knows.
    pub fn ids(&self, owner: &OwnerText) -> Result<(u32, u32), String> {
        let uid = match &owner.user {
            AccountRef::Id(id) => *id,
            AccountRef::Name(name) if name.as_str() == "root" => 0,
            AccountRef::Name(name) => self
                .accounts
                .uid(name.as_str())
                .ok_or_else(|| ids::unknown("user", name.as_str(), self.users()))?,
        };
        let gid = match &owner.group {
            Some(AccountRef::Id(id)) => *id,
            Some(AccountRef::Name(name)) if name.as_str() == "root" => 0,
            Some(AccountRef::Name(name)) => self
                .accounts
                .gid(name.as_str())
                .ok_or_else(|| ids::unknown("group", name.as_str(), self.groups()))?,
            None => self
                .accounts
                .users
                .iter()
                .find(|user| user.uid == uid)
                .map_or(uid, |user| user.gid),
        };
        Ok((uid, gid))
    }

    fn users(&self) -> impl Iterator<Item = &str> {
        self.accounts.users.iter().map(|user| user.name.as_str())
    }

    fn groups(&self) -> impl Iterator<Item = &str> {
        self.accounts.groups.iter().map(|group| group.name.as_str())
    }
}
