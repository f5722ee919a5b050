//! Process 1 and what it looks after: exit codes, signals, zombies, kills, a second daemon.

use std::fs;

use super::{Guest, Volume, docker, engine, run, run_with, unique};
use crate::product::kept;
use crate::smoke::beside_others;

/// A volume whose store has the nested image `t`.
fn seeded() -> Volume {
    let volume = Volume::new("seeded");
    let guest = Guest::start(&[&volume.at("/var/lib/docker")], &[])
        .ready()
        .loaded();
    assert!([0, 143].contains(&guest.stop(10)), "{}", guest.log());
    drop(guest);
    volume
}

#[test]
fn a_nested_command_decides_the_exit_code_and_gets_its_input() {
    beside_others(|| {
        let volume = seeded();
        let data = volume.at("/var/lib/docker");
        let seven = run(&[&data], &["docker", "run", "t", "sh", "-c", "exit 7"]);
        assert_eq!(
            (seven.code, seven.stdout.as_str()),
            (Some(7), ""),
            "{}",
            seven.stderr
        );
        let echo = [
            "docker",
            "run",
            "--rm",
            "-i",
            "t",
            "sh",
            "-c",
            "cat; exit 9",
        ];
        let nine = run_with("data", &[&data], &echo);
        assert_eq!(
            (nine.code, nine.stdout.as_str()),
            (Some(9), "data"),
            "{}",
            nine.stderr
        );
        let wait = "--env=DIND_WAIT=1";
        let killed = run(&[&data, wait], &["sh", "-c", "kill -KILL $$"]);
        assert_eq!(killed.code, Some(137), "{}", killed.stderr);
        let alone = run(&[], &["sh", "-c", "kill -TERM $$"]);
        assert_eq!(alone.code, Some(143), "{}", alone.stderr);
    });
}

#[test]
fn a_stop_ends_nested_containers_before_the_namespace_does() {
    beside_others(|| {
        let guest = Guest::start(&[], &[]).ready().loaded();
        // As process 1 neither has a handler for TERM, so the kernel does not deliver it.
        guest.sh("docker run -d --name kept --restart unless-stopped t busybox sleep 600");
        guest.sh("docker run -d --name once t busybox sleep 600");
        // At 9 s the engine would kill, with 137.
        let code = guest.stop(9);
        assert!([0, 143].contains(&code), "{code}\n{}", guest.log());
        guest.restart();
        let state = "docker inspect -f '{{.State.Status}} {{.State.ExitCode}}'";
        assert_eq!(guest.sh(&format!("{state} kept")), "running 0");
        assert_eq!(guest.sh(&format!("{state} once")), "exited 137");
    });
}

#[test]
fn a_stop_during_a_command_ends_command_daemon_and_nested_containers() {
    beside_others(|| {
        let volume = seeded();
        let data = volume.at("/var/lib/docker");
        let words = [
            "docker", "run", "--name", "busy", "t", "busybox", "sleep", "600",
        ];
        let guest = Guest::start(&[&data], &words);
        guest.wait_ready();
        guest.sh("until docker inspect -f '{{.State.Running}}' busy 2>/dev/null | grep true; do sleep 0.1; done");
        guest.stop(9);
        // Written last, so the engine did not cut the end short.
        assert_eq!(
            guest.file("/run/dind/state"),
            "state=stopped\n",
            "{}",
            guest.log()
        );
        drop(guest);
        let guest = Guest::start(&[&data], &[]).ready();
        let state = "docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' busy";
        assert_eq!(guest.sh(state), "exited 137");
    });
}

#[test]
fn a_command_that_obeys_a_stop_decides_the_exit_code() {
    beside_others(|| {
        let script = "trap 'exit 33' TERM; while :; do sleep 0.1; done";
        let guest = Guest::start(&["--env=DIND_WAIT=1"], &["sh", "-c", script]);
        guest.wait_ready();
        guest.sh("until [ -s /run/dind/command.pid ]; do sleep 0.1; done");
        assert_eq!(guest.stop(9), 33, "{}", guest.log());
        let guest = Guest::start(&["--env=DIND_WAIT=1"], &["sleep", "600"]);
        guest.wait_ready();
        guest.sh("until [ -s /run/dind/command.pid ]; do sleep 0.1; done");
        assert_eq!(guest.stop(9), 143, "{}", guest.log());
    });
}

