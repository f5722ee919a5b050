//! Pods, as Podman plays them.

use std::fs;
use std::time::{Duration, Instant};

use super::deploy;
use crate::deliver::busybox_archive;
use crate::engines;
use crate::images::built_recipe;
use crate::product::{Run, kept};
use crate::smoke::in_turn_on_podman;
use crate::support::skipped;

fn podman(arguments: &[&str]) -> Run {
    let output = engines::podman().command("podman").args(arguments).output();
    Run::of(output.expect("podman runs"))
}

/// A manifest that is played, and taken away at the end.
struct Played {
    name: String,
    file: tempfile::NamedTempFile,
}

impl Played {
    fn of(name: &str, text: &str) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("written");
        let run = podman(&["kube", "play", file.path().to_str().expect("UTF-8")]);
        assert_eq!(run.code, Some(0), "{text}\n{}{}", run.stdout, run.stderr);
        Self {
            name: name.to_owned(),
            file,
        }
    }

    fn exec(&self, container: &str, script: &str) -> Run {
        podman(&[
            "exec",
            &format!("{}-{container}", self.name),
            "sh",
            "-c",
            script,
        ])
    }

    fn until(&self, container: &str, script: &str) -> String {
        let started = Instant::now();
        loop {
            let run = self.exec(container, script);
            if run.code == Some(0) {
                return run.stdout.trim().to_owned();
            }
            let log = podman(&["logs", &format!("{}-{container}", self.name)]);
            let late = started.elapsed() > Duration::from_secs(120);
            assert!(
                !late,
                "{script}: {}\n{}{}",
                run.stderr, log.stdout, log.stderr
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Gives the daemon in a container the nested image `t`.
    fn give(&self, container: &str) {
        let archive = kept("contract").join("nested-pod.tar");
        busybox_archive(&archive);
        let to = format!("{}-{container}:/t.tar", self.name);
        podman(&["cp", archive.to_str().expect("UTF-8"), &to]).good();
        self.until(container, "docker load -qi /t.tar");
    }

    fn down(&self) {
        let path = self.file.path().to_str().expect("UTF-8");
        let run = podman(&["kube", "down", path]);
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
        assert_ne!(podman(&["pod", "exists", &self.name]).code, Some(0));
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        podman(&["pod", "rm", "--force", "--time", "1", &self.name]);
    }
}

/// The volumes of Podman, those of images that other tests use among them.
fn volumes() -> Vec<String> {
    let list = podman(&["volume", "ls", "--quiet"]).good().stdout;
    list.lines().map(str::to_owned).collect()
}

const ADDRESS: &str = "$(ip -4 -o addr show eth0 | sed 's/.*inet //; s,/.*,,')";

#[test]
fn a_daemon_beside_its_work_serves_it_and_its_containers_answer_at_the_pods_address() {
    in_turn_on_podman(|| {
        let image = engines::podman().load(&built_recipe("bookworm", "slim"));
        let image_is = format!("image={image}");
        for (name, connection) in [
            ("deploy-tls", "tls"),
            ("deploy-tcp", "tcp"),
            ("deploy-socket", "socket"),
        ] {
            let before = volumes();
            let said = [format!("name={name}"), format!("connection={connection}")];
            // Podman 4.3 knows no native sidecars.
            let run = deploy(
                "bookworm",
                "slim",
                &[
                    "--target",
                    "kubernetes-sidecar",
                    "--set",
                    "sidecar=plain",
                    "--set",
                    &said[0],
                    "--set",
                    &said[1],
                    "--set",
                    &image_is,
                    "--set",
                    "client.command=sleep 600",
                ],
            );
            let pod = Played::of(name, &run.good().stdout);
            pod.until("work", "docker version");
            pod.give("docker");
            assert_eq!(pod.until("work", "docker run --rm t echo nested"), "nested");
            let serve = "docker run -d -p 80:80 t sh -c 'echo found >/index.html; exec busybox httpd -f -p 80 -h /'";
            pod.until("work", serve);
            let fetch = format!(
                "docker run --rm --network host t busybox wget -qO- http://{ADDRESS}/index.html"
            );
            assert_eq!(pod.until("docker", &fetch), "found");
            if connection != "socket" {
                // The daemon is the pod's alone.
                let port = if connection == "tls" { 2376 } else { 2375 };
                let open = format!(
                    "docker run --rm --network host t busybox nc -w 2 {ADDRESS} {port} </dev/null"
                );
                assert_ne!(pod.exec("docker", &open).code, Some(0));
            }
            pod.down();
            let left: Vec<String> = volumes()
                .into_iter()
                .filter(|one| !before.contains(one))
                .collect();
            for volume in &left {
                podman(&["volume", "rm", "--force", volume]);
            }
        }
        podman(&["image", "rm", "--force", &image]);
    });
}

#[test]
fn a_container_in_the_pod_of_a_daemon_answers_at_the_pods_address_and_nothing_is_left() {
    in_turn_on_podman(|| {
        let image = engines::podman().load(&built_recipe("bookworm", "slim"));
        let image_is = format!("image={image}");
        let all = ["--target", "kubernetes-pod", "--storage", "memory"];
        let named = ["--set", "name=deploy-pod", "--set", &image_is];
        let text = deploy("bookworm", "slim", &[all, named].concat());
        let before = volumes();
        let pod = Played::of("deploy-pod", &text.good().stdout);
        pod.until("deploy-pod", "dindctl ready");
        pod.give("deploy-pod");
        let serve = "docker run -d -p 80:80 t sh -c 'echo found >/index.html; exec busybox httpd -f -p 80 -h /'";
        pod.until("deploy-pod", serve);
        let fetch = format!(
            "docker run --rm --network host t busybox wget -qO- http://{ADDRESS}/index.html"
        );
        assert_eq!(pod.until("deploy-pod", &fetch), "found");
        let address = pod.until("deploy-pod", &format!("echo {ADDRESS}"));
        let mut outside = engines::podman().inside("curl");
        let url = format!("http://{address}/index.html");
        outside.args(["--silent", "--show-error", "--max-time", "20", &url]);
        let found = Run::of(outside.output().expect("curl runs")).good().stdout;
        assert_eq!(found.trim(), "found", "from beside the pod");
        // Podman 4.3 backs memory by a plain directory; where it does not, this has to be memory.
        let kind = pod.until("deploy-pod", "stat -f -c %T /var/lib/docker");
        if kind != "tmpfs" {
            let why = format!("this Podman backs it by {kind}");
            skipped("a volume in memory is memory", &why);
        }
        pod.down();
        let left = podman(&["ps", "--all", "--format", "{{.Names}}"])
            .good()
            .stdout;
        assert!(!left.contains("deploy-pod"), "{left}");
        let mut left = volumes();
        left.retain(|one| !before.contains(one));
        if !left.is_empty() {
            // `kube down --force` came with Podman 4.4.
            skipped(
                "the volumes of a pod go with it",
                "this Podman leaves them to be removed by name",
            );
        }
        for volume in &left {
            podman(&["volume", "rm", "--force", volume]);
        }
        podman(&["image", "rm", "--force", &image]);
    });
}

/// A machine in a pod runs systemd, and lets in by the key that its owner has given.
#[test]
fn a_machine_in_a_pod_is_logged_in_to_and_runs_containers() {
    in_turn_on_podman(|| {
        let image = engines::podman().load(&built_recipe("vmlc-trixie", "slim"));
        let directory = tempfile::tempdir().expect("a directory");
        let keys = directory.path().to_str().expect("UTF-8");
        let shared = format!("{keys}:/keys");
        let made =
            "ssh-keygen -q -t ed25519 -N '' -f /keys/id && mv /keys/id.pub /keys/authorized_keys";
        let make = [
            "run",
            "--rm",
            "--entrypoint",
            "sh",
            "--volume",
            &shared,
            &image,
            "-c",
            made,
        ];
        podman(&make).good();

        let image_is = format!("image={image}");
        let named = ["--target", "kubernetes-pod", "--set", "name=deploy-machine"];
        let given = ["--set", &image_is, "--set", "ssh.keys=owner"];
        let text = deploy("vmlc-trixie", "slim", &[named, given].concat());
        let text = text.good().stdout;
        // Podman 4.3 leaves a secret's values in base64.
        let secret = "secret:\n        secretName: owner\n";
        let played = text.replace(secret, &format!("hostPath:\n        path: {keys}\n"));
        assert_ne!(played, text);
        let before = volumes();
        let pod = Played::of("deploy-machine", &played);
        pod.until("deploy-machine", "dindctl ready");
        pod.give("deploy-machine");
        let login = format!(
            "ssh -i /etc/dind/keys/id -o BatchMode=yes -o StrictHostKeyChecking=no root@{ADDRESS} docker run --rm t echo nested"
        );
        assert_eq!(pod.until("deploy-machine", &login), "nested");
        let state = "stat -f -c %T /run /tmp; systemctl is-system-running --wait";
        assert_eq!(pod.until("deploy-machine", state), "tmpfs\ntmpfs\nrunning");
        pod.down();
        for volume in volumes().iter().filter(|one| !before.contains(one)) {
            podman(&["volume", "rm", "--force", volume]);
        }
        podman(&["image", "rm", "--force", &image]);
    });
}

#[test]
fn a_claim_goes_from_one_pod_to_the_next_and_never_to_two() {
    in_turn_on_podman(|| {
        let image = engines::podman().load(&built_recipe("bookworm", "slim"));
        let image_is = format!("image={image}");
        let run = deploy(
            "bookworm",
            "slim",
            &[
                "--target",
                "kubernetes-sidecar",
                "--storage",
                "persistent",
                "--set",
                "sidecar=plain",
                "--set",
                "name=deploy-claim",
                "--set",
                &image_is,
                "--set",
                "client.command=sleep 600",
            ],
        );
        let text = run.good().stdout;
        let (claim, text) = text.split_once("---\n").expect("the claim, and the pod");
        let first = Played::of("deploy-claim", &format!("{claim}---\n{text}"));
        first.until("work", "docker version");
        first.give("docker");

        let other = text.replace(
            "kind: Pod\nmetadata:\n  name: deploy-claim\n",
            "kind: Pod\nmetadata:\n  name: deploy-other\n",
        );
        assert_ne!(other, text);
        let second = Played::of("deploy-other", &other);
        let container = "deploy-other-docker";
        let code = podman(&["wait", container]).good().stdout;
        assert_eq!(code.trim(), "1");
        let log = podman(&["logs", container]);
        assert!(
            log.stderr.contains("in use by"),
            "{}{}",
            log.stdout,
            log.stderr
        );
        second.down();

        assert_eq!(first.until("work", "docker run --rm t echo first"), "first");
        first.down();
        // Podman makes a claim once; a cluster knows that it is there.
        let next = Played::of("deploy-claim", text);
        // Nothing is pulled: there is no registry, and the image is there.
        next.until("work", "docker version");
        assert_eq!(next.until("work", "docker run --rm t echo next"), "next");
        next.down();
        for volume in ["deploy-claim-data", "certs-client", "containerd"] {
            podman(&["volume", "rm", "--force", volume]);
        }
        podman(&["image", "rm", "--force", &image]);
    });
}
