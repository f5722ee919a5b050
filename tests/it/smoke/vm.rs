//! Machines as users run them: the binary, kernels of two suites, virtiofs, and what remains.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dindimg::smoke::{CellResult, SmokeReport, Verdict};
use rustix::process::{Pid, Signal, kill_process};

use super::alone;
use crate::images::{built, built_image};
use crate::peers::require;
use crate::product::{Run, command, kept, recipe};

/// The cell of defaults.
const DEFAULT: &str = "vm.private.volume.legacy.daemon.bookworm-v2";

/// What Kata Containers meet, in one boot.
const VIRTIOFS: [&str; 3] = [
    "vm.private.virtiofs-memory.legacy.daemon.bookworm-v2",
    "vm.private.virtiofs-loop.legacy.daemon.bookworm-v2",
    "vm.private.virtiofs-refused.legacy.daemon.bookworm-v2",
];

/// A machine whose image and kernel are both of the next suite, in the host's namespace.
const NEXT: &str = "vm.host.volume.legacy.daemon.trixie-v2";

/// How long a machine may take to start, and to be gone.
const PATIENCE: Duration = Duration::from_secs(120);

fn peers() {
    for (program, package) in [
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("docker", "docker.io"),
        ("setpriv", "util-linux"),
    ] {
        require(&[program], package);
    }
}

fn smoke(image: &str, arguments: &[&str]) -> Command {
    let image = built_image(image);
    let mut command = command(&kept("cache"));
    command.arg("smoke").arg(image).args(arguments);
    command
}

/// Runs some checks in cells of an image: emulated, all of them take minutes. Prints what was seen,
/// with the measured times.
#[allow(clippy::print_stdout)]
fn report(image: &str, cells: &[&str], checks: &[&str]) -> SmokeReport {
    let started = Instant::now();
    let cells = cells.iter().flat_map(|cell| ["--cell", *cell]);
    let checks = checks.iter().flat_map(|check| ["--check", *check]);
    let arguments: Vec<&str> = cells.chain(checks).chain(["--json"]).collect();
    let output = smoke(image, &arguments).output().expect("the binary runs");
    let run = Run::of(output);
    println!(
        "{}{image}: {:.0} s",
        run.stderr,
        started.elapsed().as_secs_f64()
    );
    let report = SmokeReport::parse(&run.stdout);
    report.unwrap_or_else(|error| panic!("{error}: {}", run.stderr))
}

fn passed(cell: &CellResult) {
    assert_eq!(cell.verdict, Verdict::Passed, "{cell:#?}");
    assert!(!cell.checks.is_empty());
}

#[test]
fn checks_hold_on_virtiofs_without_attributes_and_with_the_next_kernel() {
    peers();
    alone(|| {
        let checks = ["storage", "refusal"];
        let report = report("bookworm-slim", &VIRTIOFS, &checks);
        for (cell, name) in report.cells.iter().zip(VIRTIOFS) {
            assert_eq!(cell.name, name);
            passed(cell);
            let host = cell.host.as_ref().expect("a machine");
            assert_eq!(host.cgroup, "v2");
            assert!(host.kernel.starts_with("6.1."), "{}", host.kernel);
        }
        assert_eq!(report.cells.len(), VIRTIOFS.len());
        let refused = &report.cells[2].checks;
        assert_eq!(refused.len(), 1, "{refused:#?}");
        assert!(refused[0].detail.contains("(virtiofs)"), "{refused:#?}");
    });
    alone(|| {
        let checks = ["storage", "cgroup"];
        let report = report("trixie-slim", &[NEXT], &checks);
        let [cell] = &report.cells[..] else {
            panic!("{}", report.json());
        };
        passed(cell);
        let host = cell.host.as_ref().expect("a machine");
        assert_eq!(host.cgroup, "v2");
        assert!(host.kernel.starts_with("6.12."), "{}", host.kernel);
    });
}

/// A daemon that ends at once, found before the package's.
const DEAF: &str = r##"
schema = 1
profile = "dind"
[debian]
suite = "bookworm"
[packages]
userland = "slim"
[[file]]
path = "/usr/local/sbin/dockerd"
mode = "0755"
content = "#!/bin/sh\nexit 3\n"
"##;

