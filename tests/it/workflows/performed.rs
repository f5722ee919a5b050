//! Scripts of the workflows, performed here: with the real program where it needs no machine of
//! theirs, else with one that notes how it was called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::read::{action, documents, root, step, template};
use crate::peers::require;
use crate::product::{Run, command, kept};

/// A working copy of a team, and a runner's surroundings.
struct Runner {
    directory: tempfile::TempDir,
    programs: PathBuf,
}

impl Runner {
    /// With the real program.
    fn new() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_dindimg"));
        let directory = tempfile::tempdir().expect("temporary directory");
        let recipes = directory.path().join("recipes");
        fs::create_dir(&recipes).expect("a directory");
        for entry in fs::read_dir(root().join("recipes")).expect("recipes") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name");
                fs::copy(&path, recipes.join(name)).expect("copied");
            }
        }
        Self {
            directory,
            programs: program.parent().expect("a directory").to_owned(),
        }
    }

    /// With programs in the places of `dindimg` and `gh` that note their arguments, one a line, and
    /// say `said`.
    fn noting(said: &str) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let programs = directory.path().join("programs");
        fs::create_dir(&programs).expect("a directory");
        let runner = Self {
            directory,
            programs,
        };
        for name in ["dindimg", "gh"] {
            let program = runner.programs.join(name);
            let text = "#!/bin/sh\ntop=${0%/programs/*}\nprintf '%s\\n' \"$@\" >>\"$top/calls\"\ncat \"$top/said\"\n";
            fs::write(&program, text).expect("written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
        }
        runner.write("said", said);
        runner
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("written");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs a script as runners do.
    fn perform(&self, script: &str, variables: &[(&str, &str)]) -> Run {
        let path = std::env::var("PATH").unwrap_or_default();
        // What decides what the program does is what decides it for other tests.
        let mut shell = Command::new("bash");
        for (name, value) in command(&kept("cache")).get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let output = shell
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .env("PATH", format!("{}:{path}", self.programs.display()))
            .env("HOME", self.directory.path())
            .env("RUNNER_TEMP", self.directory.path())
            .env("GITHUB_OUTPUT", self.at("output"))
            .env("GITHUB_STEP_SUMMARY", self.at("summary"))
            .envs(variables.iter().copied())
            .current_dir(self.directory.path())
            .output()
            .expect("bash runs");
        Run::of(output)
    }

    /// An output of the step, as JSON.
    fn output(&self, name: &str) -> Value {
        let text = self.text("output");
        let start = format!("{name}=");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        serde_json::from_str(line).unwrap_or_else(|_| line.into())
    }
}

fn images() -> PathBuf {
    root().join(".github/workflows/images.yml")
}

