//! Starts and ends that go wrong, and arguments that leave out what the runtime counts on.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Guest, docker, engine, unique};
use crate::product::kept;
use crate::smoke::beside_others;

/// A program in the place of dockerd.
struct Stub(PathBuf);

impl Stub {
    fn new(script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;

        let path = kept("contract").join(unique("dockerd"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        Self(path)
    }

    fn mount(&self) -> String {
        format!("--volume={}:/usr/local/sbin/dockerd:ro", self.0.display())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        fs::remove_file(&self.0).expect("removed");
    }
}

#[test]
fn a_daemon_that_listens_on_a_port_alone_gets_the_socket_too() {
    beside_others(|| {
        let port = "tcp://127.0.0.1:2375";
        let guest = Guest::start(&[], &["dockerd", "-H", port, "--tls=false"]).ready();
        assert_eq!(guest.sh("docker ps -q"), "");
        drop(guest);
        let other = "unix:///run/own.sock";
        let guest = Guest::start(&[], &["dockerd", "--host", other]).ready();
        assert_eq!(guest.sh(&format!("docker -H {other} ps -q")), "");
        drop(guest);
        let file = kept("contract").join(unique("hosts"));
        fs::write(&file, r#"{"hosts":["tcp://127.0.0.1:2375"],"tls":false}"#).expect("written");
        let mount = format!("--volume={}:/etc/docker/daemon.json:ro", file.display());
        let guest = Guest::start(&[&mount], &[]).ready();
        assert_eq!(guest.sh("docker ps -q"), "");
        assert_eq!(guest.sh("docker -H tcp://127.0.0.1:2375 ps -q"), "");
        drop(guest);
        fs::remove_file(&file).expect("removed");
    });
}

#[test]
fn a_daemon_that_hangs_in_its_start_is_ended_with_the_reason() {
    beside_others(|| {
        let stub = Stub::new("trap '' TERM\nwhile :; do sleep 1; done");
        let guest = Guest::start(&[&stub.mount(), "--env=DIND_START_TIMEOUT=2"], &[]);
        assert_eq!(guest.wait(), 1, "{}", guest.log());
        let log = guest.log();
        assert!(log.contains("did not answer within 2 s"), "{log}");
    });
}

#[test]
fn a_stop_between_two_attempts_starts_no_further_daemon() {
    beside_others(|| {
        let stub = Stub::new(
            "[ ! -e /second ] || exec sleep 1000\ntrue >/second\nsleep 2.2\necho failing\nexit 1",
        );
        let guest = Guest::start(&[&stub.mount()], &[]);
        let begun = Instant::now();
        while !guest.log().contains("attempt 2 of") {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", guest.log());
        }
        // The pause between two attempts is a second.
        assert_ne!(guest.stop(9), 137, "{}", guest.log());
    });
}

#[test]
fn a_daemon_that_dies_later_says_so_where_an_orchestrator_looks() {
    beside_others(|| {
        let note = kept("contract").join(unique("termination"));
        fs::write(&note, "").expect("written");
        let mount = format!("--volume={}:/dev/termination-log", note.display());
        let guest = Guest::start(&[&mount], &[]).ready();
        // Another start in the same container is refused, and does not speak for it.
        let second = guest.try_sh("dockerd-entrypoint.sh dockerd");
        assert_eq!(second.code, Some(1), "{}", second.stderr);
        assert_eq!(fs::read_to_string(&note).expect("read"), "");
        guest.sh("kill -KILL $(pgrep -x dockerd)");
        assert_eq!(guest.wait(), 137);
        let said = fs::read_to_string(&note).expect("read");
        assert!(said.contains("dockerd ended with status 137"), "{said}");
        drop(guest);
        fs::remove_file(&note).expect("removed");
    });
}

#[test]
fn a_reload_keeps_to_the_arguments_of_the_start() {
    beside_others(|| {
        let file = kept("contract").join(unique("own"));
        fs::write(&file, r#"{"labels":["from=file"],"debug":false}"#).expect("written");
        let mount = format!("--volume={}:/own.json:ro", file.display());
        let arguments = ["--config-file=/own.json", "--label", "from=argument"];
        let guest = Guest::start(&[&mount], &arguments).ready();
        assert_eq!(guest.sh("docker info -f '{{.Debug}}'"), "false");
        fs::write(&file, r#"{"labels":["from=file"],"debug":true}"#).expect("written");
        engine().run(&["kill", "--signal=HUP", &guest.name]);
        let asked = "for try in $(seq 100); do debug=$(docker info -f '{{.Debug}}'); \
                     [ \"$debug\" != true ] || break; sleep 0.1; done; echo \"$debug\"";
        assert_eq!(guest.sh(asked), "true", "{}", guest.log());
        assert_eq!(guest.sh("docker info -f '{{.Labels}}'"), "[from=argument]");
        drop(guest);
        fs::remove_file(&file).expect("removed");
    });
}

#[test]
fn a_container_that_is_made_again_in_its_pods_network_takes_its_bridge_over() {
    beside_others(|| {
        let pod = Guest::start(&["--entrypoint=sleep"], &["600"]);
        let network = format!("--network=container:{}", pod.name);
        for _ in 0..3 {
            let guest = Guest::start(&[&network], &["--bip=172.31.9.1/24"]).ready();
            assert_eq!(
                guest.sh("ls -d /sys/class/net/docker0"),
                "/sys/class/net/docker0"
            );
            assert_eq!(guest.sh("ls /sys/class/net | grep -c dind || :"), "0");
            docker(&["kill", &guest.name]);
        }
    });
}

#[test]
fn the_wrapper_alone_is_ready_when_its_daemon_is() {
    beside_others(|| {
        let guest = Guest::start(&["--entrypoint=dind"], &["dockerd"]).ready();
        assert_eq!(guest.sh("dindctl health"), "");
        let guest = Guest::start(&["--entrypoint=dind"], &["sleep", "600"]);
        guest.sh("until [ -s /run/dind/report.json ]; do sleep 0.1; done; dindctl health");
    });
}
