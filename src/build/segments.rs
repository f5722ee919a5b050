//! From the finished tree to the segments of its layers.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::{Digest, Hasher};
use crate::epoch::Epoch;
use crate::layer::{LayerInput, Segment};
use crate::tree::{Content, Kind, Node, Owner, Tree, TreePath};

use super::plan::LayerName;

/// Changes whenever entries are turned into segments another way.
const FORMAT: &str = "entries/1";

/// A package or download, by the number that its entries have.
pub(super) struct Source {
    /// Names its content.
    pub file: Option<Digest>,
    /// Where it goes.
    pub layer: Option<LayerName>,
}

/// Cuts the tree into layers: a segment for each source, in their order, and one for everything
/// generated. Directories above an entry repeat in each layer, with the metadata
/// they have in the whole tree.
pub(super) fn cut(tree: &Tree, sources: &[Source], epoch: Epoch) -> Vec<(LayerName, LayerInput)> {
    let names = hard_link_names(tree);
    let mut owned: BTreeMap<Owner, Vec<(&TreePath, Node)>> = BTreeMap::new();
    for (path, placed) in tree.iter() {
        let mut node = placed.node.clone();
        node.meta.mtime = node.meta.mtime.min(epoch.seconds());
        relink(path, &mut node, tree, &names);
        owned.entry(placed.owner).or_default().push((path, node));
    }
    let mut layers = Vec::new();
    for layer in LayerName::ALL {
        let mut emitted = BTreeSet::new();
        let mut segments = Vec::new();
        let members = sources
            .iter()
            .enumerate()
            .filter(|(_, source)| source.layer == Some(layer));
        let owners = members.map(|(number, _)| Owner::Package(number));
        let generated = (layer == LayerName::Guest).then_some(Owner::Generated);
        for owner in owners.chain(generated) {
            let Some(entries) = owned.remove(&owner) else {
                continue;
            };
            let entries = with_parents(entries, tree, &mut emitted, epoch);
            let source = match owner {
                Owner::Package(number) => sources[number].file.as_ref(),
                Owner::Generated => None,
            };
            let key = Some(segment_identity(source, &entries));
            segments.push(Segment { key, entries });
        }
        if !segments.is_empty() {
            layers.push((
                layer,
                LayerInput {
                    name: layer.word().to_owned(),
                    segments,
                },
            ));
        }
    }
    layers
}

/// Every name of each file that has several: the first in path order is written as the file.
fn hard_link_names(tree: &Tree) -> BTreeMap<TreePath, TreePath> {
    let mut groups: BTreeMap<TreePath, TreePath> = BTreeMap::new();
    for (path, placed) in tree.iter() {
        if let Kind::Hardlink(target) = &placed.node.kind {
            let first = groups
                .entry(target.clone())
                .or_insert_with(|| target.clone());
            if path < first {
                *first = path.clone();
            }
        }
    }
    groups
}

/// Writes the content at the first name of a file and links at the others, wherever the package
/// had it: a layer must hold a file before its links.
fn relink(path: &TreePath, node: &mut Node, tree: &Tree, names: &BTreeMap<TreePath, TreePath>) {
    let target = match &node.kind {
        Kind::Hardlink(target) => target.clone(),
        Kind::File(_) if names.contains_key(path) => path.clone(),
        _ => return,
    };
    let Some(first) = names.get(&target) else {
        return;
    };
    node.kind = if first == path {
        match tree.get(&target).map(|placed| &placed.node.kind) {
            Some(Kind::File(content)) => Kind::File(content.clone()),
            _ => return,
        }
    } else {
        Kind::Hardlink(first.clone())
    };
}

fn with_parents(
    entries: Vec<(&TreePath, Node)>,
    tree: &Tree,
    emitted: &mut BTreeSet<TreePath>,
    epoch: Epoch,
) -> Vec<(TreePath, Node)> {
    let mut out = Vec::with_capacity(entries.len());
    for (path, node) in entries {
        let mut above = Vec::new();
        let mut parent = path.parent();
        while let Some(directory) = parent {
            if emitted.contains(&directory) {
                break;
            }
            parent = directory.parent();
            above.push(directory);
        }
        for directory in above.into_iter().rev() {
            if let Some(placed) = tree.get(&directory) {
                let mut node = placed.node.clone();
                node.meta.mtime = node.meta.mtime.min(epoch.seconds());
                emitted.insert(directory.clone());
                out.push((directory, node));
            }
        }
        let directory = matches!(node.kind, Kind::Directory);
        if !directory || emitted.insert(path.clone()) {
            out.push((path.clone(), node));
        }
    }
    out
}

