//! The matrix as users run it: the binary, both engines, reports of several runs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dindimg::smoke::{SmokeReport, Verdict};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{BASIC, Derived, beside_others, checks, in_turn, in_turn_on_both, label, leftovers};
use crate::engines;
use crate::images::built_image;
use crate::product::{Run, command, kept, recipe};

/// The cell of defaults of the shipped recipes.
pub const DEFAULT: &str = "docker.private.volume.legacy.daemon";

/// What the shipped recipes are proven in without a word on the command line.
const CELLS: [&str; 7] = [
    DEFAULT,
    "docker.host.volume.legacy.daemon",
    "docker.private.tmpfs.legacy.daemon",
    "docker.private.loop.legacy.daemon",
    "docker.private.volume.nft.daemon",
    "docker.private.volume.legacy.command",
    "podman.private.volume.legacy.daemon",
];

/// An environment in which `docker` is the private one, and `podman` too or not there at all.
pub fn environment(podman: bool) -> BTreeMap<String, String> {
    let mut env = engines::docker().env();
    let docker = env["PATH"].split(':').next().expect("a path").to_owned();
    let path = if podman {
        format!("{docker}:{}", engines::podman().env()["PATH"])
    } else {
        docker
    };
    env.insert("PATH".to_owned(), path);
    env
}

pub fn dindimg(env: BTreeMap<String, String>) -> Command {
    let mut command = command(&kept("cache"));
    // What a failed cell leaves is not for the tree of the sources.
    command.envs(env).current_dir(kept("failures")).arg("smoke");
    command
}

pub fn run<A: AsRef<OsStr>>(mut command: Command, arguments: &[A]) -> Run {
    Run::of(command.args(arguments).output().expect("the binary runs"))
}

/// A matrix of the slim image of bookworm, resolved as every test resolves it.
pub fn slim(env: BTreeMap<String, String>, arguments: &[&str]) -> Run {
    built_image("bookworm-slim");
    let mut command = dindimg(env);
    command.arg(recipe("bookworm")).args(["--variant", "slim"]);
    let lock = kept("locks").join("bookworm.lock");
    command.arg("--lock-file").arg(lock);
    run(command, arguments)
}

fn read(path: &Path) -> SmokeReport {
    let text = std::fs::read_to_string(path).expect("a report");
    SmokeReport::parse(&text).expect("of this version")
}

fn verdicts(report: &SmokeReport) -> Vec<(&str, Verdict)> {
    let cells = report.cells.iter();
    cells
        .map(|cell| (cell.name.as_str(), cell.verdict))
        .collect()
}

#[test]
fn a_list_says_of_each_cell_whether_it_runs_here_or_why_not() {
    in_turn(|| {
        let bookworm = recipe("bookworm");
        let list = |env, more: &[&str]| {
            let mut command = dindimg(env);
            command.arg(&bookworm).arg("--list");
            run(command, more).good().stdout
        };
        let said = list(environment(true), &[]);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), CELLS.len(), "{said}");
        for (line, cell) in lines.iter().zip(CELLS) {
            assert!(
                line.starts_with(cell) && line.ends_with("runs here"),
                "{line}"
            );
        }

        let said = list(environment(false), &[]);
        let podman = said.lines().last().expect("a line");
        assert!(
            podman.contains("cannot run here: `podman` is not on PATH; install Podman"),
            "{said}"
        );
        let said = list(environment(true), &["--json", "--platform=linux/arm64"]);
        let value: Value = serde_json::from_str(&said).expect("JSON");
        let cell = &value["cells"][0];
        assert_eq!(
            (&cell["cell"], &cell["cgroup"]),
            (&DEFAULT.into(), &"private".into())
        );
        if cfg!(target_arch = "x86_64") {
            let reason = "the image is for arm64, docker runs on amd64";
            assert_eq!(
                (&cell["runnable"], &cell["reason"]),
                (&false.into(), &reason.into())
            );
        }
    });
}

