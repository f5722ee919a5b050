//! A recipe beside an archive of its own, for tests that look at what the program says of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Deb, Package, Signer, Suite, address, sound_key};
use crate::product::{Run, command};

/// An archive, a recipe that resolves from it, and a cache that knows nothing yet.
pub struct Place {
    scratch: TempDir,
    /// Who signs.
    pub key: Signer,
}

impl Place {
    /// A place whose archive is signed by a sound key.
    pub fn new() -> Self {
        Self::with(sound_key())
    }

    /// A place whose archive is signed by `key`.
    pub fn with(key: Signer) -> Self {
        let place = Self {
            scratch: tempfile::tempdir().expect("temporary directory"),
            key,
        };
        place.recipe("");
        place
    }

    /// The directory of the recipe.
    pub fn root(&self) -> &Path {
        self.scratch.path()
    }

    /// A path in the directory of the recipe.
    pub fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Where the archive is.
    pub fn archive(&self) -> PathBuf {
        self.at("archive")
    }

    /// Writes the recipe, with further lines for `[debian]`.
    pub fn recipe(&self, debian: &str) {
        self.packages(debian, "include = [\"one\"]");
    }

    /// Writes the recipe, with further lines for `[debian]` and those of `[packages]`.
    pub fn packages(&self, debian: &str, packages: &str) {
        let text = format!(
            "schema = 1\n[debian]\nsuite = \"test\"\nsecurity = false\nupdates = false\n\
             mirrors = [\"{}\"]\nkeys = [{}]\n{debian}\n[packages]\n{packages}\n",
            address(&self.archive()),
            self.key.pin(self.scratch.path()),
        );
        std::fs::write(self.at("t.toml"), text).expect("recipe written");
    }

    /// A suite with the package `one` in this version.
    pub fn suite(&self, version: &str) -> Suite {
        Suite::named("test").packages([Package::built(&Deb::new("one", version))])
    }

    /// Publishes a suite, signed.
    pub fn publish(&self, suite: &Suite) {
        suite.publish(&self.archive(), &[&self.key]);
    }

    /// The program, run beside the recipe, with a cache of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.at("cache"));
        command.args(arguments).current_dir(self.scratch.path());
        command
    }

    /// Runs the program beside the recipe.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().expect("the binary runs"))
    }

    /// The lock that was made.
    pub fn lock(&self) -> dindimg::lock::Lock {
        let text = std::fs::read_to_string(self.at("t.lock")).expect("lock");
        dindimg::lock::parse(&text).expect("valid")
    }

    /// Forgets everything that was seen and fetched.
    pub fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.at("cache"));
    }
}
