//! The repository keeps its own rules: the invariants of `ARCHITECTURE.md`, asserted.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The road of `ARCHITECTURE.md`, from its end: a room may use rooms with a lower number.
const ROAD: &[(&str, u32)] = &[
    ("cli", 11),
    ("release", 10),
    ("attest", 9),
    ("smoke", 9),
    ("deploy", 8),
    ("registry", 9),
    ("audit", 9),
    ("build", 8),
    ("view", 8),
    ("layer", 7),
    ("oci", 7),
    ("guest", 7),
    ("lab", 7),
    ("harden", 7),
    ("resolve", 6),
    ("setup", 5),
    ("lock", 5),
    ("tree", 4),
    ("family", 3),
    ("apk", 2),
    ("deb", 1),
    ("solve", 1),
    ("fetch", 1),
    ("recipe", 0),
];
/// Rooms of one height where one builds on the other.
const BESIDE: &[(&str, &str)] = &[("oci", "layer"), ("deb", "solve"), ("audit", "attest")];
/// What every room may use.
const FOUNDATIONS: &[&str] = &[
    "digest", "epoch", "level", "platform", "process", "progress", "text",
];

/// Longest file, in lines, tests included.
const LINES: usize = 700;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(below: &str, extension: &str) -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, extension: &str, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(directory).expect("readable directory") {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).expect("readable source");
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(below), extension, &mut found);
    found.sort();
    found
}

/// The room a source file belongs to: its folder or, at the top, its own name.
fn room(path: &Path) -> String {
    let relative = path
        .strip_prefix(root().join("src"))
        .expect("a source file");
    let first = relative.components().next().expect("a name");
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// A file's lines outside its unit tests and comments.
fn product_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]" || text.contains("#[cfg(test)]\nmod tests;"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn is_test(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("tests.rs") || name.contains("/tests/")
}

