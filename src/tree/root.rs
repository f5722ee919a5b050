//! The tree itself: placing entries through links already in it, ownership and conflicts.

use std::collections::BTreeMap;

use super::node::{Content, Kind, Meta, Node};
use super::path::{PathError, TreePath};

/// Most links followed in one resolution: Linux's `MAXSYMLINKS`.
const LINK_LIMIT: usize = 40;

/// Who put an entry into the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owner {
    /// The package at this position of the package list.
    Package(usize),
    /// A script rule, a database writer or the guest runtime.
    Generated,
}

/// An entry and who put it there.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The entry.
    pub node: Node,
    /// Its owner: for a directory that several packages ship, the first.
    pub owner: Owner,
}

/// Why an entry cannot be placed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Two packages ship different files at one path and neither replaces the other.
    #[error("{path} is shipped by two packages, and neither declares that it replaces the other")]
    Conflict {
        /// The path after links are resolved.
        path: TreePath,
        /// Who placed it first.
        first: Owner,
        /// Who came second.
        second: Owner,
    },
    /// A path leads through something that is not a directory.
    #[error("{path} cannot be placed: {blocker} is not a directory")]
    NotADirectory {
        /// The path wanted.
        path: TreePath,
        /// What stands in its way.
        blocker: TreePath,
    },
    /// A directory with something in it would vanish.
    #[error("{0} is a directory with entries in it and cannot become something else")]
    NotEmpty(TreePath),
    /// Links lead in a circle.
    #[error("{0} leads through more than {LINK_LIMIT} links")]
    LinkLoop(TreePath),
    /// A hard link to nothing, or to something that is not a file.
    #[error("{path} is a hard link to {target}, which is no regular file of the same package")]
    Hardlink {
        /// The link.
        path: TreePath,
        /// What it names.
        target: TreePath,
    },
    /// The content of a file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Content {
        /// The file.
        path: TreePath,
        /// Why.
        source: std::io::Error,
    },
    /// A link target that is no path.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The virtual root file system.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: BTreeMap<TreePath, Placed>,
}

impl Tree {
    /// A tree with nothing but its root directory, mode 0755, dated `mtime`.
    pub fn new(mtime: i64) -> Self {
        let root = Placed {
            node: Node {
                kind: Kind::Directory,
                meta: Meta::root(0o755, mtime),
            },
            owner: Owner::Generated,
        };
        Self {
            nodes: BTreeMap::from([(TreePath::root(), root)]),
        }
    }

