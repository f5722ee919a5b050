use crate::recipe;
use crate::tree::{Kind, Meta, Node};

use super::*;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";

/// `[hardening]` with these lines.
fn hardening(lines: &str) -> Hardening {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("r.toml");
    let text = format!(
        "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n[hardening]\n{lines}\n"
    );
    std::fs::write(&path, text).expect("recipe written");
    let recipes = recipe::load(&path).expect("valid");
    recipes.default().hardening.clone()
}

fn node(kind: Kind, mode: u32) -> Node {
    Node {
        kind,
        meta: Meta::root(mode, 0),
    }
}

/// What is found in a tree with one more file, owned by a package or by nobody.
fn found(path: &str, text: &str, mode: u32, package: bool, lines: &str) -> String {
    let mut tree = Tree::new(0);
    let at = TreePath::parse(path).expect("a path");
    let file = node(Kind::File(text.into()), mode);
    if package {
        tree.place(&at, file, 0, &|_, _| false).expect("placed");
    } else {
        tree.set(&at, file).expect("placed");
    }
    let packages = [Package {
        name: "planted".to_owned(),
        version: "1".to_owned(),
        architecture: "all".to_owned(),
        control: crate::deb::archive::Control::default(),
        paths: Vec::new(),
    }];
    match check(&tree, &packages, &hardening(lines)) {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    }
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