/// Every line of product code that has one of `words`, outside the allowed rooms.
fn outside(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files("src", "rs") {
        if is_test(&path) || allowed.contains(&room(&path).as_str()) {
            continue;
        }
        for line in product_lines(&text) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    found
}

#[test]
fn rooms_depend_on_rooms_below_them_only() {
    let heights: BTreeMap<&str, u32> = ROAD.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in files("src", "rs") {
        let from = room(&path);
        if matches!(from.as_str(), "lib" | "main") || is_test(&path) {
            continue;
        }
        for line in product_lines(&text) {
            for (_, rest) in line
                .match_indices("crate::")
                .map(|(at, word)| (at, &line[at + word.len()..]))
            {
                let to: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if to == from || FOUNDATIONS.contains(&to.as_str()) {
                    continue;
                }
                let allowed = match (heights.get(from.as_str()), heights.get(to.as_str())) {
                    (Some(above), Some(below)) => {
                        above > below || BESIDE.contains(&(from.as_str(), to.as_str()))
                    }
                    _ => false,
                };
                if !allowed {
                    wrong.push(format!(
                        "{}: {from} uses {to}: {}",
                        path.display(),
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_fetch_and_registry_open_sockets() {
    let words = [
        "reqwest",
        "oci_client",
        "tokio::net",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
    ];
    let found = outside(&words, &["fetch", "registry"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_the_process_room_starts_programs() {
    let found = outside(
        &[
            "process::Command::",
            "std::process::Command",
            "tokio::process",
        ],
        &["process"],
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_the_command_line_prints_and_reads_environment_and_clock() {
    let words = [
        "println!",
        "eprintln!",
        "print!(",
        "std::env::",
        "env::var",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
    ];
    let found = outside(&words, &["cli"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_file_is_longer_than_its_job() {
    let sources = ["src", "tests"]
        .into_iter()
        .flat_map(|below| files(below, "rs"));
    let scripts = ["images", "tests"]
        .into_iter()
        .flat_map(|below| files(below, "sh"));
    let long: Vec<String> = sources
        .chain(scripts)
        .filter(|(_, text)| text.lines().count() > LINES)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn the_crates_named_for_the_project_are_in_use() {
    let sources: String = files("src", "rs")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    for name in [
        "oci_client",
        "tar",
        "flate2",
        "sha2",
        "serde",
        "clap",
        "handlebars",
    ] {
        let used =
            sources.contains(&format!("use {name}::")) || sources.contains(&format!("{name}::"));
        assert!(used, "{name} is not used");
    }
}

#[test]
fn the_top_level_is_complete() {
    for name in [
        "Cargo.toml",
        "src",
        "recipes",
        "images",
        "tests",
        ".github",
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "LICENSE",
        "Cargo.lock",
    ] {
        assert!(root().join(name).exists(), "{name} is missing");
    }
}

#[test]
fn promises_are_kept_or_not_made() {
    let unfinished = ["to", "unimplemen"]
        .map(|start| format!("{start}{}", if start == "to" { "do!(" } else { "ted!(" }));
    let mut found = Vec::new();
    for (path, text) in files("src", "rs") {
        if is_test(&path) {
            continue;
        }
        for line in product_lines(&text) {
            if line.contains(".unwrap()")
                || unfinished.iter().any(|word| line.contains(word.as_str()))
            {
                found.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn guest_scripts_are_never_templates() {
    // What is below `deploy` is printed for people, and placed in no image.
    let manifests = root().join("images/deploy");
    let templates = files("images", "hbs").into_iter();
    for (path, text) in templates.filter(|(path, _)| !path.starts_with(&manifests)) {
        assert!(!text.starts_with("#!"), "{} is a script", path.display());
    }
}

/// Every dependency is justified in ARCHITECTURE.md.
#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("manifest");
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let names = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with("[profile"))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name);
    let missing: Vec<&str> = names
        .filter(|name| !architecture.contains(&format!("`{name}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "no reason is given for {}",
        missing.join(", ")
    );
}

/// What a recipe says, by the path of each key. Tables of a list are told apart by their names.
fn said(prefix: &str, value: &toml::Value, into: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                said(&format!("{prefix}.{key}"), value, into);
            }
        }
        toml::Value::Array(list) if list.iter().all(toml::Value::is_table) => {
            for one in list {
                let name = one.get("name").and_then(toml::Value::as_str);
                said(
                    &format!("{prefix}[{}]", name.unwrap_or_default()),
                    one,
                    into,
                );
            }
        }
        value => {
            into.insert(prefix.to_owned(), value.to_string());
        }
    }
}

/// A recipe's own words, and the recipe that it extends.
fn words(name: &str) -> (BTreeMap<String, String>, Option<String>) {
    let path = root().join("recipes").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut table: toml::Table = text.parse().expect("TOML");
    let extends = table.remove("extends");
    let extends = extends.and_then(|base| base.as_str().map(str::to_owned));
    let mut own = BTreeMap::new();
    said("", &toml::Value::Table(table), &mut own);
    (own, extends)
}

#[test]
fn no_two_recipes_repeat_more_than_they_must() {
    let mut roots: BTreeMap<String, String> = BTreeMap::new();
    for (path, _) in files("recipes", "toml") {
        let name = path.file_name().expect("a name").to_string_lossy();
        let (own, mut base) = words(&name);
        if base.is_none() {
            // Another distribution has its own root; one distribution has one.
            let family = ["debian", "alpine"].map(|of| format!(".{of}."));
            let family = family
                .iter()
                .find(|of| own.keys().any(|key| key.starts_with(*of)));
            let family = family.unwrap_or_else(|| panic!("{name} is of no distribution"));
            let other = roots.insert(family.clone(), name.to_string());
            assert_eq!(
                other, None,
                "{name} says again what another recipe says: extend it"
            );
        }
        let mut above = BTreeMap::new();
        while let Some(next) = base {
            let (words, further) = words(&next);
            for (key, value) in words {
                above.entry(key).or_insert(value);
            }
            base = further;
        }
        for (key, value) in &own {
            // The name of a variant says which one is changed.
            let names = key.ends_with("].name");
            assert!(
                names || above.get(key) != Some(value),
                "{name} repeats {key} = {value}"
            );
        }
    }
}
