//! The pods people publish, through `podman kube play`.

use std::fs;
use std::time::{Duration, Instant};

use super::{NESTED, nested_archive, unique};
use crate::engines;
use crate::images::built_image;
use crate::product::{Run, kept};
use crate::smoke::in_turn_on_podman;

/// A pod on the private podman, removed at the end with the image it was made from.
struct Pod {
    name: String,
    image: String,
}

impl Pod {
    /// Plays a pod whose `spec` has `@IMAGE` for the image and `@NESTED` for a volume with the
    /// nested image.
    fn play(spec: &str) -> Self {
        let image = engines::podman().load(&built_image(super::SUITE));
        let name = unique("pod");
        let nested = format!(
            "{{name: nested, hostPath: {{path: {}, type: File}}}}",
            nested_archive().display()
        );
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n{}",
            spec.replace("@IMAGE", &image).replace("@NESTED", &nested)
        );
        let file = kept("contract").join(format!("{name}.yaml"));
        fs::write(&file, &text).expect("written");
        let pod = Self { name, image };
        let run = podman_run(&["kube", "play", file.to_str().expect("UTF-8")]);
        assert_eq!(run.code, Some(0), "{text}\n{}{}", run.stdout, run.stderr);
        fs::remove_file(&file).expect("removed");
        pod
    }

    /// The volumes of its containers, which are its own: those of its `emptyDir` and of the image.
    fn volumes(&self) -> Vec<String> {
        let filter = format!("pod={}", self.name);
        let containers = podman_run(&["ps", "--all", "--quiet", "--filter", &filter]).stdout;
        let volumes = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}}\n{{end}}{{end}}";
        let named: Vec<&str> = ["inspect", "--format", volumes]
            .into_iter()
            .chain(containers.split_whitespace())
            .collect();
        let found = podman_run(&named).stdout;
        found.split_whitespace().map(str::to_owned).collect()
    }

    fn exec(&self, container: &str, script: &str) -> Run {
        let container = format!("{}-{container}", self.name);
        podman_run(&["exec", &container, "sh", "-c", script])
    }

    fn sh(&self, container: &str, script: &str) -> String {
        let run = self.exec(container, script);
        let name = format!("{}-{container}", self.name);
        let log = podman_run(&["logs", &name]);
        assert_eq!(
            run.code,
            Some(0),
            "{script}: {}\n{}{}",
            run.stderr,
            log.stdout,
            log.stderr
        );
        run.stdout.trim().to_owned()
    }

    /// Repeats `script` until it succeeds.
    fn until(&self, container: &str, script: &str) -> String {
        let started = Instant::now();
        while self.exec(container, script).code != Some(0)
            && started.elapsed() < Duration::from_secs(60)
        {
            std::thread::sleep(Duration::from_millis(200));
        }
        self.sh(container, script)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let volumes = self.volumes();
        // On a busy machine Podman gives up before the last process has ended.
        let removed = |kind: &str, name: &str, removal: &[&str]| {
            let started = Instant::now();
            while podman_run(&[kind, "exists", name]).code == Some(0) {
                let run = podman_run(removal);
                let late = started.elapsed() > Duration::from_secs(60);
                assert!(!late || std::thread::panicking(), "{name}: {}", run.stderr);
                if late {
                    break;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        };
        let name = self.name.as_str();
        removed("pod", name, &["pod", "rm", "--force", "--time", "1", name]);
        for volume in &volumes {
            removed("volume", volume, &["volume", "rm", "--force", volume]);
        }
        podman_run(&["image", "rm", "--force", &self.image]);
    }
}

fn podman_run(arguments: &[&str]) -> Run {
    let output = engines::podman().command("podman").args(arguments).output();
    Run::of(output.expect("podman runs"))
}

#[test]
fn the_pod_of_the_kata_guide_runs_on_memory_and_on_a_loop_file() {
    in_turn_on_podman(|| {
        let pod = Pod::play(
            "  runtimeClassName: kata
  containers:
  - name: dind
    image: @IMAGE
    securityContext: {privileged: true}
    args: [\"--storage-driver=overlay2\"]
    resources: {limits: {memory: 3G}}
    volumeMounts:
    - {mountPath: /var/run/, name: dockersock}
    - {mountPath: /var/lib/docker, name: images}
    - {mountPath: /t.tar, name: nested}
  volumes:
  - {name: dockersock, emptyDir: {}}
  - {name: images, emptyDir: {medium: Memory}}
  - @NESTED
",
        );
        pod.until("dind", "dindctl ready --wait 30");
        assert_eq!(pod.sh("dind", "docker info -f '{{.Driver}}'"), "overlay2");
        pod.sh("dind", &format!("docker load -qi {NESTED}"));
        assert_eq!(pod.sh("dind", "docker run --rm t echo kata"), "kata");
        let volumes = pod.volumes();
        assert!(!volumes.is_empty(), "what the image declares, at least");
        drop(pod);
        let left = podman_run(&["volume", "ls", "--quiet"]).stdout;
        let own = |name: &&str| volumes.iter().any(|volume| volume == name);
        assert_eq!(left.lines().find(own), None);

        let pod = Pod::play(
            "  containers:
  - name: dind
    image: @IMAGE
    securityContext: {privileged: true}
    command: [\"sh\", \"-c\"]
    args: [\"truncate -s 300M /root.img && mkfs.ext4 -q /root.img && mount -o loop /root.img /var/lib/docker && dockerd-entrypoint.sh\"]
    volumeMounts:
    - {mountPath: /t.tar, name: nested}
  volumes:
  - @NESTED
",
        );
        pod.until("dind", "dindctl ready --wait 30");
        pod.sh("dind", &format!("docker load -qi {NESTED}"));
        assert_eq!(pod.sh("dind", "docker run --rm t echo loop"), "loop");
        assert!(pod.sh("dind", "ps -A -o args=").contains("tini -s -g -- "));
    });
}

#[test]
fn a_sidecar_daemon_serves_its_pod_and_publishes_at_its_address() {
    in_turn_on_podman(|| {
        let pod = Pod::play(
            "  containers:
  - name: work
    image: @IMAGE
    command: [\"sleep\", \"600\"]
    env: [{name: DOCKER_HOST, value: \"tcp://localhost:2375\"}]
    volumeMounts:
    - {mountPath: /t.tar, name: nested}
  - name: dind
    image: @IMAGE
    securityContext: {privileged: true}
    env: [{name: DOCKER_TLS_CERTDIR, value: \"\"}]
    resources: {requests: {cpu: 20m, memory: 512Mi}}
    volumeMounts:
    - {mountPath: /var/lib/docker, name: docker-graph-storage}
  volumes:
  - {name: docker-graph-storage, emptyDir: {}}
  - @NESTED
",
        );
        pod.until("work", "docker version");
        pod.sh("work", &format!("docker load -qi {NESTED}"));
        let serve = "docker run -d -p 80:80 t sh -c 'echo nested >/index.html; exec busybox httpd -f -p 80 -h /'";
        pod.sh("work", serve);
        let fetch = "curl -sf -m 2 http://$(ip -4 -o addr show eth0 | sed 's/.*inet //; s,/.*,,')/index.html";
        assert_eq!(pod.until("work", fetch), "nested");
    });
}

#[test]
fn a_shell_with_a_terminal_is_what_a_pod_asks_for() {
    in_turn_on_podman(|| {
        let pod = Pod::play(
            "  containers:
  - name: dind
    image: @IMAGE
    args: [/bin/bash]
    stdin: true
    tty: true
    securityContext: {privileged: true}
    env: [{name: DIND_WAIT, value: \"1\"}]
    volumeMounts:
    - {mountPath: /var/lib/docker, name: varlibdocker}
    - {mountPath: /t.tar, name: nested}
  volumes:
  - {name: varlibdocker, emptyDir: {}}
  - @NESTED
",
        );
        pod.until("dind", "dindctl ready --wait 30");
        pod.sh("dind", &format!("docker load -qi {NESTED}"));
        assert_eq!(pod.sh("dind", "docker run --rm t echo shell"), "shell");
        assert!(
            pod.sh("dind", "ps -A -o tty=,args=")
                .contains("pts/0    /bin/bash")
        );
    });
}
