//! The lab: a virtual machine with a kernel and control groups of its own choice, which runs the
//! image under test as containers of a Docker daemon.
//!
//! ```text
//! lab::Kernel ───────┐
//! Disk::of(image) ───┼─► Lab::run(scenarios) ─► Results: what each said, and its exit code
//! sh scenarios ──────┘
//! ```
//!
//! QEMU emulates the processor (TCG), so that nothing of the host's is needed. One boot runs many
//! scenarios; each is a shell file in the words of `tests/guest/harness.sh`. Kernel and initramfs are
//! those of the product's own lab, whose machines run the checks of `smoke`; these here run what no
//! check can do, as root of the outer host. Everything a machine needs goes in through its initramfs, everything it says comes out of two serial ports.

mod disk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dindimg::family::Mirrors;
use dindimg::fetch::{FetchOptions, Fetcher};
use dindimg::lab::{Kernel, Newc, Owner, Supply};
use dindimg::progress::Silent;

pub use disk::Disk;

use crate::archive::shared_cache;
use crate::peers::require;
use crate::support::now;

/// Files of an initramfs by path without leading slash.
type Files = BTreeMap<String, Vec<u8>>;

/// After this a machine counts as hung. Ten times what a run takes on an idle machine.
const DEADLINE: Duration = Duration::from_secs(1800);

/// Lines of the console that a failure shows.
const CONSOLE: usize = 60;

/// A machine to be booted.
pub struct Lab {
    /// The Debian suite of the kernel.
    pub kernel: &'static str,
    /// The image under test, as [`crate::images::built_image`] knows it.
    pub image: &'static str,
    /// Mebibytes of memory.
    pub memory: u32,
}

/// A shell file to run in the machine.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name in the results.
    pub name: &'static str,
    /// Its text.
    pub script: &'static str,
    /// How many sentences it has at least: one that ends early proves nothing.
    pub sentences: usize,
}

/// What a scenario left.
pub struct Outcome {
    /// Exit code; none when the machine ended before the scenario did.
    pub code: Option<i32>,
    /// Everything it printed.
    pub output: String,
    /// Seconds by the machine's clock.
    pub seconds: u64,
}

/// What a machine left.
pub struct Results {
    outcomes: BTreeMap<String, Outcome>,
    console: String,
    ended: bool,
}

