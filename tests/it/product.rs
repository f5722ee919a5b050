//! Running the real binary, with a cache that the tests of one target directory share.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a run left.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The run, if it ended with success.
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What was said on standard error, if it ended with `code`.
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self.stderr
    }
}

/// A scratch directory that outlives a run and is kept for the next one.
pub fn kept(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).expect("scratch directory");
    path
}

/// The binary with an environment of its own: nothing of the user's decides a test.
pub fn command(cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dindimg"));
    for name in [
        "DINDIMG_REPOSITORY",
        "DINDIMG_DEBIAN_MIRROR",
        "DINDIMG_DEBIAN_SECURITY_MIRROR",
        "DINDIMG_ALPINE_MIRROR",
        "SOURCE_DATE_EPOCH",
    ] {
        command.env_remove(name);
    }
    command
        .env("DINDIMG_CACHE_DIR", cache)
        .env("XDG_CONFIG_HOME", cache.join("no-config"));
    command
}

/// Runs the binary on the shared cache.
pub fn dindimg<A: AsRef<OsStr>>(arguments: &[A]) -> Run {
    let mut command = command(&kept("cache"));
    Run::of(command.args(arguments).output().expect("the binary runs"))
}

/// A shipped recipe.
pub fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("recipes/{name}.toml"))
}

/// A recipe of four small packages, in `directory`, with further lines for `[debian]`.
pub fn small_recipe(directory: &Path, debian: &str) -> PathBuf {
    let path = directory.join("small.toml");
    let text = format!(
        "schema = 1\n[debian]\nsuite = \"bookworm\"\nsecurity = false\nupdates = false\n{debian}\n[packages]\ninclude = [\"tini\"]\n"
    );
    std::fs::write(&path, text).expect("recipe written");
    path
}
