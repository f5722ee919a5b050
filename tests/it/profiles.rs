//! Images that are no plain daemon: the client, and the container that is like a machine.

use std::time::{Duration, Instant};

use crate::engines::{self, Engine};
use crate::images::{built_image, built_recipe};
use crate::smoke::{basic, beside_others, in_turn, in_turn_on_podman, leftovers, rows_that_hold};
use crate::tools::packages;

#[test]
fn a_client_runs_containers_of_the_daemon_beside_it_on_docker_and_podman() {
    let client = built_recipe("cli-trixie", "default");
    let daemon = built_image("trixie");
    let holds = |private: &Engine| {
        let rows = rows_that_hold(private, "cli-trixie", &client, Vec::new(), Some(&daemon));
        let ids: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.split(' ').next())
            .collect();
        assert_eq!(ids, ["client", "client-daemon"]);
        assert!(rows[0].contains("plugins buildx, compose"), "{}", rows[0]);
        assert_eq!(leftovers(private), "");
    };
    in_turn(|| holds(engines::docker()));
    in_turn_on_podman(|| holds(engines::podman()));
}

#[test]
fn a_client_has_no_daemon_and_says_so() {
    beside_others(|| {
        let private = engines::docker();
        let image = private.load(&built_recipe("cli-trixie", "default"));
        let output = private
            .command("docker")
            .args(["run", "--rm", &image, "dockerd"])
            .output()
            .expect("docker runs");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("no daemon"), "{said}");
    });
}

/// What is of a machine: the checks of any daemon that see faults, its own, and what it leaves of
/// the host. A machine has no TLS port.
fn of_a_machine() -> Vec<String> {
    let basic = basic().into_iter().filter(|id| id != "tls");
    let own = ["machine", "ssh", "host-unchanged"].map(str::to_owned);
    basic.chain(own).collect()
}

/// The engine inside is the oldest that systemd starts.
#[test]
fn a_machine_holds_on_docker() {
    let archive = built_recipe("vmlc-bookworm", "default");
    in_turn(|| {
        let private = engines::docker();
        let rows = rows_that_hold(private, "vmlc-bookworm", &archive, of_a_machine(), None);
        assert_eq!(rows.len(), of_a_machine().len(), "{}", rows.join("\n"));
        assert_eq!(leftovers(private), "");
    });
}

#[test]
#[ignore = "every check takes more than a minute, and most know nothing of machines"]
fn a_machine_holds_every_check_on_docker() {
    let archive = built_recipe("vmlc-bookworm", "default");
    in_turn(|| {
        let private = engines::docker();
        rows_that_hold(private, "vmlc-bookworm", &archive, Vec::new(), None);
        assert_eq!(leftovers(private), "");
    });
}

#[test]
#[ignore = "more than a minute, in which Podman differs by its options alone"]
fn a_machine_holds_on_podman() {
    let archive = built_recipe("vmlc-trixie", "slim");
    in_turn_on_podman(|| {
        let private = engines::podman();
        let rows = rows_that_hold(private, "vmlc-trixie-slim", &archive, of_a_machine(), None);
        assert_eq!(rows.len(), of_a_machine().len(), "{}", rows.join("\n"));
        assert_eq!(leftovers(private), "");
    });
}

/// A container of a machine, removed when the value goes.
struct Machine {
    name: &'static str,
    private: &'static Engine,
}

impl Machine {
    fn start(image: &str, name: &'static str, arguments: &[&str]) -> Self {
        let private = engines::docker();
        let start = ["run", "--detach", "--privileged", "--name", name];
        private.run(&[&start[..], arguments, &[image]].concat());
        let machine = Self { name, private };
        machine.said("timeout 60 sh -c 'until systemctl is-system-running | grep -q \"running\\|degraded\"; do sleep 0.2; done'");
        machine
    }

    /// What a line of shell prints in it, which has to succeed.
    fn said(&self, line: &str) -> String {
        self.private.run(&["exec", self.name, "sh", "-c", line])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.private.run(&["rm", "--force", "--volumes", self.name]);
    }
}

#[test]
fn services_are_installed_and_started_in_a_machine() {
    beside_others(|| {
        let files = packages(
            "bookworm",
            &["cron", "cron-daemon-common", "sensible-utils"],
        );
        let image = engines::docker().load(&built_recipe("vmlc-bookworm", "default"));
        let machine = Machine::start(&image, "dindimg-test-service", &[]);
        for file in &files {
            let to = format!("{}:/srv/", machine.name);
            machine
                .private
                .run(&["cp", file.to_str().expect("UTF-8"), &to]);
        }
        machine.said("DEBIAN_FRONTEND=noninteractive apt-get install -y /srv/*.deb");
        // Installed by dpkg where systemd runs, it is started; and it is one that can be stopped.
        assert_eq!(machine.said("systemctl is-active cron").trim(), "active");
        machine.said("systemctl stop cron && systemctl start cron && systemctl is-enabled cron");
        assert_eq!(machine.said("dpkg --audit; dpkg -V"), "");
        assert_eq!(
            machine.said("systemctl is-system-running").trim(),
            "running"
        );
    });
}

