use crate::recipe;
use crate::tree::{Kind, Meta, Node};

use super::*;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";

/// A recipe with these lines of `[hardening]`, and more tables after them.
fn recipe(lines: &str) -> Recipe {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("r.toml");
    let text = format!(
        "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n[hardening]\n{lines}\n"
    );
    std::fs::write(&path, text).expect("recipe written");
    let recipes = recipe::load(&path).expect("valid");
    recipes.default().clone()
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text).expect("a path")
}

fn node(kind: Kind, mode: u32) -> Node {
    Node {
        kind,
        meta: Meta::root(mode, 0),
    }
}

/// A package of a team's own, or of the distribution.
fn package(published: bool) -> Package {
    Package {
        name: "planted".to_owned(),
        version: "1".to_owned(),
        architecture: "all".to_owned(),
        control: crate::deb::archive::Control::default(),
        paths: vec!["/opt/x".to_owned()],
        entries: Vec::new(),
        size: 0,
        published,
    }
}

fn judged(tree: &Tree, packages: &[Package], recipe: &Recipe) -> String {
    match check(tree, packages, recipe) {
        Ok(notes) => notes.join("; "),
        Err(error) => error.to_string(),
    }
}

/// What is found in a tree with one more file, owned by a team's package or by nobody.
fn found(at: &str, text: &str, mode: u32, packaged: bool, lines: &str) -> String {
    let mut tree = Tree::new(0);
    let file = node(Kind::File(text.into()), mode);
    if packaged {
        tree.place(&path(at), file, 0, &|_, _| false)
            .expect("placed");
    } else {
        tree.set(&path(at), file).expect("placed");
    }
    judged(&tree, &[package(false)], &recipe(lines))
}

#[test]
fn a_planted_key_is_found_whoever_brings_it() {
    let said = found("opt/x", KEY, 0o600, true, "");
    assert!(
        said.contains("/opt/x of package planted holds a private key")
            && said.contains("`secrets`"),
        "{said}"
    );
    assert!(found("opt/x", KEY, 0o600, false, "").contains("/opt/x holds a private key"));
    assert_eq!(found("opt/x", "harmless", 0o644, false, ""), "");
}

#[test]
fn a_key_that_may_be_there_is_private() {
    let allowed = "secrets = [\"/opt/x\"]";
    assert_eq!(found("opt/x", KEY, 0o640, false, allowed), "");
    let said = found("opt/x", KEY, 0o644, false, allowed);
    assert!(said.contains("make its mode 0640"), "{said}");
}

#[test]
fn what_everybody_may_write_is_refused_unless_the_recipe_says_so() {
    let said = found("opt/x", "x", 0o666, false, "");
    assert!(said.contains("whose mode is 0666: make it 0664"), "{said}");
    assert_eq!(
        found("opt/x", "x", 0o666, false, "world-writable = true"),
        ""
    );
}

#[test]
fn a_password_is_refused_unless_the_recipe_says_so() {
    let shadow = "root:$y$j9T$abc:1::::::\n";
    let said = found("etc/shadow", shadow, 0o640, true, "");
    assert!(
        said.contains("/etc/shadow has a password for root"),
        "{said}"
    );
    assert_eq!(
        found("etc/shadow", shadow, 0o640, true, "lock-accounts = false"),
        ""
    );
}

#[test]
fn a_key_that_everybody_can_download_with_a_package_of_the_distribution_is_no_secret() {
    let mut tree = Tree::new(0);
    let file = || node(Kind::File(KEY.into()), 0o644);
    tree.place(&path("opt/x"), file(), 0, &|_, _| false)
        .expect("placed");
    let script = "var/lib/dpkg/info/planted.postinst";
    tree.set(&path(script), file()).expect("placed");
    assert_eq!(judged(&tree, &[package(true)], &recipe("")), "");
    let said = judged(&tree, &[package(false)], &recipe(""));
    for what in ["/opt/x", &format!("/{script}")] {
        let finding = format!("{what} of package planted holds a private key");
        assert!(said.contains(&finding), "{said}");
    }
    assert!(said.contains("leave it out with `exclude-paths`"), "{said}");
}