    /// Every entry, parents before what lies in them.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Placed)> {
        self.nodes.iter()
    }

    /// The entry that stands exactly at `path`, no links followed.
    pub fn get(&self, path: &TreePath) -> Option<&Placed> {
        self.nodes.get(path)
    }

    /// Where `path` leads when the links in its directories are followed, but not the last name.
    pub fn locate(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok(self.follow(&parent)?.join(name)?),
            _ => Ok(TreePath::root()),
        }
    }

    /// Where `path` leads when every link is followed, the last name included. A path that does
    /// not exist leads to where it would be created.
    pub fn follow(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        let mut links = 0;
        let mut done = TreePath::root();
        let mut ahead: Vec<String> = path.components().map(str::to_owned).collect();
        ahead.reverse();
        while let Some(name) = ahead.pop() {
            if name == ".." {
                done = done.parent().unwrap_or_default();
                continue;
            }
            let next = done.join(&name)?;
            match self.nodes.get(&next).map(|placed| &placed.node.kind) {
                Some(Kind::Symlink(target)) => {
                    links += 1;
                    if links > LINK_LIMIT {
                        return Err(TreeError::LinkLoop(path.clone()));
                    }
                    if target.starts_with('/') {
                        done = TreePath::root();
                    }
                    ahead.extend(
                        target
                            .split('/')
                            .rev()
                            .filter(|part| !matches!(*part, "" | "."))
                            .map(str::to_owned),
                    );
                }
                _ => done = next,
            }
        }
        Ok(done)
    }

    /// The content of the regular file that `path` leads to, links followed.
    pub fn file(&self, path: &TreePath) -> Option<&Content> {
        let mut at = self.follow(path).ok()?;
        if let Kind::Hardlink(target) = &self.nodes.get(&at)?.node.kind {
            at = target.clone();
        }
        match &self.nodes.get(&at)?.node.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// Whether anything stands where `path` leads, the last link not followed.
    pub fn contains(&self, path: &TreePath) -> bool {
        self.locate(path)
            .is_ok_and(|path| self.nodes.contains_key(&path))
    }

    /// The entries below the directory that `path` leads to, itself not included.
    pub fn below(&self, path: &TreePath) -> Vec<(&TreePath, &Placed)> {
        let Ok(top) = self.follow(path) else {
            return Vec::new();
        };
        self.nodes
            .range(top.clone()..)
            .skip_while(|(path, _)| **path == top)
            .take_while(|(path, _)| path.as_str().starts_with(top.as_str()))
            .filter(|(path, _)| path.starts_with(&top))
            .collect()
    }

    /// Places an entry of package number `package`. `replaces(a, b)` tells whether package `a`
    /// may overwrite files of package `b` (dpkg's Replaces).
    pub fn place(
        &mut self,
        path: &TreePath,
        mut node: Node,
        package: usize,
        replaces: &dyn Fn(usize, usize) -> bool,
    ) -> Result<TreePath, TreeError> {
        let owner = Owner::Package(package);
        let mut at = self.locate(path)?;
        if matches!(node.kind, Kind::Directory) {
            // dpkg keeps a link that leads to a directory where a package ships the directory.
            let real = self.follow(&at)?;
            if real != at && self.is_directory(&real) {
                at = real;
            }
        }
        if let Kind::Hardlink(target) = &node.kind {
            let target = self.locate(target)?;
            let same = |placed: &&Placed| placed.owner == owner;
            match self.nodes.get(&target).filter(same).map(|p| &p.node.kind) {
                Some(Kind::File(_)) => node.kind = Kind::Hardlink(target),
                Some(Kind::Hardlink(first)) => node.kind = Kind::Hardlink(first.clone()),
                _ => return Err(TreeError::Hardlink { path: at, target }),
            }
        }
        if let Some(present) = self.nodes.get(&at) {
            match self.judge(&at, present, &node, owner, replaces)? {
                Keep::Present => return Ok(at),
                Keep::New => {}
            }
        }
        self.insert(at, node, owner)
    }

    /// Places a generated entry, over whatever stands there; a directory that is already there
    /// takes the new metadata.
    pub fn set(&mut self, path: &TreePath, node: Node) -> Result<TreePath, TreeError> {
        let at = self.locate(path)?;
        self.insert(at, node, Owner::Generated)
    }

    /// Changes the metadata of an entry where it stands; its owner stays. `false` if there is
    /// nothing.
    pub fn amend(&mut self, path: &TreePath, change: impl FnOnce(&mut Meta)) -> bool {
        let Ok(at) = self.locate(path) else {
            return false;
        };
        self.nodes
            .get_mut(&at)
            .map(|placed| change(&mut placed.node.meta))
            .is_some()
    }

    fn is_directory(&self, path: &TreePath) -> bool {
        self.nodes
            .get(path)
            .is_some_and(|placed| matches!(placed.node.kind, Kind::Directory))
    }

    fn judge(
        &self,
        at: &TreePath,
        present: &Placed,
        new: &Node,
        owner: Owner,
        replaces: &dyn Fn(usize, usize) -> bool,
    ) -> Result<Keep, TreeError> {
        if let (Kind::Directory, Kind::Directory) = (&present.node.kind, &new.kind) {
            // A directory made before the packages is that of the first one to ship it. With the
            // time it was made at, each new epoch would change every layer that repeats it.
            return Ok(match present.owner {
                Owner::Generated => Keep::New,
                Owner::Package(_) => Keep::Present,
            });
        }
        // After the usr-merge a compatibility link of a package can point at itself
        // (`/usr/bin/touch -> /bin/touch` beside `/bin/touch`): the file is what was meant.
        let points_at_itself = |kind: &Kind| match kind {
            Kind::Symlink(target) => self.target_of(at, target).is_some_and(|to| to == *at),
            _ => false,
        };
        if points_at_itself(&new.kind) {
            return Ok(Keep::Present);
        }
        if points_at_itself(&present.node.kind) {
            return Ok(Keep::New);
        }
        if let (Kind::Symlink(a), Kind::Symlink(b)) = (&present.node.kind, &new.kind)
            && self.target_of(at, a) == self.target_of(at, b)
        {
            return Ok(Keep::Present);
        }
        match (present.owner, owner) {
            (Owner::Package(old), Owner::Package(new)) if old == new => Ok(Keep::New),
            (Owner::Package(old), Owner::Package(new)) if replaces(new, old) => Ok(Keep::New),
            (Owner::Package(old), Owner::Package(new)) if replaces(old, new) => Ok(Keep::Present),
            (Owner::Generated, Owner::Package(_)) => Ok(Keep::Present),
            (first, second) => Err(TreeError::Conflict {
                path: at.clone(),
                first,
                second,
            }),
        }
    }

    /// Where a link at `at` leads, its directories resolved; the link itself is not followed.
    fn target_of(&self, at: &TreePath, target: &str) -> Option<TreePath> {
        let (directory, name) = target.rsplit_once('/').unwrap_or(("", target));
        let mut base = if target.starts_with('/') {
            TreePath::root()
        } else {
            at.parent()?
        };
        for part in directory
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
        {
            base = if part == ".." {
                base.parent().unwrap_or_default()
            } else {
                self.follow(&base.join(part).ok()?).ok()?
            };
        }
        base.join(name).ok()
    }

    /// Before the file at `at` is replaced: its other names keep the content, under the first of
    /// them, as dpkg leaves them.
    fn promote_links_of(&mut self, at: &TreePath, new: &Node) {
        let Some(Kind::File(content)) = self.nodes.get(at).map(|placed| placed.node.kind.clone())
        else {
            return;
        };
        if matches!(&new.kind, Kind::Hardlink(target) if target == at) {
            return;
        }
        let mut first: Option<TreePath> = None;
        for (path, placed) in &mut self.nodes {
            if matches!(&placed.node.kind, Kind::Hardlink(target) if target == at) {
                placed.node.kind = match &first {
                    None => Kind::File(content.clone()),
                    Some(first) => Kind::Hardlink(first.clone()),
                };
                first.get_or_insert_with(|| path.clone());
            }
        }
    }

    fn insert(&mut self, at: TreePath, node: Node, owner: Owner) -> Result<TreePath, TreeError> {
        let mut missing = Vec::new();
        let mut above = at.parent();
        while let Some(parent) = above {
            match self.nodes.get(&parent).map(|placed| &placed.node.kind) {
                Some(Kind::Directory) => break,
                Some(_) => {
                    return Err(TreeError::NotADirectory {
                        path: at,
                        blocker: parent,
                    });
                }
                None => {
                    above = parent.parent();
                    missing.push(parent);
                }
            }
        }
        self.promote_links_of(&at, &node);
        let was_directory = self.is_directory(&at);
        if was_directory && !matches!(node.kind, Kind::Directory) && !self.below(&at).is_empty() {
            return Err(TreeError::NotEmpty(at));
        }
        for parent in missing {
            let node = Node {
                kind: Kind::Directory,
                meta: Meta::root(0o755, node.meta.mtime),
            };
            self.nodes.insert(parent, Placed { node, owner });
        }
        self.nodes.insert(at.clone(), Placed { node, owner });
        Ok(at)
    }
}

