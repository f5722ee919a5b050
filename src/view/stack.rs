//! Layers upon layers: later entries cover earlier ones, whiteouts take them away (image-spec,
//! layer.md, "Whiteouts"), and paths lead through links that directories are.

use std::collections::BTreeMap;

use super::file::{File, Kind};

/// Before the name of an entry that is taken away.
const WHITEOUT: &str = ".wh.";
/// Takes away everything that lower layers have in its directory.
pub(super) const OPAQUE: &str = ".wh..wh..opq";
/// Links followed before they count as a circle (path_resolution(7)).
const LINKS: usize = 40;

/// Files by their paths.
pub(super) type Files = BTreeMap<String, File>;

/// Lays an entry of layer `file.layer` upon those below it.
pub(super) fn lay(files: &mut Files, path: &str, file: File) {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = directory(files, parent);
    let join = |name: &str| match parent.is_empty() {
        true => name.to_owned(),
        false => format!("{parent}/{name}"),
    };
    if name == OPAQUE {
        let layer = file.layer;
        match parent.is_empty() {
            true => files.retain(|_, one| one.layer == layer),
            false => inside(files, &parent, |one| one.layer < layer),
        }
        return;
    }
    if let Some(gone) = name.strip_prefix(WHITEOUT) {
        let layer = file.layer;
        remove(files, &join(gone), |one| one.layer < layer);
        return;
    }
    let path = join(name);
    if file.kind != Kind::Directory {
        remove(files, &path, |_| true);
    }
    files.insert(path, file);
}

/// Removes an entry and all below it, where `goes`.
fn remove(files: &mut Files, path: &str, goes: impl Fn(&File) -> bool) {
    if files.get(path).is_some_and(&goes) {
        files.remove(path);
    }
    inside(files, path, goes);
}

/// Removes what is below a directory, where `goes`.
fn inside(files: &mut Files, path: &str, goes: impl Fn(&File) -> bool) {
    let below = format!("{path}/");
    let gone: Vec<String> = files
        .range(below.clone()..)
        .take_while(|(one, _)| one.starts_with(&below))
        .filter(|(_, file)| goes(file))
        .map(|(one, _)| one.clone())
        .collect();
    for one in gone {
        files.remove(&one);
    }
}

/// A directory's path with the links in it followed; as it is where one leads nowhere.
pub(super) fn directory(files: &Files, path: &str) -> String {
    follow(files, path).unwrap_or_else(|| path.to_owned())
}

/// A path with every link followed, its last one too. `None` where links go in a circle; what is
/// not there stays as it is written.
pub(super) fn follow(files: &Files, path: &str) -> Option<String> {
    let mut todo: Vec<String> = parts(path).rev().map(str::to_owned).collect();
    let mut done: Vec<String> = Vec::new();
    let mut left = LINKS;
    while let Some(part) = todo.pop() {
        if part == ".." {
            done.pop();
            continue;
        }
        done.push(part);
        let Some(File {
            kind: Kind::Link(target),
            ..
        }) = files.get(&done.join("/"))
        else {
            continue;
        };
        left = left.checked_sub(1)?;
        done.pop();
        if target.starts_with('/') {
            done.clear();
        }
        todo.extend(parts(target).rev().map(str::to_owned));
    }
    Some(done.join("/"))
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: Kind, layer: usize) -> File {
        File {
            kind,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 0,
            attributes: BTreeMap::new(),
            layer,
        }
    }

    fn files(entries: &[(&str, Kind, usize)]) -> Vec<String> {
        let mut files = Files::new();
        for (path, kind, layer) in entries {
            lay(&mut files, path, file(kind.clone(), *layer));
        }
        files.into_keys().collect()
    }

    fn link(target: &str) -> Kind {
        Kind::Link(target.to_owned())
    }

    #[test]
    fn later_layers_cover_and_take_away_what_is_below_them() {
        use Kind::{Directory, Special};
        let base = [
            ("etc", Directory, 0),
            ("etc/a", Special("a pipe"), 0),
            ("etc/d", Directory, 0),
            ("etc/d/x", Special("a pipe"), 0),
            ("etc/d.conf", Special("a pipe"), 0),
        ];
        let over = |more: &[(&'static str, Kind, usize)]| {
            let all: Vec<_> = base.iter().cloned().chain(more.iter().cloned()).collect();
            files(&all)
        };
        assert_eq!(
            over(&[("etc/.wh.d", Directory, 1)]),
            ["etc", "etc/a", "etc/d.conf"]
        );
        assert_eq!(
            over(&[("etc/d", link("a"), 1)]),
            ["etc", "etc/a", "etc/d", "etc/d.conf"]
        );
        // What the same layer has stays, in whatever order it comes (layer.md, "Opaque Whiteout").
        let opaque = ("etc/.wh..wh..opq", Directory, 1);
        let new = ("etc/new", Special("a pipe"), 1);
        let etc = ("etc", Directory, 1);
        assert_eq!(
            over(&[etc.clone(), new.clone(), opaque.clone()]),
            ["etc", "etc/new"]
        );
        assert_eq!(over(&[etc, opaque, new]), ["etc", "etc/new"]);
    }

    #[test]
    fn entries_land_below_links_that_directories_are() {
        let merged = [
            ("usr", Kind::Directory, 0),
            ("usr/bin", Kind::Directory, 0),
            ("bin", link("usr/bin"), 0),
            ("bin/sh", Kind::Special("a pipe"), 1),
        ];
        assert_eq!(files(&merged), ["bin", "usr", "usr/bin", "usr/bin/sh"]);
    }

    #[test]
    fn links_are_followed_from_the_root_and_circles_have_an_end() {
        let mut files = Files::new();
        for (path, target) in [
            ("a", "b"),
            ("b", "a"),
            ("etc/alternatives/x", "/usr/sbin/x-legacy"),
            ("usr/sbin/x", "../../etc/alternatives/x"),
            ("up", "../../../etc"),
        ] {
            files.insert(path.to_owned(), file(link(target), 0));
        }
        assert_eq!(follow(&files, "a"), None);
        assert_eq!(
            follow(&files, "/usr/sbin/x").as_deref(),
            Some("usr/sbin/x-legacy")
        );
        assert_eq!(follow(&files, "up/passwd").as_deref(), Some("etc/passwd"));
    }
}
