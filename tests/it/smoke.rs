//! Smoke checks on real engines: what they see of good and of broken images.

mod broken;
mod matrix;
mod other_engines;
mod vm;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard, TryLockError};
use std::time::{Duration, Instant};

use dindimg::process::Interrupt;
use dindimg::progress::Silent;
use dindimg::smoke::engine::Settings;
use dindimg::smoke::matrix::{Axis, Choice};
use dindimg::smoke::nested::{Rootfs, docker_archive};
use dindimg::smoke::{self, CheckResult, Options, Outcome, SmokeError, SmokeReport, Subject};

use crate::engines::{self, Engine};
use crate::images::{built, built_image};

/// The choice of one cell, that of defaults, on an engine.
fn on(name: &str) -> Choice {
    let mut choice = Choice::of_image();
    choice.set(Axis::Engine, &[name]).expect("a known engine");
    choice
}

fn client(private: &Engine) -> Options {
    Options {
        client: Settings {
            env: private.env(),
            interrupt: Interrupt::new(),
            ..Settings::default()
        },
        ..Options::default()
    }
}

fn smoke(private: &Engine, subject: &Subject) -> Result<SmokeReport, SmokeError> {
    smoke::run(subject, &on(private.name), &client(private), &Silent)
}

/// The checks of a report's only cell.
fn checks(report: &SmokeReport) -> &[CheckResult] {
    assert_eq!(report.cells.len(), 1, "{}", report.json());
    &report.cells[0].checks
}

/// Ids of the images the engine has.
fn images(private: &Engine) -> BTreeSet<String> {
    let list = private.run(&["images", "--all", "--quiet", "--no-trunc"]);
    list.lines().map(str::to_owned).collect()
}

/// Everything on the engine that a smoke run made.
pub fn leftovers(private: &Engine) -> String {
    [
        &["ps", "--all", "--quiet"][..],
        &["network", "ls", "--quiet"],
        &["volume", "ls", "--quiet"],
    ]
    .map(|list| private.run(&[list, &["--filter", "label=io.dindimg.smoke"]].concat()))
    .concat()
}

/// The checks that see a fault of an image, whatever people do with it: a third of the time of all.
pub const BASIC: [&str; 10] = [
    "ready",
    "nested-run",
    "storage",
    "iptables",
    "tls",
    "cgroup",
    "exit-code",
    "stop",
    "logs-clean",
    "kill",
];

pub fn basic() -> Vec<String> {
    let more = ["group", "ca"].iter();
    BASIC.iter().chain(more).map(ToString::to_string).collect()
}

/// Every check where the engine inside is of an age of its own, else the basic ones. The table goes
/// to the test's output: it carries the measured times.
fn checks_hold(private: &Engine, suite: &str, only: Vec<String>) {
    // An upgrade is proven where it is asked for, a refusal where nothing can start, Compose in
    // standard images of suites that carry its plugin.
    let compose = ["trixie", "testing"].contains(&suite);
    image_holds(private, suite, &built_image(suite), only, compose);
}

/// The same of any image; `compose` where it has Compose's plugin.
pub fn image_holds(
    private: &Engine,
    suite: &str,
    archive: &Path,
    only: Vec<String>,
    compose: bool,
) {
    let expected = match only.len() {
        0 => smoke::rules()
            .filter(|rule| !["upgrade", "refusal"].contains(&rule.id))
            .filter(|rule| !OTHER_PROFILES.contains(&rule.id))
            .filter(|rule| compose || rule.id != "compose")
            .count(),
        named => named,
    };
    let rows = rows_that_hold(private, suite, archive, only, None);
    assert_eq!(rows.len(), expected);
}

/// Checks of images that are not of the profile `dind`.
const OTHER_PROFILES: [&str; 6] = [
    "machine",
    "ssh",
    "client",
    "client-daemon",
    "rootless",
    "cluster",
];

