//! A signed repository in a directory, with whatever its owner puts into it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dindimg::digest::Digest;
use dindimg::epoch::Epoch;

use crate::deb_builder::{deb, stanza};
use crate::peers::{require, run};
use crate::support::now;

/// A signing key: its certificate and fingerprint.
pub struct Key {
    pub certificate: Vec<u8>,
    pub fingerprint: String,
}

/// How a `Release` is made.
pub struct Terms {
    /// Seconds from now, of `Date`.
    pub date: i64,
    /// Seconds from now, of `Valid-Until`; `None` for a Release that never expires.
    pub valid_until: Option<i64>,
    /// The section that lists the indexes.
    pub section: &'static str,
    /// The user id of the key that signs; `None` leaves it unsigned.
    pub signer: Option<&'static str>,
    /// Further options of gpg.
    pub options: &'static [&'static str],
}

/// The key that the recipe pins.
pub const OWNER: &str = "owner@example.com";
/// A key that nobody pinned.
pub const STRANGER: &str = "stranger@example.com";

const HOUR: i64 = 3600;

impl Default for Terms {
    fn default() -> Self {
        Self {
            date: -HOUR,
            valid_until: Some(24 * HOUR),
            section: "SHA256",
            signer: Some(OWNER),
            options: &[],
        }
    }
}

/// The repository and the keys of its owner.
pub struct Repository {
    gpg: PathBuf,
    directory: tempfile::TempDir,
}

impl Repository {
    /// An empty repository whose owner has an RSA key, and a stranger one as well. RSA, because
    /// gpg signs no weak digest with Ed25519.
    pub fn new() -> Option<Self> {
        let gpg = require(&["gpg"], "gnupg")?;
        let directory = tempfile::tempdir().expect("temporary directory");
        let repository = Self { gpg, directory };
        std::fs::create_dir(repository.home()).expect("directory");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(repository.home(), mode).expect("mode");
        for user in [OWNER, STRANGER] {
            repository.gpg(&["--quick-gen-key", user, "rsa2048", "sign", "never"]);
        }
        Some(repository)
    }

    fn home(&self) -> PathBuf {
        self.directory.path().join("gnupg")
    }

    fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let home = self.home();
        let mut all = vec!["--homedir", home.to_str().expect("a name in UTF-8")];
        all.extend(["--batch", "--quiet", "--yes", "--passphrase", ""]);
        all.extend(["--pinentry-mode", "loopback", "--no-auto-check-trustdb"]);
        all.extend(arguments);
        run(&self.gpg, &all)
    }

    /// What a recipe pins.
    pub fn key(&self) -> Key {
        let listing = self.gpg(&["--with-colons", "--fingerprint", OWNER]);
        let listing = String::from_utf8(listing).expect("text");
        let fingerprint = listing
            .lines()
            .find_map(|line| line.strip_prefix("fpr:::::::::"))
            .expect("a fingerprint");
        Key {
            certificate: self.gpg(&["--armor", "--export", OWNER]),
            fingerprint: fingerprint.trim_end_matches(':').to_owned(),
        }
    }

    /// Where its files are.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// Its address on this machine.
    pub fn url(&self) -> String {
        format!("file://{}", self.root().display())
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Publishes packages by name, version and payload.
    pub fn publish(&self, packages: &[(&str, &str, &[u8])]) {
        let files: Vec<(String, Vec<u8>)> = packages
            .iter()
            .map(|(name, version, payload)| {
                let stanza = stanza(name, version);
                let file = deb(&stanza, payload);
                (stanza, file)
            })
            .collect();
        self.publish_files(&files);
    }

    /// Publishes package files, each with the stanza that the index shows for it.
    pub fn publish_files(&self, packages: &[(String, Vec<u8>)]) {
        let mut index = String::new();
        for (number, (stanza, file)) in packages.iter().enumerate() {
            let path = format!("pool/{number}.deb");
            self.write(&path, file);
            index.push_str(&format!(
                "{stanza}Filename: {path}\nSize: {}\nSHA256: {}\n\n",
                file.len(),
                Digest::of(file).hex()
            ));
        }
        self.publish_index("", index.as_bytes());
    }

    /// Publishes an index as it is, compressed by the ending `suffix`.
    pub fn publish_index(&self, suffix: &str, index: &[u8]) {
        let name = format!("main/binary-amd64/Packages{suffix}");
        self.write(&format!("dists/bookworm/{name}"), index);
        self.release(&name, &Terms::default());
    }

    /// Signs the index that is there, on other terms.
    pub fn sign(&self, terms: &Terms) {
        self.release("main/binary-amd64/Packages", terms);
    }

    fn release(&self, index: &str, terms: &Terms) {
        let bytes = std::fs::read(self.file(&format!("dists/bookworm/{index}"))).expect("index");
        let date = |offset: i64| {
            let seconds = now().seconds() + offset;
            release_date(Epoch::from_seconds(seconds).expect("a date"))
        };
        let valid = terms
            .valid_until
            .map(|offset| format!("Valid-Until: {}\n", date(offset)))
            .unwrap_or_default();
        let digest = match terms.section {
            "SHA256" => Digest::of(&bytes).hex(),
            _ => "0".repeat(32),
        };
        let text = format!(
            "Origin: Test\nSuite: bookworm\nCodename: bookworm\nDate: {}\n{valid}Architectures: amd64\nComponents: main\n{}:\n {digest} {} {index}\n",
            date(terms.date),
            terms.section,
            bytes.len()
        );
        let place = self.file("dists/bookworm/InRelease");
        let Some(signer) = terms.signer else {
            self.write("dists/bookworm/InRelease", text.as_bytes());
            return;
        };
        self.write("Release", text.as_bytes());
        let (plain, signed) = (self.file("Release"), place.display().to_string());
        let mut arguments = terms.options.to_vec();
        arguments.extend(["--local-user", signer, "--output", &signed, "--clearsign"]);
        let plain = plain.display().to_string();
        arguments.push(&plain);
        self.gpg(&arguments);
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.file(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
        std::fs::write(path, bytes).expect("written");
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // gpg leaves its agent running for this home.
        let _ = Command::new(Path::new("gpgconf"))
            .arg("--homedir")
            .arg(self.home())
            .args(["--kill", "all"])
            .status();
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A date as Release files have it: `Sat, 11 Jul 2026 10:16:37 UTC`.
fn release_date(epoch: Epoch) -> String {
    let output = run(
        Path::new("/bin/date"),
        &[
            "-u",
            "-d",
            &format!("@{}", epoch.seconds()),
            "+%a, %d %b %Y %H:%M:%S UTC",
        ],
    );
    String::from_utf8(output).expect("text").trim().to_owned()
}