/// Beside another engine, whose cell has its own result.
#[test]
fn a_machine_in_which_the_daemon_does_not_start_is_a_failed_cell_and_no_missing_proof() {
    peers();
    let image = built("deaf", DEAF);
    alone(|| {
        let mut command = command(&kept("cache"));
        command.envs(crate::engines::docker().env());
        command
            .arg("smoke")
            .arg(&image)
            .args(["--check", "ready", "--json"]);
        command.args([
            "--cell",
            "docker.private.volume.legacy.daemon",
            "--cell",
            DEFAULT,
        ]);
        let run = Run::of(command.output().expect("the binary runs"));
        let report = SmokeReport::parse(&run.stdout);
        let report = report.unwrap_or_else(|error| panic!("{error}: {}", run.stderr));
        assert_eq!(report.count(Verdict::Failed), 2, "{}", report.json());
        let detail = &report.cells[1].checks[0].detail;
        let expected = "dockerd of the image does not answer in the machine bookworm-v2";
        assert!(detail.starts_with(expected), "{detail}");
    });
}

/// A list says what is in the way without starting anything.
#[test]
fn a_machine_is_listed_with_what_it_needs() {
    peers();
    let bookworm = recipe("bookworm");
    let list = |command: &mut Command| {
        command.arg("smoke").arg(&bookworm);
        command.args([
            "--engine",
            "vm",
            "--axis",
            "host=bookworm-v2,trixie-v1",
            "--list",
        ]);
        Run::of(command.output().expect("the binary runs"))
            .good()
            .stdout
    };
    let cache = kept("cache");
    let said = list(&mut command(&cache));
    let mut lines = said.lines();
    let first = lines.next().unwrap_or_default();
    assert_eq!(
        first
            .split_once(' ')
            .map(|(name, rest)| (name, rest.trim())),
        Some((DEFAULT, "runs here")),
        "{said}"
    );
    let last = lines.next_back().unwrap_or_default();
    assert!(
        last.starts_with("vm.private.volume.legacy.daemon.trixie-v1"),
        "{said}"
    );

    let nothing = tempfile::tempdir().expect("temporary directory");
    let said = list(command(&cache).env("PATH", nothing.path()));
    assert!(
        said.contains("cannot run here: `qemu-system-x86_64` is not on PATH; install QEMU (Debian: apt-get install qemu-system-x86)"),
        "{said}"
    );
}

#[test]
fn engines_without_machines_have_neither_their_hosts_nor_their_storages() {
    let bookworm = recipe("bookworm");
    let list = |cell: &str| {
        let mut command = command(&kept("cache"));
        command.envs(crate::engines::docker().env());
        command
            .arg("smoke")
            .arg(&bookworm)
            .args(["--cell", cell, "--list"]);
        Run::of(command.output().expect("the binary runs"))
            .good()
            .stdout
    };
    for (cell, reason) in [
        (
            "docker.private.virtiofs-loop.legacy.daemon",
            "only the engine vm shares directories by virtiofs, docker does not",
        ),
        (
            "docker.private.volume.legacy.daemon.trixie-v2",
            "only the engine vm has other hosts than `here`, docker has not",
        ),
    ] {
        let said = list(cell);
        assert!(said.contains(reason), "{said}");
    }
}

/// The directories of machines in the cache.
fn machines() -> Vec<PathBuf> {
    let homes = fs::read_dir(kept("cache")).expect("a cache").flatten();
    let entries = homes.filter_map(|home| fs::read_dir(home.path().join("tmp")).ok());
    let paths = entries.flatten().flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.join("initramfs").exists())
        .collect()
}

/// How many programs were given `path`.
fn users(path: &Path) -> usize {
    let path = path.to_str().expect("UTF-8");
    let processes = fs::read_dir("/proc").expect("procfs").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(path))
        .count()
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A run whose machine has begun to boot, and its directory.
fn booting() -> (Child, PathBuf) {
    let before = machines();
    let child = smoke("bookworm-slim", &["--cell", DEFAULT])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut found = None;
    until("a machine boots", || {
        let mut machines = machines().into_iter();
        found = machines.find(|path| !before.contains(path) && path.join("console").exists());
        found.is_some()
    });
    (child, found.expect("a directory"))
}

#[test]
fn a_signal_leaves_nothing_of_a_machine() {
    peers();
    alone(|| {
        let (mut child, path) = booting();
        assert!(users(&path) > 0);
        kill_process(Pid::from_child(&child), Signal::INT).expect("alive");
        let status = child.wait().expect("waited for");
        let mut said = String::new();
        let mut stderr = child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut said).expect("text");
        assert_eq!(status.code(), Some(130), "{said}");
        assert_eq!((users(&path), path.exists()), (0, false), "{said}");

        // Nobody is left to clean up, but the kernel.
        let (mut child, path) = booting();
        assert!(users(&path) > 0);
        child.kill().expect("alive");
        child.wait().expect("waited for");
        until("the machine ends", || users(&path) == 0);
        fs::remove_dir_all(&path).expect("nobody uses it");
    });
}
