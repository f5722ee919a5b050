use super::*;
use crate::deb::packages::parse_index;

/// An index from stanzas in short: `name version [architecture]`, then fields, each on a line.
fn index(text: &str) -> Vec<PackageRecord> {
    let mut stanzas = String::new();
    for (at, stanza) in text.split("\n\n").enumerate() {
        let (head, fields) = stanza
            .trim()
            .split_once('\n')
            .unwrap_or((stanza.trim(), ""));
        let mut words = head.split(' ');
        let mut word = || words.next();
        let (name, version) = (word().expect("a name"), word().expect("a version"));
        let architecture = word().unwrap_or("amd64");
        stanzas.push_str(&format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n\
             Filename: pool/{name}_{version}.deb\nSize: 1\nSHA256: {at:064x}\n{fields}\n\n"
        ));
    }
    parse_index(stanzas.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn universe(text: &str) -> Universe {
    let mut universe = Universe::new();
    universe.add_index(0, 500, index(text));
    universe
}

fn request(include: &str) -> Request {
    Request {
        origin: "the recipe".to_owned(),
        architecture: Architecture::Amd64,
        include: include
            .split(' ')
            .map(|spec| spec.parse().expect("a spec"))
            .collect(),
        drop: BTreeSet::new(),
        recommends: false,
        pins: BTreeMap::new(),
        locked: BTreeMap::new(),
    }
}

fn names(universe: &Universe, request: &Request) -> Result<String, String> {
    let selection = universe.solve(request).map_err(|e| e.to_string())?;
    let names: Vec<_> = selection
        .packages
        .iter()
        .map(|p| format!("{}={}", p.record.control.name, p.record.control.version))
        .collect();
    Ok(names.join(" "))
}

fn solve(text: &str, include: &str) -> Result<String, String> {
    names(&universe(text), &request(include))
}

#[test]
fn the_candidate_is_the_highest_priority_then_the_highest_version() {
    let mut universe = Universe::new();
    universe.add_index(0, 500, index("a 1\n\nb 1\n\nc 1"));
    universe.add_index(1, 500, index("a 2\n\nb 1"));
    universe.add_index(2, 400, index("a 3"));
    universe.add_index(3, -1, index("a 9\n\nd 1"));
    let selection = universe.solve(&request("a b")).expect("a choice");
    let found: Vec<_> = selection
        .packages
        .iter()
        .map(|p| (p.record.control.version.as_str(), p.repository))
        .collect();
    assert_eq!(found, [("2", 1), ("1", 0)]);
    assert_eq!(
        names(&universe, &request("d")).expect_err("never chosen"),
        "there is no package `d` for amd64"
    );
    assert_eq!(universe.versions("a").count(), 4);
}

#[test]
fn packages_of_other_architectures_do_not_exist() {
    let text = "a 2 arm64\n\na 1\n\nb 1 all";
    assert_eq!(solve(text, "a b").expect("a choice"), "a=1 b=1");
    assert!(solve("docker 1 arm64\n\ndocker.io 1", "docker").is_err());
}

#[test]
fn pins_restrict_the_versions_of_a_package() {
    let mut universe = Universe::new();
    universe.add_index(0, 500, index("a 1\nDepends: b\n\nb 1"));
    universe.add_index(1, 500, index("a 2\nDepends: b\n\nb 2"));
    let mut pinned = request("a=1");
    assert_eq!(names(&universe, &pinned).expect("a choice"), "a=1 b=2");
    let from = |id| Pin {
        version: None,
        repository: Some(PinnedRepository {
            id,
            label: "backports".to_owned(),
        }),
    };
    pinned.pins.insert("b".to_owned(), from(0));
    assert_eq!(names(&universe, &pinned).expect("a choice"), "a=1 b=1");
    pinned.pins.insert("b".to_owned(), from(7));
    assert_eq!(
        names(&universe, &pinned).expect_err("pinned away"),
        "nothing provides b (b is pinned to a version from backports), needed by a 1, \
         needed by the recipe"
    );
    assert_eq!(
        names(&universe, &request("a=3")).expect_err("no such version"),
        "package `a`: version 3 is not available; available: 1, 2"
    );
    assert_eq!(
        names(&universe, &request("a=1 a=2")).expect_err("both"),
        "package `a` is asked for at 1 and at 2"
    );
}

#[test]
fn locked_versions_are_kept_while_they_are_there_and_fit() {
    let mut universe = Universe::new();
    universe.add_index(0, 500, index("a 1\n\nb 1\n\nc 1\nDepends: a (>= 2)"));
    universe.add_index(1, 500, index("a 2\n\nb 2"));
    let mut locked = request("a b");
    for (name, version) in [("a", "1"), ("b", "0.9")] {
        let version = version.parse().expect("a version");
        locked.locked.insert(name.to_owned(), version);
    }
    assert_eq!(names(&universe, &locked).expect("a choice"), "a=1 b=2");
    locked.include = request("a b c").include;
    assert_eq!(names(&universe, &locked).expect("a choice"), "a=2 b=2 c=1");
}

#[test]
fn a_locked_provider_is_kept() {
    let text = "a 1\nDepends: v\n\np 1\nProvides: v\n\nq 1\nProvides: v";
    let mut locked = request("a");
    assert_eq!(names(&universe(text), &locked).expect("apt's"), "a=1 q=1");
    locked
        .locked
        .insert("p".to_owned(), "1".parse().expect("a version"));
    assert_eq!(names(&universe(text), &locked).expect("kept"), "a=1 p=1");
}

#[test]
fn the_best_provider_satisfies_a_virtual_name() {
    for (better, worse) in [
        ("Essential: yes", "Priority: required"),
        ("Protected: yes", "Priority: required"),
        ("Priority: standard", "Priority: optional"),
    ] {
        let text =
            format!("a 1\nDepends: v\n\np 1\nProvides: v\n{better}\n\nq 1\nProvides: v\n{worse}");
        assert_eq!(solve(&text, "a").expect("a choice"), "a=1 p=1", "{better}");
    }
    let real = "a 1\nDepends: v\n\nv 1\n\np 1\nProvides: v\nEssential: yes";
    assert_eq!(solve(real, "a").expect("the real one"), "a=1 v=1");
}

#[test]
fn a_virtual_name_can_be_asked_for_if_one_package_provides_it() {
    let text = "p 1\nProvides: v, w\n\nq 1\nProvides: w";
    assert_eq!(solve(text, "v").expect("the only one"), "p=1");
    assert_eq!(
        solve(text, "w").expect_err("two"),
        "`w` is not a package but a name that several provide; ask for one of p, q"
    );
}

#[test]
fn only_versioned_provides_satisfy_versioned_relations() {
    let text = "a 1\nDepends: v (>= 2)\n\np 1\nProvides: v\n\nq 1\nProvides: v (= 1)\n\n\
                r 1\nProvides: v (= 2)";
    assert_eq!(solve(text, "a").expect("a choice"), "a=1 r=1");
    let conflict = "a 1\nBreaks: v (<< 2)\n\np 1\nProvides: v\n\nq 1\nProvides: v (= 1)";
    assert_eq!(solve(conflict, "a p").expect("unversioned"), "a=1 p=1");
    assert_eq!(
        solve(conflict, "a q").expect_err("broken"),
        "a and q cannot be installed together\n  \
         a 1 breaks v (<< 2), provided by q 1\n  \
         a 1 is needed by the recipe\n  \
         q 1 is needed by the recipe"
    );
}

#[test]
fn a_package_does_not_conflict_with_itself() {
    let text = "a 1\nProvides: v\nConflicts: v, a\nDepends: v\n\nb 1\nProvides: v";
    assert_eq!(solve(text, "a").expect("a choice"), "a=1");
    assert!(solve(text, "a b").is_err());
}

#[test]
fn any_needs_a_package_that_allows_it() {
    let text = "a 1\nDepends: p:any\n\np 1\nMulti-Arch: allowed\n\nb 1\nDepends: q:any\n\nq 1\n\n\
                c 1\nDepends: p:amd64\n\nd 1\nDepends: p:arm64";
    assert_eq!(solve(text, "a").expect("allowed"), "a=1 p=1");
    assert_eq!(
        solve(text, "b").expect_err("not allowed"),
        "nothing provides q:any (q is not marked Multi-Arch: allowed), needed by b 1, \
         needed by the recipe"
    );
    assert_eq!(solve(text, "c").expect("native"), "c=1 p=1");
    assert!(solve(text, "d").is_err());
}

#[test]
fn restrictions_for_other_architectures_do_not_count() {
    let text = "a 1\nDepends: gone [arm64], b [amd64]\nConflicts: b [arm64], b:arm64\n\nb 1";
    assert_eq!(solve(text, "a").expect("a choice"), "a=1 b=1");
}

#[test]
fn dropped_packages_count_as_satisfied_and_are_reported() {
    let text = "a 1\nDepends: debconf (>= 0.5) | debconf-2.0, perl:any, awk, x | perl\n\n\
                debconf 1\n\ncdebconf 1\nProvides: debconf-2.0\n\nperl 1\n\nx 1\n\n\
                mawk 1\nProvides: awk\n\nunrelated 1\nDepends: perl\n\nb 1\nRecommends: perl";
    let mut dropping = request("a");
    dropping.drop = ["debconf", "perl", "mawk"].map(str::to_owned).into();
    let universe = universe(text);
    assert_eq!(names(&universe, &dropping).expect("a choice"), "a=1 x=1");
    let dropped = universe.solve(&dropping).expect("a choice").dropped;
    let by_a = || BTreeSet::from(["a".to_owned()]);
    assert_eq!(
        dropped,
        ["debconf", "mawk", "perl"]
            .map(|name| (name.to_owned(), by_a()))
            .into()
    );
    dropping.include = request("b").include;
    dropping.recommends = true;
    let selection = universe.solve(&dropping).expect("a choice");
    assert!(
        selection.dropped.is_empty(),
        "a recommendation is no dependency"
    );
    dropping.include = request("perl").include;
    assert_eq!(
        names(&universe, &dropping).expect_err("both"),
        "package `perl` is both included and dropped; remove one of the two"
    );
}

#[test]
fn recommends_are_followed_on_request_where_they_fit() {
    let text = "a 1\nDepends: b\nRecommends: c | d, e, gone\n\nb 1\nConflicts: c\n\nc 1\n\nd 1\n\n\
                e 1\nRecommends: f\n\nf 1";
    let mut wishing = request("a");
    assert_eq!(
        names(&universe(text), &wishing).expect("without"),
        "a=1 b=1"
    );
    wishing.recommends = true;
    let universe = universe(text);
    let selection = universe.solve(&wishing).expect("with");
    let a = &selection.packages[0];
    assert_eq!(selection.packages.len(), 5);
    assert_eq!(a.depends, BTreeSet::from(["b".to_owned()]));
    assert_eq!(a.recommends, ["d", "e"].map(str::to_owned).into());
    assert!(a.requested && !selection.packages[1].requested);
}

#[test]
fn explanations_use_the_words_of_packages() {
    let exim = "exim4-daemon-light 4.96\nProvides: mail-transport-agent\n\n\
                postfix 3.7.11\nConflicts: mail-transport-agent\nProvides: mail-transport-agent";
    assert_eq!(
        solve(exim, "exim4-daemon-light postfix").expect_err("conflict"),
        "exim4-daemon-light and postfix cannot be installed together\n  \
         postfix 3.7.11 conflicts with mail-transport-agent, provided by exim4-daemon-light 4.96\n  \
         postfix 3.7.11 is needed by the recipe\n  \
         exim4-daemon-light 4.96 is needed by the recipe"
    );
    let missing = "bar 1.0\nDepends: libfoo (>= 2) | libbaz,\n\nlibfoo 1.0";
    assert_eq!(
        solve(missing, "bar").expect_err("missing"),
        "nothing provides libfoo (>= 2) | libbaz (libfoo is 1.0 here), needed by bar 1.0, \
         needed by the recipe"
    );
    assert_eq!(
        solve("docker.io 1\n\niptables 1", "dokcer.io").expect_err("unknown"),
        "there is no package `dokcer.io` for amd64; did you mean docker.io?"
    );
    assert_eq!(
        solve("a 1\nDepends: b (1)\n\nb 1", "a").expect_err("malformed"),
        "a 1 cannot be used: a relationship field is malformed: `b (1)`: `(1)` does not begin \
         with one of << <= = >= >>, needed by the recipe"
    );
}

#[test]
fn specs_are_a_name_and_perhaps_a_version() {
    let spec: PackageSpec = "docker.io=20.10.24+dfsg1-1".parse().expect("a spec");
    assert_eq!(spec.to_string(), "docker.io=20.10.24+dfsg1-1");
    assert_eq!(
        "a b"
            .parse::<PackageSpec>()
            .expect_err("a space")
            .to_string(),
        "`a b` is not a package name"
    );
    assert_eq!(
        "a=".parse::<PackageSpec>()
            .expect_err("nothing")
            .to_string(),
        "package `a`: a version is empty"
    );
}
