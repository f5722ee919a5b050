use std::collections::BTreeMap;

use super::*;
use crate::apk::index;

/// Packages, each a line `NAME VERSION FIELD:VALUE;FIELD:VALUE`.
fn records(lines: &[&str]) -> Vec<PackageRecord> {
    let mut text = String::new();
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let [name, version] = [(); 2].map(|()| words.next().unwrap_or_default());
        text += &format!("C:Q1tduNGDYV/KwvztK0sMium7UfSj0=\nP:{name}\nV:{version}\nA:x86_64\n");
        for field in words.next().unwrap_or_default().split(';') {
            text += field;
            text += if field.is_empty() { "" } else { "\n" };
        }
        text += "\n";
    }
    index::parse(text.as_bytes()).expect("an index")
}

fn universe(lines: &[&str]) -> Universe {
    let mut universe = Universe::new();
    universe.add_index(0, None, records(lines));
    universe
}

fn request(world: &str) -> Request {
    Request {
        origin: "the recipe".to_owned(),
        architecture: "x86_64".to_owned(),
        include: relation::parse(world).expect("dependencies"),
        ..Request::default()
    }
}

fn chosen(universe: &Universe, request: &Request) -> Vec<String> {
    let selection = universe.solve(request).expect("a choice");
    let packages = selection.packages.iter();
    packages
        .map(|one| format!("{}-{}", one.record.name, one.record.version))
        .collect()
}

fn refused(universe: &Universe, request: &Request) -> String {
    universe.solve(request).expect_err("no choice").to_string()
}

#[test]
fn names_that_packages_provide_are_followed_and_versions_count() {
    let universe = universe(&[
        "a 1 D:so:c.so.1 cmd:sh b>=2",
        "b 1",
        "b 2",
        "b 3",
        "libc 5 p:so:c.so.1=1.2",
        "shell 1 p:cmd:sh=1",
    ]);
    assert_eq!(
        chosen(&universe, &request("a")),
        ["a-1", "b-3", "libc-5", "shell-1"]
    );
    assert_eq!(
        chosen(&universe, &request("a b<3")),
        ["a-1", "b-2", "libc-5", "shell-1"]
    );
    assert_eq!(chosen(&universe, &request("b~1")), ["b-1"]);
    assert_eq!(
        refused(&universe, &request("b>3")),
        "package `b>3` is not available; available: 1, 2, 3"
    );
    assert_eq!(
        refused(&universe, &request("shel")),
        "there is no package `shel` for x86_64; did you mean shell?"
    );
}

#[test]
fn a_name_without_a_version_brings_nothing_in_unless_somebody_prefers_it() {
    let universe = universe(&[
        "needs 1 D:mta",
        "exim 1 p:mta",
        "postfix 1 p:mta",
        "preferred 1 D:vi",
        "vim 1 p:vi;k:10",
        "nvi 1 p:vi;k:20",
    ]);
    let said = refused(&universe, &request("needs"));
    assert!(said.contains("mta"), "{said}");
    assert_eq!(
        chosen(&universe, &request("needs exim")),
        ["exim-1", "needs-1"]
    );
    assert_eq!(
        chosen(&universe, &request("preferred")),
        ["nvi-1", "preferred-1"]
    );
    assert_eq!(
        refused(&universe, &request("mta")),
        "`mta` is not a package but a name that several provide; ask for one of exim, postfix"
    );
}

#[test]
fn two_packages_of_one_name_with_a_version_cannot_live_together() {
    let universe = universe(&["a 1 p:cmd:x=1", "b 1 p:cmd:x=1", "c 1 p:x", "d 1 p:x"]);
    let said = refused(&universe, &request("a b"));
    assert!(said.contains("cmd:x"), "{said}");
    assert_eq!(chosen(&universe, &request("c d")), ["c-1", "d-1"]);
}

#[test]
fn packages_come_by_themselves_to_a_fix_point_and_go_where_they_do_not_fit() {
    let universe = universe(&[
        "docs 1",
        "a 1",
        "a-doc 1 i:docs a=1;D:man",
        "man 1",
        "man-doc 1 i:docs man",
        "b-doc 1 i:docs b",
        "not 1 i:a;D:!docs",
        "other-doc 1 i:docs a=2",
    ]);
    assert_eq!(
        chosen(&universe, &request("a docs")),
        ["a-1", "a-doc-1", "docs-1", "man-1", "man-doc-1"]
    );
    let selection = universe.solve(&request("a")).expect("a choice");
    let by_itself = selection.packages.iter().filter(|one| one.triggered);
    assert_eq!(
        by_itself.map(|one| &*one.record.name).collect::<Vec<_>>(),
        ["not"]
    );
    assert_eq!(
        chosen(&universe, &request("a docs !a-doc")),
        ["a-1", "docs-1"]
    );
}

#[test]
fn a_tagged_repository_is_used_where_its_tag_is_asked_for() {
    let mut universe = universe(&["a 1 D:b", "b 1"]);
    universe.add_index(1, Some("edge"), records(&["a 2 D:b>1", "b 2", "c 2"]));
    assert_eq!(chosen(&universe, &request("a")), ["a-1", "b-1"]);
    assert_eq!(chosen(&universe, &request("a@edge")), ["a-2", "b-2"]);
    assert!(refused(&universe, &request("c")).contains('c'));
    assert_eq!(
        refused(&universe, &request("a@other")),
        "package `a@other`: no repository has the tag `other`"
    );
}

#[test]
fn drops_pins_and_earlier_versions_are_kept_to() {
    let mut universe = universe(&["a 1 D:b c", "b 1", "b 2", "c 1 p:d=1"]);
    universe.add_index(1, None, records(&["b 3"]));
    let with = |change: &dyn Fn(&mut Request)| {
        let mut request = request("a");
        change(&mut request);
        request
    };
    let locked = with(&|request| {
        let version = "1".parse().expect("a version");
        request.locked = BTreeMap::from([("b".to_owned(), version)]);
    });
    assert_eq!(chosen(&universe, &locked), ["a-1", "b-1", "c-1"]);
    let pinned = with(&|request| request.pins = BTreeMap::from([("b".to_owned(), 0)]));
    assert_eq!(chosen(&universe, &pinned), ["a-1", "b-2", "c-1"]);
    let dropped = with(&|request| {
        request.drop.insert("c".to_owned());
    });
    let selection = universe.solve(&dropped).expect("a choice");
    assert_eq!(selection.packages.len(), 2);
    assert!(selection.dropped["c"].contains("a"));
}