/// Runs the checks of an image in the cell of defaults, each of which has to hold: a row of the
/// table for each. `daemon` is the archive of the daemon beside a client.
#[allow(clippy::print_stdout)]
pub fn rows_that_hold(
    private: &Engine,
    name: &str,
    archive: &Path,
    only: Vec<String>,
    daemon: Option<&Path>,
) -> Vec<String> {
    let subject = Subject::Archive(archive.to_owned());
    let options = Options {
        only,
        daemon: daemon.map(|path| Subject::Archive(path.to_owned())),
        ..client(private)
    };
    let report = smoke::run(&subject, &on(private.name), &options, &Silent).expect("a report");
    let row = |check: &CheckResult| {
        let outcome = check.outcome.word();
        format!(
            "{} | {outcome} | {:.1} | {}",
            check.id, check.seconds, check.detail
        )
    };
    let rows: Vec<String> = checks(&report).iter().map(row).collect();
    assert!(
        report.passed(),
        "{name} on {}:\n{}",
        private.name,
        rows.join("\n")
    );
    println!(
        "{name} on {} {}:\n{}",
        private.name,
        report.cells[0]
            .engine
            .version
            .as_deref()
            .unwrap_or_default(),
        rows.join("\n")
    );
    rows
}

/// A run's leftovers are looked for by label, and images are counted: each engine is one such test's at
/// a time. There are two Dockers, so that two of them run beside each other, or one beside those that
/// keep to containers and networks of their own. Emulated machines want the processors for
/// themselves: a daemon in one gives up where it has to wait for them.
static DOCKERS: [RwLock<()>; 2] = [RwLock::new(()), RwLock::new(())];
static PODMAN: Mutex<()> = Mutex::new(());

/// The only test on its Docker.
pub fn in_turn(test: impl FnOnce()) {
    let [first, second] = &DOCKERS;
    if let Some(_turn) = free(second) {
        return engines::on_second_docker(test);
    }
    if let Some(_turn) = free(first) {
        return test();
    }
    let _turn = second.write().unwrap_or_else(PoisonError::into_inner);
    engines::on_second_docker(test);
}

/// The turn, where nobody has it; a test that failed has it no longer.
fn free(docker: &RwLock<()>) -> Option<RwLockWriteGuard<'_, ()>> {
    match docker.try_write() {
        Ok(turn) => Some(turn),
        Err(TryLockError::Poisoned(failed)) => Some(failed.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The only test on podman.
pub fn in_turn_on_podman(test: impl FnOnce()) {
    let _turn = PODMAN.lock().unwrap_or_else(PoisonError::into_inner);
    test();
}

/// The only test on podman and on a Docker.
pub fn in_turn_on_both(test: impl FnOnce()) {
    in_turn_on_podman(|| in_turn(test));
}

/// The only one of the tests that wait for a turn.
pub fn alone(test: impl FnOnce()) {
    in_turn_on_podman(|| {
        let [first, second] = &DOCKERS;
        let _first = first.write().unwrap_or_else(PoisonError::into_inner);
        let _second = second.write().unwrap_or_else(PoisonError::into_inner);
        test();
    });
}

/// Not beside those that keep to containers and networks of their own.
pub fn apart(test: impl FnOnce()) {
    let _turn = DOCKERS[0].write().unwrap_or_else(PoisonError::into_inner);
    test();
}

/// Beside others of its kind, which all keep to containers and networks of their own.
pub fn beside_others(test: impl FnOnce()) {
    let _turn = DOCKERS[0].read().unwrap_or_else(PoisonError::into_inner);
    test();
}

const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "testing"];

#[test]
fn every_suite_holds_on_docker_and_nothing_is_left() {
    in_turn(|| {
        let private = engines::docker();
        let before = images(private);
        for suite in SUITES {
            let every = ["bookworm", "testing"].contains(&suite);
            checks_hold(private, suite, if every { Vec::new() } else { basic() });
        }
        assert_eq!(leftovers(private), "");
        assert_eq!(images(private), before);
    });
}

/// What is dropped and excluded there is nothing that the daemon needs.
#[test]
#[ignore = "more than a minute, and the default matrix runs on Podman too"]
fn a_slim_image_holds_on_podman_and_nothing_is_left() {
    slim_images_hold(&["trixie"], &[]);
}

#[test]
#[ignore = "every suite and check on a second engine takes five minutes"]
fn every_slim_image_holds_on_podman_and_nothing_is_left() {
    slim_images_hold(&SUITES, &["trixie"]);
}

/// Images of these suites; those of the second list by every check, the others by the basic ones.
fn slim_images_hold(suites: &[&str], every: &[&str]) {
    in_turn_on_podman(|| {
        let private = engines::podman();
        let before = images(private);
        for suite in suites {
            let only = match every.contains(suite) {
                true => Vec::new(),
                false => basic(),
            };
            checks_hold(private, &format!("{suite}-slim"), only);
        }
        assert_eq!(leftovers(private), "");
        assert_eq!(images(private), before);
    });
}

/// The bookworm image with other settings, made by `commit`: no builder is needed for that.
struct Derived<'a> {
    private: &'a Engine,
    base: String,
    name: &'static str,
}

