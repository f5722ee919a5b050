//! The packages of Alpine's mini root file system, made again from what apk's database says of them.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::package::{ApkPackage, Entry, Kind};

/// What apk's database takes for granted.
const DIRECTORY: (u32, u32, u32) = (0, 0, 0o755);
const FILE: (u32, u32, u32) = (0, 0, 0o644);

/// The line that whoever made the file system wrote into `etc/shadow` after the installation, so
/// that nobody logs in as root, and the line of the package.
const SHADOW: [&str; 2] = ["root:*::0:::::\n", "root:::0:::::\n"];

/// The packages of the file system in this archive.
pub fn packages(archive: &[u8]) -> Vec<ApkPackage> {
    let files = contents(archive);
    let text = |path: &str| match files.get(path) {
        Some(Kind::File(content)) => String::from_utf8(content.clone()).expect("UTF-8"),
        _ => panic!("{path} is not in the file system"),
    };
    let installed = text("lib/apk/db/installed");
    let triggers = text("lib/apk/db/triggers");
    let Some(Kind::File(scripts)) = files.get("lib/apk/db/scripts.tar") else {
        panic!("no scripts");
    };
    let scripts = script_files(scripts);
    installed
        .split("\n\n")
        .filter(|stanza| !stanza.trim().is_empty())
        .map(|stanza| {
            let (identity, mut package) = read(stanza, &files);
            let found = triggers.lines().find_map(|line| {
                let (of, paths) = line.split_once(' ')?;
                (of == identity).then(|| words(paths))
            });
            package.triggers = found.unwrap_or_default();
            let prefix = format!("{}-{}.{identity}", package.name, package.version);
            package.scripts = scripts
                .iter()
                .filter_map(|(name, text)| Some((name.strip_prefix(&prefix)?, text)))
                .map(|(name, text)| (name.to_owned(), text.clone()))
                .collect();
            package
        })
        .collect()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Every entry of the file system by its path.
fn contents(archive: &[u8]) -> BTreeMap<String, Kind> {
    let mut found = BTreeMap::new();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("UTF-8");
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let link = |entry: &tar::Entry<'_, _>| {
            let target = entry.link_name_bytes().expect("a target").into_owned();
            String::from_utf8(target).expect("UTF-8")
        };
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => Kind::Directory,
            tar::EntryType::Symlink => Kind::Symlink(link(&entry)),
            tar::EntryType::Link => Kind::Hardlink(link(&entry)),
            _ => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).expect("a file");
                Kind::File(content)
            }
        };
        found.insert(path.to_owned(), kind);
    }
    found
}

/// The scripts of the database: `NAME-VERSION.IDENTITY.KIND`, where the identity may have slashes.
fn script_files(archive: &[u8]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("UTF-8");
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("a script");
        found.insert(path, text);
    }
    found
}

/// A package of the database, and what it is known by.
fn read(stanza: &str, files: &BTreeMap<String, Kind>) -> (String, ApkPackage) {
    let mut package = ApkPackage::default();
    let mut identity = String::new();
    let mut directory = "";
    for line in stanza.lines() {
        let (field, value) = line.split_once(':').expect("a field");
        let value_of = || value.to_owned();
        match field {
            "C" => identity = value_of(),
            "P" => package.name = value_of(),
            "V" => package.version = value_of(),
            "A" => package.arch = value_of(),
            "I" => package.installed_size = Some(value.parse().expect("a number")),
            "T" => package.description = value_of(),
            "U" => package.url = value_of(),
            "L" => package.licence = value_of(),
            "o" => package.origin = value_of(),
            "m" => package.maintainer = value_of(),
            "t" => package.builddate = value.parse().expect("a number"),
            "c" => package.commit = value_of(),
            "k" => package.provider_priority = Some(value.parse().expect("a number")),
            "q" => package.replaces_priority = Some(value.parse().expect("a number")),
            "D" => package.depends = words(value),
            "p" => package.provides = words(value),
            "i" => package.install_if = words(value),
            "r" => package.replaces = words(value),
            // The size of the package file, which is another one now.
            "S" => {}
            "F" => {
                directory = value;
                package
                    .entries
                    .push(entry(value, Kind::Directory, DIRECTORY));
            }
            "R" => {
                let path = match directory {
                    "" => value_of(),
                    directory => format!("{directory}/{value}"),
                };
                let found = files.get(&path).unwrap_or_else(|| panic!("{path}"));
                package.entries.push(entry(&path, found.clone(), FILE));
            }
            "M" | "a" => {
                let last = package.entries.last_mut().expect("a path");
                *last = entry(&last.path, last.kind.clone(), owner(value));
            }
            "Z" => as_shipped(package.entries.last_mut().expect("a path"), value),
            other => panic!("the field {other} of {}", package.name),
        }
    }
    (identity, package)
}

fn entry(path: &str, kind: Kind, (uid, gid, mode): (u32, u32, u32)) -> Entry {
    Entry {
        uid,
        gid,
        ..Entry::new(path, kind, mode)
    }
}

/// `UID:GID:MODE`
fn owner(value: &str) -> (u32, u32, u32) {
    let parts: Vec<&str> = value.split(':').collect();
    let [uid, gid, mode] = parts[..] else {
        panic!("{value}");
    };
    (
        uid.parse().expect("a number"),
        gid.parse().expect("a number"),
        u32::from_str_radix(mode, 8).expect("a mode"),
    )
}

/// Proves that a file has the content that its package had, or gives it back.
fn as_shipped(entry: &mut Entry, sum: &str) {
    let sum_of = |bytes: &[u8]| format!("Q1{}", STANDARD.encode(Sha1::digest(bytes)));
    if entry.path == "etc/shadow"
        && let Kind::File(content) = &mut entry.kind
    {
        let text = String::from_utf8(content.clone()).expect("UTF-8");
        let [changed, shipped] = SHADOW;
        *content = text.replacen(changed, shipped, 1).into_bytes();
    }
    let found = match &entry.kind {
        Kind::File(content) => sum_of(content),
        Kind::Symlink(target) => sum_of(target.as_bytes()),
        Kind::Directory | Kind::Hardlink(_) => panic!("{}: a checksum", entry.path),
    };
    assert_eq!(found, sum, "{}", entry.path);
}