#[test]
fn a_packages_key_that_the_recipe_names_is_built_whatever_its_mode() {
    let allowed = "secrets = [\"/opt/x\"]";
    assert_eq!(found("opt/x", KEY, 0o644, true, allowed), "");
}

#[test]
fn control_files_and_what_gave_way_to_the_recipes_files_are_packages_texts() {
    let address = "fetches http://user:secret@mirror.example/";
    let control = "var/lib/dpkg/info/planted.postinst";
    assert_eq!(found(control, address, 0o755, false, ""), "");
    let mut tree = Tree::new(0);
    for (at, text, mode) in [
        ("opt/x.distrib", address, 0o4755),
        (
            "var/lib/dpkg/diversions",
            "/opt/x\n/opt/x.distrib\n:\n",
            0o644,
        ),
    ] {
        tree.set(&path(at), node(Kind::File(text.into()), mode))
            .expect("placed");
    }
    let mut recipe = recipe("");
    recipe.profile = None;
    assert_eq!(judged(&tree, &[package(false)], &recipe), "");
    assert_ne!(found("opt/x", address, 0o644, false, ""), "");
}

#[test]
fn variables_and_labels_hold_no_secrets() {
    let said = found(
        "opt/x",
        "x",
        0o644,
        false,
        "[env]\nHTTP_PROXY = \"http://ci:s3cret@proxy.example:3128\"\n[labels]\n\"a.key\" = \"-----BEGIN PRIVATE KEY----- MIGHAgEAMBMGByqGSM49AgEG\"\n",
    );
    for finding in [
        "[env] `HTTP_PROXY` holds an address with a password",
        "[labels] `a.key` holds a private key",
        "give it at run time",
    ] {
        assert!(said.contains(finding), "{said}");
    }
}

#[test]
fn a_set_id_bit_of_a_file_is_refused_unless_it_is_named() {
    let said = found("opt/x", "x", 0o4755, false, "");
    assert!(
        said.contains("/opt/x gives whoever runs it") && said.contains("make it 0755"),
        "{said}"
    );
    let named = "setuid = [\"/opt/x\"]";
    assert_eq!(found("opt/x", "x", 0o4755, false, named), "");
}

#[test]
fn a_packages_directory_that_the_recipe_opens_is_found() {
    let opened = |profile: bool| {
        let mut tree = Tree::new(0);
        tree.place(&path("srv"), node(Kind::Directory, 0o777), 0, &|_, _| false)
            .expect("placed");
        let mut recipe = recipe("[[file]]\npath = \"/srv\"\ndirectory = true\nmode = \"0777\"\n");
        if !profile {
            recipe.profile = None;
        }
        judged(&tree, &[package(false)], &recipe)
    };
    for profile in [true, false] {
        let said = opened(profile);
        assert!(said.contains("everybody may write /srv"), "{said}");
    }
}

#[test]
fn a_program_keeps_its_bit_by_any_of_its_names_and_an_unknown_name_is_told() {
    let mut tree = Tree::new(0);
    let places = |tree: &mut Tree, at: &str, kind: Kind, mode: u32| {
        tree.place(&path(at), node(kind, mode), 0, &|_, _| false)
            .expect("placed");
    };
    places(&mut tree, "usr/bin/a", Kind::File("x".into()), 0o4755);
    let link = Kind::Hardlink(path("usr/bin/a"));
    places(&mut tree, "usr/bin/b", link, 0o4755);
    let link = Kind::Symlink("b".to_owned());
    places(&mut tree, "usr/bin/c", link, 0o777);
    for name in ["a", "b", "c"] {
        let paths = [format!("/usr/bin/{name}").parse().expect("a path")];
        let kept = named::named(&tree, &paths).expect("named");
        for program in ["usr/bin/a", "usr/bin/b"] {
            assert!(kept.contains(&path(program)), "{name} {program}");
        }
    }
    let recipe = recipe("setuid = [\"/usr/bin/a\", \"/usr/bin/sudo\", \"/usr/bin/none\"]");
    assert_eq!(
        judged(&tree, &[package(false)], &recipe),
        "[hardening] `setuid` names /usr/bin/none, which the image does not have"
    );
}
