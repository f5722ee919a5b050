//! apk itself, from Alpine's mini root file system, in a chroot.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::fixture;

/// The file system with apk in it.
const ROOT: &str = "alpine/alpine-minirootfs-3.19.4-x86_64.tar.gz";

/// The key that signed the real index.
const KEY: &str = "alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub";

pub struct Oracle {
    root: TempDir,
    architecture: String,
}

impl Oracle {
    /// The archive of the file system.
    pub fn root() -> Option<Vec<u8>> {
        fixture(ROOT)
    }

    /// An empty system of an architecture beside one repository.
    pub fn new(archive: &[u8], index: &[u8], architecture: &str) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let at = |path: &str| root.path().join(path);
        let archive = flate2::read::GzDecoder::new(archive);
        tar::Archive::new(archive)
            .unpack(root.path())
            .expect("a file system");
        let repository = at("repository").join(architecture);
        fs::create_dir_all(&repository).expect("a directory");
        fs::write(repository.join("APKINDEX.tar.gz"), index).expect("written");
        let key = fixture(&format!("alpine/keys/{KEY}")).expect("a key");
        for keys in ["etc/apk/keys", "empty/etc/apk/keys"] {
            fs::create_dir_all(at(keys)).expect("a directory");
            fs::write(at(keys).join(KEY), &key).expect("written");
        }
        let oracle = Self {
            root,
            architecture: architecture.to_owned(),
        };
        let made = oracle.apk(&["add", "--initdb"]);
        assert!(made.status.success(), "{made:?}");
        oracle
    }

    /// What apk would install, as `NAME VERSION`; none where it refuses.
    pub fn choice(&self, request: &str) -> Option<BTreeSet<String>> {
        let words: Vec<&str> = ["add", "--simulate"]
            .into_iter()
            .chain(request.split(' '))
            .collect();
        let output = self.apk(&words);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        output.status.success().then(|| {
            text.lines()
                .filter_map(|line| line.split_once(" Installing "))
                .map(|(_, package)| package.replace(['(', ')'], ""))
                .collect()
        })
    }

    fn apk(&self, words: &[&str]) -> std::process::Output {
        let mut command = Command::new("chroot");
        command
            .arg(Path::new(self.root.path()))
            .args(["/sbin/apk", "--root", "/empty"]);
        command.args([
            "--arch",
            &self.architecture,
            "--no-network",
            "--repository",
            "/repository",
        ]);
        command.args(words).output().expect("chroot runs")
    }
}