#[test]
fn a_fan_out_needs_no_engine_and_has_every_cell() {
    let nothing = || BTreeMap::from([("PATH".to_owned(), "/nonexistent".to_owned())]);
    let bookworm = recipe("bookworm");
    let fan = |form: &str| {
        let mut command = dindimg(nothing());
        command.arg(&bookworm);
        run(command, &["--matrix", form]).good().stdout
    };
    let github: Value = serde_json::from_str(&fan("github")).expect("JSON");
    let cells = github["include"].as_array().expect("a list").iter();
    let names: Vec<&str> = cells.filter_map(|job| job["cell"].as_str()).collect();
    assert_eq!(names, CELLS);
    let json: Value = serde_json::from_str(&fan("json")).expect("JSON");
    assert_eq!(json["cells"].as_array().map(Vec::len), Some(CELLS.len()));
    let gitlab = fan("gitlab");
    assert_eq!(gitlab.matches("- CELL: ").count(), CELLS.len(), "{gitlab}");
    assert!(gitlab.contains(r#"--cell \"$CELL\""#), "{gitlab}");
}

#[test]
fn what_is_no_part_of_a_matrix_is_refused_before_anything_is_built() {
    let bookworm = recipe("bookworm");
    let bookworm = bookworm.to_str().expect("UTF-8");
    for (arguments, part) in [
        (
            &[bookworm, "--axis", "storage=vol"][..],
            "did you mean `volume`?",
        ),
        (
            &[bookworm, "--cell", "docker.private.volume.legacy"],
            "is not a cell",
        ),
        (
            &[bookworm, "--cell", "docker.privat.volume.legacy.daemon"],
            "did you mean `private`?",
        ),
        (
            &[bookworm, "--report", "smoke.txt"],
            "name it .json, .xml (JUnit), .md (Markdown), .html or .intoto.json",
        ),
        (&["img:tag", "--list"], "--list and --matrix want a recipe"),
        (&[], "required"),
    ] {
        let said = run(dindimg(BTreeMap::new()), arguments).failed(2);
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

/// The whole road: seven cells on two engines, one more from another run, joined.
#[test]
fn the_default_matrix_holds_on_both_engines_and_reports_of_two_runs_are_joined() {
    in_turn_on_both(|| {
        let scratch = tempfile::tempdir().expect("temporary directory");
        let at = |name: &str| scratch.path().join(name);
        let path = |name: &str| at(name).to_str().expect("UTF-8").to_owned();
        let names = ["a.json", "a.xml", "a.intoto.json"].map(path);
        let reported = names.each_ref().map(|name| ["--report", name]).concat();
        let checks = BASIC.map(|check| ["--check", check]).concat();
        let reported = [reported, checks].concat();
        let said = slim(environment(true), &reported).good();
        print(&said.stdout);
        assert!(said.stdout.contains("7 cells passed\n"), "{}", said.stdout);
        let report = read(&at("a.json"));
        assert_eq!(verdicts(&report), CELLS.map(|cell| (cell, Verdict::Passed)));
        assert_eq!(report.image, "bookworm-slim");
        for cell in &report.cells {
            let ids = cell.checks.iter().map(|check| check.id.as_str());
            assert_eq!(ids.collect::<Vec<_>>(), BASIC, "{}", cell.name);
        }
        let statement = std::fs::read_to_string(at("a.intoto.json")).expect("a statement");
        let statement: Value = serde_json::from_str(&statement).expect("JSON");
        let subject = &statement["subject"][0]["digest"]["sha256"];
        let digest = report.digest.strip_prefix("sha256:").expect("SHA-256");
        assert_eq!(subject.as_str(), Some(digest));
        assert_eq!(statement["predicate"]["result"], "PASSED");
        let junit = std::fs::read_to_string(at("a.xml")).expect("a report");
        assert_eq!(junit.matches("<testsuite ").count(), CELLS.len(), "{junit}");
        for line in ["in ", "docker.private.tmpfs.legacy.daemon ready"] {
            assert!(said.stderr.contains(line), "{}", said.stderr);
        }

        const MORE: &str = "podman.host.tmpfs.nft.command";
        let more = [
            "--cell",
            MORE,
            "--check",
            "nested-run",
            "--report",
            &path("b.json"),
        ];
        print(&slim(environment(true), &more).good().stdout);
        let joined = run(
            dindimg(environment(true)),
            &[
                "merge",
                &path("a.json"),
                &path("b.json"),
                "--report",
                &path("m.md"),
            ],
        );
        let said = joined.good().stdout;
        assert!(said.contains("8 cells passed\n"), "{said}");
        let markdown = std::fs::read_to_string(at("m.md")).expect("a report");
        for cell in CELLS.iter().chain([&MORE]) {
            assert!(markdown.contains(&format!("| `{cell}` | ")), "{markdown}");
        }
        assert!(!markdown.contains("Hint"), "{markdown}");

        let mut other = read(&at("b.json"));
        other.digest = "sha256:ff".to_owned();
        other.write(&at("c.json")).expect("written");
        let merge = ["merge", &path("a.json"), &path("c.json")];
        let said = run(dindimg(environment(true)), &merge).failed(2);
        assert!(
            said.contains("different images") && said.contains("c.json"),
            "{said}"
        );
        for private in [engines::docker(), engines::podman()] {
            assert_eq!(leftovers(private), "");
            assert!(!private.run(&["images"]).contains("dindimg-smoke"));
        }
    });
}

/// Every check in every cell of the default matrices; the page of each stays in the target directory.
#[test]
#[ignore = "every check in fourteen cells takes ten minutes"]
fn the_default_matrices_hold_with_every_check() {
    in_turn_on_both(|| {
        for suite in ["bookworm", "trixie"] {
            built_image(suite);
            let started = Instant::now();
            let page = kept("failures").join(format!("{suite}.html"));
            let mut command = dindimg(environment(true));
            command.arg(recipe(suite)).arg("--lock-file");
            command.arg(kept("locks").join(format!("{suite}.lock")));
            command.arg("--report").arg(&page);
            let said = run(command, &[] as &[&str]).good().stdout;
            print(&said);
            print(&format!(
                "{suite}: {:.0} s",
                started.elapsed().as_secs_f64()
            ));
            assert!(said.contains("7 cells passed\n"), "{said}");
        }
    });
}

#[test]
fn a_violated_check_is_shown_with_its_hint_and_an_unproven_cell_with_its_reason() {
    in_turn(|| {
        let private = engines::docker();
        // The label says nft, the image is legacy.
        let image = Derived::new(private, "dindimg-test-hint", &[&label("nft")]);
        let scratch = tempfile::tempdir().expect("temporary directory");
        let at = |name: &str| scratch.path().join(name);
        let (markdown, json, html) = (at("r.md"), at("r.json"), at("r.html"));
        let mut command = dindimg(environment(false));
        command.args([image.name, "--engine=docker", "--engine=podman"]);
        command.args(["--check=iptables", "--check=storage"]);
        for path in [&markdown, &json, &html] {
            command.arg("--report").arg(path);
        }
        command.arg("--artifacts").arg(at("kept"));
        let said = run(command, &[""; 0]).failed(7);
        assert!(said.contains("1 of 2 cells failed"), "{said}");
        let kept = at("kept").join("docker.private.volume.nft.daemon");
        for file in [
            "cell.json",
            "log.txt",
            "report.json",
            "daemon.json",
            "doctor.txt",
        ] {
            assert!(kept.join(file).exists(), "{file}");
        }
        // What the container said, for whoever has nothing but the page.
        let page = std::fs::read_to_string(&html).expect("a report");
        assert!(page.contains("dind: ready after "), "{page}");
        assert!(
            page.contains("&quot;profile&quot;: &quot;dind&quot;"),
            "{page}"
        );
        assert_eq!(
            verdicts(&read(&json)),
            [
                ("docker.private.volume.nft.daemon", Verdict::Failed),
                ("podman.private.volume.nft.daemon", Verdict::Unproven),
            ]
        );
        let page = std::fs::read_to_string(&markdown).expect("a report");
        let of = |id: &str| {
            let mut rules = dindimg::smoke::rules();
            rules.find(|rule| rule.id == id).expect("a check").hint
        };
        for part in [
            "### `docker.private.volume.nft.daemon`: iptables",
            "the image promises nft, report.json decided for legacy",
            &format!("Hint: {}\n", of("iptables")),
            "- `podman.private.volume.nft.daemon`: ``",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert!(!page.contains(of("storage")), "{page}");
    });
}

#[test]
fn an_unproven_cell_fails_a_run_only_where_all_are_required() {
    in_turn(|| {
        let image = built_image("bookworm-slim");
        let image = image.to_str().expect("UTF-8");
        let scratch = tempfile::tempdir().expect("temporary directory");
        let json = scratch.path().join("r.json");
        let mut command = dindimg(environment(false));
        command.args([
            image,
            "--engine=docker",
            "--engine=podman",
            "--check=storage",
        ]);
        command.arg("--report").arg(&json);
        let said = run(command, &["--require-all"]).failed(7);
        assert!(said.contains("1 of 2 cells unproven"), "{said}");
        let path = json.to_str().expect("UTF-8");
        let merge = |more: &[&str]| {
            run(
                dindimg(environment(false)),
                &[&["merge", path], more].concat(),
            )
        };
        assert!(
            merge(&[])
                .good()
                .stdout
                .contains("1 cell passed, 1 unproven")
        );
        merge(&["--require-all"]).failed(7);
    });
}

#[test]
fn one_name_of_two_images_is_not_proven_as_one() {
    in_turn_on_both(|| {
        let name = "dindimg-test-differs";
        let [_one, _other] = [engines::docker(), engines::podman()].map(|private| {
            let change = format!("ENV DIFFERS={}", private.name);
            Derived::new(private, name, &[&change])
        });
        let command = dindimg(environment(true));
        let said = run(command, &[name, "--engine=docker", "--engine=podman"]);
        assert_ne!(said.code, Some(0));
        assert!(
            said.stderr.contains("is not one image: docker has sha256:"),
            "{}",
            said.stderr
        );
    });
}

/// The default cell of an image is on docker alone, and its checks are what is printed.
#[test]
fn an_image_without_a_recipe_runs_in_one_cell() {
    in_turn_on_both(|| {
        let image = built_image("bookworm-slim");
        let mut command = dindimg(environment(true));
        command.arg(image);
        let said = run(command, &["--json"]).good().stdout;
        let report = SmokeReport::parse(&said).expect("a report");
        assert_eq!(verdicts(&report), [(DEFAULT, Verdict::Passed)]);
        assert!(checks(&report).iter().all(|check| check.hint.is_none()));
    });
}

#[test]
fn a_container_that_is_kept_is_there_until_it_is_cleaned_away() {
    in_turn(|| {
        let private = engines::docker();
        let image = built_image("bookworm-slim");
        let mut command = dindimg(environment(false));
        command.arg(image);
        let said = run(command, &["--check=clean-up", "--keep=always"]).good();
        let name = private.run(&["ps", "--format", "{{.Names}}"]);
        let name = name.trim();
        assert!(
            said.stderr
                .contains(&format!("`docker exec -it {name} sh`")),
            "{}",
            said.stderr
        );
        assert!(
            said.stdout.contains("the container is kept"),
            "{}",
            said.stdout
        );
        private.run(&["exec", name, "dindctl", "ready"]);
        let said = run(dindimg(environment(false)), &["clean"]).good().stdout;
        assert_eq!(said, "nothing of smoke runs is left\n");
        assert_eq!(leftovers(private), "");
        private.run(&["image", "prune", "--all", "--force"]);
    });
}

/// From the engine of one Debian release to that of the next.
#[test]
fn the_data_directory_of_the_image_before_is_taken_over() {
    beside_others(|| {
        let [image, before] = ["bookworm-slim", "bullseye-slim"].map(built_image);
        let mut command = dindimg(environment(false));
        command.arg(image).arg("--upgrade-from").arg(before);
        let said = run(command, &["--check=upgrade"]).good().stdout;
        assert!(said.contains("from 20.10.5"), "{said}");
    });
}

#[test]
fn an_interrupt_in_the_middle_leaves_nothing_behind() {
    in_turn(|| {
        let private = engines::docker();
        built_image("bookworm-slim");
        let scratch = tempfile::tempdir().expect("temporary directory");
        let mut command = dindimg(environment(false));
        command
            .arg(recipe("bookworm"))
            .args([
                "--variant=slim",
                "--engine=docker",
                "--axis=storage=volume,tmpfs",
            ])
            .arg("--lock-file")
            .arg(kept("locks").join("bookworm.lock"))
            .env("TMPDIR", scratch.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        let deadline = Instant::now() + Duration::from_secs(120);
        // Both cells are in the middle of their checks, with nested containers.
        while private.run(&["ps", "--quiet"]).lines().count() < 2 {
            assert!(Instant::now() < deadline, "no cell started");
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_secs(2));
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::INT).expect("a signal");
        let ended = child.wait().expect("it ends");
        assert_eq!(ended.code(), Some(130));
        assert_eq!(leftovers(private), "");
        assert!(!private.run(&["images"]).contains("dindimg-smoke"));
        let left = std::fs::read_dir(scratch.path()).expect("readable");
        assert_eq!(left.count(), 0);
    });
}

/// The measured times belong to the test's output.
#[allow(clippy::print_stdout)]
pub fn print(text: &str) {
    println!("{text}");
}
