//! Leaving paths out of a package, and its own lists of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::deb::archive::Control;
use crate::recipe::PathFilters;
use crate::tree::{Kind, Node, TreePath};

/// Control files that name paths: dpkg would otherwise miss what is left out.
const DIGESTS: &str = "md5sums";
const CONFFILES: &str = "conffiles";

/// Leaves out the entries that `filters` skip. Another name of a file left out keeps its content.
pub(super) fn prune(
    entries: Vec<(TreePath, Node)>,
    control: &mut Control,
    filters: &PathFilters,
) -> Vec<(TreePath, Node)> {
    if filters.is_empty() {
        return entries;
    }
    let mut left_out: BTreeSet<String> = BTreeSet::new();
    // Files left out, and where their content is kept under another name.
    let mut files: BTreeMap<TreePath, (Node, Option<TreePath>)> = BTreeMap::new();
    let mut kept = Vec::with_capacity(entries.len());
    for (path, mut node) in entries {
        let text = path.to_string();
        let leads_on = matches!(node.kind, Kind::Directory | Kind::Symlink(_));
        if !path.is_root() && filters.skips(&text, leads_on) {
            if matches!(node.kind, Kind::File(_)) {
                files.insert(path, (node, None));
            }
            left_out.insert(text);
            continue;
        }
        if let Kind::Hardlink(target) = &node.kind
            && let Some((file, name)) = files.get_mut(target)
        {
            match name {
                Some(first) => node.kind = Kind::Hardlink(first.clone()),
                None => {
                    node = file.clone();
                    *name = Some(path.clone());
                }
            }
        }
        kept.push((path, node));
    }
    retain_lines(control, DIGESTS, |line| {
        line.split_once("  ")
            .is_none_or(|(_, path)| !left_out.contains(&format!("/{path}")))
    });
    retain_lines(control, CONFFILES, |line| {
        line.split_whitespace()
            .last()
            .is_none_or(|path| !left_out.contains(path))
    });
    kept
}

fn retain_lines(control: &mut Control, member: &str, keep: impl Fn(&str) -> bool) {
    let Some(text) = control.text(member).map(str::to_owned) else {
        return;
    };
    let lines: String = text
        .lines()
        .filter(|line| keep(line))
        .map(|line| format!("{line}\n"))
        .collect();
    if lines != text {
        control.files.insert(member.to_owned(), lines.into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::Meta;

    use super::*;

    fn entry(path: &str, kind: Kind) -> (TreePath, Node) {
        let meta = Meta::root(0o644, 0);
        (TreePath::parse(path).expect("a path"), Node { kind, meta })
    }

    #[test]
    fn lists_forget_what_is_left_out_and_other_names_keep_the_content() {
        let filters = PathFilters::new(
            ["/usr/bin/ctr", "/etc/x*"].map(|text| text.parse().expect("a pattern")),
            [],
        );
        let mut control = Control::default();
        for (name, text) in [
            ("md5sums", "0  usr/bin/ctr\n1  usr/bin/ctr2\n"),
            ("conffiles", "/etc/x.conf\n/etc/y.conf\n"),
        ] {
            control.files.insert(name.to_owned(), text.into());
        }
        let target = TreePath::parse("usr/bin/ctr").expect("a path");
        let entries = vec![
            entry("usr/bin/ctr", Kind::File("content".into())),
            entry("usr/bin/ctr2", Kind::Hardlink(target.clone())),
            entry("usr/bin/ctr3", Kind::Hardlink(target)),
            entry("etc/x.conf", Kind::File("".into())),
        ];
        let kept = prune(entries, &mut control, &filters);
        assert_eq!(kept.len(), 2);
        assert!(matches!(kept[0].1.kind, Kind::File(_)));
        assert!(matches!(&kept[1].1.kind, Kind::Hardlink(to) if to.to_string() == "/usr/bin/ctr2"));
        assert_eq!(control.text("md5sums"), Some("1  usr/bin/ctr2\n"));
        assert_eq!(control.text("conffiles"), Some("/etc/y.conf\n"));
    }
}