#[test]
fn the_plan_of_images_has_every_cell_on_its_own_architecture() {
    let Some(script) = step(&images(), "Lock, and write the matrix") else {
        return;
    };
    if require(&["jq"], "jq").is_none() {
        return;
    }
    let runner = Runner::new();
    let variables = [
        (
            "RECIPES",
            "recipes/trixie.toml\n  recipes/cli-trixie.toml\n",
        ),
        ("VARIANTS", "default slim"),
        ("PLATFORMS", "linux/amd64 linux/arm64"),
        ("REPOSITORY", "registry.example.com/Team/Docker"),
        ("UPDATE", "false"),
        (
            "SMOKE_ARGUMENTS",
            "--engine=docker\n--axis=storage=volume\n\n",
        ),
    ];
    runner.perform(&script, &variables).good();
    assert_eq!(
        runner.output("repository"),
        "registry.example.com/team/docker"
    );
    let recipes = runner.output("recipes");
    assert_eq!(
        recipes["include"][1],
        json!({ "recipe": "recipes/cli-trixie.toml", "packages": "recipes-cli-trixie" })
    );
    let images = runner.output("images");
    assert_eq!(images["include"].as_array().map(Vec::len), Some(4));
    assert_eq!(images["include"][1]["slug"], "recipes-trixie-slim");
    let cells = runner.output("cells");
    let cells = cells["include"].as_array().expect("cells");
    let of = |slug: &str| -> Vec<&Value> {
        let found = cells.iter().filter(|cell| cell["slug"] == slug);
        found.collect()
    };
    let arm = of("recipes-trixie-slim-arm64");
    assert!(arm.len() > 2, "{cells:?}");
    for cell in &arm {
        assert_eq!(cell["runner"], "ubuntu-24.04-arm");
        assert_eq!(cell["platform"], "linux/arm64");
        assert_eq!(cell["variant"], "slim");
        assert_eq!(cell["engine"], "docker", "--engine was passed on");
        assert_eq!(cell["storage"], "volume", "--axis was passed on");
    }
    assert_eq!(of("recipes-trixie-slim-amd64").len(), arm.len());
    assert!(
        of("recipes-trixie-slim-amd64")
            .iter()
            .all(|cell| cell["runner"] == "ubuntu-24.04")
    );
    // The locks are handed on with their places.
    let list = runner.perform("tar --list --file locks.tar", &[]).good();
    assert_eq!(
        list.stdout,
        "recipes/trixie.lock\nrecipes/cli-trixie.lock\n"
    );

    // More jobs than a matrix can have are refused before any runs.
    let many = "recipes/trixie.toml ".repeat(20);
    let other = Runner::new();
    let run = other.perform(
        &script,
        &[("RECIPES", many.as_str()), ("SMOKE_ARGUMENTS", "")]
            .into_iter()
            .chain(variables[1..5].iter().copied())
            .collect::<Vec<_>>(),
    );
    assert!(
        run.code == Some(1) && run.stdout.contains("256"),
        "{} {}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn a_release_gives_the_proof_of_every_platform_for_the_digest_that_was_built() {
    let Some(script) = step(&images(), "Publish") else {
        return;
    };
    if require(&["jq"], "jq").is_none() {
        return;
    }
    let released = json!({ "images": [{
        "recipe": "a.toml", "variant": "slim", "repository": "registry.example.com/x",
        "digest": "sha256:1", "tags": [{ "tag": "one" }, { "tag": "two" }], "bytes": 5
    }]});
    let runner = Runner::noting(&released.to_string());
    fs::create_dir(runner.at("results")).expect("a directory");
    let built = |arm: &str| {
        let platforms = json!({
            "linux/amd64": { "digest": "sha256:0a" }, "linux/arm64": { "digest": arm }
        });
        let built = json!({ "images": [
            { "recipe": "a.toml", "variant": "default", "digest": "sha256:99", "platforms": {} },
            { "recipe": "a.toml", "variant": "slim", "digest": "sha256:01", "platforms": platforms },
        ]});
        runner.write("digests/digests-a/digests.json", &built.to_string());
    };
    built("sha256:0b");
    for (platform, result, digest) in [("amd64", "PASSED", "0a"), ("arm64", "WARNED", "0b")] {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": platform, "digest": { "sha256": digest } }],
            "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
            "predicate": {
                "result": result, "configuration": [{ "name": platform }],
                "passedTests": [format!("{platform}/ready")], "warnedTests": [], "failedTests": []
            }
        });
        let path = runner.at(&format!("results/a-slim-{platform}.intoto.json"));
        fs::write(path, statement.to_string()).expect("written");
    }
    let images =
        json!({ "include": [{ "recipe": "a.toml", "variant": "slim", "slug": "a-slim" }] });
    let images = images.to_string();
    let mut variables = vec![
        ("IMAGES", images.as_str()),
        ("PLATFORMS", "linux/amd64 linux/arm64"),
        ("REPOSITORY", "registry.example.com/x"),
        ("PUBLISH", "false"),
        ("BUILDER", "https://ci.example.com"),
        ("DINDIMG_SIGNING_KEY", ""),
    ];
    let said = runner.perform(&script, &variables).good();
    assert!(said.stdout.contains("nothing is signed"), "{}", said.stdout);
    let statement: Value = serde_json::from_str(&runner.text("a-slim.intoto.json")).expect("JSON");
    let digests: Vec<&str> = statement["subject"]
        .as_array()
        .expect("subjects")
        .iter()
        .filter_map(|subject| subject["digest"]["sha256"].as_str())
        .collect();
    assert_eq!(digests, ["01", "0a", "0b"]);
    assert_eq!(statement["predicate"]["result"], "WARNED");
    assert_eq!(
        statement["predicate"]["passedTests"],
        json!(["amd64/ready", "arm64/ready"])
    );
    assert_eq!(
        runner.output("digests"),
        json!([{
            "recipe": "a.toml", "variant": "slim", "repository": "registry.example.com/x",
            "digest": "sha256:1", "tags": ["one", "two"]
        }])
    );
    let calls = runner.text("calls");
    for word in [
        "release",
        "--locked",
        "--platform=linux/arm64",
        "--dry-run",
        "a-slim.intoto.json",
    ] {
        assert!(calls.lines().any(|line| line == word), "{word}: {calls}");
    }
    assert!(!calls.contains("--key"), "{calls}");

    // A machine that made something else proved something else.
    built("sha256:0c");
    let run = runner.perform(&script, &variables);
    let differs = "what was proven on linux/arm64 is not what was built";
    assert!(
        run.code == Some(1) && run.stdout.contains(differs),
        "{}{}",
        run.stdout,
        run.stderr
    );
    built("sha256:0b");

    fs::remove_file(runner.at("calls")).expect("removed");
    variables[3] = ("PUBLISH", "true");
    variables[5] = ("DINDIMG_SIGNING_KEY", "-----BEGIN PRIVATE KEY-----");
    runner.perform(&script, &variables).good();
    let calls = runner.text("calls");
    assert!(
        calls.contains("--key\nenv://DINDIMG_SIGNING_KEY\n"),
        "{calls}"
    );
    assert!(
        !calls.contains("--dry-run") && !calls.contains("BEGIN"),
        "{calls}"
    );
}

