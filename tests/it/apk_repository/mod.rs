//! Signed Alpine repositories for tests: packages made for the test, those of Alpine's own mini root
//! file system made again, and Debian's programs under Alpine's names, with keys made for the test.
//!
//! ```text
//! ApkPackage::new(…) ─────┐
//! rootfs::packages(…) ────┼─► Repository::at(root, "v3.19", "main").publish(&packages, &[(&key, Sha1)])
//! debian::packages(…) ────┘     └► root/v3.19/main/x86_64/{APKINDEX.tar.gz, NAME-VERSION.apk}
//! ```
//!
//! apk is asked whether it agrees.

mod agreement;
pub mod debian;
mod index;
mod key;
pub mod package;
pub mod peer;
pub mod rootfs;

use std::path::{Path, PathBuf};

pub use key::{Algorithm, Key, Signers};
pub use package::{ApkPackage, Entry};

/// Time of an index.
const TIME: u64 = 1_700_000_000;

/// A repository on disk, of one branch, component and architecture.
pub struct Repository {
    root: PathBuf,
    component: String,
    arch: &'static str,
    records: Vec<String>,
}

impl Repository {
    /// A repository of x86_64 below the root of a mirror: `Repository::at(root, "v3.19", "main")`.
    pub fn at(root: &Path, branch: &str, name: &str) -> Self {
        Self {
            root: root.to_owned(),
            component: format!("{branch}/{name}"),
            arch: "x86_64",
            records: Vec::new(),
        }
    }

    /// The same of another architecture, as Alpine calls it.
    pub fn of(mut self, arch: &'static str) -> Self {
        self.arch = arch;
        self
    }

    /// What apk calls the repository: the directory above those of the architectures.
    pub fn address(&self) -> PathBuf {
        self.root.join(&self.component)
    }

    /// Where its files are.
    pub fn directory(&self) -> PathBuf {
        self.address().join(self.arch)
    }

    /// Writes these packages beside those that are there, and an index of all of them.
    pub fn publish(&mut self, packages: &[ApkPackage], signers: &Signers<'_>) {
        for package in packages {
            self.add(package, signers);
        }
        self.write_index(signers);
    }

    /// Writes one package, for the index that is written next; the path of its file.
    pub fn add(&mut self, package: &ApkPackage, signers: &Signers<'_>) -> PathBuf {
        let members = package.members();
        let bytes = members.signed(signers);
        let name = format!("{}-{}.apk", package.name, package.version);
        let record = index::record(package, &members, bytes.len(), self.arch);
        self.records.push(record);
        self.write(&name, &bytes)
    }

    /// Writes the index, signed.
    pub fn write_index(&self, signers: &Signers<'_>) {
        let bytes = index::index(&self.records, &self.component, signers, TIME);
        self.write("APKINDEX.tar.gz", &bytes);
    }

    /// Writes an index of any text, signed.
    pub fn write_text(&self, text: impl Into<Vec<u8>>, signers: &Signers<'_>) {
        let bytes = index::of_text(text.into(), &self.component, signers, TIME);
        self.write("APKINDEX.tar.gz", &bytes);
    }

    /// The records of its packages, as its index has them.
    pub fn records(&self) -> &[String] {
        &self.records
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let directory = self.directory();
        std::fs::create_dir_all(&directory).expect("directory of a repository");
        let path = directory.join(name);
        std::fs::write(&path, bytes).expect("file of a repository");
        path
    }
}
