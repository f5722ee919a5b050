//! One suite of an archive: its indexes, its `Release` and the signatures over it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use dindimg::digest::Digest;
use dindimg::epoch::Epoch;
use md5::Md5;
use sha1::{Digest as _, Sha1};

use super::package::{Package, shared_cache};
use super::signer::{Signer, clear_signed, detached};
use super::{DAY, from_now};

/// Which files carry the signatures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// `InRelease`, and `Release` with `Release.gpg`: what Debian serves.
    Both,
    /// `Release` with `Release.gpg` alone, as before 2013.
    Detached,
    /// `InRelease` without a signature, and a bare `Release`.
    Not,
    /// `Release` alone.
    Bare,
}

/// Which digests `Release` lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// MD5 and SHA-256, as Debian has it.
    Usual,
    /// MD5 and SHA-1: what proves nothing.
    Weak,
}

/// In which forms the indexes are published.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Indexes {
    /// `Packages`, listed but not stored, `Packages.xz` and `Packages.gz`: Debian's own way.
    Debian,
    /// `Packages.gz` alone.
    Gzip,
    /// `Packages` alone.
    Plain,
}

/// A suite to publish.
pub struct Suite {
    name: String,
    component: String,
    date: Epoch,
    valid_until: Option<Epoch>,
    architectures: Vec<&'static str>,
    packages: Vec<Package>,
    by_hash: bool,
    signed: Signed,
    digests: Digests,
    indexes: Indexes,
}