#[test]
fn kills_on_one_volume_are_survived() {
    survives(5);
}

#[test]
#[ignore = "twenty starts take two minutes"]
fn twenty_kills_on_one_volume_are_survived() {
    survives(20);
}

fn survives(kills: u32) {
    beside_others(|| {
        let volume = Volume::new("killed");
        let guest = Guest::start(&[&volume.at("/var/lib/docker")], &[])
            .ready()
            .loaded();
        guest.sh("docker run -d --name kept --restart always t busybox sleep 600");
        for round in 0..kills {
            engine().run(&["kill", &guest.name]);
            assert_eq!(guest.wait(), 137);
            // Pid files that name processes which are alive in the next life.
            if round == 0 {
                for file in ["docker.pid", "docker/containerd/containerd.pid"] {
                    let stale = kept("contract").join(unique("pid"));
                    fs::write(&stale, "1").expect("written");
                    let to = format!("{}:/run/{file}", guest.name);
                    engine().run(&["cp", stale.to_str().expect("UTF-8"), &to]);
                }
            }
            guest.restart();
        }
        assert_eq!(guest.sh("docker run --rm t echo whole"), "whole");
        assert_eq!(
            guest.sh("docker inspect -f '{{.State.Running}}' kept"),
            "true"
        );
    });
}

#[test]
fn nested_runs_leave_no_zombie() {
    reaps(40);
}

#[test]
#[ignore = "they take two minutes"]
fn two_hundred_nested_runs_leave_no_zombie() {
    reaps(200);
}

fn reaps(runs: u32) {
    beside_others(|| {
        let guest = Guest::start(&[], &[]).ready().loaded();
        guest.sh(&format!(
            "seq {runs} | xargs -P 4 -I N docker run --rm --network none --name run-N t busybox true",
        ));
        let zombies = "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ' || :";
        assert_eq!(guest.sh(zombies), "0", "{}", guest.sh("ps axf"));
        assert_eq!(guest.sh("docker ps -aq"), "");
    });
}

/// Keeps an orphan that ends at once, and says what became of it.
const ORPHAN: &str = "sh -c 'true & exec true'; sh -c 'sleep 0.1 & :'; sleep 0.5;
cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ' || :";

#[test]
fn a_bypassed_entry_point_ends_under_the_init_and_reaps() {
    beside_others(|| {
        for (options, words) in [
            (
                &["--entrypoint=sh"][..],
                &["-c", "exec dockerd-entrypoint.sh"][..],
            ),
            (
                &["--entrypoint=sh"],
                &["-c", "true; dockerd-entrypoint.sh; exit $?"],
            ),
            (
                &["--entrypoint=dind"],
                &["dockerd", "--host=unix:///var/run/docker.sock"],
            ),
            (&["--init"], &[]),
            (&["--init", "--entrypoint=dockerd-entrypoint.sh"], &[]),
        ] {
            let guest = Guest::start(options, words);
            guest.sh("until docker version >/dev/null 2>&1; do sleep 0.1; done");
            let parents = guest.sh("ps -A -o comm=");
            assert!(parents.contains("tini"), "{options:?} {words:?}: {parents}");
            assert_eq!(guest.sh(ORPHAN), "0", "{options:?} {words:?}");
            // A shell as process 1 gets no signal, and is told on.
            let deaf = guest
                .log()
                .contains("process 1 is a shell, which passes no signal on");
            assert_eq!(deaf, words.iter().any(|word| word.contains("; dockerd-")));
            let code = guest.stop(if deaf { 1 } else { 9 });
            let expected: &[i32] = if deaf { &[137] } else { &[0, 143] };
            assert!(
                expected.contains(&code),
                "{options:?} {words:?}: {code}\n{}",
                guest.log()
            );
        }
    });
}

