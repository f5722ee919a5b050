//! Engines beside docker and podman as they are: other OCI runtimes, Kubernetes' forms, and what is
//! said of those that are not here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::matrix::{DEFAULT, dindimg, environment, print, run, slim};
use dindimg::smoke::{CheckResult, Outcome, SmokeReport, Verdict};

use super::{checks, images, in_turn, in_turn_on_podman, leftovers};
use crate::engines;
use crate::images::built_image;
use crate::product::recipe;

/// The reasons of `--list` for the cell of defaults on these engines, empty where it runs.
fn reasons(arguments: &[&str]) -> Vec<String> {
    let bookworm = recipe("bookworm");
    let mut command = dindimg(environment(true));
    command
        .arg(&bookworm)
        .args(["--list", "--json", "--axis=iptables=legacy"]);
    command.args(["--axis=storage=volume", "--axis=mode=daemon"]);
    let said = run(command, arguments).good().stdout;
    let value: Value = serde_json::from_str(&said).expect("JSON");
    let cells = value["cells"].as_array().expect("a list").iter();
    let reason = |cell: &Value| cell["reason"].as_str().unwrap_or_default().to_owned();
    cells.map(reason).collect()
}

#[test]
fn a_runtime_that_an_engine_does_not_have_is_a_reason_and_no_failed_cell() {
    in_turn(|| {
        let one = |engine: &str, runtime: &str| {
            let engine = format!("--engine={engine}");
            let runtime = format!("--runtime={runtime}");
            let mut reasons = reasons(&[&engine, &runtime, "--axis=cgroup=private"]);
            assert_eq!(reasons.len(), 1, "{reasons:?}");
            reasons.remove(0)
        };
        let said = one("docker", "youki");
        let known = "docker knows no runtime `youki`; it has ";
        assert!(said.starts_with(known) && said.contains("crun"), "{said}");
        assert_eq!(one("docker", "crun"), "");
        let said = one("podman", "youki");
        assert!(
            said.starts_with("podman knows no runtime `youki`: "),
            "{said}"
        );
        // Debian's Docker is older than what starts containerd's shims.
        let kata = one("docker", "io.containerd.kata.v2");
        assert!(
            kata.contains(
                "cannot start the containerd shim `io.containerd.kata.v2` (Kata Containers 2"
            ),
            "{kata}"
        );
        let said = one("nerdctl", "io.containerd.kata.v2");
        assert!(
            said.starts_with("`nerdctl` is not on PATH; install nerdctl"),
            "{said}"
        );
    });
}

/// Every engine's cell of defaults is on the list, and what is not here says what it wants.
#[test]
fn a_list_explains_every_engine_that_is_not_here() {
    let nothing = BTreeMap::from([("PATH".to_owned(), "/nonexistent".to_owned())]);
    let bookworm = recipe("bookworm");
    let mut command = dindimg(nothing);
    command.arg(&bookworm).args(["--list", "--json"]);
    let engines = ["docker", "podman", "nerdctl", "podman-kube", "kubernetes"];
    let said = run(command, &engines.map(|name| format!("--engine={name}"))).good();
    let value: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let cells = value["cells"].as_array().expect("a list");
    for (engine, program) in engines
        .iter()
        .zip(["docker", "podman", "nerdctl", "podman", "kubectl"])
    {
        let of = cells.iter().filter(|cell| cell["engine"] == *engine);
        let reasons: Vec<&str> = of.filter_map(|cell| cell["reason"].as_str()).collect();
        assert!(!reasons.is_empty(), "{engine}: {value}");
        let missing = format!("`{program}` is not on PATH; install ");
        assert!(
            reasons.iter().all(|reason| reason.starts_with(&missing)),
            "{reasons:?}"
        );
    }
}

#[test]
#[ignore = "two minutes, and Podman itself is in the default matrix"]
fn a_pod_that_podman_plays_holds_and_nothing_is_left() {
    in_turn_on_podman(|| {
        let private = engines::podman();
        let image = built_image("bookworm-slim");
        let before = images(private);
        let mut command = dindimg(environment(true));
        command.arg(image).arg("--engine=podman-kube");
        let said = run(command, &["--json"]).good().stdout;
        let report = SmokeReport::parse(&said).expect("a report");
        // One of the two is what Podman gives on this host's control groups.
        assert_eq!(report.count(Verdict::Passed), 1, "{said}");
        assert_eq!(report.count(Verdict::Unproven), 1, "{said}");
        let mut cells = report.cells.iter();
        let cell = cells.find(|cell| cell.verdict == Verdict::Passed);
        let checks = &cell.expect("a cell").checks;
        let unproven = |check: &&CheckResult| check.outcome == Outcome::Unproven;
        let lacking: Vec<&str> = checks
            .iter()
            .filter(unproven)
            .map(|check| &*check.id)
            .collect();
        for id in [
            "ready",
            "nested-run",
            "storage",
            "stop",
            "kill",
            "isolation",
            "clean-up",
        ] {
            assert!(!lacking.contains(&id), "{said}");
        }
        for id in ["tls", "exit-code"] {
            assert!(lacking.contains(&id), "{said}");
        }
        print(&said);
        assert_eq!(private.run(&["pod", "ps", "--quiet"]), "");
        assert_eq!(private.run(&["volume", "ls", "--quiet"]), "");
        // The first container of every pod is made of an image of Podman's own.
        let pause = private.run(&["images", "--quiet", "--no-trunc", "localhost/podman-pause"]);
        let after: BTreeSet<_> = images(private)
            .into_iter()
            .filter(|id| *id != pause)
            .collect();
        assert_eq!(
            after,
            before.into_iter().filter(|id| *id != pause).collect()
        );
    });
}

#[test]
fn another_runtime_of_docker_holds_and_the_report_says_which() {
    in_turn(|| {
        built_image("bookworm-slim");
        let said = slim(
            environment(false),
            &["--cell", DEFAULT, "--runtime=crun", "--json"],
        );
        let report = SmokeReport::parse(&said.good().stdout).expect("a report");
        assert_eq!(report.count(Verdict::Passed), 1, "{}", report.json());
        assert_eq!(report.cells[0].engine.runtime.as_deref(), Some("crun"));
        let unproven = |check: &CheckResult| check.outcome == Outcome::Unproven;
        assert!(!checks(&report).iter().any(unproven), "{}", report.json());
        assert_eq!(leftovers(engines::docker()), "");
    });
}
