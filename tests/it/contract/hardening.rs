//! What an image is closed against, tried on a real engine.

use std::ffi::OsStr;
use std::sync::OnceLock;

use serde_json::Value;

use super::{Guest, engine};
use crate::images::built;
use crate::product::{Run, kept};
use crate::smoke::{BASIC, beside_others};

/// What no shipped recipe has.
const STRICT: &str = r#"
schema = 1
profile = "dind"
[debian]
suite = "bookworm"
[packages]
userland = "slim"
[hardening]
level = "strict"
"#;

/// The strict image in the engine, made by its first user and kept.
fn strict() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| engine().load(&built("strict", STRICT)))
}

/// What hardening could take away beside what every image has to have.
const MORE: [&str; 3] = ["nested-use", "dns", "published-port"];

/// `dindimg smoke`, which has to hold.
fn smoke(image: &OsStr) {
    let mut smoke = engine().command(env!("CARGO_BIN_EXE_dindimg"));
    smoke.env("DINDIMG_CACHE_DIR", kept("cache"));
    smoke.arg("smoke").arg(image).args(["--engine", "docker"]);
    let checks = BASIC.iter().chain(&MORE);
    smoke.args(checks.map(|check| format!("--check={check}")));
    let smoked = Run::of(smoke.output().expect("the binary runs")).good();
    assert!(smoked.stdout.contains("nested-run"), "{}", smoked.stdout);
}

fn said(guest: &Guest) -> String {
    guest.decision("hardening").to_string()
}

/// A nested container that answers on port 80.
const SERVER: &str = "docker run -d --name web -p 8080:80 t sh -c 'busybox mkdir /w; echo hello >/w/index.html; exec busybox httpd -f -p 80 -h /w' >/dev/null
for try in 1 2 3 4 5 6 7 8 9 10; do docker exec web busybox grep -q :0050 /proc/net/tcp6 /proc/net/tcp && exit 0; sleep 0.2; done; exit 1";

/// How the daemon keeps the output of that container.
const LOGS: &str =
    "docker inspect -f '{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Config}}' web";

