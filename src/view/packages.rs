//! What the databases of dpkg and apk in an image say: deb-control(5) and dpkg(1), and apk's
//! `installed` as apk-tools writes it.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use deb822_fast::Deb822;
use serde::Serialize;

use super::file::{File, Kind};
use super::stack::{Files, directory, follow};

/// dpkg's list of what is installed.
const STATUS: &str = "var/lib/dpkg/status";
/// The same in images without dpkg, a file a package.
const STATUS_PARTS: &str = "var/lib/dpkg/status.d/";
/// dpkg's lists of files.
const INFO: &str = "var/lib/dpkg/info/";
/// apk's database, before and since version 3.
const INSTALLED: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// A program that manages packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// Debian's.
    Dpkg,
    /// Alpine's.
    Apk,
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Its version.
    pub version: String,
    /// Its architecture, in its distribution's word.
    pub architecture: String,
    /// What its database says that it occupies, in bytes.
    pub size: u64,
    /// Whose database has it.
    pub manager: Manager,
    /// The names of the packages that it needs, alternatives together, without versions.
    #[serde(skip)]
    pub needs: Vec<Vec<String>>,
    /// The names that it stands for.
    #[serde(skip)]
    pub provides: Vec<String>,
}

/// The packages of an image.
#[derive(Clone, Debug, Default)]
pub struct Packages {
    /// Each by its name; of two architectures the second as `NAME:ARCHITECTURE`.
    pub installed: BTreeMap<String, Installed>,
    /// The package that each path is of, of several the last.
    pub owners: BTreeMap<String, String>,
    /// The MD5 that dpkg has for the content of each path, in hexadecimal digits.
    pub checksums: BTreeMap<String, String>,
}

impl Packages {
    pub(super) fn read(files: &Files) -> Self {
        let mut packages = Self::default();
        packages.dpkg(files);
        packages.apk(files);
        packages
    }

    /// The package that brings a file.
    pub fn owner(&self, path: &str) -> Option<&str> {
        self.owners.get(path).map(String::as_str)
    }

    fn dpkg(&mut self, files: &Files) {
        let parts = files
            .range(STATUS_PARTS.to_owned()..)
            .take_while(|(path, _)| path.starts_with(STATUS_PARTS));
        let parts = parts.filter(|(path, _)| !path.ends_with(".md5sums"));
        let status = files.get_key_value(STATUS).into_iter().chain(parts);
        for text in status.filter_map(|(_, file)| text(file)) {
            let Ok(stanzas) = Deb822::from_str(&text) else {
                continue;
            };
            for stanza in stanzas.iter() {
                let Some(name) = stanza.get("Package") else {
                    continue;
                };
                // status.d has no Status: what is there is installed.
                let status = stanza.get("Status").unwrap_or("installed");
                if !status.ends_with(" installed") && status != "installed" {
                    continue;
                }
                let list = |key| relations(stanza.get(key).unwrap_or_default());
                let mut needs = list("Pre-Depends");
                needs.extend(list("Depends"));
                let architecture = stanza.get("Architecture").unwrap_or_default().to_owned();
                let size: u64 = stanza
                    .get("Installed-Size")
                    .and_then(|size| size.parse().ok())
                    .unwrap_or(0);
                let key = match self.installed.contains_key(name) {
                    true => format!("{name}:{architecture}"),
                    false => name.to_owned(),
                };
                let one = Installed {
                    version: stanza.get("Version").unwrap_or_default().to_owned(),
                    architecture,
                    size: size.saturating_mul(1024),
                    manager: Manager::Dpkg,
                    needs,
                    provides: list("Provides").into_iter().flatten().collect(),
                };
                self.installed.insert(key, one);
            }
        }
        let info = files.range(INFO.to_owned()..);
        for (path, file) in info.take_while(|(path, _)| path.starts_with(INFO)) {
            let name = &path[INFO.len()..];
            let Some((name, kind)) = name.rsplit_once('.') else {
                continue;
            };
            let name = name.split(':').next().unwrap_or(name);
            let Some(text) = text(file).filter(|_| ["list", "md5sums"].contains(&kind)) else {
                continue;
            };
            for line in text.lines() {
                if kind == "list" {
                    let path = real(files, line);
                    self.owners.insert(path, name.to_owned());
                } else if let Some((sum, path)) = line.split_once("  ") {
                    self.checksums.insert(real(files, path), sum.to_owned());
                }
            }
        }
    }

    fn apk(&mut self, files: &Files) {
        let found = INSTALLED.iter().find_map(|path| {
            let path = follow(files, path)?;
            text(files.get(&path)?)
        });
        for block in found.unwrap_or_default().split("\n\n") {
            let mut one = Installed {
                version: String::new(),
                architecture: String::new(),
                size: 0,
                manager: Manager::Apk,
                needs: Vec::new(),
                provides: Vec::new(),
            };
            let (mut name, mut folder, mut paths) = (String::new(), "", Vec::new());
            for line in block.lines() {
                let Some((key, value)) = line.split_once(':') else {
                    continue;
                };
                match key {
                    "P" => name = value.to_owned(),
                    "V" => one.version = value.to_owned(),
                    "A" => one.architecture = value.to_owned(),
                    "I" => one.size = value.parse().unwrap_or(0),
                    "D" => {
                        let words = value
                            .split_whitespace()
                            .filter(|word| !word.starts_with('!'));
                        one.needs = words.map(|word| vec![bare(word)]).collect();
                    }
                    "p" => one.provides = value.split_whitespace().map(bare).collect(),
                    "F" => {
                        folder = value;
                        paths.push(real(files, folder));
                    }
                    "R" => paths.push(real(files, &format!("{folder}/{value}"))),
                    _ => {}
                }
            }
            if name.is_empty() {
                continue;
            }
            let owners = paths.into_iter().map(|path| (path, name.clone()));
            self.owners.extend(owners);
            self.installed.insert(name, one);
        }
    }
}

/// A name without the version that is demanded of it.
fn bare(word: &str) -> String {
    let end = word.find(['<', '>', '=', '~', '@']);
    word[..end.unwrap_or(word.len())].to_owned()
}

/// The alternatives of each relation of a field (deb-control(5), "Depends").
fn relations(field: &str) -> Vec<Vec<String>> {
    let name = |text: &str| {
        let text = text.trim();
        let end = text.find([' ', '(', ':', '[']).unwrap_or(text.len());
        text[..end].to_owned()
    };
    field
        .split(',')
        .map(|one| {
            one.split('|')
                .map(name)
                .filter(|name| !name.is_empty())
                .collect()
        })
        .filter(|one: &Vec<String>| !one.is_empty())
        .collect()
}

/// A path of a list as the image has it: below links that directories are.
fn real(files: &Files, path: &str) -> String {
    let path = path.trim_matches('/');
    match path.rsplit_once('/') {
        Some((parent, name)) => format!("{}/{name}", directory(files, parent)),
        None => path.to_owned(),
    }
}

fn text(file: &File) -> Option<String> {
    match &file.kind {
        Kind::Regular {
            text: Some(bytes), ..
        } => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}
