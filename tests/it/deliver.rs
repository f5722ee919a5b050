//! From one command to a container that runs containers: push, load and smoke as users type them.

use std::fs::File;
use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::engines;
use crate::images::built_image;
use crate::peers::require;
use crate::product::{Run, kept, recipe};
use crate::smoke::{in_turn, in_turn_on_both};

/// A busybox image in docker-archive form, `t`.
pub fn busybox_archive(path: &Path) {
    let busybox = require(&["busybox"], "busybox-static").expect("busybox");
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    let mut content = Vec::new();
    File::open(busybox)
        .expect("busybox")
        .read_to_end(&mut content)
        .expect("read");
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    layer
        .append_data(&mut header, "bin/busybox", content.as_slice())
        .expect("in memory");
    for name in ["sh", "echo"] {
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        link.set_mode(0o777);
        layer
            .append_link(&mut link, format!("bin/{name}"), "busybox")
            .expect("in memory");
    }
    let layer = layer.into_inner().expect("in memory");
    let diff_id = dindimg::digest::Digest::of(&layer);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Env": ["PATH=/bin"], "Cmd": ["sh"] },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    })
    .to_string();
    let manifest =
        json!([{ "Config": "config.json", "RepoTags": ["t:latest"], "Layers": ["layer.tar"] }])
            .to_string();
    let mut archive = tar::Builder::new(File::create(path).expect("archive"));
    for (name, bytes) in [
        ("manifest.json", manifest.as_bytes()),
        ("config.json", config.as_bytes()),
        ("layer.tar", &layer),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, bytes)
            .expect("written");
    }
    archive.finish().expect("written");
}

/// Debian's registry on `localhost:5000` of the engine's own network.
struct Registry {
    process: Child,
    _directory: tempfile::TempDir,
}

impl Registry {
    fn start(engine: &engines::Engine) -> Self {
        require(&["docker-registry"], "docker-registry").expect("docker-registry");
        let directory = tempfile::tempdir().expect("temporary directory");
        let config = directory.path().join("config.yml");
        let store = directory.path().join("store");
        std::fs::write(
            &config,
            format!("version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: 127.0.0.1:5000 }}\n", store.display()),
        )
        .expect("written");
        let process = engine
            .inside("docker-registry")
            .args(["serve".as_ref(), config.as_os_str()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the registry starts");
        Self {
            process,
            _directory: directory,
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn good(command: &mut Command) -> Run {
    Run::of(command.output().expect("the program runs")).good()
}

#[test]
fn one_command_pushes_an_image_in_which_docker_run_works() {
    in_turn(|| {
        let engine = engines::docker();
        // The image's packages come from the network, which the engine's own has not: build first.
        built_image("trixie");
        let _registry = Registry::start(engine);
        let lock = kept("locks").join("trixie.lock");
        let begun = Instant::now();
        loop {
            let mut push = engine.inside(env!("CARGO_BIN_EXE_dindimg"));
            push.env("DINDIMG_CACHE_DIR", kept("cache"));
            push.arg("build").arg(recipe("trixie")).args([
                "--push",
                "--variant",
                "default",
                "--offline",
                "--platform",
                "linux/amd64",
            ]);
            push.args([
                "--repository",
                "localhost:5000/ci/docker",
                "--tag",
                "trixie-dind",
                "--lock-file",
            ])
            .arg(&lock);
            let run = Run::of(push.output().expect("the binary runs"));
            if run.code == Some(0) {
                assert!(
                    run.stderr
                        .contains("pushed localhost:5000/ci/docker@sha256:"),
                    "{}",
                    run.stderr
                );
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", run.stderr);
        }
        let scratch = tempfile::tempdir().expect("temporary directory");
        let archive = scratch.path().join("t.tar");
        busybox_archive(&archive);
        let mut docker = engine.command("docker");
        docker.args([
            "run",
            "--rm",
            "--privileged",
            "-e",
            "DIND_WAIT=1",
            "-v",
            &format!("{}:/t.tar", archive.display()),
        ]);
        docker.args([
            "localhost:5000/ci/docker:trixie-dind",
            "sh",
            "-c",
            "docker load -qi /t.tar && docker run --rm t echo nested",
        ]);
        let said = good(&mut docker).stdout;
        assert!(said.lines().any(|line| line == "nested"), "{said}");
    });
}

#[test]
fn an_image_is_loaded_into_either_engine_and_runs() {
    in_turn_on_both(|| {
        built_image("bookworm");
        let lock = kept("locks").join("bookworm.lock");
        for engine in [engines::docker(), engines::podman()] {
            let mut load = engine.command(env!("CARGO_BIN_EXE_dindimg"));
            load.env("DINDIMG_CACHE_DIR", kept("cache"));
            load.arg("build")
                .arg(recipe("bookworm"))
                .args(["--variant", "default", "--offline", "--platform"])
                .args(["linux/amd64", "--lock-file"])
                .arg(&lock);
            load.args([
                "--load",
                engine.name,
                "--repository",
                "localhost/dindimg-load",
                "--tag",
                "x",
            ]);
            good(&mut load);
            let said = engine.run(&[
                "run",
                "--rm",
                "localhost/dindimg-load:x",
                "echo",
                "exactly this",
            ]);
            assert_eq!(said.trim_end(), "exactly this");
            engine.run(&["rmi", "localhost/dindimg-load:x"]);
        }
    });
}

#[test]
fn the_smoke_verb_prints_a_table_writes_reports_and_counts_for_its_exit_code() {
    in_turn(|| {
        let engine = engines::docker();
        let scratch = tempfile::tempdir().expect("temporary directory");
        let (json, xml) = (scratch.path().join("r.json"), scratch.path().join("r.xml"));
        let mut smoke = engine.command(env!("CARGO_BIN_EXE_dindimg"));
        smoke.env("DINDIMG_CACHE_DIR", kept("cache"));
        smoke
            .arg("smoke")
            .arg(built_image("bookworm"))
            .args(["--engine", "docker", "--report"])
            .arg(&json)
            .arg("--report")
            .arg(&xml);
        let said = good(&mut smoke).stdout;
        assert!(
            said.contains("nested-run") && said.contains("held"),
            "{said}"
        );
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&json).expect("report")).expect("JSON");
        assert!(
            report["cells"][0]["checks"]
                .as_array()
                .is_some_and(|checks| checks.len() >= 9),
            "{report}"
        );
        assert!(
            std::fs::read_to_string(&xml)
                .expect("report")
                .contains("<testcase")
        );

        let foreign = Run::of(
            engine
                .command(env!("CARGO_BIN_EXE_dindimg"))
                .env("DINDIMG_CACHE_DIR", kept("cache"))
                .args(["smoke", "localhost/dindimg-none:x"])
                .output()
                .expect("the binary runs"),
        );
        assert_ne!(foreign.code, Some(0));
        assert!(
            TcpStream::connect("127.0.0.1:2376").is_err(),
            "nothing of the engine is left on the host"
        );
    });
}