#[test]
fn a_machine_has_an_identity_a_proxy_and_its_settings_from_its_environment_and_a_port_outside() {
    beside_others(|| {
        let image = engines::docker().load(&built_recipe("vmlc-bookworm", "default"));
        let id = "0123456789abcdef0123456789abcdef";
        let machine = Machine::start(
            &image,
            "dindimg-test-environment",
            &[
                &format!("--env=DIND_MACHINE_ID={id}"),
                r#"--env=HTTP_PROXY=http://u:p%20"\@proxy:3128"#,
                "--env=DIND_STORAGE=fuse-overlayfs loop overlay2",
                "--env=DIND_AUTHORIZED_KEYS=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA x",
                "--publish=127.0.0.1:20022:22",
            ],
        );
        let mut greeting = machine.private.inside("timeout");
        greeting.args([
            "10",
            "bash",
            "-c",
            "exec 3<>/dev/tcp/127.0.0.1/20022 && head -n 1 <&3",
        ]);
        let greeting = greeting.output().expect("bash runs").stdout;
        let greeting = String::from_utf8_lossy(&greeting).into_owned();
        assert!(greeting.starts_with("SSH-2.0-OpenSSH"), "{greeting}");
        assert_eq!(machine.said("cat /etc/machine-id").trim(), id);
        let environment = machine.said("systemctl show-environment");
        assert!(!environment.contains("DIND_"), "{environment}");
        let shown = machine.said("systemctl show --property=DefaultEnvironment; tr '\\0' '\\n' </proc/$(pidof dockerd)/environ");
        assert!(
            shown.contains(r#"HTTP_PROXY=http://u:p%20"\@proxy:3128"#),
            "{shown}"
        );
        let storage = machine.said("dindctl ready --wait 30; dindctl report");
        assert!(
            storage.contains(r#"{"choice":"loop","result":"works"}"#),
            "{storage}"
        );
        let keys = machine.said("sshd -T -C user=root | grep -i '^authorizedkeysfile\\|^passwordauthentication\\|^permitrootlogin\\|^kbdinteractive'");
        assert!(keys.contains("/run/dind/machine/keys/%u"), "{keys}");
        assert!(keys.contains("passwordauthentication no"), "{keys}");
        assert!(keys.contains("without-password"), "{keys}");
        assert!(
            machine
                .said("cat /run/dind/machine/keys/root")
                .contains("AAAAC3"),
            "the key is not there"
        );
        // Nobody's password opens anything.
        assert_eq!(
            machine.said("cut -d: -f2 /etc/shadow | grep -v '^[*!]\\**$' || :"),
            ""
        );
    });
}

#[test]
fn a_private_key_in_the_place_of_a_public_one_is_refused() {
    beside_others(|| {
        let private = engines::docker();
        let image = private.load(&built_recipe("vmlc-bookworm", "default"));
        let output = private
            .command("docker")
            .args([
                "run",
                "--rm",
                "--privileged",
                "--env=DIND_AUTHORIZED_KEYS=-----BEGIN OPENSSH PRIVATE KEY-----",
                &image,
            ])
            .output()
            .expect("docker runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("a private key"), "{said}");
    });
}

#[test]
fn a_stop_ends_a_machine_whose_container_does_not_heed_it() {
    beside_others(|| {
        let image = engines::docker().load(&built_recipe("vmlc-bookworm", "default"));
        let machine = Machine::start(&image, "dindimg-test-stop", &[]);
        let shell = machine.said("readlink -f /bin/sh").trim().to_owned();
        // A nested image out of the machine's own shell.
        machine.said(&format!(
        "dindctl ready --wait 60 && cd / && tar -ch .{shell} $(ldd {shell} | grep -o '/[^ ]*' | sed 's/^/./') \
         ./usr/bin/sleep | docker import - x && docker run -d --restart=unless-stopped --name nn x /usr/bin/sleep 1000"
    ));
        let started = Instant::now();
        machine.private.run(&["stop", "--time=10", machine.name]);
        let time = started.elapsed();
        assert!(time < Duration::from_secs(9), "stopped after {time:?}");
        machine.private.run(&["start", machine.name]);
        machine.said("dindctl ready --wait 60");
        let running = machine.said("sleep 1; docker ps --format '{{.Names}}'");
        assert_eq!(running.trim(), "nn");
    });
}