#[test]
fn a_cell_that_left_no_report_is_missed() {
    let Some(script) = step(&images(), "Join the reports of each image") else {
        return;
    };
    if require(&["jq"], "jq").is_none() {
        return;
    }
    let planned = json!({ "include": [{ "slug": "a" }, { "slug": "a" }] }).to_string();
    let join = |reports: &[&str]| {
        let runner = Runner::noting("");
        fs::create_dir_all(runner.at("smoke/reports/a")).expect("a directory");
        for report in reports {
            fs::write(runner.at(&format!("smoke/reports/a/{report}.json")), "{}").expect("written");
        }
        // What the program would have written.
        let script = script.replace("mkdir results", "mkdir results; touch results/a.md");
        runner.perform(&script, &[("CELLS", &planned)])
    };
    join(&["one", "two"]).good();
    for reports in [&["one"][..], &[]] {
        let run = join(reports);
        let missed = format!("{} of 2 cells left a report", reports.len());
        assert!(
            run.code == Some(1) && run.stdout.contains(&missed),
            "{}{}",
            run.stdout,
            run.stderr
        );
    }
}

#[test]
fn the_action_passes_each_line_as_one_argument() {
    let Some(script) = step(&action(), "Run it") else {
        return;
    };
    let runner = Runner::noting("");
    let hostile = "a recipe.toml\n\n--tag=$(touch hurt)\n`touch hurt`; touch hurt";
    let variables = [("VERB", "build"), ("ARGUMENTS", hostile)];
    runner.perform(&script, &variables).good();
    assert_eq!(
        runner.text("calls"),
        "build\na recipe.toml\n--tag=$(touch hurt)\n`touch hurt`; touch hurt\n"
    );
    assert!(!runner.at("hurt").exists());
}

