//! What arguments, variables and terminals do, as users of `docker:dind`, jieyu's and
//! actions-runner's images know it.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::{Guest, Network, Volume, docker, engine, image, nested_archive, run, run_with, unique};
use crate::product::{Run, kept};
use crate::smoke::beside_others;

#[test]
fn a_command_alone_is_exactly_what_runs() {
    beside_others(|| {
        let echo = run(&[], &["echo", "Hello  X"]);
        assert_eq!((echo.stdout.as_str(), echo.code), ("Hello  X\n", Some(0)));
        assert_eq!(echo.stderr, "");
        assert_eq!(run(&[], &["date", "+%Z"]).stdout, "UTC\n");
        assert_eq!(run_with("data", &[], &["cat"]).stdout, "data");
        // No daemon was started for it, and no variable of a client was set.
        let said = run(
            &[],
            &[
                "sh",
                "-c",
                "echo ${DOCKER_HOST-unset}; ls /run/dind/report.json",
            ],
        );
        assert_eq!(said.stdout, "unset\n");
        let hashes = "cut -d: -f2 /etc/shadow /etc/passwd | grep -v '^[x*!]*$' | wc -l";
        assert_eq!(run(&[], &["sh", "-c", hashes]).stdout, "0\n");
        for program in [
            "dockerd-entrypoint.sh",
            "docker-entrypoint.sh",
            "dind",
            "dindctl",
            "modprobe",
        ] {
            let which = run(&[], &["sh", "-c", &format!("command -v {program}")]);
            assert_eq!(which.code, Some(0), "{program}");
        }
    });
}

#[test]
fn without_the_right_to_mount_a_daemon_says_so_and_a_command_is_a_client() {
    beside_others(|| {
        let image = image(super::SUITE);
        let daemon = docker(&["run", "--rm", &image]);
        assert_eq!(daemon.code, Some(1), "{}", daemon.stderr);
        assert!(
            daemon.stderr.contains("run it with --privileged"),
            "{}",
            daemon.stderr
        );
        // All capabilities but the one to mount.
        let options = [
            "--cap-add=ALL",
            "--cap-drop=SYS_ADMIN",
            "--security-opt=seccomp=unconfined",
        ];
        let dropped = docker(&[&["run", "--rm"], &options[..], &[&image]].concat());
        assert!(
            dropped.stderr.contains("run it with --privileged"),
            "{}",
            dropped.stderr
        );
        let client = docker(&["run", "--rm", "--network=none", &image, "docker", "version"]);
        assert_eq!(client.code, Some(1), "{}", client.stderr);
        assert!(client.stderr.contains("//docker:2375"), "{}", client.stderr);
        let given = [
            "run",
            "--rm",
            "--privileged",
            "--env=DOCKER_HOST=tcp://elsewhere:1",
            &image,
        ];
        let client =
            docker(&[&given[..], &["sh", "-c", "echo $DOCKER_HOST; ls /run/dind"]].concat());
        assert_eq!(client.stdout, "tcp://elsewhere:1\n");
    });
}

/// The steps of the official images' `docker-dind` test, with an image that is loaded instead of
/// pulled.
#[test]
fn a_linked_client_drives_the_daemon_as_the_official_test_does() {
    beside_others(|| {
        let certs = ["-it", "--env=DOCKER_TLS_CERTDIR=/certs", "--volume=/certs"];
        let server = Guest::start(&certs, &[]);
        let link = format!("{}:docker", server.name);
        let from = format!("{}:ro", server.name);
        let image = image(super::SUITE);
        let client = |arguments: &[&str], input: Stdio| {
            let mut command = engine().command("docker");
            command.args([
                "run",
                "--rm",
                "-i",
                "--link",
                &link,
                "--volumes-from",
                &from,
            ]);
            command.args([
                "--env=DOCKER_TLS_CERTDIR=/certs",
                "--entrypoint=docker-entrypoint.sh",
                &image,
            ]);
            Run::of(
                command
                    .args(arguments)
                    .stdin(input)
                    .output()
                    .expect("docker runs"),
            )
        };
        let docker = |arguments: &[&str]| client(arguments, Stdio::null()).good().stdout;
        server.wait_ready();
        assert!(docker(&["version"]).contains("Server"));
        assert_eq!(docker(&["images", "-q"]), "");
        let archive = std::fs::File::open(nested_archive()).expect("archive");
        client(&["load"], archive.into()).good();
        for _ in 0..3 {
            assert_eq!(docker(&["run", "--rm", "t", "echo", "hi"]), "hi\n");
        }
        assert_eq!(docker(&["ps", "-aq"]), "");
        docker(&["create", "-i", "--name", "test1", "t", "busybox", "cat"]);
        assert_eq!(docker(&["ps", "-aq"]).lines().count(), 1);
        docker(&["start", "test1"]);
        assert_eq!(docker(&["ps", "-q"]).lines().count(), 1);
        docker(&["stop", "-t", "0", "test1"]);
        assert_eq!(docker(&["ps", "-q"]), "");
        docker(&["rm", "test1"]);
        assert_eq!(docker(&["ps", "-aq"]), "");
    });
}

