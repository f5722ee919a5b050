//! What the databases of dpkg and apk in an image say: deb-control(5) and dpkg(1), and apk's
//! `installed` as apk-tools writes it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deb822_fast::Deb822;
use serde::Serialize;

use super::file::{File, Kind};
use super::stack::{Files, directory, follow};

/// Where dpkg's database is.
const DPKG: &str = "var/lib/dpkg";
/// Its list of what is installed.
const STATUS: &str = "status";
/// The same in images without dpkg, a file a package.
const STATUS_PARTS: &str = "status.d";
/// Files that stand elsewhere than in their packages (dpkg-divert(1)), three lines each: the path,
/// where it is instead, and the package whose own files stay, `:` for none.
const DIVERSIONS: &str = "diversions";
/// dpkg's lists of files.
const INFO: &str = "info";
/// What apk keeps as its user has it (apk's `protected_paths.d`).
const PROTECTED: &str = "etc/";
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
    /// What each path's package has in it, by a digest of its database.
    pub checksums: BTreeMap<String, Sum>,
    /// The same of files that are there to be changed: conffiles, and what apk protects.
    pub settings: BTreeMap<String, Sum>,
    /// Databases that cannot be read, with what is wrong: what they have is not known.
    pub unreadable: BTreeMap<String, String>,
}

/// A digest that a database of packages has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sum {
    /// dpkg's, in hexadecimal digits.
    Md5(String),
    /// apk's.
    Sha1(Vec<u8>),
}

impl Sum {
    /// Whether this is the content of a file.
    pub fn is_of(&self, file: &File) -> bool {
        match (&file.kind, self) {
            (Kind::Regular { md5, .. }, Self::Md5(sum)) => hex::encode(md5) == *sum,
            (Kind::Regular { sha1, .. }, Self::Sha1(sum)) => sha1[..] == sum[..],
            _ => false,
        }
    }
}

/// Paths of lists as an image has them, below links that directories are.
struct Places<'a> {
    files: &'a Files,
    known: RefCell<BTreeMap<String, String>>,
}

impl Places<'_> {
    fn of(&self, path: &str) -> String {
        let path = path.trim_matches('/');
        let Some((parent, name)) = path.rsplit_once('/') else {
            return path.to_owned();
        };
        let mut known = self.known.borrow_mut();
        let real = known
            .entry(parent.to_owned())
            .or_insert_with(|| directory(self.files, parent));
        format!("{real}/{name}")
    }
}

impl Packages {
    pub(super) fn read(files: &Files) -> Self {
        let mut packages = Self::default();
        let places = Places {
            files,
            known: RefCell::default(),
        };
        packages.dpkg(files, &places);
        packages.apk(files, &places);
        packages
    }

    /// The package that brings a file.
    pub fn owner(&self, path: &str) -> Option<&str> {
        self.owners.get(path).map(String::as_str)
    }

    /// Whether a file is what its package has, as everybody can download it.
    pub fn is_untouched(&self, path: &str, file: &File) -> bool {
        let sum = self.checksums.get(path).or_else(|| self.settings.get(path));
        self.owners.contains_key(path) && sum.is_some_and(|sum| sum.is_of(file))
    }

