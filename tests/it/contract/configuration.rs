//! The daemon's configuration and the steps of the team's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{Guest, NESTED, docker, image, run, unique};
use crate::product::kept;
use crate::smoke::beside_others;

/// The option that mounts a file with this text at `target`.
fn mounted(text: &str, target: &str, mode: u32) -> String {
    let path = kept("contract").join(unique("mounted"));
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode set");
    format!("--volume={}:{target}", path.display())
}

/// What the daemon says about itself.
fn info(guest: &Guest) -> Value {
    serde_json::from_str(&guest.sh("docker info --format '{{json .}}'")).expect("JSON")
}

#[test]
fn a_mounted_file_a_variable_and_an_argument_are_merged_over_the_recipe() {
    beside_others(|| {
        let file = mounted(
            r#"{"labels": ["of=file"], "insecure-registries": ["file:1"]}"#,
            "/etc/docker/daemon.json",
            0o644,
        );
        let variable = r#"--env=DIND_DAEMON_JSON={"debug": true, "max-concurrent-uploads": 1}"#;
        let guest =
            Guest::start(&[&file, variable], &["--insecure-registry", "argument:2"]).ready();
        let info = info(&guest);
        assert_eq!(info["Labels"], serde_json::json!(["of=file"]));
        assert_eq!(info["Debug"], true);
        let registries = info["RegistryConfig"]["IndexConfigs"].to_string();
        assert!(registries.contains("argument:2"), "{registries}");
        assert!(!registries.contains("file:1"), "{registries}");
        let decision = guest.decision("config");
        assert_eq!(
            decision["choice"],
            "the recipe, /etc/docker/daemon.json, DIND_DAEMON_JSON"
        );
        assert!(
            decision["tried"]
                .to_string()
                .contains("insecure-registries"),
            "{decision}"
        );
    });
}

#[test]
fn a_file_changed_while_running_is_merged_again_on_hup() {
    beside_others(|| {
        let guest = Guest::start(&[], &[]).ready();
        assert_eq!(info(&guest)["Debug"], false);
        guest.sh(r#"echo '{"debug": true}' >/etc/docker/daemon.json"#);
        docker(&["kill", "--signal", "HUP", &guest.name]);
        guest.sh("i=0; until [ \"$(docker info -f '{{.Debug}}')\" = true ]; do [ $i -lt 100 ] || exit 1; i=$((i+1)); sleep 0.1; done");
        // What cannot be used changes nothing, and ends nothing.
        guest.sh(r#"echo '{"debgu": false}' >/etc/docker/daemon.json"#);
        docker(&["kill", "--signal", "HUP", &guest.name]);
        let said = "/etc/docker/daemon.json: debgu is no key of dockerd";
        for _ in 0..100 {
            if guest.log().contains(said) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert!(guest.log().contains(said), "{}", guest.log());
        assert_eq!(info(&guest)["Debug"], true);
    });
}

#[test]
fn a_key_that_cannot_be_used_ends_the_start_and_is_named() {
    beside_others(|| {
        let unknown = mounted(
            r#"{"log-drivr": "local"}"#,
            "/etc/docker/daemon.json",
            0o644,
        );
        let run = run(&[&unknown], &[]);
        assert_eq!(run.code, Some(1));
        assert!(
            run.stderr
                .contains("/etc/docker/daemon.json: log-drivr is no key of dockerd"),
            "{}",
            run.stderr
        );
        // Docker 26 judges for itself.
        let trixie = image("trixie");
        let words = ["run", "--rm", "--privileged", &unknown, &trixie];
        let run = docker(&words);
        assert_eq!(run.code, Some(1));
        assert!(
            run.stderr.contains("dockerd refuses its configuration")
                && run.stderr.contains("log-drivr"),
            "{}",
            run.stderr
        );
    });
}

#[test]
fn a_ready_hook_fills_the_store_before_the_command_and_before_anybody_is_told() {
    beside_others(|| {
        let load = format!("#!/bin/sh\nset -eu\nsleep 1\ndocker load -qi {NESTED}\n");
        let hook = mounted(&load, "/etc/dind/ready.d/10-load", 0o755);
        let words = ["docker", "run", "--rm", "t", "sh", "-c", "exit 7"];
        let seven = run(&[&hook], &words);
        assert_eq!(
            (seven.code, seven.stdout.as_str()),
            (Some(7), ""),
            "{}",
            seven.stderr
        );
        let guest = Guest::start(&[&hook], &[]).ready();
        assert_eq!(guest.sh("docker image ls -q t | wc -l"), "1");
    });
}

#[test]
fn a_hook_that_fails_ends_the_start_and_is_named() {
    beside_others(|| {
        for (place, role) in [
            ("pre.d", &[][..]),
            ("ready.d", &[]),
            ("ready.d", &["docker", "ps"]),
        ] {
            let hook = mounted(
                "exit 3\n",
                &format!("/etc/dind/{place}/10-broken.sh"),
                0o644,
            );
            let message = mounted("", "/dev/termination-log", 0o666);
            let run = run(&[&hook, &message], role);
            let said = format!("/etc/dind/{place}/10-broken.sh ended with status 3");
            assert_eq!(run.code, Some(1), "{place} {role:?}: {}", run.stderr);
            assert!(
                run.stderr.contains(&said),
                "{place} {role:?}: {}",
                run.stderr
            );
            let file = message.split(['=', ':']).nth(1).expect("a path");
            assert_eq!(
                fs::read_to_string(file).expect("read"),
                format!("dind: {said}\n")
            );
        }
    });
}

#[test]
fn a_pre_hook_can_bring_the_data_directory() {
    beside_others(|| {
        let mount = "mount -t tmpfs -o size=2g tmpfs /var/lib/docker\n";
        let hook = mounted(mount, "/etc/dind/pre.d/10-data.sh", 0o644);
        let guest = Guest::start(&[&hook], &[]).ready();
        let reason = guest.decision("storage")["reason"].to_string();
        assert!(reason.contains("tmpfs"), "{reason}");
    });
}

#[test]
fn the_doctor_tells_choices_and_remedies_in_one_screen() {
    beside_others(|| {
        let guest = Guest::start(&["--env=DOCKER_TLS_CERTDIR="], &[]).ready();
        let run = guest.try_sh("dindctl doctor");
        assert_eq!(run.code, Some(1), "{}", run.stdout);
        assert!(run.stdout.lines().count() <= 40, "{}", run.stdout);
        for part in [
            "dind on debian/bookworm: ready",
            "storage   overlay2",
            "start with DOCKER_TLS_CERTDIR=/certs",
        ] {
            assert!(run.stdout.contains(part), "{part}:\n{}", run.stdout);
        }
        let alone = super::run(&[], &["dindctl", "doctor"]);
        assert!(
            alone
                .stdout
                .contains("no daemon was started in this container"),
            "{}",
            alone.stdout
        );
    });
}