#[test]
fn the_child_pipeline_of_gitlab_is_one_job_with_a_place_to_run() {
    let Some(found) = documents(&template()) else {
        return;
    };
    let script = found[1][".dindimg:matrix"]["script"][0].clone();
    let runner = Runner::new();
    let variables = [
        ("DINDIMG_RECIPE", "recipes/trixie.toml"),
        ("DINDIMG_VARIANT", "slim"),
        ("DINDIMG_IMAGE", "rust:1-trixie"),
        ("DINDIMG_ENGINE_IMAGE", "docker:28-dind"),
        ("CI_PIPELINE_ID", "12"),
        ("CI_JOB_NAME", "matrix"),
        ("CI_PROJECT_DIR", "/builds/team"),
    ];
    runner
        .perform(script.as_str().expect("a script"), &variables)
        .good();
    let child = documents(&runner.at("dindimg-cells.yml")).expect("YAML");
    let child = child[0].as_object().expect("jobs");
    assert_eq!(child.keys().collect::<Vec<_>>(), ["smoke"]);
    let job = &child["smoke"];
    let cells = job["parallel"]["matrix"].as_array().expect("cells");
    assert!(cells.len() > 3 && cells.iter().all(|cell| cell["ENGINE"] == "docker"));
    assert_eq!(job["image"], "rust:1-trixie");
    assert_eq!(job["needs"], json!([{ "pipeline": "12", "job": "matrix" }]));
    assert_eq!(job["artifacts"]["when"], "always", "as the program has it");
    // The search path is that of the job, not that of this one.
    assert_eq!(
        job["before_script"][1],
        "export PATH=\"/builds/team/.dindimg/program/$(uname -m)/bin:$PATH\""
    );
    assert!(
        super::commands::calls(job["script"][0].as_str().expect("a script"))[0]
            .options
            .contains("--cell")
    );
}

#[test]
fn the_locks_move_in_one_pull_request() {
    let mirrors = root().join(".github/workflows/mirrors.yml");
    let Some(update) = step(&mirrors, "Move the locks") else {
        return;
    };
    let open = step(
        &mirrors,
        "Open the pull request, or move the one that is open",
    );
    let open = open.expect("a script");
    let runner = Runner::noting("");
    runner.write("changes.md", "docker.io 1 -> 2");
    for name in ["a", "b"] {
        runner.write(&format!("recipes/{name}.toml"), "");
        runner.write(&format!("recipes/{name}.lock"), "one");
    }
    // Has no lock that is kept.
    runner.write("recipes/testing.toml", "");
    let start = "git init --quiet --bare origin.git; git init --quiet --initial-branch main .\n\
        git add recipes; git -c user.name=x -c user.email=x@example.com commit --quiet --message x\n\
        git remote add origin \"$PWD/origin.git\"; git push --quiet origin main\n";
    runner.perform(start, &[]).good();
    runner.perform(&update, &[]).good();
    assert_eq!(
        runner.text("calls").lines().collect::<Vec<_>>()[..3],
        ["update", "recipes/a.toml", "recipes/b.toml"]
    );
    assert_eq!(runner.text("summary"), "docker.io 1 -> 2");

    let branch = ("BRANCH", "dindimg/update");
    // A week: what the locks are then, and what GitHub says of a pull request that is open.
    let week = |lock: &str, number: &str| {
        runner.perform(
            "git switch --quiet main; git branch --quiet -D dindimg/update || true",
            &[],
        );
        runner.write("recipes/a.lock", lock);
        runner.write("recipes/testing.lock", "not kept");
        runner.write("said", number);
        runner.write("calls", "");
        let said = runner.perform(&open, &[branch]).good().stdout;
        let pushed = "git --git-dir origin.git show dindimg/update:recipes/a.lock 2>&1 || true";
        let pushed = runner.perform(pushed, &[]).stdout;
        (said, pushed, runner.text("calls"))
    };
    let (said, _, calls) = week("one", "");
    assert!(
        said.contains("every lock is current") && calls.is_empty(),
        "{calls}"
    );
    let (_, pushed, calls) = week("two", "");
    assert_eq!(pushed, "two");
    assert!(
        calls.contains("pr\ncreate\n--head\ndindimg/update\n"),
        "{calls}"
    );
    let (said, _, calls) = week("two", "7");
    assert!(said.contains("has this already"), "{said}");
    assert!(calls.contains("pr\nedit\n7\n--body-file\n"), "{calls}");
    let (_, pushed, calls) = week("three", "7");
    assert_eq!(pushed, "three");
    assert!(!calls.contains("create"), "{calls}");
    let kept = runner.perform(
        "git --git-dir origin.git ls-tree -r --name-only dindimg/update",
        &[],
    );
    assert!(
        !kept.good().stdout.contains("testing.lock"),
        "a lock that nobody keeps"
    );
}
