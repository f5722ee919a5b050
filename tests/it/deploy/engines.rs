//! Scripts of `docker run`, and Compose files, on a real Docker.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

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
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    let archive = ARCHIVE.get_or_init(|| {
        let path = kept("contract").join("nested-deploy.tar");
        busybox_archive(&path);
        path
    });
    let to = format!("{container}:/t.tar");
    engine.run(&["cp", archive.to_str().expect("UTF-8"), &to]);
    engine.run(&["exec", container, "docker", "load", "-qi", "/t.tar"]);
}

/// Removes an image with all of its names.
fn forget(engine: &Engine, image: &str) {
    let id = engine.run(&["image", "inspect", "--format", "{{.Id}}", image]);
    engine.run(&["image", "rm", "--force", &id]);
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
            forget(docker, &image);
        }
    });
}

#[test]
fn a_compose_file_starts_a_daemon_that_its_client_reaches() {
    in_turn(|| {
        let docker = engines::docker();
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("compose.yaml");
        let compose = compose();
        for (recipe, more) in [
            ("bookworm", &[][..]),
            ("bookworm", &["--set", "connection=socket"]),
            (
                "bookworm",
                &[
                    "--set",
                    "connection=tcp",
                    "--storage",
                    "loop",
                    "--set",
                    "storage.size=2Gi",
                ],
            ),
            ("rootless-trixie", &[]),
        ] {
            let loaded = docker.load(&built_recipe(recipe, "slim"));
            let image = format!("image={loaded}");
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
            let text = deploy(recipe, "slim", &all).good().stdout;
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
            forget(docker, &loaded);
        }
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
        forget(docker, &image);
    });
}

/// GitLab gives a service the variables of its job, the client's among them.
#[test]
fn the_service_of_a_gitlab_job_is_a_daemon_although_it_has_the_clients_variables() {
    in_turn(|| {
        for recipe in ["bookworm", "rootless-trixie"] {
            serves_a_gitlab_job(engines::docker(), recipe);
        }
    });
}

fn serves_a_gitlab_job(docker: &Engine, recipe: &str) {
    let image = docker.load(&built_recipe(recipe, "slim"));
    let directory = tempfile::tempdir().expect("a directory");
    let output = directory.path().to_str().expect("UTF-8");
    let arguments = ["--target", "gitlab-ci", "--output", output];
    deploy(recipe, "slim", &arguments).good();
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect("written");
    let config: toml::Table = read("config.toml").parse().expect("TOML");
    let runner = &config["runners"][0]["docker"];
    assert_eq!(runner["privileged"].as_bool(), Some(false));
    assert_eq!(runner["services_privileged"].as_bool(), Some(true));
    let job = read(".gitlab-ci.yml");
    let (_, variables) = job.split_once("\n  variables:\n").expect("variables");
    let (variables, _) = variables.split_once("\n  script:").expect("their end");
    let variables: Vec<String> = variables
        .lines()
        .map(|line| {
            let (name, value) = line.trim().split_once(": ").expect("a pair");
            format!("--env={name}={}", value.trim_matches('"'))
        })
        .collect();
    assert!(variables.len() >= 3, "{job}");
    let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
    docker.run(&["network", "create", "deploy-gitlab"]);
    let service = ["run", "--detach", "--privileged", "--name", "deploy-gitlab"];
    let network = ["--network", "deploy-gitlab"];
    let certificates = "deploy-gitlab:/certs/client";
    let alias = ["--network-alias", "docker", "--volume", certificates];
    docker.run(&[&service, &network[..], &alias, &variables, &[&image]].concat());
    docker.run(&["exec", "deploy-gitlab", "dindctl", "ready", "--wait", "120"]);
    let job = ["run", "--rm", "--volume", certificates];
    let version = "docker version --format '{{.Server.Os}}'";
    let script = [image.as_str(), "sh", "-c", version];
    let said = docker.run(&[&job, &network[..], &variables, &script].concat());
    assert_eq!(said, "linux", "{recipe}");
    docker.run(&["rm", "--force", "--volumes", "deploy-gitlab"]);
    docker.run(&["volume", "rm", "deploy-gitlab"]);
    docker.run(&["network", "rm", "deploy-gitlab"]);
    forget(docker, &image);
}

/// A machine lets in by the key that its owner has given, and by no other.
#[test]
fn a_script_of_docker_run_starts_a_machine_with_the_keys_of_its_owner() {
    in_turn(|| {
        let docker = engines::docker();
        let image = docker.load(&built_recipe("vmlc-trixie", "slim"));
        let directory = tempfile::tempdir().expect("a directory");
        let keys = directory.path().join("keys.pub");
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ0Zm9yIHRlc3RzIG9uZSB0d28gdGhyZWUgZm91 of-a-test";
        fs::write(&keys, format!("{key}\n")).expect("written");
        let said = [
            format!("image={image}"),
            format!("ssh.keys={}", keys.display()),
        ];
        let named = ["--target", "docker-run", "--set", "name=deploy-machine"];
        let given = ["--set", &said[0], "--set", &said[1]];
        let script = deploy("vmlc-trixie", "slim", &[named, given].concat())
            .good()
            .stdout;
        let run = sh(docker, &script);
        assert_eq!(run.code, Some(0), "{script}\n{}{}", run.stdout, run.stderr);
        let shown = ["exec", "deploy-machine", "sh", "-c"];
        let find = "cat $(sshd -T | sed -n 's/^authorizedkeysfile //p' | sed 's/%u/root/g') 2>/dev/null; true";
        let found = docker.run(&[&shown[..], &[find]].concat());
        assert!(found.contains("of-a-test"), "{found}");
        let kinds =
            docker.run(&[&shown[..], &["stat -f -c %T /run /tmp; stat -c %a /run"]].concat());
        assert_eq!(kinds, "tmpfs\ntmpfs\n755");
        ended(docker, &script);
        nothing_is_left(docker, "deploy-machine");
        forget(docker, &image);
    });
}