#[test]
fn a_client_with_nothing_but_its_certificates_finds_the_daemon() {
    beside_others(|| {
        let network = Network::new(&[]);
        let certs = Volume::new("client-certs");
        let alias = [&network.option(), "--network-alias=docker"].map(str::to_owned);
        let alias = alias.each_ref().map(String::as_str);
        let server = Guest::start(&[&alias[..], &[&certs.at("/certs/client")]].concat(), &[]);
        server.wait_ready();
        let image = image(super::SUITE);
        let mount = format!("{}:ro", certs.at("/certs/client"));
        for privileged in [&[][..], &["--privileged"]] {
            let options = ["run", "--rm", &network.option(), &mount].map(str::to_owned);
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let name = docker(
                &[
                    &options,
                    privileged,
                    &[&image, "docker", "info", "-f", "{{.Name}}"],
                ]
                .concat(),
            );
            assert_eq!(name.good().stdout.trim(), server.sh("hostname"));
        }
    });
}

#[test]
fn listeners_are_where_they_were_asked_for_and_nowhere_else() {
    beside_others(|| {
        // Addresses and ports in state LISTEN, proc(5).
        let listening = |guest: &Guest| {
            let table = guest.sh("cat /proc/net/tcp /proc/net/tcp6");
            let sockets = table
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>());
            let sockets = sockets.filter(|fields| fields[3] == "0A").map(|fields| {
                let (address, port) = fields[1].split_once(':').expect("an address");
                let every = address.bytes().all(|byte| byte == b'0');
                format!("{}:{port}", if every { "*" } else { address })
            });
            sockets.collect::<Vec<_>>().join(" ")
        };
        for (options, arguments, expected) in [
            (&[][..], &[][..], "*:0948"),
            (&["--env=DOCKER_TLS_CERTDIR="], &[], "*:0947"),
            (&["--env=DIND_LISTEN=unix"], &[], ""),
            (
                &[
                    "--env=DIND_LISTEN_ADDRESS=127.0.0.1",
                    "--env=DIND_TLS_PORT=4243",
                ],
                &[],
                "0100007F:1093",
            ),
            (
                &["--env=DOCKER_TLS_CERTDIR=", "--env=DIND_PORT=4242"],
                &["--debug"],
                "*:1092",
            ),
            (&[], &["dockerd", "--label=own=arguments"], ""),
        ] {
            let guest = Guest::start(options, arguments).ready();
            assert_eq!(listening(&guest), expected, "{options:?} {arguments:?}");
            assert!(guest.sh("docker info").contains("Storage Driver: overlay2"));
        }
    });
}

#[test]
fn variables_of_other_images_are_honoured() {
    beside_others(|| {
        let guest = Guest::start(
            &[
                "--env=DOCKERD_BIP=10.77.0.1/24",
                "--env=DOCKERD_MTU=1300",
                "--env=DOCKER_ARGS=--label=from=jieyu --label=second=word",
            ],
            &["--label=third=argument"],
        )
        .ready()
        .loaded();
        // In no order.
        let labels =
            guest.sh("docker info -f '{{range .Labels}}{{println .}}{{end}}' | sort | xargs");
        assert_eq!(labels, "from=jieyu second=word third=argument");
        let nested =
            guest.sh("docker run --rm t sh -c 'busybox cat /sys/class/net/eth0/mtu; busybox ip -4 addr show eth0'");
        assert!(nested.starts_with("1300"), "{nested}");
        assert!(nested.contains(" 10.77.0."), "{nested}");
        let guest = Guest::start(
            &[
                "--env=MTU=1310",
                "--env=DOCKER_REGISTRY_MIRROR=http://mirror.example:5000",
                "--env=DOCKER_INSECURE_REGISTRY=registry.example:5000",
                "--env=DOCKER_DEFAULT_ADDRESS_POOL_BASE=10.88.0.0/16",
                "--env=DOCKER_DEFAULT_ADDRESS_POOL_SIZE=24",
            ],
            &[],
        )
        .ready()
        .loaded();
        let info = guest.sh("docker info");
        assert!(info.contains("registry.example:5000"), "{info}");
        assert!(info.contains("mirror.example:5000"), "{info}");
        guest.sh("docker network create pool");
        let subnet = guest.sh("docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' pool");
        assert!(subnet.starts_with("10.88."), "{subnet}");
    });
}

#[test]
fn an_empty_volume_on_run_is_normal() {
    beside_others(|| {
        for place in ["--tmpfs=/run", "--tmpfs=/var/run"] {
            let guest = Guest::start(&[place], &[]).ready();
            assert_eq!(
                guest.sh("test -S /var/run/docker.sock && docker images -q"),
                ""
            );
        }
    });
}

