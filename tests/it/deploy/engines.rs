//! Scripts of `docker run`, and Compose files, on a real Docker.

use std::fs;
use std::path::PathBuf;

use super::deploy;
use crate::deliver::busybox_archive;
use crate::engines::{self, Engine};
use crate::images::built_recipe;
use crate::product::{Run, kept};
use crate::smoke::in_turn;
use crate::tools::unpacked;

/// Compose of trixie, which runs by itself too.
pub fn compose() -> PathBuf {
    unpacked("trixie", "docker-compose").join("usr/libexec/docker/cli-plugins/docker-compose")
}

/// What comes after this line of a script is the client's.
const CLIENT: &str = "# your work";

fn sh(engine: &Engine, script: &str) -> Run {
    let output = engine.command("sh").args(["-c", script]).output();
    Run::of(output.expect("sh runs"))
}

/// Gives the daemon in a container the nested image `t`.
fn give(engine: &Engine, container: &str) {
    let archive = kept("contract").join("nested-deploy.tar");
    busybox_archive(&archive);
    let to = format!("{container}:/t.tar");
    engine.run(&["cp", archive.to_str().expect("UTF-8"), &to]);
    engine.run(&["exec", container, "docker", "load", "-qi", "/t.tar"]);
}

/// What the script says at its end.
fn ended(engine: &Engine, script: &str) {
    for line in script.lines() {
        let said = ["# to end it: ", "# and its volumes: "];
        if let Some(command) = said.iter().find_map(|said| line.strip_prefix(said)) {
            sh(engine, command).good();
        }
    }
}

fn nothing_is_left(engine: &Engine, name: &str) {
    let containers = engine.run(&["ps", "--all", "--format", "{{.Names}}"]);
    let volumes = engine.run(&["volume", "ls", "--format", "{{.Name}}"]);
    let networks = engine.run(&["network", "ls", "--format", "{{.Name}}"]);
    let own = |list: &str| list.lines().any(|one| one.starts_with(name));
    assert!(
        !own(&containers) && !own(&volumes) && !own(&networks),
        "{containers}\n{volumes}\n{networks}"
    );
}

#[test]
fn a_script_of_docker_run_starts_a_daemon_that_its_client_reaches() {
    in_turn(|| {
        let docker = engines::docker();
        for (recipe, name, more) in [
            ("bookworm", "deploy-tls", &["--set", "memory.limit=2Gi"][..]),
            (
                "bookworm",
                "deploy-socket",
                &["--set", "connection=socket", "--storage", "memory"],
            ),
            (
                "rootless-trixie",
                "deploy-rootless",
                &["--set", "connection=tcp"],
            ),
        ] {
            let image = docker.load(&built_recipe(recipe, "slim"));
            let named = [format!("name={name}"), format!("image={image}")];
            let command = "client.command=docker run --rm t echo \"nested $((40 + 2))\"";
            let all = [
                &[
                    "--target",
                    "docker-run",
                    "--set",
                    &named[0],
                    "--set",
                    &named[1],
                    "--set",
                    command,
                ],
                more,
            ]
            .concat();
            let script = deploy(recipe, "slim", &all).good().stdout;
            let (daemon, client) = script.split_once(CLIENT).expect("both");
            sh(docker, daemon).good();
            give(docker, name);
            let run = sh(docker, &format!("{CLIENT}{client}"));
            assert_eq!(run.stdout, "nested 42\n", "{script}\n{}", run.stderr);
            let memory = docker.run(&["inspect", "--format", "{{.HostConfig.Memory}}", name]);
            let limit: u64 = memory.parse().expect("a number");
            let wanted: u64 = match name {
                "deploy-tls" => 2 << 30,
                "deploy-socket" => 6 << 30,
                _ => 4 << 30,
            };
            assert_eq!(limit, wanted);
            ended(docker, &script);
            nothing_is_left(docker, name);
            docker.run(&["image", "rm", "--force", &image]);
        }
    });
}

#[test]
fn a_compose_file_starts_a_daemon_that_its_client_reaches() {
    in_turn(|| {
        let docker = engines::docker();
        let image = docker.load(&built_recipe("bookworm", "slim"));
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("compose.yaml");
        let compose = compose();
        for more in [
            &[][..],
            &["--set", "connection=socket"],
            &[
                "--set",
                "connection=tcp",
                "--storage",
                "loop",
                "--set",
                "storage.size=2Gi",
            ],
        ] {
            let image = format!("image={image}");
            let all = [
                &[
                    "--target",
                    "compose",
                    "--set",
                    "name=deploy-compose",
                    "--set",
                    &image,
                ][..],
                &[
                    "--set",
                    "client.command=docker run --rm t echo \"nested $((40 + 2))\"",
                ],
                more,
            ]
            .concat();
            let text = deploy("bookworm", "slim", &all).good().stdout;
            fs::write(&file, &text).expect("written");
            let composed = |arguments: &[&str]| {
                let mut command = docker.command(&compose);
                command.arg("--file").arg(&file).args(arguments);
                Run::of(command.output().expect("docker-compose runs"))
            };
            let up = composed(&["up", "--detach", "--wait", "docker"]);
            assert_eq!(up.code, Some(0), "{text}\n{}", up.stderr);
            give(docker, "deploy-compose-docker-1");
            let run = composed(&["run", "--rm", "work"]);
            assert_eq!(run.stdout, "nested 42\n", "{text}\n{}", run.stderr);
            composed(&["down", "--volumes"]).good();
            nothing_is_left(docker, "deploy-compose");
        }
        docker.run(&["image", "rm", "--force", &image]);
    });
}

#[test]
fn the_daemon_of_the_host_is_used_where_that_is_asked_for() {
    in_turn(|| {
        let docker = engines::docker();
        let image = docker.load(&built_recipe("bookworm", "slim"));
        let image_is = format!("image={image}");
        let run = deploy(
            "bookworm",
            "slim",
            &[
                "--target",
                "dood",
                "--set",
                &image_is,
                "--set",
                "name=deploy-dood",
                "--set",
                "client.command=docker ps --format '{{.Names}}'",
            ],
        );
        let script = run.good().stdout;
        for lost in ["isolation", "network", "lifecycle", "clean-up", "limits"] {
            assert!(script.contains(&format!("#   {lost} ")), "{script}");
        }
        // The private daemon stands for the host's.
        let host = docker.env()["DOCKER_HOST"].replace("unix://", "--volume ");
        let own = script.replace("--volume /var/run/docker.sock:", &format!("{host}:"));
        assert_ne!(own, script);
        // It sees itself: its daemon is the one that it is a container of.
        let run = sh(docker, &own).good();
        assert_eq!(run.stdout, "deploy-dood\n");
        docker.run(&["image", "rm", "--force", &image]);
    });
}
