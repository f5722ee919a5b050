//! Where the figures are taken: recipes with fresh locks, and caches in known states.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::product;
use crate::run;

/// An image that is measured.
pub struct Subject {
    /// Its name in the table.
    pub label: &'static str,
    /// The shipped recipe.
    pub recipe: &'static str,
    /// What chooses the image within the recipe.
    pub arguments: &'static [&'static str],
}

/// Every image that is measured by itself.
pub const SUBJECTS: &[Subject] = &[
    Subject {
        label: "standard",
        recipe: "bookworm",
        arguments: &["--variant", "default"],
    },
    Subject {
        label: "slim",
        recipe: "bookworm",
        arguments: &["--variant", "slim"],
    },
];

/// The recipes that are built in one run, with both images of each. Each second recipe extends the
/// one before it, as a team's does.
pub const SIX: &[&str] = &[
    "bookworm",
    "bookworm-team",
    "trixie",
    "trixie-team",
    "bullseye",
    "bullseye-team",
];

/// What a team changes.
const TEAM: &str = "[iptables]\nbackend = \"nft\"\n";

/// Directories of one run.
pub struct Workshop {
    root: PathBuf,
    /// Recipes whose locks have been made in this run.
    locked: Mutex<Vec<String>>,
}

/// A cache of its own for one figure, removed in the end.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Workshop {
    /// Copies of the shipped recipes, so that the committed locks stay as they are.
    pub fn open() -> Self {
        let root = product::kept("figures");
        let recipes = root.join("recipes");
        fs::create_dir_all(&recipes).expect("directory for recipes");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        for entry in fs::read_dir(shipped).expect("recipes") {
            let path = entry.expect("entry").path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                fs::copy(&path, recipes.join(path.file_name().expect("name"))).expect("copied");
            }
        }
        for suite in ["bookworm", "trixie", "bullseye"] {
            let text = format!("schema = 1\nextends = \"{suite}.toml\"\n{TEAM}");
            fs::write(recipes.join(format!("{suite}-team.toml")), text).expect("written");
        }
        let before = "schema = 1\nextends = \"bookworm.toml\"\n[debian]\nsecurity = false\nupdates = false\n";
        fs::write(recipes.join("bookworm-before.toml"), before).expect("written");
        Self {
            root,
            locked: Mutex::default(),
        }
    }

    /// A recipe by the name of its file.
    pub fn recipe(&self, name: &str) -> PathBuf {
        self.root.join("recipes").join(format!("{name}.toml"))
    }

    /// Its lock file.
    pub fn lock_file(&self, name: &str) -> PathBuf {
        self.root.join("recipes").join(format!("{name}.lock"))
    }

    /// Locks a recipe to the newest packages and fetches those of this machine, once a run.
    pub fn prepare(&self, name: &str) {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        if locked.iter().any(|known| known == name) {
            return;
        }
        eprintln!("  preparing {name}");
        let output = self.scratch("prepared");
        let mut command = self.dindimg(&self.root.join("cache"));
        // The images are written to the current directory, and go with it.
        command
            .current_dir(output.path())
            .args(["build", "--update", "--allow-expired"])
            .args(["--platform", platform()])
            .arg(self.recipe(name));
        run::output(&mut command);
        locked.push(name.to_owned());
    }

    /// A new directory below the workshop.
    pub fn scratch(&self, name: &str) -> Scratch {
        let made = tempfile::Builder::new().prefix(name).tempdir_in(&self.root);
        Scratch(made.expect("scratch directory"))
    }

    /// A new cache that holds package files only.
    pub fn packages_cached(&self) -> Scratch {
        let cache = self.scratch("cache");
        let blobs = cache.path().join("v1");
        fs::create_dir(&blobs).expect("directory");
        copy(&self.root.join("cache/v1/blobs"), &blobs);
        cache
    }

    /// The binary on `cache`.
    pub fn dindimg(&self, cache: &Path) -> Command {
        let mut command = product::command(cache);
        command.arg("--quiet").current_dir(&self.root);
        command
    }

    /// A build of what the lock file says, from `cache` into `output`.
    pub fn build(&self, subject: &Subject, cache: &Path, output: &Path) -> Command {
        let mut command = self.dindimg(cache);
        command
            .args(["build", "--locked", "--offline", "--platform", platform()])
            .arg(self.recipe(subject.recipe))
            .args(subject.arguments)
            .arg(format!("--output=oci:{}", output.display()));
        command
    }
}

/// This machine's platform: the image has to run here.
pub fn platform() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "linux/arm64"
    } else {
        "linux/amd64"
    }
}

/// `cp -a`, with the files' times.
pub fn copy(from: &Path, to: &Path) {
    run::output(Command::new("cp").arg("-a").arg(from).arg(to));
}