/// Names a segment's content without reading it: a package's bytes are known by the digest of its
/// file and their place in it.
fn segment_identity(file: Option<&Digest>, entries: &[(TreePath, Node)]) -> Digest {
    let mut hasher = Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(FORMAT);
    add(&file.map_or_else(String::new, Digest::to_string));
    for (path, node) in entries {
        let meta = &node.meta;
        add(path.as_str());
        add(&format!(
            "{:o} {} {} {}",
            meta.mode, meta.uid, meta.gid, meta.mtime
        ));
        for (name, value) in &meta.xattrs {
            add(name);
            add(&hex::encode(value));
        }
        match &node.kind {
            Kind::Directory => add("directory"),
            Kind::File(Content::Bytes(bytes)) => add(&format!("bytes {}", Digest::of(bytes))),
            Kind::File(Content::Spooled { offset, length, .. }) => {
                add(&format!("spooled {offset} {length}"));
            }
            Kind::Symlink(target) => add(&format!("symlink {target}")),
            Kind::Hardlink(target) => add(&format!("hardlink {target}")),
            Kind::CharDevice { major, minor } => add(&format!("char {major} {minor}")),
            Kind::BlockDevice { major, minor } => add(&format!("block {major} {minor}")),
            Kind::Fifo => add("fifo"),
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use crate::tree::Meta;

    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).expect("valid path")
    }

    fn node(kind: Kind, mtime: i64) -> Node {
        Node {
            kind,
            meta: Meta::root(0o755, mtime),
        }
    }

    #[test]
    fn layers_hold_their_packages_below_repeated_directories() {
        let mut tree = Tree::new(0);
        let never = |_: usize, _: usize| false;
        let file = |text: &str| node(Kind::File(text.into()), 99);
        tree.place(&path("usr/bin/zz"), file("x"), 0, &never)
            .expect("placed");
        tree.place(
            &path("usr/bin/aa"),
            node(Kind::Hardlink(path("usr/bin/zz")), 99),
            0,
            &never,
        )
        .expect("placed");
        tree.place(&path("usr/bin/d"), file("y"), 1, &never)
            .expect("placed");
        tree.set(&path("etc/g"), file("z")).expect("placed");
        let sources = [LayerName::Base, LayerName::Engine].map(|layer| Source {
            file: None,
            layer: Some(layer),
        });
        let epoch = Epoch::from_seconds(50).expect("in range");
        let layers = cut(&tree, &sources, epoch);
        let listed: Vec<(&str, Vec<String>)> = layers
            .iter()
            .map(|(name, input)| {
                let entries = input.segments.iter().flat_map(|segment| &segment.entries);
                (
                    name.word(),
                    entries.map(|(path, _)| path.to_string()).collect(),
                )
            })
            .collect();
        assert_eq!(
            listed,
            [
                (
                    "base",
                    vec![
                        "/".into(),
                        "/usr".into(),
                        "/usr/bin".into(),
                        "/usr/bin/aa".into(),
                        "/usr/bin/zz".into()
                    ]
                ),
                (
                    "engine",
                    vec![
                        "/".into(),
                        "/usr".into(),
                        "/usr/bin".into(),
                        "/usr/bin/d".into()
                    ]
                ),
                ("guest", vec!["/".into(), "/etc".into(), "/etc/g".into()]),
            ]
        );
        let base = &layers[0].1.segments[0].entries;
        assert!(
            matches!(base[3].1.kind, Kind::File(_)),
            "the first name carries the content"
        );
        assert!(matches!(&base[4].1.kind, Kind::Hardlink(to) if *to == path("usr/bin/aa")));
        assert_eq!(base[3].1.meta.mtime, 50, "times are clamped to the epoch");
    }
}
