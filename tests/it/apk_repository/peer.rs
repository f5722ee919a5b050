//! apk itself reads what is written here, installs it, and refuses what must be refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::{fixture, skipped};

/// The file system with apk in it.
const ROOT: &str = "alpine/alpine-minirootfs-3.19.4-x86_64.tar.gz";

/// Alpine's mini root file system, where apk runs in a chroot.
pub struct Peer {
    root: TempDir,
}

impl Peer {
    /// The archive of the file system; says so where it is not there, or chroot is not allowed.
    pub fn archive() -> Option<Vec<u8>> {
        let archive = fixture(ROOT)?;
        if !cfg!(target_arch = "x86_64") {
            skipped("apk itself", "it is a program for x86_64");
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            skipped("apk itself", "chroot needs root");
            return None;
        }
        Some(archive)
    }

    /// The file system without keys and repositories of Alpine's.
    pub fn new(archive: &[u8]) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        unpack(archive, root.path());
        let keys = root.path().join("etc/apk/keys");
        for key in fs::read_dir(keys).expect("keys") {
            fs::remove_file(key.expect("a key").path()).expect("removed");
        }
        fs::write(root.path().join("etc/apk/repositories"), "").expect("written");
        Self { root }
    }

    /// A path of the file system.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Runs a program in a directory of the file system that is a root itself.
    pub fn run_in(&self, root: &str, words: &[&str]) -> Output {
        let mut command = Command::new("chroot");
        command.arg(self.path(root)).args(words);
        command.env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.output().expect("chroot runs")
    }

    /// Runs apk.
    pub fn apk(&self, words: &[&str]) -> Output {
        let words: Vec<&str> = ["/sbin/apk", "--no-network"]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        self.run_in(".", &words)
    }

    /// Has apk install these packages into a new root of the file system, which has the keys of
    /// `trusted` alone.
    pub fn install(
        &self,
        root: &str,
        trusted: &[&super::Key],
        repositories: &[&str],
        packages: &[&str],
    ) -> Output {
        let at = self.path(root);
        fs::create_dir_all(&at).expect("a directory");
        for key in trusted {
            key.trust(&at);
        }
        let root = format!("/{root}");
        let mut words = vec!["--root", &root, "--arch", "x86_64"];
        for repository in repositories {
            words.extend(["--repository", repository]);
        }
        words.extend(["add", "--initdb"]);
        words.extend(packages);
        self.apk(&words)
    }
}

/// Unpacks the archive of a file system with its owners.
pub fn unpack(archive: &[u8], to: &Path) {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(true);
    archive.unpack(to).expect("a file system");
}

/// Everything that a program said.
pub fn said(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