#[test]
fn the_engine_is_hardened_and_works_as_before() {
    beside_others(|| {
        let guest = Guest::start(&[], &[]).ready().loaded();
        let choice = guest.choice("hardening");
        assert!(
            choice.starts_with("userland-proxy false, log-driver local"),
            "{choice}"
        );
        // dpkg has nothing to say of what was mended.
        assert_eq!(
            guest.sh("dpkg --audit; dpkg -V; dpkg-statoverride --list /bin/su"),
            "root root 755 /bin/su"
        );

        guest.sh(SERVER);
        for address in ["127.0.0.1", "localhost", "$(hostname -i)"] {
            let fetch = format!("curl -fsS --max-time 10 http://{address}:8080/");
            assert_eq!(guest.sh(&fetch), "hello", "{address}");
        }
        // By way of the bridge and back, from another container, where a shell is the first
        // process: that one takes no signal of `timeout`.
        let hairpin = "gateway=$(ip -4 -o addr show docker0 | sed 's/.* inet //; s,/.*,,')
            docker run --rm t sh -c \"busybox timeout 10 busybox wget -qO- http://$gateway:8080/; :\"";
        assert_eq!(guest.sh(hairpin), "hello");
        assert_eq!(guest.sh("pgrep -c docker-proxy || :"), "0");

        assert_eq!(guest.sh(LOGS), "local map[max-file:5 max-size:20m]");
        let limits = guest.sh("docker run --rm t sh -c 'ulimit -S -n; ulimit -H -n'");
        let (soft, hard) = limits.split_once('\n').expect("two lines");
        assert!(
            choice.contains(&format!("nofile={soft}:{hard}")),
            "{choice} {limits}"
        );
        assert_eq!(
            guest.sh("umask; echo $PATH"),
            "0022\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        );
    });
}

#[test]
fn a_lower_limit_outside_an_argument_and_a_variable_win_over_the_recipe() {
    beside_others(|| {
        let script = "ulimit -n 4096; exec dockerd-entrypoint.sh --userland-proxy=true --log-driver=json-file --log-opt max-size=1m";
        let options = ["--privileged", "--env=DIND_LOG_MAX_FILE=2"];
        let guest = Guest::of("bookworm-slim", &options, &["sh", "-c", script]);
        let guest = guest.ready().loaded();
        let said = said(&guest);
        assert!(said.contains("left to the arguments"), "{said}");
        assert!(
            said.contains("cannot be raised here beyond 4096")
                || said.contains("nofile=65536:524288"),
            "{said}"
        );
        // A nested container starts whatever the limit outside.
        let limit = guest.sh("docker run --rm t sh -c 'ulimit -H -n'");
        assert!(said.contains(&format!(":{limit}\"")), "{said} {limit}");
        guest.sh(SERVER);
        assert_ne!(guest.sh("pgrep -c docker-proxy || :"), "0");
        assert_eq!(guest.sh(LOGS), "json-file map[max-file:2 max-size:1m]");
    });
}

#[test]
fn containers_start_with_a_single_file_of_logs() {
    beside_others(|| {
        let guest = Guest::start(&["--env=DIND_LOG_MAX_FILE=1"], &[]);
        let guest = guest.ready().loaded();
        guest.sh(SERVER);
        assert_eq!(
            guest.sh(LOGS),
            "local map[compress:false max-file:1 max-size:20m]"
        );
        // What the engine says to the two together, and would to every container.
        let both = guest.try_sh("docker run --rm --log-opt compress=true t sh -c :");
        assert!(both.stderr.contains("compress"), "{}", both.stderr);
    });
}

/// What the label of the strict image says of the paths that are written, as options.
fn writable() -> Vec<String> {
    let format = "{{index .Config.Labels \"io.dindimg.contract\"}}";
    let label = engine().run(&["inspect", "-f", format, strict()]);
    let contract: Value = serde_json::from_str(&label).expect("JSON");
    assert_eq!(contract["read-only"], true);
    let paths = contract["writable"].as_array().expect("paths");
    paths
        .iter()
        .map(|path| format!("--tmpfs={}", path.as_str().expect("text")))
        .collect()
}

/// The strict image with memory on those paths, and more options.
fn strict_guest(options: &[&str]) -> Guest {
    let writable = writable();
    let options: Vec<&str> = ["--privileged"]
        .into_iter()
        .chain(options.iter().copied())
        .chain(writable.iter().map(String::as_str))
        .collect();
    Guest::of_image(strict(), &options, &[]).ready().loaded()
}

#[test]
fn strict_keeps_users_containers_and_the_file_system_apart() {
    beside_others(|| {
        smoke(strict().as_ref());
        let guest = strict_guest(&["--read-only"]);
        assert_eq!(
            guest.sh("touch /etc/x 2>/dev/null && echo written || echo refused"),
            "refused"
        );
        let inside = guest.sh(
            "docker run --rm t sh -c 'busybox cat /proc/self/uid_map; busybox grep NoNewPrivs /proc/self/status'",
        );
        let words: Vec<&str> = inside.split_whitespace().collect();
        assert_eq!(words, ["0", "165536", "65536", "NoNewPrivs:", "1"]);
        guest.sh(SERVER);
        let reach = "address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' web)
            docker run --rm t sh -c \"busybox timeout 3 busybox wget -qO- http://$address/ || echo unreachable\"";
        assert_eq!(guest.sh(reach), "unreachable");
        // A network of their own is not concerned.
        guest.sh("docker network create own >/dev/null && docker network connect own web");
        let joined = guest.sh(
            "docker run --rm --network own t sh -c 'busybox timeout 10 busybox wget -qO- http://web/; :'",
        );
        assert_eq!(joined, "hello");
        let privileged =
            "docker run --rm --privileged t sh -c : 2>/dev/null && echo ran || echo refused";
        assert_eq!(guest.sh(privileged), "refused");
    });
}

#[test]
fn the_strict_image_writes_nowhere_but_where_its_label_says() {
    beside_others(|| {
        // With a root file system that would let it.
        let guest = strict_guest(&[]);
        guest.sh(SERVER);
        let changes = engine().run(&["diff", &guest.name]);
        // What is done where it can be, and not missed where it cannot: containerd makes room for
        // plugins, and Docker 20.10 keeps a key beside its configuration, for which it gets another
        // place. The last is where this test mounts the nested image.
        let known = [
            "C /opt",
            "A /opt/containerd",
            "A /opt/containerd/bin",
            "A /opt/containerd/lib",
            "C /etc",
            "C /etc/docker",
            "A /etc/docker/key.json",
            "A /t.tar",
        ];
        let unknown: Vec<&str> = changes
            .lines()
            .filter(|change| !known.contains(change))
            .collect();
        assert_eq!(unknown, [""; 0]);
    });
}

#[test]
fn a_client_key_for_everybody_holds_if_the_recipe_asks_for_it() {
    beside_others(|| {
        let recipe = STRICT.replace("strict", "standard") + "[tls]\nclient-mode = \"0644\"\n";
        smoke(built("client-mode", &recipe).as_os_str());
    });
}