/// Which of two entries at one path stays.
enum Keep {
    Present,
    New,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).expect("valid path")
    }

    fn node(kind: Kind) -> Node {
        Node {
            kind,
            meta: Meta::root(0o755, 0),
        }
    }

    fn file(text: &str) -> Node {
        node(Kind::File(text.into()))
    }

    fn link(target: &str) -> Node {
        node(Kind::Symlink(target.to_owned()))
    }

    fn never(_: usize, _: usize) -> bool {
        false
    }

    fn merged() -> Tree {
        let mut tree = Tree::new(0);
        tree.set(&path("usr/bin"), node(Kind::Directory))
            .expect("placed");
        tree.set(&path("bin"), link("usr/bin")).expect("placed");
        tree
    }

    fn text(tree: &Tree, at: &str) -> String {
        let content = tree.file(&path(at)).expect("a file");
        String::from_utf8(content.read().expect("in memory")).expect("text")
    }

    #[test]
    fn entries_below_a_link_land_where_it_leads() {
        let mut tree = merged();
        let at = tree
            .place(&path("bin/sh"), file("dash"), 0, &never)
            .expect("placed");
        assert_eq!(at, path("usr/bin/sh"));
        assert_eq!(text(&tree, "bin/sh"), "dash");
        tree.place(&path("bin"), node(Kind::Directory), 0, &never)
            .expect("merged");
        assert!(matches!(
            tree.get(&path("bin")).expect("kept").node.kind,
            Kind::Symlink(_)
        ));
    }

    #[test]
    fn a_directory_made_before_the_packages_is_that_of_the_first_that_ships_it() {
        let mut tree = Tree::new(99);
        let directory = |mtime| Node {
            kind: Kind::Directory,
            meta: Meta::root(0o755, mtime),
        };
        tree.set(&path("usr/bin"), directory(99)).expect("made");
        for (package, mtime) in [(0, 5), (1, 7)] {
            for at in [TreePath::root(), path("usr"), path("usr/bin")] {
                tree.place(&at, directory(mtime), package, &never)
                    .expect("placed");
            }
        }
        for at in [TreePath::root(), path("usr"), path("usr/bin")] {
            let placed = tree.get(&at).expect("there");
            assert_eq!(placed.owner, Owner::Package(0), "{at}");
            assert_eq!(placed.node.meta.mtime, 5, "{at}");
        }
    }

    #[test]
    fn a_link_that_points_at_itself_after_the_merge_gives_way_to_the_file() {
        for file_first in [true, false] {
            let mut tree = merged();
            let mut entries = [
                (path("bin/touch"), file("x")),
                (path("usr/bin/touch"), link("/bin/touch")),
            ];
            if !file_first {
                entries.reverse();
            }
            for (at, entry) in entries {
                tree.place(&at, entry, 0, &never).expect("placed");
            }
            assert_eq!(text(&tree, "usr/bin/touch"), "x");
        }
    }

    #[test]
    fn two_packages_at_one_path_conflict_unless_one_replaces() {
        let mut tree = Tree::new(0);
        tree.place(&path("a"), file("old"), 0, &never)
            .expect("placed");
        let error = tree
            .place(&path("a"), file("new"), 1, &never)
            .expect_err("conflict");
        assert!(matches!(
            error,
            TreeError::Conflict {
                first: Owner::Package(0),
                second: Owner::Package(1),
                ..
            }
        ));
        tree.place(&path("a"), file("new"), 1, &|a, b| (a, b) == (1, 0))
            .expect("replaced");
        assert_eq!(text(&tree, "a"), "new");
        tree.place(&path("a"), file("older"), 0, &|a, b| (a, b) == (1, 0))
            .expect("kept");
        assert_eq!(text(&tree, "a"), "new");
    }

    #[test]
    fn a_directory_with_entries_cannot_become_a_link() {
        let mut tree = Tree::new(0);
        tree.place(&path("var/run/x"), file("x"), 0, &never)
            .expect("placed");
        let error = tree
            .set(&path("var/run"), link("/run"))
            .expect_err("not empty");
        assert!(matches!(error, TreeError::NotEmpty(at) if at == path("var/run")));
    }

    #[test]
    fn links_never_lead_out_of_the_tree_or_round_for_ever() {
        let mut tree = Tree::new(0);
        tree.set(&path("up"), link("../../../etc")).expect("placed");
        tree.set(&path("loop"), link("loop")).expect("placed");
        let at = tree
            .place(&path("up/passwd"), file("x"), 0, &never)
            .expect("placed");
        assert_eq!(at, path("etc/passwd"));
        assert!(matches!(
            tree.place(&path("loop/x"), file("x"), 0, &never),
            Err(TreeError::LinkLoop(_))
        ));
    }

    #[test]
    fn a_file_in_the_way_of_a_directory_is_an_error() {
        let mut tree = Tree::new(0);
        tree.place(&path("a"), file("x"), 0, &never)
            .expect("placed");
        assert!(matches!(
            tree.place(&path("a/b"), file("x"), 1, &never),
            Err(TreeError::NotADirectory { .. })
        ));
    }

    #[test]
    fn hard_links_name_a_file_of_the_tree() {
        let mut tree = merged();
        tree.place(&path("bin/gunzip"), file("x"), 0, &never)
            .expect("placed");
        let hard = |to: &str| node(Kind::Hardlink(path(to)));
        tree.place(&path("bin/uncompress"), hard("bin/gunzip"), 0, &never)
            .expect("placed");
        assert_eq!(text(&tree, "usr/bin/uncompress"), "x");
        let Kind::Hardlink(target) = &tree
            .get(&path("usr/bin/uncompress"))
            .expect("there")
            .node
            .kind
        else {
            panic!("not a hard link")
        };
        assert_eq!(*target, path("usr/bin/gunzip"));
        assert!(tree.place(&path("x"), hard("absent"), 0, &never).is_err());
        // A link into another package would leave open whose file it is.
        assert!(
            tree.place(&path("x"), hard("bin/gunzip"), 1, &never)
                .is_err()
        );
    }

    #[test]
    fn a_replaced_file_leaves_its_content_to_its_other_names() {
        let mut tree = Tree::new(0);
        tree.place(&path("x"), file("old"), 0, &never)
            .expect("placed");
        for name in ["y", "z"] {
            tree.place(&path(name), node(Kind::Hardlink(path("x"))), 0, &never)
                .expect("placed");
        }
        tree.place(&path("x"), file("new"), 1, &|a, b| (a, b) == (1, 0))
            .expect("replaced");
        assert_eq!(
            (text(&tree, "x"), text(&tree, "y"), text(&tree, "z")),
            ("new".into(), "old".into(), "old".into())
        );
    }

    #[test]
    fn below_lists_a_directory_and_not_its_namesakes() {
        let mut tree = Tree::new(0);
        for at in ["a/x", "a-b", "a/y/z", "b"] {
            tree.place(&path(at), file(""), 0, &never).expect("placed");
        }
        let names: Vec<_> = tree
            .below(&path("a"))
            .into_iter()
            .map(|(p, _)| p.to_string())
            .collect();
        assert_eq!(names, ["/a/x", "/a/y", "/a/y/z"]);
    }
}
