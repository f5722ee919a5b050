//! Keys made for one test, by openssl, as abuild-keygen makes them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::package::{Entry, gzip, tar};

/// What a signature is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// What Alpine signs with: `.SIGN.RSA.KEY`.
    Sha1,
    /// `.SIGN.RSA256.KEY`
    Sha256,
}

/// A signing key. Keys of one name are different keys.
pub struct Key {
    name: String,
    directory: TempDir,
}

/// What signs a file: keys with their algorithms, in the order of the signatures; none leaves it
/// unsigned.
pub type Signers<'k> = [(&'k Key, Algorithm)];

impl Key {
    /// An RSA key of 2048 bits; its name is that of its public file, `…-0123abcd.rsa.pub`.
    pub fn new(name: &str) -> Self {
        Self::of_size(name, 2048)
    }

    /// An RSA key of so many bits.
    pub fn of_size(name: &str, bits: u32) -> Self {
        let key = Self {
            name: name.to_owned(),
            directory: tempfile::tempdir().expect("a directory"),
        };
        let bits = bits.to_string();
        let private = key.private();
        openssl(&["genrsa", "-out"], &[&private], &[&bits]);
        openssl(
            &["rsa", "-pubout", "-in"],
            &[&private],
            &["-out", &key.file().display().to_string()],
        );
        key
    }

    /// The name that signatures have.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key in PEM.
    pub fn public(&self) -> Vec<u8> {
        std::fs::read(self.file()).expect("a public key")
    }

    /// Adds the public key to those that a root trusts.
    pub fn trust(&self, root: &Path) {
        let keys = root.join("etc/apk/keys");
        std::fs::create_dir_all(&keys).expect("a directory for keys");
        std::fs::write(keys.join(&self.name), self.public()).expect("a public key");
    }

    /// The signature of `bytes` in PKCS #1 1.5.
    fn sign(&self, algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
        let scratch = tempfile::tempdir().expect("a directory");
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        std::fs::write(&from, bytes).expect("written");
        let digest = match algorithm {
            Algorithm::Sha1 => "-sha1",
            Algorithm::Sha256 => "-sha256",
        };
        let to_text = to.display().to_string();
        openssl(
            &["dgst", digest, "-sign"],
            &[&self.private(), &from],
            &["-out", &to_text],
        );
        std::fs::read(to).expect("a signature")
    }

    fn private(&self) -> PathBuf {
        self.directory.path().join("private.pem")
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("public.pem")
    }
}

/// The gzip member with the signatures of `signed`; empty without signers.
pub fn signature(signed: &[u8], signers: &Signers<'_>, time: u64) -> Vec<u8> {
    if signers.is_empty() {
        return Vec::new();
    }
    let entries: Vec<Entry> = signers
        .iter()
        .map(|(key, algorithm)| {
            let kind = match algorithm {
                Algorithm::Sha1 => "RSA",
                Algorithm::Sha256 => "RSA256",
            };
            let name = format!(".SIGN.{kind}.{}", key.name);
            Entry::file(name, key.sign(*algorithm, signed))
        })
        .collect();
    gzip(&tar(&entries, time, super::package::Tar::Cut))
}

fn openssl(before: &[&str], files: &[&PathBuf], after: &[&str]) {
    // Options must come before the file that is signed.
    let (first, rest) = files.split_first().expect("a file");
    let output = Command::new("openssl")
        .args(before)
        .arg(first)
        .args(after)
        .args(rest)
        .output()
        .expect("openssl runs");
    assert!(
        output.status.success(),
        "openssl {before:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
