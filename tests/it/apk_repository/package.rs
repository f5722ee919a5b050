//! Packages of version 2 of the format, written as abuild writes them (apk-package(5)): three gzip
//! members, of which the first two are archives that do not end.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dindimg::digest::Digest;
use sha1::{Digest as _, Sha1};

use super::key::{Signers, signature};

/// Unit of a tar archive in bytes.
const BLOCK: usize = 512;

/// Unit in which `size` counts, as du does.
const UNIT: u64 = 4096;

/// What an entry of a payload is.
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    File(Vec<u8>),
    Directory,
    Symlink(String),
    /// To another path of the package.
    Hardlink(String),
}

/// An entry of an archive. A path has no slash at its beginning or end.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

impl Entry {
    pub fn new(path: impl Into<String>, kind: Kind, mode: u32) -> Self {
        Self {
            path: path.into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
        }
    }

    pub fn file(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self::new(path, Kind::File(content.into()), 0o644)
    }

    pub fn executable(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self::new(path, Kind::File(content.into()), 0o755)
    }

    pub fn directory(path: impl Into<String>) -> Self {
        Self::new(path, Kind::Directory, 0o755)
    }

    pub fn symlink(path: impl Into<String>, target: impl Into<String>) -> Self {
        Self::new(path, Kind::Symlink(target.into()), 0o777)
    }

    /// apk notes the mode that stands here, not that of the file: it should be the same.
    pub fn hardlink(path: impl Into<String>, target: impl Into<String>) -> Self {
        Self::new(path, Kind::Hardlink(target.into()), 0o644)
    }
}

/// A package to write; what is empty is left out.
#[derive(Clone, Default)]
pub struct ApkPackage {
    pub name: String,
    pub version: String,
    /// As in `.PKGINFO`. An index has the architecture of its repository instead, as Alpine's do.
    pub arch: String,
    pub origin: String,
    pub description: String,
    pub url: String,
    pub licence: String,
    pub maintainer: String,
    pub commit: String,
    pub builddate: u64,
    /// Bytes that it takes up, where they are not those of its entries in blocks. apk does not look
    /// into a package of zero bytes at all.
    pub installed_size: Option<u64>,
    pub depends: Vec<String>,
    pub provides: Vec<String>,
    pub install_if: Vec<String>,
    pub replaces: Vec<String>,
    pub replaces_priority: Option<u32>,
    pub provider_priority: Option<u32>,
    /// By their names in the package: `.pre-install`, `.trigger`.
    pub scripts: BTreeMap<String, String>,
    /// Patterns of directories whose change runs `.trigger`.
    pub triggers: Vec<String>,
    /// Directories above an entry come by themselves.
    pub entries: Vec<Entry>,
    /// What `.PKGINFO` says of the payload, where it is not true.
    pub datahash: Option<String>,
}

impl ApkPackage {
    /// A package of x86_64 without files.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            arch: "x86_64".to_owned(),
            origin: name.to_owned(),
            description: "made for a test".to_owned(),
            url: "https://test.invalid/".to_owned(),
            licence: "MIT".to_owned(),
            builddate: 1_700_000_000,
            ..Self::default()
        }
    }

    /// Adds an entry.
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// Adds a script.
    pub fn script(mut self, name: &str, text: &str) -> Self {
        self.scripts.insert(name.to_owned(), text.to_owned());
        self
    }

    /// Adds dependencies, separated by spaces.
    pub fn depends(mut self, words: &str) -> Self {
        self.depends
            .extend(words.split_whitespace().map(str::to_owned));
        self
    }

    /// Its compressed members.
    pub fn members(&self) -> Members {
        let entries = self.ordered();
        let data = gzip(&tar(&entries, self.builddate, Tar::Payload));
        let datahash = self
            .datahash
            .clone()
            .unwrap_or_else(|| Digest::of(&data).hex());
        let mut files = vec![Entry::file(".PKGINFO", self.info(&datahash))];
        files.extend(
            self.scripts
                .iter()
                .map(|(name, text)| Entry::executable(name, text.as_bytes())),
        );
        Members {
            control: gzip(&tar(&files, self.builddate, Tar::Cut)),
            data,
            time: self.builddate,
        }
    }

    /// The entries in the order of their paths, hard links at the end: apk wants a directory before
    /// what is in it, and what a link leads to before the link.
    fn ordered(&self) -> Vec<Cow<'_, Entry>> {
        let mut entries: BTreeMap<(bool, &str), Cow<'_, Entry>> = BTreeMap::new();
        for entry in &self.entries {
            for (at, _) in entry.path.match_indices('/') {
                let above = &entry.path[..at];
                entries
                    .entry((false, above))
                    .or_insert_with(|| Cow::Owned(Entry::directory(above)));
            }
        }
        for entry in &self.entries {
            let last = matches!(entry.kind, Kind::Hardlink(_));
            entries.insert((last, &entry.path), Cow::Borrowed(entry));
        }
        entries.into_values().collect()
    }

    /// `.PKGINFO`, in abuild's order.
    fn info(&self, datahash: &str) -> String {
        let mut text = "# Generated for a test\n".to_owned();
        let mut field = |key: &str, value: &str| {
            if !value.is_empty() {
                writeln!(text, "{key} = {value}").expect("in memory");
            }
        };
        let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
        field("pkgname", &self.name);
        field("pkgver", &self.version);
        field("pkgdesc", &self.description);
        field("url", &self.url);
        field("builddate", &self.builddate.to_string());
        field("packager", "Test <test@test.invalid>");
        field("size", &self.size().to_string());
        field("arch", &self.arch);
        field("origin", &self.origin);
        field("commit", &self.commit);
        field("maintainer", &self.maintainer);
        field("license", &self.licence);
        for name in &self.replaces {
            field("replaces", name);
        }
        field("replaces_priority", &number(self.replaces_priority));
        field("provider_priority", &number(self.provider_priority));
        for name in &self.depends {
            field("depend", name);
        }
        for name in &self.provides {
            field("provides", name);
        }
        field("install_if", &self.install_if.join(" "));
        field("triggers", &self.triggers.join(" "));
        field("datahash", datahash);
        text
    }

    /// Bytes that it takes up.
    pub fn size(&self) -> u64 {
        let counted = || {
            let entries = self.ordered();
            let sizes = entries.iter().map(|entry| match &entry.kind {
                Kind::File(content) => (content.len() as u64).next_multiple_of(UNIT),
                Kind::Directory => UNIT,
                Kind::Symlink(_) | Kind::Hardlink(_) => 0,
            });
            UNIT + sizes.sum::<u64>()
        };
        self.installed_size.unwrap_or_else(counted)
    }
}

