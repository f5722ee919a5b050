//! What people rely on when they run the image: its daemon, started in every way they start it, on
//! a real engine.

mod arguments;
mod certificates;
mod choices;
mod configuration;
mod faults;
mod hardening;
mod network;
mod pods;
mod storage;
mod supervision;
mod versions;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

use crate::deliver::busybox_archive;
use crate::engines::{self, Engine};
use crate::images::built_image;
use crate::product::{Run, kept};

/// The suite of tests that are not about versions.
const SUITE: &str = "bookworm";

/// Every container has the archive of the nested image `t` here.
const NESTED: &str = "/t.tar";

/// Seconds a daemon may take to get ready on a busy machine.
const READY: &str = "120";

/// Seconds a script inside may take on a busy machine.
const SCRIPT: &str = "300";

fn engine() -> &'static Engine {
    engines::docker_of_guests()
}

/// The nested image: a static busybox, `t` by name.
fn nested_archive() -> &'static PathBuf {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let path = kept("contract").join("nested.tar");
        busybox_archive(&path);
        path
    })
}

/// The name of an image of ours, loaded by its first user and kept: `bookworm`, `bookworm-slim`.
fn image(image: &str) -> String {
    static LOADED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = loaded.get(image) {
        return name.clone();
    }
    let name = engine().load(&built_image(image));
    loaded.insert(image.to_owned(), name.clone());
    name
}

/// The engine's client, whatever comes of it.
fn docker(arguments: &[&str]) -> Run {
    let output = engine().command("docker").args(arguments).output();
    Run::of(output.expect("the client runs"))
}

/// `docker run --rm --privileged OPTIONS IMAGE ARGUMENTS` in the foreground, with `input` on its
/// standard input.
fn run_with(input: &str, options: &[&str], arguments: &[&str]) -> Run {
    let mount = format!("--volume={}:{NESTED}:ro", nested_archive().display());
    let file = kept("contract").join(unique("stdin"));
    fs::write(&file, input).expect("input written");
    let output = engine()
        .command("docker")
        .args(["run", "--rm", "--privileged", "--interactive", &mount])
        .args(options)
        .arg(image(SUITE))
        .args(arguments)
        .stdin(Stdio::from(File::open(&file).expect("input")))
        .output();
    fs::remove_file(&file).expect("input removed");
    Run::of(output.expect("the client runs"))
}

fn run(options: &[&str], arguments: &[&str]) -> Run {
    run_with("", options, arguments)
}

/// A name that no other object of this run has.
fn unique(role: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{role}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A volume, removed with everything in it.
struct Volume(String);

impl Volume {
    fn new(role: &str) -> Self {
        let name = unique(role);
        engine().run(&["volume", "create", &name]);
        Self(name)
    }

    /// The option that puts it at `target`.
    fn at(&self, target: &str) -> String {
        format!("--volume={}:{target}", self.0)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        docker(&["volume", "rm", &self.0]);
    }
}

/// A network of the engine, removed at the end.
struct Network(String);

impl Network {
    /// `docker network create OPTIONS`.
    fn new(options: &[&str]) -> Self {
        let name = unique("network");
        engine().run(&[&["network", "create"], options, &[&name]].concat());
        Self(name)
    }

    /// The option that joins it.
    fn option(&self) -> String {
        format!("--network={}", self.0)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        docker(&["network", "rm", &self.0]);
    }
}

/// A container in the background, removed at the end.
struct Guest {
    name: String,
}

impl Guest {
    /// `docker run -d --privileged OPTIONS IMAGE ARGUMENTS`.
    fn start(options: &[&str], arguments: &[&str]) -> Self {
        Self::of(SUITE, &[&["--privileged"], options].concat(), arguments)
    }

    /// The same of another image, with no more privileges than the options give.
    fn of(suite: &str, options: &[&str], arguments: &[&str]) -> Self {
        Self::of_image(&image(suite), options, arguments)
    }

    /// The same of an image by its name in the engine.
    fn of_image(image: &str, options: &[&str], arguments: &[&str]) -> Self {
        let name = unique("guest");
        let mount = format!("--volume={}:{NESTED}:ro", nested_archive().display());
        let words = ["run", "--detach", "--name", &name, &mount];
        engine().run(&[&words, options, &[image], arguments].concat());
        Self { name }
    }

    /// The same container once its daemon can be used.
    fn ready(self) -> Self {
        self.wait_ready();
        self
    }

    fn wait_ready(&self) {
        let run = docker(&["exec", &self.name, "dindctl", "ready", "--wait", READY]);
        assert_eq!(run.code, Some(0), "{}\n{}", run.stderr, self.log());
    }

    /// With the nested image in its daemon.
    fn loaded(self) -> Self {
        self.sh(&format!("docker load -qi {NESTED}"));
        self
    }

    /// A script inside, ended after [`SCRIPT`] seconds: one that waits for what never comes is a
    /// failure, not a test that hangs.
    fn try_sh(&self, script: &str) -> Run {
        docker(&["exec", &self.name, "timeout", SCRIPT, "sh", "-c", script])
    }

    /// What a script inside prints; it has to succeed.
    fn sh(&self, script: &str) -> String {
        let run = self.try_sh(script);
        assert_eq!(
            run.code,
            Some(0),
            "{script}: {}\n{}",
            run.stderr,
            self.log()
        );
        run.stdout.trim().to_owned()
    }

    /// Both streams of its main process.
    fn log(&self) -> String {
        let run = docker(&["logs", &self.name]);
        run.stdout + &run.stderr
    }

    /// Its exit code, when it has ended.
    fn wait(&self) -> i32 {
        engine().run(&["wait", &self.name]).parse().expect("a code")
    }

    /// Its exit code after `docker stop` with that timeout, at whose end the engine kills.
    fn stop(&self, seconds: u32) -> i32 {
        engine().run(&["stop", "--time", &seconds.to_string(), &self.name]);
        self.wait()
    }

    fn restart(&self) {
        engine().run(&["start", &self.name]);
        self.wait_ready();
    }

    /// A file of the container, running or not.
    fn file(&self, path: &str) -> String {
        let scratch = kept("contract").join(unique("copy"));
        let from = format!("{}:{path}", self.name);
        engine().run(&[
            "cp",
            "--follow-link",
            &from,
            scratch.to_str().expect("UTF-8"),
        ]);
        let text = fs::read_to_string(&scratch).expect("copied");
        fs::remove_file(&scratch).expect("removed");
        text
    }

    /// The decision of that name in its report.
    fn decision(&self, id: &str) -> Value {
        let report: Value = serde_json::from_str(&self.sh("dindctl report")).expect("JSON");
        let decisions = report["decisions"].as_array().expect("decisions");
        let found = decisions.iter().find(|decision| decision["id"] == id);
        found
            .unwrap_or_else(|| panic!("no {id} in {report}"))
            .clone()
    }

    fn choice(&self, id: &str) -> String {
        self.decision(id)["choice"]
            .as_str()
            .expect("text")
            .to_owned()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.name]);
    }
}
