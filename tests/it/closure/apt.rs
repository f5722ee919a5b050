//! apt as the oracle: an isolated root per suite and architecture, in which nothing of the host
//! but its `apt-get` and its archive keys takes part.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

/// The archive's keys, as the `debian-archive-keyring` package installs them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A suite for one architecture, with its indices downloaded and verified by apt.
pub struct Root {
    path: PathBuf,
    suite: &'static str,
}

/// The roots that this process has brought up to date.
static UPDATED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// What keeps the oracle from answering on this machine.
pub fn missing() -> Option<&'static str> {
    if Command::new("apt-get").arg("--version").output().is_err() {
        return Some("apt-get is not installed");
    }
    (!Path::new(KEYRING).exists()).then_some("debian-archive-keyring is not installed")
}

impl Root {
    /// Makes the root, or brings that of an earlier run up to date, once a process and one
    /// process at a time.
    pub fn update(suite: &'static str, architecture: &str) -> Self {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("closure");
        let root = Self {
            path: base.join(format!("{suite}-{architecture}")),
            suite,
        };
        let mut updated = UPDATED.lock().expect("no update has failed");
        if updated.insert(root.path.clone()) {
            fs::create_dir_all(&base).expect("a directory for apt");
            let lock = File::create(base.join("lock")).expect("a lock file");
            lock.lock().expect("the lock");
            root.set_up(architecture);
            let output = root.apt(&["-qq", "--error-on=any", "update"]);
            assert!(
                output.status.success(),
                "apt-get update: {}",
                stderr(&output)
            );
        }
        drop(updated);
        root
    }

    fn set_up(&self, architecture: &str) {
        for directory in [
            "etc/apt.conf.d",
            "etc/preferences.d",
            "etc/sources.list.d",
            "state/lists/partial",
            "cache/archives/partial",
        ] {
            fs::create_dir_all(self.path.join(directory)).expect("a directory for apt");
        }
        self.write("state/status", "");
        let sources: String = self
            .repositories()
            .iter()
            .map(|(archive, suite)| {
                format!("deb [signed-by={KEYRING}] http://deb.debian.org/{archive} {suite} main\n")
            })
            .collect();
        self.write("etc/sources.list", &sources);
        let path = self.path.display();
        self.write(
            "apt.conf",
            &format!(
                "Dir::State \"{path}/state\";\nDir::State::status \"{path}/state/status\";\n\
                 Dir::Etc \"{path}/etc\";\nDir::Cache \"{path}/cache\";\n\
                 APT::Architecture \"{architecture}\";\n\
                 APT::Architectures {{ \"{architecture}\"; }};\n\
                 APT::Sandbox::User \"\";\nAPT::Solver \"internal\";\n\
                 Acquire::GzipIndexes \"false\";\nAcquire::Languages \"none\";\n\
                 Acquire::Retries \"3\";\nAcquire::Check-Valid-Until \"false\";\n"
            ),
        );
    }

    fn repositories(&self) -> [(&'static str, String); 3] {
        let suite = self.suite;
        [
            ("debian", suite.to_owned()),
            ("debian", format!("{suite}-updates")),
            ("debian-security", format!("{suite}-security")),
        ]
    }

    /// The `Packages` files, in the order of the sources.
    pub fn indices(&self) -> Vec<Vec<u8>> {
        let lists = self.path.join("state/lists");
        let names: BTreeSet<_> = fs::read_dir(&lists)
            .expect("apt's lists")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect();
        self.repositories()
            .iter()
            .map(|(archive, suite)| {
                let start = format!("deb.debian.org_{archive}_dists_{suite}_main_binary-");
                let name = names
                    .iter()
                    .find(|name| name.starts_with(&start) && name.ends_with("_Packages"))
                    .unwrap_or_else(|| panic!("no index of {archive} {suite}"));
                fs::read(lists.join(name)).expect("an index")
            })
            .collect()
    }

    /// What `apt-get -s install` would install on an empty system, as `name=version`; none where
    /// it finds no way.
    pub fn simulate(&self, request: &str) -> Option<BTreeSet<String>> {
        let output = self.install("-s", request)?;
        let lines = output.lines().filter_map(|line| line.strip_prefix("Inst "));
        Some(
            lines
                .map(|line| {
                    let (name, rest) = line.split_once(" (").expect("`Inst name (version …)`");
                    let version = rest.split(' ').next().unwrap_or_default();
                    format!("{name}={version}")
                })
                .collect(),
        )
    }

    /// The same by `--print-uris`: the same resolver, without the simulated run of dpkg, which
    /// takes most of the time of `-s`.
    pub fn resolve(&self, request: &str) -> Option<BTreeSet<String>> {
        let output = self.install("--print-uris", request)?;
        let files = output.lines().filter_map(|line| line.split(' ').nth(1));
        Some(
            files
                .map(|file| {
                    let mut parts = file.split('_');
                    let name = parts.next().unwrap_or_default();
                    let version = parts.next().unwrap_or_default().replace("%3a", ":");
                    format!("{name}={version}")
                })
                .collect(),
        )
    }

    fn install(&self, how: &str, request: &str) -> Option<String> {
        let mut arguments = vec!["-qq", "-y", how, "install", "--no-install-recommends"];
        arguments.extend(request.split(' '));
        let output = self.apt(&arguments);
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).expect("text"))
    }

    fn apt(&self, arguments: &[&str]) -> Output {
        Command::new("apt-get")
            .env("APT_CONFIG", self.path.join("apt.conf"))
            .env("LC_ALL", "C")
            .args(arguments)
            .output()
            .expect("apt-get starts")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path.join(name), text).expect("a file for apt");
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
