use std::collections::BTreeMap;

use crate::deb::archive::Control;
use crate::epoch::Epoch;
use crate::platform::Architecture;
use crate::recipe::{IptablesBackend, PathFilters};
use crate::tree::{Kind, Meta, Node, Tree, TreePath};

use super::super::context::{Package, Setup};
use super::super::conventions::ALPINE;
use super::statements::{self, Statement};
use super::{classify, role};

fn path(text: &str) -> TreePath {
    TreePath::parse(text).expect("a path")
}

fn package(name: &str, scripts: &[(&str, &str)]) -> Package {
    let info = format!("pkgname = {name}\npkgver = 1-r0\nbuilddate = 7\ntriggers = /bin\n");
    let mut files = BTreeMap::from([(".PKGINFO".to_owned(), info.into_bytes())]);
    for (name, text) in scripts {
        files.insert((*name).to_owned(), text.as_bytes().to_vec());
    }
    Package {
        name: name.to_owned(),
        version: "1-r0".to_owned(),
        architecture: "x86_64".to_owned(),
        size: 5,
        control: Control {
            files,
            identity: Some("Q1x".to_owned()),
        },
        paths: Vec::new(),
        entries: Vec::new(),
        published: true,
    }
}

fn set_up<'a>(
    tree: &'a mut Tree,
    packages: &'a [Package],
    iptables: IptablesBackend,
    filters: &'a PathFilters,
) -> Setup<'a> {
    Setup {
        tree,
        conventions: &ALPINE,
        packages,
        architecture: Architecture::Amd64,
        epoch: Epoch::from_seconds(86_400 * 3).expect("in range"),
        sources: &[],
        world: &[],
        tags: BTreeMap::new(),
        iptables,
        filters,
        rule: "",
    }
}

/// Applies every rule and writes the database.
fn apply(tree: &mut Tree, packages: &[Package], iptables: IptablesBackend) {
    let filters = PathFilters::default();
    let world = ["b@edge".to_owned()];
    let mut setup = Setup {
        world: &world,
        ..set_up(tree, packages, iptables, &filters)
    };
    super::super::apply(&mut setup).expect("applied");
    super::write_database(&mut setup).expect("written");
}

fn set(tree: &mut Tree, at: &str, kind: Kind) {
    let meta = Meta::root(0o644, 0);
    tree.set(&path(at), Node { kind, meta }).expect("placed");
}

fn text(tree: &Tree, at: &str) -> String {
    let content = tree.file(&path(at)).expect(at).read();
    String::from_utf8(content.expect("in memory")).expect("text")
}

/// Where a symbolic link leads.
fn target(tree: &Tree, at: &str) -> Option<String> {
    match &tree.get(&path(at))?.node.kind {
        Kind::Symlink(target) => Some(target.clone()),
        _ => None,
    }
}

#[test]
fn scripts_of_nothing_but_accounts_and_shells_are_understood() {
    let script = "#!/bin/sh\n\naddgroup -S -g 42 shadow 2>/dev/null\n/bin/busybox adduser -S -D -H -h /var/empty -s /sbin/nologin -G sshd -g 'a b' sshd >/dev/null 2>&1 || :\naddgroup git www\nadd-shell '/bin/bash'\nexit 0\n";
    // `2>&1` is no part of the form, so that this line is not understood.
    assert_eq!(statements::read(script), None);
    let script = script.replace(">/dev/null 2>&1 || :", "2>/dev/null || true");
    let read = statements::read(&script).expect("understood");
    assert!(
        matches!(&read[..], [
            Statement::Group { name, gid: Some(42) },
            Statement::User(user),
            Statement::Join { group, .. },
            Statement::Shells(shells),
        ] if name == "shadow" && user.comment == "a b" && group == "www" && shells == &["/bin/bash"]),
        "{read:?}"
    );
}

#[test]
fn a_line_that_does_anything_else_needs_a_rule() {
    for line in [
        "rm -rf /x",
        "addgroup -S a; rm b",
        "adduser -S $(x)",
        "adduser person",
        "add-shell bash",
        "addgroup 'open",
    ] {
        let script = format!("#!/bin/sh\n{line}\n");
        assert_eq!(classify("some", script.as_bytes()).rule, None, "{line}");
    }
    assert_eq!(classify("busybox", b"rm x\n").rule, Some("busybox-links"));
    assert_eq!(
        classify("some", b"#!/bin/sh\nexit 0\n").rule,
        Some("accounts")
    );
    assert!(role(".trigger").is_some() && role(".PKGINFO").is_none());
}