impl Lab {
    /// Boots the machine and runs the scenarios in their order. `files` are below `/vm` there.
    pub fn run(&self, scenarios: &[Scenario], files: &[(&str, Vec<u8>)]) -> Results {
        let qemu = require(&["qemu-system-x86_64"], "qemu-system-x86").expect("qemu");
        let (kernel, disk) = (kernel(self.kernel), Disk::of(self.image));
        let scratch = tempfile::tempdir().expect("temporary directory");
        let at = |name: &str| scratch.path().join(name);
        fs::write(at("kernel"), &kernel.image).expect("kernel written");
        let first = newc(&first_files(&kernel, &disk, scenarios, files));
        fs::write(at("initramfs"), first).expect("initramfs written");
        let drive = format!(
            "file={},format=raw,if=virtio,snapshot=on,cache=unsafe",
            disk.path.display()
        );
        let memory = self.memory.to_string();
        let serial = |name: &str| format!("file:{}", at(name).display());
        // The signal at the death of the thread keeps a machine from outliving its test. A daemon in it gives
        // up where other tests keep it waiting.
        let mut machine = Command::new("nice")
            .args(["-n", "-10", "setpriv", "--pdeathsig", "KILL"])
            .arg(qemu)
            .args(["-nodefaults", "-no-user-config", "-no-reboot"])
            .args(["-display", "none", "-machine", "q35"])
            .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"])
            .args(["-m", &memory, "-drive", &drive])
            .arg("-kernel")
            .arg(at("kernel"))
            .arg("-initrd")
            .arg(at("initramfs"))
            .args([
                "-append",
                "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on cgroup_no_v1=all",
            ])
            .args(["-serial", &serial("console"), "-serial", &serial("results")])
            .stdin(Stdio::null())
            .spawn()
            .expect("nice starts (coreutils)");
        let started = Instant::now();
        while machine.try_wait().expect("qemu waited for").is_none() {
            if started.elapsed() > DEADLINE {
                machine.kill().expect("qemu killed");
                machine.wait().expect("qemu waited for");
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Results::read(&at("console"), &at("results"))
    }
}

/// The cloud kernel of a Debian suite.
fn kernel(suite: &'static str) -> Kernel {
    let reporter = Arc::new(Silent);
    let cache = Arc::new(shared_cache());
    let supply = Supply {
        fetcher: Arc::new(Fetcher::new(
            cache,
            FetchOptions::default(),
            reporter.clone(),
        )),
        mirrors: Mirrors::default(),
        now: now(),
        reporter,
    };
    Kernel::of(suite, &supply).expect("a kernel")
}

/// The archive of `files` and of every directory above them.
fn newc(files: &Files) -> Vec<u8> {
    let mut archive = Newc::new(Vec::new());
    let owner = Owner::PROGRAM;
    // The directories above a path sort before what is in them.
    let above = |path: &String| -> Vec<String> {
        let slashes = path.match_indices('/');
        slashes.map(|(at, _)| path[..at].to_owned()).collect()
    };
    let directories: BTreeSet<String> = files.keys().flat_map(above).collect();
    for directory in directories {
        let added = archive.directory(directory.as_bytes(), owner);
        added.expect("a directory");
    }
    for (path, content) in files {
        let length = content.len() as u64;
        let added = archive.file(path.as_bytes(), owner, content.as_slice(), length);
        added.expect("a file");
    }
    archive.finish().expect("an archive")
}

fn first_files(
    kernel: &Kernel,
    disk: &Disk,
    scenarios: &[Scenario],
    given: &[(&str, Vec<u8>)],
) -> Files {
    let layers = disk.layers.iter().map(|layer| format!("/disk{layer}"));
    let mut files = Files::from(
        [
            ("init", include_str!("guest/init.sh")),
            ("vm/boot.sh", include_str!("guest/boot.sh")),
            ("vm/oom-group", include_str!("guest/oom-group")),
            ("vm/harness.sh", include_str!("../../guest/harness.sh")),
        ]
        .map(|(name, text)| (name.to_owned(), text.into())),
    );
    let mut add = |name: String, content: Vec<u8>| {
        files.insert(name, content);
    };
    add("bin/busybox".to_owned(), kernel.shell.clone());
    add(
        "vm/layers".to_owned(),
        (layers.collect::<Vec<_>>().join(":") + "\n").into(),
    );
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    add("vm/scenarios".to_owned(), (names.join(" ") + "\n").into());
    for scenario in scenarios {
        add(format!("vm/{}.sh", scenario.name), scenario.script.into());
    }
    for (name, content) in given {
        add(format!("vm/{name}"), content.clone());
    }
    let modules = kernel.modules.iter().map(|(name, _)| format!("{name}\n"));
    add(
        "modules/order".to_owned(),
        modules.collect::<String>().into(),
    );
    for (name, content) in &kernel.modules {
        add(format!("modules/{name}.ko"), content.clone());
    }
    files
}

impl Results {
    fn read(console: &Path, results: &Path) -> Self {
        let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
        let mut current = String::new();
        let mut ended = false;
        for line in text(results).lines() {
            if let Some(said) = line.strip_prefix("| ") {
                if let Some(outcome) = outcomes.get_mut(&current) {
                    outcome.output += said;
                    outcome.output.push('\n');
                }
                continue;
            }
            match *line.split(' ').collect::<Vec<_>>() {
                ["===", "begin", name] => {
                    current = name.to_owned();
                    let outcome = Outcome {
                        code: None,
                        output: String::new(),
                        seconds: 0,
                    };
                    outcomes.insert(current.clone(), outcome);
                }
                ["===", "end", name, code, seconds] => {
                    let outcome = outcomes.get_mut(name).expect("a scenario that began");
                    outcome.code = code.parse().ok();
                    outcome.seconds = seconds.parse().expect("seconds");
                }
                ["===", "done"] => ended = true,
                _ => {}
            }
        }
        Self {
            outcomes,
            console: text(console),
            ended,
        }
    }

    /// The outcome of a scenario that ran to its end.
    pub fn of(&self, scenario: &str) -> &Outcome {
        let end = if self.ended { "ended" } else { "was ended" };
        let console: Vec<&str> = self.console.lines().collect();
        let tail = console[console.len().saturating_sub(CONSOLE)..].join("\n");
        let outcome = self.outcomes.get(scenario).unwrap_or_else(|| {
            panic!("{scenario} did not run; the machine {end}, its console:\n{tail}")
        });
        assert!(
            outcome.code.is_some(),
            "{scenario} did not end; the machine {end}\n{}\nconsole:\n{tail}",
            outcome.output
        );
        outcome
    }
}