/// A package before it is signed.
pub struct Members {
    pub control: Vec<u8>,
    pub data: Vec<u8>,
    time: u64,
}

impl Members {
    /// What an index knows the package by.
    pub fn identity(&self) -> String {
        format!("Q1{}", STANDARD.encode(Sha1::digest(&self.control)))
    }

    /// The bytes of the package file.
    pub fn signed(&self, signers: &Signers<'_>) -> Vec<u8> {
        let signature = signature(&self.control, signers, self.time);
        [&*signature, &self.control, &self.data].concat()
    }
}

/// Which archive an entry is written to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tar {
    /// One that another member goes on with: it has no blocks at its end, and no checksums.
    Cut,
    /// One of files alone.
    Whole,
    /// The payload: every file and symbolic link has its SHA-1.
    Payload,
}

/// A tar archive of these entries.
pub fn tar<E: Borrow<Entry>>(entries: &[E], time: u64, form: Tar) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        append(&mut builder, entry.borrow(), time, form);
    }
    let mut bytes = builder.into_inner().expect("in memory");
    if form == Tar::Cut {
        bytes.truncate(bytes.len() - 2 * BLOCK);
    }
    bytes
}

fn append(builder: &mut tar::Builder<Vec<u8>>, entry: &Entry, time: u64, form: Tar) {
    let mut header = tar::Header::new_ustar();
    header.set_mode(entry.mode);
    header.set_uid(u64::from(entry.uid));
    header.set_gid(u64::from(entry.gid));
    // apk goes by the names of owners, and by their numbers where the system does not know them.
    if entry.uid == 0 {
        header.set_username("root").expect("a short name");
    }
    if entry.gid == 0 {
        header.set_groupname("root").expect("a short name");
    }
    header.set_mtime(time);
    let mut extensions: Vec<(&str, Vec<u8>)> = Vec::new();
    let path = match entry.kind {
        Kind::Directory => format!("{}/", entry.path),
        _ => entry.path.clone(),
    };
    if header.set_path(&path).is_err() {
        extensions.push(("path", path.clone().into_bytes()));
    }
    let (kind, content, link): (_, &[u8], _) = match &entry.kind {
        Kind::File(content) => (tar::EntryType::Regular, content, None),
        Kind::Directory => (tar::EntryType::Directory, &[], None),
        Kind::Symlink(target) => (tar::EntryType::Symlink, &[], Some(target)),
        Kind::Hardlink(target) => (tar::EntryType::Link, &[], Some(target)),
    };
    header.set_entry_type(kind);
    if let Some(target) = link
        && header.set_link_name_literal(target).is_err()
    {
        extensions.push(("linkpath", target.clone().into_bytes()));
    }
    let summed = match &entry.kind {
        Kind::File(content) => Some(content.as_slice()),
        Kind::Symlink(target) => Some(target.as_bytes()),
        Kind::Directory | Kind::Hardlink(_) => None,
    };
    if let Some(summed) = summed.filter(|_| form == Tar::Payload) {
        let sum = hex::encode(Sha1::digest(summed));
        extensions.push(("APK-TOOLS.checksum.SHA1", sum.into_bytes()));
    }
    if !extensions.is_empty() {
        // Not by `append_pax_extensions`: apk wants a name and numbers in this header too.
        let records = pax(&extensions);
        let mut extended = tar::Header::new_ustar();
        extended.set_path("PaxHeaders").expect("a short path");
        extended.set_entry_type(tar::EntryType::XHeader);
        extended.set_mode(0o644);
        extended.set_uid(0);
        extended.set_gid(0);
        extended.set_mtime(time);
        extended.set_size(records.len() as u64);
        extended.set_cksum();
        builder
            .append(&extended, records.as_slice())
            .expect("in memory");
    }
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append(&header, content).expect("in memory");
}

/// Records of a PAX header: `LENGTH KEY=VALUE`, where the length counts itself.
fn pax(records: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        content.extend(format!("{length} {key}=").into_bytes());
        content.extend_from_slice(value);
        content.push(b'\n');
    }
    content
}

/// A gzip member without a time or a name.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}
