//! A small mirror of Alpine, a recipe for it and a cache, all of one test.

use std::fs;
use std::path::PathBuf;

use dindimg::digest::Digest;
use tempfile::TempDir;

use crate::apk_repository::{Algorithm, ApkPackage, Entry, Key, Repository, Signers};
use crate::peers::require;
use crate::product::{Run, command};

pub const KEY: &str = "test@example.org-0123abcd.rsa.pub";

/// A small mirror, a recipe for it and a cache, all of one test.
pub struct Room {
    at: TempDir,
    pub key: Key,
}

impl Room {
    pub fn new() -> Self {
        require(&["openssl"], "openssl").expect("openssl signs");
        let room = Self {
            at: tempfile::tempdir().expect("a directory"),
            key: Key::new(KEY),
        };
        room.write_key(&room.key);
        room.publish(&[room.one()]);
        room
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.at.path().join(name)
    }

    pub fn one(&self) -> ApkPackage {
        ApkPackage::new("one", "1.0-r0").entry(Entry::file("usr/share/one", "one"))
    }

    pub fn repository(&self) -> Repository {
        Repository::at(&self.path("mirror"), "v3.22", "main")
    }

    pub fn publish(&self, packages: &[ApkPackage]) {
        self.publish_by(packages, &[(&self.key, Algorithm::Sha256)]);
    }

    pub fn publish_by(&self, packages: &[ApkPackage], signers: &Signers<'_>) {
        let _ = fs::remove_dir_all(self.path("mirror"));
        self.repository().publish(packages, signers);
    }

    pub fn write_key(&self, key: &Key) {
        fs::write(self.path("key.rsa.pub"), key.public()).expect("a key");
    }

    /// The recipe: `packages` are asked for, `more` stands in `[alpine]`.
    pub fn recipe(&self, packages: &str, more: &str) -> String {
        let digest = Digest::of(fs::read(self.path("key.rsa.pub")).expect("a key"));
        format!(
            "schema = 1\n[alpine]\nbranch = \"v3.22\"\nrepositories = [\"main\"]\nmirrors = [\"file://{}\"]\n\
             keys = [{{ file = \"key.rsa.pub\", name = \"{KEY}\", sha256 = \"{}\" }}]\n{more}\n[packages]\ninclude = [{packages}]\n",
            self.path("mirror").display(),
            digest.hex()
        )
    }

    pub fn run(&self, verb: &str, recipe: &str) -> Run {
        fs::write(self.path("r.toml"), recipe).expect("a recipe");
        let mut run = command(&self.path("cache"));
        run.arg(verb).arg(self.path("r.toml"));
        if verb == "build" {
            run.arg(format!("--output=oci:{}", self.path("out").display()));
        }
        Run::of(run.output().expect("the binary runs"))
    }

    pub fn lock(&self) -> Run {
        self.run("lock", &self.recipe("\"one\"", ""))
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path("mirror/v3.22/main/x86_64").join(name)
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.file(name);
        let mut bytes = fs::read(&path).expect("a file of the mirror");
        change(&mut bytes);
        fs::write(path, bytes).expect("a file of the mirror");
    }
}

#[track_caller]
pub fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}
