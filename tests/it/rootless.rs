//! Docker of a user who is not root, in containers without privileges.

use std::process::Output;

use crate::deliver::busybox_archive;
use crate::engines::{self, Engine};
use crate::images::built_recipe;
use crate::product::kept;
use crate::smoke::{basic, in_turn, in_turn_on_podman, leftovers, rows_that_hold};

/// What `docker run` has to be told, each with what the guest says where it is missing. AppArmor is
/// for hosts that have it; this one does not.
const NEEDED: [(&[&str], &str); 3] = [
    (
        &["--security-opt", "seccomp=unconfined"],
        "docker run --security-opt seccomp=unconfined",
    ),
    (
        &["--security-opt", "systempaths=unconfined"],
        "docker run --security-opt systempaths=unconfined",
    ),
    (
        &["--device", "/dev/net/tun"],
        "docker run --device /dev/net/tun",
    ),
];

/// The capabilities that are left when every other one is dropped.
const CAPABILITIES: [&str; 3] = ["--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID"];

/// What is of such a daemon: the checks of any that see faults, and those where its namespaces make
/// a difference. Its socket is in no group's hands, and its rules are nobody's outside.
fn of_the_user() -> Vec<String> {
    let basic = basic().into_iter();
    let basic = basic.filter(|id| !["group", "iptables", "cgroup"].contains(&id.as_str()));
    let own = [
        "rootless",
        "registry",
        "network",
        "dns",
        "published-port",
        "limits",
        "exit-code",
        "kill",
        "clean-up",
        "host-unchanged",
    ];
    let mut all: Vec<String> = basic.collect();
    for id in own {
        if !all.iter().any(|known| known == id) {
            all.push(id.to_owned());
        }
    }
    all
}

fn holds(private: &Engine, name: &str, archive: &std::path::Path) {
    let rows = rows_that_hold(private, name, archive, of_the_user(), None);
    let ids: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.split(' ').next())
        .collect();
    for id in of_the_user() {
        assert!(ids.contains(&id.as_str()), "{id} is not among {ids:?}");
    }
    assert_eq!(leftovers(private), "");
}

/// The engine inside is the oldest that has no root.
#[test]
fn a_daemon_of_a_user_holds_on_docker() {
    let archive = built_recipe("rootless-bookworm", "slim");
    in_turn(|| holds(engines::docker(), "rootless-bookworm-slim", &archive));
}

#[test]
#[ignore = "two minutes, in which Podman differs by its options alone"]
fn a_daemon_of_a_user_holds_on_podman() {
    let archive = built_recipe("rootless-trixie", "slim");
    in_turn_on_podman(|| holds(engines::podman(), "rootless-trixie-slim", &archive));
}