    fn dpkg(&mut self, files: &Files, places: &Places<'_>) {
        let root = directory(files, DPKG);
        let parts = below(files, &format!("{root}/{STATUS_PARTS}"));
        let parts = parts.filter(|(path, file)| file.is_regular() && !path.ends_with(".md5sums"));
        let whole = format!("{root}/{STATUS}");
        let status = files.get_key_value(&whole);
        for (path, _) in status.into_iter().chain(parts) {
            let stanzas = content(files, path).and_then(|text| {
                Deb822::from_str(&text).map_err(|error| format!("is no list of packages: {error}"))
            });
            let stanzas = match stanzas {
                Ok(stanzas) => stanzas,
                Err(reason) => {
                    self.unreadable.insert(path.clone(), reason);
                    continue;
                }
            };
            for stanza in stanzas.iter() {
                let Some(name) = stanza.get("Package") else {
                    let reason = "has a stanza without `Package`".to_owned();
                    self.unreadable.insert(path.clone(), reason);
                    continue;
                };
                // status.d has no Status: what is there is installed.
                let status = stanza.get("Status").unwrap_or("installed");
                if !status.ends_with(" installed") && status != "installed" {
                    continue;
                }
                for line in stanza.get("Conffiles").unwrap_or_default().lines() {
                    let mut words = line.split_whitespace();
                    if let (Some(path), Some(sum)) = (words.next(), words.next()) {
                        let sum = Sum::Md5(sum.to_owned());
                        self.settings.insert(places.of(path), sum);
                    }
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
        let diverted = diversions(files, &root);
        for (path, _) in below(files, &format!("{root}/{INFO}")) {
            let name = path
                .rsplit_once('/')
                .map_or(path.as_str(), |(_, name)| name);
            let Some((name, kind)) = name.rsplit_once('.') else {
                continue;
            };
            let name = name.split(':').next().unwrap_or(name);
            if !self.installed.contains_key(name) || !["list", "md5sums"].contains(&kind) {
                continue;
            }
            let place = |path: &str| match diverted.get(path.trim_matches('/')) {
                Some((to, by)) if by != name => places.of(to),
                _ => places.of(path),
            };
            let text = match content(files, path) {
                Ok(text) => text,
                Err(reason) => {
                    self.unreadable.insert(path.clone(), reason);
                    continue;
                }
            };
            for line in text.lines() {
                if kind == "list" {
                    self.owners.insert(place(line), name.to_owned());
                } else if let Some((sum, path)) = line.split_once("  ") {
                    let sum = Sum::Md5(sum.to_owned());
                    self.checksums.insert(place(path), sum);
                }
            }
        }
    }

    fn apk(&mut self, files: &Files, places: &Places<'_>) {
        let there = |path: &&&str| follow(files, path).is_some_and(|it| files.contains_key(&it));
        let Some(path) = INSTALLED.iter().find(there) else {
            return;
        };
        let found = match content(files, path) {
            Ok(found) => found,
            Err(reason) => {
                self.unreadable.insert((*path).to_owned(), reason);
                return;
            }
        };
        for block in found.split("\n\n") {
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
                        paths.push(places.of(folder));
                    }
                    "R" => paths.push(places.of(&format!("{folder}/{value}"))),
                    "Z" => {
                        let sum = value.strip_prefix("Q1");
                        let sum = sum.and_then(|sum| STANDARD.decode(sum).ok());
                        if let (Some(sum), Some(path)) = (sum, paths.last()) {
                            let sums = match path.starts_with(PROTECTED) {
                                true => &mut self.settings,
                                false => &mut self.checksums,
                            };
                            sums.insert(path.clone(), Sum::Sha1(sum));
                        }
                    }
                    _ => {}
                }
            }
            if name.is_empty() {
                if !block.trim().is_empty() {
                    let reason = "has a block without a name (`P:`)".to_owned();
                    self.unreadable.insert((*path).to_owned(), reason);
                }
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

/// Where files are that are not where their packages have them, without leading slashes, and whose
/// own stay.
fn diversions(files: &Files, root: &str) -> BTreeMap<String, (String, String)> {
    let text = content(files, &format!("{root}/{DIVERSIONS}")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let plain = |path: &str| path.trim_matches('/').to_owned();
    lines
        .chunks_exact(3)
        .map(|three| (plain(three[0]), (plain(three[1]), three[2].to_owned())))
        .collect()
}

/// The files of a directory, and of those in it.
fn below<'a>(
    files: &'a Files,
    directory: &str,
) -> impl Iterator<Item = (&'a String, &'a File)> + use<'a> {
    let top = format!("{directory}/");
    files
        .range(top.clone()..)
        .take_while(move |(path, _)| path.starts_with(&top))
}

/// A file's text, through links, or what is wrong with it.
fn content(files: &Files, path: &str) -> Result<String, String> {
    let file = follow(files, path).and_then(|path| files.get(&path));
    let file = file.ok_or("is a link to nowhere")?;
    match &file.kind {
        Kind::Regular {
            text: Some(bytes), ..
        } => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Kind::Regular { .. } => {
            Err("is too large to be read, or elsewhere behind a link".to_owned())
        }
        _ => Err("is no file".to_owned()),
    }
}