#[test]
fn a_data_directory_has_one_daemon_at_a_time() {
    beside_others(|| {
        let volume = Volume::new("shared");
        let data = volume.at("/var/lib/docker");
        let first = Guest::start(&[&data], &[]).ready().loaded();
        let reason = kept("contract").join(unique("termination"));
        fs::write(&reason, "").expect("written");
        let log = format!("--volume={}:/dev/termination-log", reason.display());
        let second = Guest::start(&[&data, "--env=DIND_LOCK_WAIT=1", &log], &[]);
        assert_eq!(second.wait(), 1, "{}", second.log());
        let said = "/var/lib/docker is in use by another container of this kind";
        assert!(second.log().contains(said), "{}", second.log());
        let told = fs::read_to_string(&reason).expect("readable");
        assert!(told.contains(said), "{told}");
        fs::remove_file(&reason).expect("removed");
        assert_eq!(first.sh("docker run --rm t echo unharmed"), "unharmed");

        // The next job waits for the one that is still ending, and has its images.
        let next = Guest::start(&[&data, "--env=DIND_LOCK_WAIT=60"], &[]);
        first.stop(10);
        next.wait_ready();
        assert_eq!(next.sh("docker run --rm t echo again"), "again");
        next.stop(10);
        drop(next);

        // A daemon that knows nothing of the lock.
        let bare = "exec dockerd --host=unix:///bare.sock --bridge=none --iptables=false";
        let foreign = Guest::start(&[&data, "--entrypoint=sh"], &["-c", bare]);
        foreign.sh("until docker -H unix:///bare.sock version >/dev/null 2>&1; do sleep 0.1; done");
        let third = Guest::start(&[&data, "--env=DIND_LOCK_WAIT=1"], &[]);
        assert_eq!(third.wait(), 1, "{}", third.log());
        assert!(
            third.log().contains("in use by another daemon, which has"),
            "{}",
            third.log()
        );
        assert_eq!(
            foreign.sh("docker -H unix:///bare.sock images -q t").len(),
            12
        );
    });
}

/// Process numbers of another container mean nothing here, so what lies there looks left behind.
#[test]
fn a_start_that_is_refused_leaves_the_sockets_of_a_shared_run_alone() {
    beside_others(|| {
        let (data, run) = (Volume::new("one-data"), Volume::new("one-run"));
        let (data, run) = (data.at("/var/lib/docker"), run.at("/var/run"));
        let first = Guest::start(&[&data, &run], &[]).ready();
        let own = "--env=DIND_RUN_DIR=/tmp/dind";
        let second = Guest::start(&[&data, &run, own, "--env=DIND_LOCK_WAIT=1"], &[]);
        assert_eq!(second.wait(), 1, "{}", second.log());
        let left =
            "ls /run/docker.pid /run/docker/containerd/containerd.sock /run/docker.sock | wc -l";
        assert_eq!(first.sh(left), "3");
    });
}

/// A dockerd that takes its time to fail.
const FAILING: &str =
    "#!/bin/sh\ncase \" $* \" in *' --help '*) exec /usr/sbin/dockerd --help ;; esac
echo attempt >>/attempts\nsleep 2.1\necho 'no containerd' >&2\nexit 4\n";

#[test]
fn a_start_that_fails_is_tried_again_a_bounded_number_of_times() {
    beside_others(|| {
        let stub = kept("contract").join(unique("dockerd"));
        fs::write(&stub, FAILING).expect("written");
        let chmod = std::process::Command::new("chmod")
            .arg("755")
            .arg(&stub)
            .status();
        assert!(chmod.expect("chmod runs").success());
        let mount = format!("--volume={}:/usr/local/sbin/dockerd:ro", stub.display());
        let guest = Guest::start(&[&mount, "--env=DIND_START_ATTEMPTS=2"], &[]);
        assert_eq!(guest.wait(), 1, "{}", guest.log());
        assert_eq!(guest.file("/attempts").lines().count(), 2);
        let log = guest.log();
        assert!(log.contains("attempt 2 of 2"), "{log}");
        assert!(
            log.contains("dockerd ended with status 4 before it was ready"),
            "{log}"
        );
        fs::remove_file(&stub).expect("removed");

        // A wrong argument would be wrong again.
        let wrong = Guest::start(&[], &["--no-such-flag"]);
        assert_eq!(wrong.wait(), 1, "{}", wrong.log());
        let log = wrong.log();
        assert!(log.contains("unknown flag: --no-such-flag"), "{log}");
        assert!(!log.contains("attempt 2"), "{log}");
        assert_eq!(
            docker(&["inspect", "-f", "{{.State.OOMKilled}}", &wrong.name])
                .stdout
                .trim(),
            "false"
        );
    });
}
