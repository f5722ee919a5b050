//! Local diversions: a package's file kept beside the one that stands in its place, as
//! `dpkg-divert --local --rename --add` leaves it.

use std::collections::BTreeMap;

use crate::tree::{Kind, Node, Tree, TreeError, TreePath};

use super::context::Package;

/// What dpkg-divert(1) appends to the name of a file that gives way.
const SUFFIX: &str = ".distrib";
/// The record: the contested name, the name it got, and `:` for a local diversion, each on a line.
const RECORD: &str = "var/lib/dpkg/diversions";

/// Whether `path`, as packages name it, is a configuration file of the package: dpkg itself keeps
/// an edited one (deb-conffiles(5)).
pub fn is_conffile(package: &Package, path: &str) -> bool {
    let list = package.control.text("conffiles").unwrap_or_default();
    list.lines().any(|line| line.trim() == path)
}

/// The name under which `package` ships what stands at `at`; the usr-merge may have moved it.
pub fn shipped_name<'a>(tree: &Tree, package: &'a Package, at: &TreePath) -> Option<&'a str> {
    package.paths.iter().map(String::as_str).find(|name| {
        TreePath::parse(name).is_ok_and(|path| tree.locate(&path).is_ok_and(|path| path == *at))
    })
}

/// Moves what a package shipped as `name` and stands at `at` out of the way, and records it.
pub fn divert(tree: &mut Tree, name: &str, at: &TreePath, mtime: i64) -> Result<(), TreeError> {
    let Some(placed) = tree.get(at) else {
        return Ok(());
    };
    let mut node = placed.node.clone();
    // In memory: what is generated is known by its bytes, not by a place in a package.
    if let Kind::File(_) | Kind::Hardlink(_) = node.kind
        && let Some(content) = tree.file(at)
    {
        node.kind = Kind::File(
            content
                .read()
                .map_err(|source| TreeError::Content {
                    path: at.clone(),
                    source,
                })?
                .into(),
        );
    }
    let kept = TreePath::parse(&format!("{}{SUFFIX}", at.as_str()))?;
    tree.set(&kept, node)?;
    let record = TreePath::parse(RECORD)?;
    let mut text = match tree.file(&record) {
        Some(content) => content.read().map_err(|source| TreeError::Content {
            path: record.clone(),
            source,
        })?,
        None => Vec::new(),
    };
    text.extend(format!("{name}\n{name}{SUFFIX}\n:\n").into_bytes());
    let node = Node {
        kind: Kind::File(text.into()),
        meta: crate::tree::Meta::root(0o644, mtime),
    };
    tree.set(&record, node).map(|_| ())
}

/// What stands out of the way by a local diversion, and the name that its package has for it.
pub fn diverted(tree: &Tree) -> Result<BTreeMap<TreePath, String>, TreeError> {
    let record = TreePath::parse(RECORD)?;
    let Some(content) = tree.file(&record) else {
        return Ok(BTreeMap::new());
    };
    let bytes = content.read().map_err(|source| TreeError::Content {
        path: record,
        source,
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let mut diverted = BTreeMap::new();
    for triple in lines.chunks_exact(3) {
        if triple[2] == ":" {
            let at = tree.locate(&TreePath::parse(triple[1])?)?;
            diverted.insert(at, triple[0].to_owned());
        }
    }
    Ok(diverted)
}

#[cfg(test)]
mod tests {
    use crate::tree::Meta;

    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).expect("a path")
    }

    fn text(tree: &Tree, at: &str) -> String {
        let content = tree.file(&path(at)).expect("a file").read();
        String::from_utf8(content.expect("in memory")).expect("text")
    }

    #[test]
    fn a_shipped_file_moves_aside_under_the_name_its_package_knows() {
        let mut tree = Tree::new(0);
        let meta = Meta::root(0o755, 7);
        let node = |kind| Node {
            kind,
            meta: meta.clone(),
        };
        tree.set(&path("bin"), node(Kind::Symlink("usr/bin".to_owned())))
            .expect("placed");
        tree.set(&path("usr/bin/tool"), node(Kind::File("theirs".into())))
            .expect("placed");
        let package = Package {
            name: "tool".to_owned(),
            version: "1".to_owned(),
            architecture: "all".to_owned(),
            control: crate::deb::archive::Control::default(),
            paths: vec!["/.".to_owned(), "/bin".to_owned(), "/bin/tool".to_owned()],
            entries: Vec::new(),
            size: 0,
            published: true,
        };
        let at = path("usr/bin/tool");
        assert_eq!(shipped_name(&tree, &package, &at), Some("/bin/tool"));
        divert(&mut tree, "/bin/tool", &at, 9).expect("diverted");
        assert_eq!(text(&tree, "usr/bin/tool.distrib"), "theirs");
        assert_eq!(
            tree.get(&path("usr/bin/tool.distrib"))
                .expect("kept")
                .node
                .meta,
            meta
        );
        assert_eq!(
            text(&tree, "var/lib/dpkg/diversions"),
            "/bin/tool\n/bin/tool.distrib\n:\n"
        );
        assert_eq!(
            diverted(&tree).expect("a record"),
            BTreeMap::from([(path("usr/bin/tool.distrib"), "/bin/tool".to_owned())])
        );
    }
}