#[test]
fn accounts_follow_the_distributions_and_the_password_file_is_protected() {
    let mut tree = Tree::new(0);
    for (at, content) in [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/ash\n"),
        ("etc/group", "root:x:0:root\nusers:x:100:games\n"),
        ("etc/shadow", "root:::0:::::\n"),
    ] {
        set(&mut tree, at, Kind::File(content.into()));
    }
    let packages = [
        package("alpine-baselayout", &[(".post-install", "chown x\n")]),
        package(
            "docker-engine",
            &[(".pre-install", "addgroup -S docker 2>/dev/null\nexit 0\n")],
        ),
    ];
    apply(&mut tree, &packages, IptablesBackend::Auto);
    assert_eq!(
        text(&tree, "etc/group"),
        "root:x:0:root\nusers:x:100:games\nshadow:x:42:\ndocker:x:101:\ndockremap:x:102:\n"
    );
    assert!(
        text(&tree, "etc/passwd").ends_with("dockremap:x:102:102::/nonexistent:/sbin/nologin\n")
    );
    assert!(text(&tree, "etc/shadow").starts_with("root:*::0:::::\n"));
    assert!(text(&tree, "etc/shadow").ends_with("dockremap:!:3:0:99999:7:::\n"));
    let meta = &tree.get(&path("etc/shadow")).expect("there").node.meta;
    assert_eq!((meta.gid, meta.mode), (42, 0o640));
}

#[test]
fn applets_take_only_names_that_are_free() {
    let mut tree = Tree::new(0);
    set(&mut tree, "bin/busybox", Kind::File("b".into()));
    set(&mut tree, "bin/mount", Kind::File("real".into()));
    let list = "bin/mount\nbin/ls\nusr/bin/[\n";
    set(
        &mut tree,
        "etc/busybox-paths.d/busybox",
        Kind::File(list.into()),
    );
    apply(&mut tree, &[], IptablesBackend::Auto);
    for at in ["bin/ls", "usr/bin/["] {
        assert_eq!(target(&tree, at).as_deref(), Some("/bin/busybox"));
    }
    assert_eq!(text(&tree, "bin/mount"), "real");
}

#[test]
fn the_chosen_iptables_stands_before_the_packages_own() {
    for (backend, name) in [
        (IptablesBackend::Legacy, Some("/sbin/iptables-legacy")),
        (IptablesBackend::Nft, None),
        (IptablesBackend::Auto, None),
    ] {
        let mut tree = Tree::new(0);
        for kind in ["nft", "legacy"] {
            let program = format!("xtables-{kind}-multi");
            set(
                &mut tree,
                &format!("sbin/{program}"),
                Kind::File("x".into()),
            );
            let own = format!("sbin/iptables-{kind}");
            set(&mut tree, &own, Kind::Symlink(program));
        }
        let plain = Kind::Symlink("xtables-nft-multi".to_owned());
        set(&mut tree, "sbin/iptables", plain);
        apply(&mut tree, &[], backend);
        let link = target(&tree, "usr/local/sbin/iptables");
        assert_eq!(link.as_deref(), name, "{backend}");
    }
}

#[test]
fn a_daemon_without_the_iptables_that_was_asked_for_is_not_built() {
    let mut tree = Tree::new(0);
    let plain = Kind::Symlink("xtables-nft-multi".to_owned());
    set(&mut tree, "sbin/xtables-nft-multi", Kind::File("x".into()));
    set(&mut tree, "sbin/iptables", plain);
    let packages = [package("docker-engine", &[])];
    let filters = PathFilters::default();
    let mut setup = set_up(&mut tree, &packages, IptablesBackend::Legacy, &filters);
    let error = super::super::apply(&mut setup)
        .expect_err("no legacy")
        .to_string();
    assert!(
        error.contains("add the package `iptables-legacy`"),
        "{error}"
    );
}

#[test]
fn the_database_has_packages_files_scripts_and_triggers() {
    let mut tree = Tree::new(0);
    let mut one = package("a", &[(".trigger", "x\n")]);
    let meta = |mode| Meta::root(mode, 0);
    let node = |kind, mode| Node {
        kind,
        meta: meta(mode),
    };
    one.entries = vec![
        (path("tmp"), node(Kind::Directory, 0o1777)),
        (path("usr"), node(Kind::Directory, 0o755)),
        (path("usr/b"), node(Kind::File("abc".into()), 0o755)),
        (path("usr/a"), node(Kind::Symlink("b".to_owned()), 0o777)),
    ];
    for (at, node) in &one.entries {
        tree.place(at, node.clone(), 0, &|_, _| false)
            .expect("placed");
    }
    apply(&mut tree, &[one], IptablesBackend::Auto);
    assert_eq!(
        text(&tree, "lib/apk/db/installed"),
        "C:Q1x\nP:a\nV:1-r0\nA:x86_64\nS:5\nT:\nU:\nL:\nt:7\nF:tmp\nM:0:0:1777\nF:usr\nR:a\na:0:0:777\nZ:@\nR:b\na:0:0:755\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\n"
            .replace('@', &crate::apk::checksum::Checksum::sha1(b"b").to_string())
    );
    assert_eq!(text(&tree, "lib/apk/db/triggers"), "Q1x /bin\n");
    assert_eq!(text(&tree, "etc/apk/world"), "b@edge\n");
    assert_eq!(text(&tree, "etc/apk/arch"), "x86_64\n");
    let scripts = tree.file(&path("lib/apk/db/scripts.tar")).expect("there");
    let bytes = scripts.read().expect("in memory");
    let mut archive = tar::Archive::new(&bytes[..]);
    let names: Vec<String> = archive
        .entries()
        .expect("a tar")
        .map(|entry| {
            entry
                .expect("whole")
                .path()
                .expect("UTF-8")
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(names, ["a-1-r0.Q1x.trigger"]);
}