impl<'a> Derived<'a> {
    fn new(private: &'a Engine, name: &'static str, changes: &[&str]) -> Self {
        let archive = built_image("bookworm");
        let base = private.load(&archive);
        private.run(&["create", "--name", name, &base]);
        let changes = changes.iter().map(|change| format!("--change={change}"));
        let changes: Vec<String> = changes.collect();
        let changes = changes.iter().map(String::as_str);
        let commit: Vec<&str> = ["commit"]
            .into_iter()
            .chain(changes)
            .chain([name, name])
            .collect();
        private.run(&commit);
        private.run(&["rm", "--volumes", name]);
        Self {
            private,
            base,
            name,
        }
    }

    fn subject(&self) -> Subject {
        Subject::Reference(self.name.to_owned())
    }
}

impl Drop for Derived<'_> {
    fn drop(&mut self) {
        self.private.run(&["image", "rm", self.name, &self.base]);
    }
}

fn outcomes(report: &SmokeReport) -> BTreeMap<&str, Outcome> {
    checks(report)
        .iter()
        .map(|check| (check.id.as_str(), check.outcome))
        .collect()
}

#[test]
fn a_broken_promise_is_seen_by_its_check_alone() {
    in_turn(|| {
        let private = engines::docker();
        // The label says nft, the image is legacy.
        let image = Derived::new(private, "dindimg-test-promise", &[&label("nft")]);
        let options = Options {
            only: basic(),
            ..client(private)
        };
        let report = smoke::run(&image.subject(), &on(private.name), &options, &Silent);
        let report = report.expect("a report");
        let mut violated = outcomes(&report);
        violated.retain(|_, outcome| *outcome != Outcome::Held);
        assert_eq!(violated, BTreeMap::from([("iptables", Outcome::Violated)]));
        assert!(!report.passed());
        assert_eq!(leftovers(private), "");
    });
}

#[test]
fn an_image_that_never_gets_ready_skips_what_builds_on_it() {
    in_turn(|| {
        let private = engines::docker();
        let changes = [label("legacy"), r#"ENTRYPOINT ["sleep", "300"]"#.to_owned()];
        let changes = changes.each_ref().map(String::as_str);
        let image = Derived::new(private, "dindimg-test-never", &changes);
        let options = Options {
            ready_timeout: Duration::from_secs(3),
            ..client(private)
        };
        let choice = on(private.name);
        let report = smoke::run(&image.subject(), &choice, &options, &Silent).expect("a report");
        let outcomes = outcomes(&report);
        assert_eq!(outcomes["ready"], Outcome::Violated);
        assert_eq!(outcomes["nested-run"], Outcome::Skipped);
        assert_eq!(outcomes["logs-clean"], Outcome::Skipped);
        assert_eq!(leftovers(private), "");
    });
}

/// A contract label with that iptables backend.
fn label(iptables: &str) -> String {
    let contract = serde_json::json!({
        "schema": 1, "profile": "dind",
        "engine": {"name": "docker", "version": "20.10.24"},
        "distribution": "debian/bookworm", "init": "tini", "iptables": iptables,
        "ports": [{"port": 2376, "purpose": "docker-tls"}],
        "volumes": ["/var/lib/docker"], "stop-timeout": 10,
        "privileges": {"privileged": true},
    });
    format!("LABEL io.dindimg.contract='{contract}'")
}

#[test]
fn an_interrupted_run_cleans_up() {
    in_turn(|| {
        let private = engines::docker();
        let before = images(private);
        let subject = Subject::Archive(built_image("bookworm"));
        let options = client(private);
        let remote = options.client.interrupt.clone();
        let watcher = std::thread::spawn(move || {
            let deadline = Instant::now() + Duration::from_secs(120);
            while leftovers(private).is_empty() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(50));
            }
            remote.set();
        });
        let mut choice = on(private.name);
        let storages = ["volume", "tmpfs"];
        choice.set(Axis::Storage, &storages).expect("storages");
        let error = smoke::run(&subject, &choice, &options, &Silent).expect_err("interrupted");
        watcher.join().expect("the watcher ends");
        assert!(error.is_interrupt(), "{error}");
        assert_eq!(leftovers(private), "");
        assert_eq!(images(private), before);
    });
}