#[test]
fn an_engine_with_the_flags_of_18_09_gets_no_other() {
    beside_others(|| {
        let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest/dockerd-18.09");
        let mount = format!("--volume={}:/usr/local/sbin/dockerd:ro", stub.display());
        let guest = Guest::start(
            &[
                &mount,
                "--env=DIND_MTU=1400",
                "--env=DIND_DNS=192.0.2.53",
                "--env=DOCKER_REGISTRY_MIRROR=http://mirror.example:5000",
                "--env=DOCKER_DEFAULT_ADDRESS_POOL_BASE=10.88.0.0/16",
            ],
            &[],
        )
        .ready()
        .loaded();
        assert_eq!(
            guest.sh("docker run --rm t busybox cat /sys/class/net/eth0/mtu"),
            "1400"
        );
        let unknown = Guest::start(&[&mount], &["--default-network-opt=bridge=x=y"]);
        assert_eq!(unknown.wait(), 1);
        assert!(
            unknown
                .log()
                .contains("unknown flag: --default-network-opt"),
            "{}",
            unknown.log()
        );
    });
}

/// What a person sees who has a terminal of 24 rows and 80 columns, starts the container `name` in
/// it and types what `typing` prints.
fn terminal(name: &str, mode: &str, command: &str, typing: &str) -> String {
    let image = image(super::SUITE);
    let file = kept("contract").join(format!("{name}.sh"));
    let script = format!(
        "stty rows 24 cols 80\ntty >{tty}\n\
         docker run --rm -it --name {name} --privileged {mode} {image} {command}\necho code-$?\n",
        tty = file.with_extension("tty").display(),
    );
    fs::write(&file, script).expect("written");
    let seen =
        format!("seen() {{ until docker logs {name} 2>&1 | grep -q \"$1\"; do sleep 0.1; done; }}");
    let tty = format!("tty=$(cat {})", file.with_extension("tty").display());
    let pipe = format!(
        "({seen}; {typing}; sleep 1) | script --quiet --return --command 'sh {}' /dev/null",
        file.display()
    )
    .replace("@TTY", &tty);
    let output = engine().command("sh").args(["-c", &pipe]).output();
    let output = output.expect("script runs (bsdutils)");
    for extension in ["sh", "tty"] {
        let _ = fs::remove_file(file.with_extension(extension));
    }
    String::from_utf8_lossy(&output.stdout).replace('\r', "")
}

/// The command alone, and with a daemon beside it.
const MODES: [&str; 2] = ["--env=DIND_WAIT=0", "--env=DIND_WAIT=1"];

#[test]
fn a_terminal_has_its_size_and_follows_it() {
    beside_others(|| {
        for mode in MODES {
            // A client sets the size, and listens for changes, after it has started the container:
            // what happens before is lost with every command.
            let name = unique("size");
            let command = "bash -c 'until [ \"$(stty size)\" != \"0 0\" ]; do sleep 0.1; done; stty size; \
                told() { size=$(stty size); echo \"$size\"; [ \"$size\" != \"33 99\" ] || exit 3; }; \
                trap told WINCH; echo begun; while :; do sleep 0.1; done'";
            let typing = "seen begun; @TTY; for _ in $(seq 50); do \
                docker inspect NAME >/dev/null 2>&1 || break; \
                stty -F $tty rows 33 cols 98; sleep 0.2; stty -F $tty rows 33 cols 99; sleep 1; done"
                .replace("NAME", &name);
            let said = terminal(&name, mode, command, &typing);
            assert!(said.contains("24 80\n"), "{mode}: {said}");
            assert!(said.contains("33 99\n"), "{mode}: {said}");
            assert!(said.contains("code-3"), "{mode}: {said}");
        }
    });
}

#[test]
fn an_interrupt_reaches_the_command_and_not_the_shell_before_it() {
    beside_others(|| {
        for mode in MODES {
            let name = unique("interrupt");
            let said = terminal(
                &name,
                mode,
                "sh -c 'echo begun; sleep 60'",
                "seen begun; printf '\\003'",
            );
            assert!(said.contains("code-130"), "{mode}: {said}");

            // An interactive shell with job control, in which one job is interrupted.
            let name = unique("jobs");
            let typing = format!(
                "until docker exec {name} pgrep -x bash; do sleep 0.5; done; printf 'sleep 61\\n'; until docker exec {name} pgrep -f '^sleep 61'; do sleep 0.1; done;
                printf '\\003'; printf 'echo alive-$?\\n'; seen alive-1; printf 'exit 5\\n'"
            );
            let said = terminal(&name, mode, "bash -i", &typing);
            assert!(said.contains("alive-130\n"), "{mode}: {said}");
            assert!(said.contains("code-5"), "{mode}: {said}");
            assert!(!said.contains("no job control"), "{mode}: {said}");
        }
    });
}
