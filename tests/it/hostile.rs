//! Inputs that lie and places that fail: each is answered with what is wrong, on what, and what to
//! do, and the next run succeeds.

mod cache;
mod kills;
mod mirrors;
mod packages;
mod registry;
mod releases;
mod repository;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dindimg::digest::Digest;

use crate::deb_builder::{Entry, tar};
use crate::product::{Run, command};
use repository::Repository;

/// The package that most scenes are about.
const PACKAGE: &str = "subject";

/// What the package holds when nothing is wrong with it.
fn harmless() -> Vec<u8> {
    tar(&[
        Entry::directory("./usr/share/subject/"),
        Entry::file("./usr/share/subject/file", "content"),
    ])
}

/// A repository with one package, a recipe that asks for it, and a cache.
struct Scene {
    repository: Repository,
    place: tempfile::TempDir,
}

impl Scene {
    /// `None` where the peer that signs is missing and may be.
    fn new() -> Option<Self> {
        let scene = Self::empty()?;
        scene.repository.publish(&[(PACKAGE, "1", &harmless())]);
        Some(scene)
    }

    fn empty() -> Option<Self> {
        let repository = Repository::new()?;
        let place = tempfile::tempdir().expect("temporary directory");
        let scene = Self { repository, place };
        scene.recipe(&scene.repository.url());
        Some(scene)
    }

    /// Writes the recipe, with this mirror.
    fn recipe(&self, mirror: &str) {
        let key = self.repository.key();
        std::fs::write(self.path("key.asc"), &key.certificate).expect("written");
        let text = format!(
            "schema = 1\n[debian]\nsuite = \"bookworm\"\nsecurity = false\nupdates = false\nmirrors = [\"{mirror}\"]\nkeys = [{{ file = \"key.asc\", fingerprint = \"{}\" }}]\n[packages]\ninclude = [\"{PACKAGE}\"]\n",
            key.fingerprint
        );
        std::fs::write(self.path("scene.toml"), text).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    /// The command that builds into `image.oci`, from scratch as far as locks go.
    fn command(&self) -> Command {
        let _ = std::fs::remove_file(self.path("scene.lock"));
        let mut command = command(&self.cache());
        command
            .args(["build", "--json", "scene.toml", "--output", "oci:image.oci"])
            .current_dir(self.place.path())
            .stdin(Stdio::null());
        command
    }

    fn build(&self) -> Run {
        Run::of(self.command().output().expect("the binary runs"))
    }

    /// The digest that a build which must succeed gives.
    fn digest(&self) -> Digest {
        digest(&self.build().good())
    }
}

/// The digest of the image that `run` made.
fn digest(run: &Run) -> Digest {
    let result: serde_json::Value = serde_json::from_str(&run.stdout).expect("one JSON object");
    serde_json::from_value(result["images"][0]["digest"].clone()).expect("a digest")
}

/// What was said about the error, without the progress before it.
fn verdict(said: &str) -> &str {
    said.split_once("error: ")
        .map_or(said, |(_, verdict)| verdict)
}

fn assert_says(said: &str, words: &[&str]) {
    let verdict = verdict(said);
    for word in words {
        assert!(verdict.contains(word), "`{word}` is not in: {said}");
    }
}

/// Every file below `directory`, in order.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else {
        return found;
    };
    for entry in entries {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