fn run(image: &str, options: &[&str], program: &[&str]) -> Output {
    engines::docker_of_guests()
        .command("docker")
        .args([&["run", "--rm"], options, &[image], program].concat())
        .output()
        .expect("docker runs")
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn the_daemon_needs_what_is_documented_and_names_what_is_missing() {
    let image = engines::docker_of_guests().load(&built_recipe("rootless-bookworm", "slim"));
    let without = |missing: Option<usize>| -> Vec<&str> {
        let given = NEEDED.iter().enumerate();
        let given = given.filter(|(at, _)| Some(*at) != missing);
        given
            .flat_map(|(_, (words, _))| words.iter().copied())
            .chain(CAPABILITIES)
            .collect()
    };
    let archive = kept("rootless").join("nested.tar");
    busybox_archive(&archive);
    let shared = format!("--volume={}:/nested.tar:ro", archive.display());
    let whole: Vec<&str> = without(None)
        .into_iter()
        .chain(["--env=DIND_WAIT=1", &shared])
        .collect();
    let nested =
        "docker load --quiet --input /nested.tar >/dev/null && docker run --rm t busybox id -u";
    let whole = run(&image, &whole, &["sh", "-c", nested]);
    assert_eq!(
        String::from_utf8_lossy(&whole.stdout).trim(),
        "0",
        "{}",
        said(&whole)
    );
    for (at, (_, remedy)) in NEEDED.iter().enumerate() {
        let options = without(Some(at));
        for program in [&["dindctl", "doctor"][..], &["dockerd"]] {
            let output = run(&image, &options, program);
            assert!(!output.status.success(), "{program:?} without {remedy}");
            assert!(
                said(&output).contains(remedy),
                "{program:?}: {}",
                said(&output)
            );
        }
    }
    for (word, remedy) in [
        ("--cap-drop=SETUID", "--cap-add SETUID"),
        ("--cap-drop=SETGID", "--cap-add SETGID"),
        (
            "--security-opt=no-new-privileges",
            "docker run without --security-opt no-new-privileges",
        ),
        ("--user=1234", "no ids in /etc/subuid"),
    ] {
        let given = NEEDED.iter().flat_map(|(words, _)| words.iter().copied());
        let options: Vec<&str> = given.chain([word]).collect();
        let output = run(&image, &options, &["dockerd"]);
        assert_eq!(output.status.code(), Some(1), "{word}: {}", said(&output));
        assert!(said(&output).contains(remedy), "{word}: {}", said(&output));
    }
}

#[test]
fn a_command_is_the_users_own_beside_a_daemon_in_namespaces() {
    let image = engines::docker_of_guests().load(&built_recipe("rootless-bookworm", "slim"));
    let given = NEEDED.iter().flat_map(|(words, _)| words.iter().copied());
    let options: Vec<&str> = given.chain(["--env=DIND_WAIT=1"]).collect();
    // The network of the command is the container's; the daemon is another machine to it.
    let line = "id -u; ip -o link show eth0 >/dev/null && docker info --format '{{.SecurityOptions}}'; exit 5";
    let output = run(&image, &options, &["sh", "-c", line]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.starts_with("1000\n") && text.contains("name=rootless"),
        "{text}"
    );
    let output = run(&image, &options, &["sh", "-c", "kill -TERM $$"]);
    assert_eq!(output.status.code(), Some(143), "{}", said(&output));
}

/// A container with a daemon of the user's, removed when the value goes.
struct Running(&'static str);

impl Running {
    fn start(name: &'static str) -> Self {
        let private = engines::docker_of_guests();
        let image = private.load(&built_recipe("rootless-bookworm", "slim"));
        let given = NEEDED.iter().flat_map(|(words, _)| words.iter().copied());
        let given: Vec<&str> = given.collect();
        private.run(&[&["run", "--detach", "--name", name], &given[..], &[&image]].concat());
        let running = Self(name);
        running.said("dindctl ready --wait 60");
        running
    }

    fn said(&self, line: &str) -> String {
        engines::docker_of_guests().run(&["exec", self.0, "sh", "-c", line])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        engines::docker_of_guests().run(&["rm", "--force", "--volumes", self.0]);
    }
}

/// The network of the namespaces is a process, which ends with any signal that it gets.
#[test]
fn a_signal_for_dockerd_leaves_the_network_alone() {
    let running = Running::start("rootless-signalled");
    for signal in ["HUP", "USR1"] {
        engines::docker_of_guests().run(&["kill", "--signal", signal, running.0]);
    }
    running.said("sleep 1; pgrep -x slirp4netns");
    running.said("dindctl ready");
}

#[test]
fn a_second_daemon_in_the_container_is_refused_and_the_first_one_stays() {
    let running = Running::start("rootless-twice");
    for words in ["docker ps", "--debug"] {
        let said = running.said(&format!("! dockerd-entrypoint.sh {words} 2>&1"));
        assert!(said.contains("runs in this container already"), "{said}");
        running.said("dindctl ready");
    }
}

#[test]
fn a_command_of_some_time_is_not_told_that_its_daemon_ended() {
    let image = engines::docker_of_guests().load(&built_recipe("rootless-bookworm", "slim"));
    let given = NEEDED.iter().flat_map(|(words, _)| words.iter().copied());
    let options: Vec<&str> = given.chain(["--env=DIND_WAIT=1"]).collect();
    let line = "dindctl ready && sleep 5 && env";
    let output = run(&image, &options, &["sh", "-c", line]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let environment = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!environment.contains("DIND_ROOTLESS"), "{environment}");
    assert!(
        !environment.contains("DIND_LISTEN_ADDRESS"),
        "{environment}"
    );
}
