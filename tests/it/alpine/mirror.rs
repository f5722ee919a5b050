//! A mirror of Alpine for the product: every branch that a shipped recipe names, signed by a key of
//! the tests' own, with Alpine's own packages where the fixtures have them and Debian's programs
//! under Alpine's names for the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::apk_repository::{Algorithm, ApkPackage, Key, Repository, debian, rootfs};
use crate::archive::{closure, shared_cache};
use crate::product::{kept, recipe};
use crate::support::fixture;

/// The key's name.
pub const KEY: &str = "test@example.org-0123abcd.rsa.pub";
/// The file system whose packages are made again.
pub const ROOT: &str = "alpine/alpine-minirootfs-3.19.4-x86_64.tar.gz";
/// The branches.
const BRANCHES: [&str; 2] = ["v3.23", "v3.19"];
/// What is in `community`; `main` has the others.
const COMMUNITY: [&str; 8] = [
    "containerd",
    "containerd-ctr",
    "docker",
    "docker-cli",
    "docker-engine",
    "docker-openrc",
    "tini",
    "tini-static",
];
/// What the programs are of.
const SOURCE: &str = "schema = 1\nprofile = \"dind\"\n[image]\nplatforms = [\"linux/amd64\"]\n\
                      [debian]\nsuite = \"bookworm\"\n";

/// The mirror.
pub struct Mirror {
    /// Its root.
    pub root: PathBuf,
    key: Key,
}

/// The mirror that the tests share; says so where there are no fixtures to make it of.
pub fn shared() -> Option<&'static Mirror> {
    static MIRROR: OnceLock<Option<Mirror>> = OnceLock::new();
    MIRROR.get_or_init(Mirror::make).as_ref()
}

impl Mirror {
    fn make() -> Option<Self> {
        let archive = fixture(ROOT)?;
        let root = kept("alpine").join("mirror");
        let _ = fs::remove_dir_all(&root);
        let key = Key::new(KEY);
        let mut packages = rootfs::packages(&archive);
        packages.extend(debian::packages(&debs()));
        let (community, main): (Vec<ApkPackage>, Vec<ApkPackage>) = packages
            .into_iter()
            .partition(|package| COMMUNITY.contains(&package.name.as_str()));
        let signers = [(&key, Algorithm::Sha1)];
        let first = BRANCHES[0];
        Repository::at(&root, first, "main").publish(&main, &signers);
        Repository::at(&root, first, "community").publish(&community, &signers);
        for branch in &BRANCHES[1..] {
            std::os::unix::fs::symlink(first, root.join(branch)).expect("a branch");
        }
        Some(Self { root, key })
    }

    /// A recipe in a directory of its own that extends a shipped one, or says everything itself,
    /// with this mirror and key in the place of Alpine's.
    pub fn recipe(&self, directory: &Path, extends: Option<&str>, text: &str) -> PathBuf {
        fs::create_dir_all(directory).expect("a directory");
        let key = self.key.public();
        fs::write(directory.join(KEY), &key).expect("a key");
        let mut head = "schema = 1\n".to_owned();
        if let Some(name) = extends {
            head.push_str(&format!("extends = \"{name}.toml\"\n"));
            for shipped in ["alpine", "alpine-3.19", "cli-alpine"] {
                let to = directory.join(format!("{shipped}.toml"));
                fs::copy(recipe(shipped), to).expect("a shipped recipe");
            }
        }
        let alpine = format!(
            "[alpine]\nmirrors = [\"file://{}\"]\nkeys = [{{ file = \"{KEY}\", sha256 = \"{}\" }}]\n",
            self.root.display(),
            dindimg::digest::Digest::of(&key).hex()
        );
        let path = directory.join("test.toml");
        fs::write(
            &path,
            format!("{head}{}", text.replace("[alpine]\n", &alpine)),
        )
        .expect("a recipe");
        path
    }
}

/// The Debian packages that the mirror's are made of.
fn debs() -> Vec<PathBuf> {
    let place = kept("alpine").join("debian");
    let cache = shared_cache();
    closure("apk-repository", &[("source.toml", SOURCE.to_owned())])
        .iter()
        .filter(|package| debian::sources().contains(package.name()))
        .map(|package| {
            package.write(&place, &cache);
            place.join(&package.path)
        })
        .collect()
}