#[test]
fn a_foreign_image_is_refused_by_name() {
    in_turn_on_both(|| {
        let rootfs = Rootfs {
            architecture: "amd64",
            files: BTreeMap::from([("/bin/sh".to_owned(), Vec::new())]),
        };
        let bytes = docker_archive(&rootfs, "dindimg-test:foreign").expect("an archive");
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("foreign.tar");
        fs::write(&path, bytes).expect("written");
        for private in [engines::docker(), engines::podman()] {
            let before = images(private);
            let error = smoke(private, &Subject::Archive(path.clone())).expect_err("no label");
            assert!(matches!(error, SmokeError::NoContract { .. }), "{error}");
            assert!(
                error.to_string().contains("dindimg-test:foreign"),
                "{error}"
            );
            assert_eq!(images(private), before);
        }
    });
}

/// An engine whose answers are fixed: a shell script first in `PATH`.
fn scripted(dir: &Path, body: &str) -> Settings {
    let path = dir.join("docker");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("script written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
    let inherited = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{inherited}", dir.display());
    Settings {
        env: BTreeMap::from([("PATH".to_owned(), path)]),
        ..Settings::default()
    }
}

#[test]
fn an_engine_without_privileges_or_daemon_is_told_apart_from_a_bad_image() {
    let contract = label("legacy");
    let contract = contract
        .split_once("='")
        .expect("a label")
        .1
        .trim_end_matches('\'');
    let image = serde_json::json!([{
        "Id": "sha256:00", "Config": {"Labels": {"io.dindimg.contract": contract}}
    }]);
    let body = format!(
        r#"case $1 in
info) echo '{{"ServerVersion":"20.10.24","KernelVersion":"6.1","CgroupVersion":"1","Architecture":"x86_64","Driver":"overlay2"}}' ;;
image) printf '%s\n' '{image}' ;;
run) echo 'OCI runtime create failed: unable to apply caps: operation not permitted' >&2; exit 125 ;;
esac"#
    );
    for (body, expected) in [
        (
            body.as_str(),
            "docker cannot run a privileged container here: OCI runtime create failed: unable to apply caps",
        ),
        (
            r#"echo '{"ServerErrors":["Cannot connect to the Docker daemon"]}'; exit 1"#,
            "docker does not answer: Cannot connect to the Docker daemon; start it",
        ),
    ] {
        let dir = tempfile::tempdir().expect("temporary directory");
        let options = Options {
            client: scripted(dir.path(), body),
            ..Options::default()
        };
        let subject = Subject::Reference("img".to_owned());
        let error = smoke::run(&subject, &on("docker"), &options, &Silent).expect_err("cannot run");
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

/// Debian carries Compose as a plugin since trixie.
const COMPOSE: &str = r#"
schema = 1
profile = "dind"
[debian]
suite = "trixie"
[packages]
userland = "slim"
include = ["docker-compose"]
"#;

#[test]
fn services_of_a_compose_file_find_each_other_where_the_image_has_compose() {
    let subject = Subject::Archive(built("compose", COMPOSE));
    beside_others(|| {
        let private = engines::docker();
        let options = Options {
            only: vec!["compose".to_owned()],
            ..client(private)
        };
        let report = smoke::run(&subject, &on("docker"), &options, &Silent).expect("a report");
        let compose = &checks(&report)[1];
        assert_eq!(compose.id, "compose");
        assert_eq!(compose.outcome, Outcome::Held, "{}", report.json());
    });
}