impl Suite {
    /// A suite of today that is valid for a week, for amd64 and arm64, without packages. `name` is
    /// its place below `dists/`.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            component: "main".to_owned(),
            date: from_now(-60),
            valid_until: Some(from_now(7 * DAY)),
            architectures: vec!["amd64", "arm64"],
            packages: Vec::new(),
            by_hash: false,
            signed: Signed::Both,
            digests: Digests::Usual,
            indexes: Indexes::Debian,
        }
    }

    /// With this component in place of `main`.
    pub fn component(mut self, component: &str) -> Self {
        component.clone_into(&mut self.component);
        self
    }

    /// Made and signed at this time.
    pub fn date(mut self, date: Epoch) -> Self {
        self.date = date;
        self
    }

    /// Valid until this time; `None` for suites that never expire.
    pub fn valid_until(mut self, end: impl Into<Option<Epoch>>) -> Self {
        self.valid_until = end.into();
        self
    }

    /// Adds packages.
    pub fn packages(mut self, packages: impl IntoIterator<Item = Package>) -> Self {
        self.packages.extend(packages);
        self
    }

    /// Indexes lie below `by-hash/` only, as on a mirror that is being updated.
    pub fn by_hash(mut self) -> Self {
        self.by_hash = true;
        self
    }

    /// Which files carry the signatures.
    pub fn signed(mut self, signed: Signed) -> Self {
        self.signed = signed;
        self
    }

    /// Which digests are listed.
    pub fn digests(mut self, digests: Digests) -> Self {
        self.digests = digests;
        self
    }

    /// In which forms the indexes are published.
    pub fn indexes(mut self, indexes: Indexes) -> Self {
        self.indexes = indexes;
        self
    }

    /// Writes the suite and its packages below `root`, in place of what an earlier one of that
    /// name left there.
    pub fn publish(&self, root: &Path, signers: &[&Signer]) {
        let cache = shared_cache();
        for package in &self.packages {
            package.write(root, &cache);
        }
        let dists = root.join("dists").join(&self.name);
        if dists.exists() {
            std::fs::remove_dir_all(&dists).expect("the earlier state of the suite");
        }
        let files = self.index_files();
        for (path, file) in &files {
            if !file.stored {
                continue;
            }
            let place = if self.by_hash {
                let (directory, _) = path.rsplit_once('/').expect("a directory");
                format!(
                    "{directory}/by-hash/SHA256/{}",
                    Digest::of(&file.bytes).hex()
                )
            } else {
                path.clone()
            };
            write(&dists.join(place), &file.bytes);
        }
        let release = self.release(&files);
        if self.signed == Signed::Both {
            let text = clear_signed(&release, signers, self.date);
            write(&dists.join("InRelease"), text.as_bytes());
        }
        if self.signed == Signed::Not {
            write(&dists.join("InRelease"), release.as_bytes());
        }
        write(&dists.join("Release"), release.as_bytes());
        if matches!(self.signed, Signed::Both | Signed::Detached) {
            let signature = detached(&release, signers, self.date);
            write(&dists.join("Release.gpg"), signature.as_bytes());
        }
    }

    fn index_files(&self) -> BTreeMap<String, IndexFile> {
        let mut files = BTreeMap::new();
        for architecture in &self.architectures {
            let plain = self.index(architecture).into_bytes();
            let path = format!("{}/binary-{architecture}/Packages", self.component);
            let mut add = |suffix: &str, bytes: Vec<u8>, stored| {
                files.insert(format!("{path}{suffix}"), IndexFile { bytes, stored });
            };
            if self.indexes == Indexes::Debian {
                add(".xz", xz(&plain), true);
            }
            if self.indexes != Indexes::Plain {
                add(".gz", super::deb::gzip(&plain), true);
            }
            add("", plain, self.indexes == Indexes::Plain);
        }
        files
    }

    /// The `Packages` file of an architecture; packages for all are in each.
    fn index(&self, architecture: &str) -> String {
        let mut text = String::new();
        let mut listed = BTreeSet::new();
        for package in &self.packages {
            let fits = ["all", architecture].contains(&package.architecture());
            if fits && listed.insert(&package.path) {
                let _ = writeln!(
                    text,
                    "{}\nFilename: {}\nSize: {}\nSHA256: {}\n",
                    package.control.trim_end(),
                    package.path,
                    package.size,
                    package.sha256.hex(),
                );
            }
        }
        text
    }

    fn release(&self, files: &BTreeMap<String, IndexFile>) -> String {
        // Suites below another directory announce that with their components, as the security
        // suites before bullseye do.
        let component = match self.name.split_once('/') {
            Some((_, below)) => format!("{below}/{}", self.component),
            None => self.component.clone(),
        };
        let mut text = format!(
            "Origin: Test\nLabel: Test\nSuite: {name}\nCodename: {name}\nDate: {}\n",
            release_date(self.date),
            name = self.name,
        );
        if let Some(end) = self.valid_until {
            let _ = writeln!(text, "Valid-Until: {}", release_date(end));
        }
        if self.by_hash {
            text.push_str("Acquire-By-Hash: yes\n");
        }
        let _ = writeln!(
            text,
            "Architectures: {}\nComponents: {component}\nDescription: made for a test",
            self.architectures.join(" ")
        );
        let mut section = |name: &str, digest: fn(&[u8]) -> String| {
            let _ = writeln!(text, "{name}:");
            for (path, file) in files {
                let _ = writeln!(
                    text,
                    " {} {:>8} {path}",
                    digest(&file.bytes),
                    file.bytes.len()
                );
            }
        };
        section("MD5Sum", |bytes| hex::encode(Md5::digest(bytes)));
        match self.digests {
            Digests::Usual => section("SHA256", |bytes| Digest::of(bytes).hex()),
            Digests::Weak => section("SHA1", |bytes| hex::encode(Sha1::digest(bytes))),
        }
        text
    }
}

struct IndexFile {
    bytes: Vec<u8>,
    /// Whether it can be fetched, or is only listed.
    stored: bool,
}

/// A date as `Release` files have it.
pub fn release_date(at: Epoch) -> String {
    let time = jiff::Timestamp::from_second(at.seconds()).expect("a year that prints");
    let text = time.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
    assert_eq!(Epoch::parse_release_date(&text).as_ref(), Ok(&at), "{text}");
    text
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    liblzma::read::XzEncoder::new(bytes, 6)
        .read_to_end(&mut out)
        .expect("in memory");
    out
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("directory of a suite");
    std::fs::write(path, bytes).expect("file of a suite");
}
