//! Manifests: judged by the schemas of those who read them, and run by real engines.

mod engines;
mod pods;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::images::{REPOSITORY, built_recipe};
use crate::peers::require;
use crate::product::{Run, dindimg, kept, recipe};

/// Recipes of each profile with a daemon: the recipe and the variant.
const PROFILES: [(&str, &str); 4] = [
    ("bookworm", "slim"),
    ("rootless-trixie", "slim"),
    ("vmlc-trixie", "slim"),
    ("kind-cluster", "slim"),
];

/// The newest versions of Kubernetes that the schemas are of.
const VERSIONS: [&str; 3] = ["1.35", "1.36", "1.37"];

/// `dindimg deploy` of a shipped recipe, which is built first.
fn deploy(name: &str, variant: &str, more: &[&str]) -> Run {
    built_recipe(name, variant);
    let recipe = recipe(name);
    let lock = kept("locks").join(format!("{name}.lock"));
    let mut arguments = vec![
        "deploy",
        recipe.to_str().expect("UTF-8"),
        "--variant",
        variant,
        "--platform",
        PLATFORM,
        "--allow-expired",
        "--lock-file",
        lock.to_str().expect("UTF-8"),
    ];
    arguments.extend(more);
    dindimg(&arguments)
}

const PLATFORM: &str = if cfg!(target_arch = "aarch64") {
    "linux/arm64"
} else {
    "linux/amd64"
};

/// The directory of published schemas, downloaded once and known by their digests.
fn schemas() -> &'static Path {
    static SCHEMAS: OnceLock<PathBuf> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let requirements = source("requirements.txt");
        let text = fs::read_to_string(&requirements).expect("read");
        let directory = kept("schemas").join(
            text.lines()
                .map(|line| &line[line.len() - 8..])
                .collect::<String>(),
        );
        if !directory.is_dir() {
            let part = directory.with_extension("part");
            let _ = fs::remove_dir_all(&part);
            let run = Command::new("/usr/bin/python3")
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--no-deps",
                    "--require-hashes",
                ])
                .args(["--disable-pip-version-check", "--no-compile"])
                .args(["--target".as_ref(), part.as_os_str()])
                .args(["--requirement".as_ref(), requirements.as_os_str()])
                .output();
            Run::of(run.expect("pip runs (python3-pip)")).good();
            fs::rename(&part, &directory).expect("moved");
        }
        directory
    })
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/deploy")
        .join(name)
}

fn judged(arguments: &[&Path]) -> Run {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(source("schemas.py")).args(arguments);
    Run::of(
        command
            .output()
            .expect("python3 runs (python3-jsonschema, python3-yaml)"),
    )
}

fn by_kubernetes(version: &str, files: &[PathBuf]) -> Run {
    let place = schemas().join("kubernetes_validate/kubernetes-json-schema");
    let mut arguments = vec![Path::new("kubernetes"), &place, Path::new(version)];
    arguments.extend(files.iter().map(PathBuf::as_path));
    judged(&arguments)
}

fn by_schema(name: &str, files: &[PathBuf]) -> Run {
    let place = schemas()
        .join("check_jsonschema/builtin_schemas/vendor")
        .join(name);
    let mut arguments = vec![Path::new("schema"), &place];
    arguments.extend(files.iter().map(PathBuf::as_path));
    judged(&arguments)
}

/// What is said about pods, each with the profiles that it can be said of.
const SAID: &[(&str, &[&str])] = &[
    (
        "plain",
        &["--set", "sidecar=plain", "--set", "connection=tcp"],
    ),
    (
        "socket",
        &["--set", "connection=socket", "--set", "cpu.limit=2"],
    ),
    (
        "memory",
        &["--storage", "memory", "--runtime-class", "kata"],
    ),
    ("loop", &["--storage", "loop"]),
    (
        "block",
        &["--storage", "block", "--set", "storage.class=fast"],
    ),
    (
        "persistent",
        &["--storage", "persistent", "--set", "namespace=ci"],
    ),
    ("sysbox", &["--runtime-class", "sysbox-runc"]),
    (
        "gvisor",
        &["--runtime-class", "gvisor", "--storage", "memory"],
    ),
    (
        "guarded",
        &[
            "--set",
            "pod-security=true",
            "--set",
            "network-policy=true",
            "--set",
            "namespace=ci",
        ],
    ),
    ("explained", &["--explain"]),
];

#[test]
fn every_manifest_for_kubernetes_is_valid_in_its_three_newest_versions() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = Vec::new();
    let mut keep = |name: String, text: &str| {
        let path = directory.path().join(format!("{name}.yaml"));
        fs::write(&path, text).expect("written");
        files.push(path);
    };
    for (name, variant) in PROFILES {
        let targets: &[&str] = match name {
            "vmlc-trixie" => &["kubernetes-pod"],
            "kind-cluster" => &["kubernetes-pod", "kubernetes-kind-cluster"],
            "bookworm" => &[
                "kubernetes-pod",
                "kubernetes-sidecar",
                "jenkins",
                "github-runners",
            ],
            _ => &["kubernetes-pod", "kubernetes-sidecar", "jenkins"],
        };
        for target in targets {
            let runner = ["--set", "runner.image=registry.example.com/ci/runner:2"];
            let device = ["--set", "device.resource=example.com/tun"];
            let more = match (*target, name) {
                ("github-runners", _) => &runner[..],
                (_, "rootless-trixie") => &device,
                _ => &[],
            };
            let run = deploy(name, variant, &[&["--target", target], more].concat()).good();
            keep(format!("{name}-{target}"), &run.stdout);
        }
    }
    for (what, said) in SAID {
        let all = [&["--target", "kubernetes-sidecar"], *said].concat();
        let run = deploy("bookworm", "slim", &all).good();
        keep(format!("said-{what}"), &run.stdout);
    }
    assert!(files.len() >= 20);
    for version in VERSIONS {
        let run = by_kubernetes(version, &files);
        assert_eq!(
            run.code,
            Some(0),
            "{version}:\n{}{}",
            run.stdout,
            run.stderr
        );
    }

    // The judge sees what is wrong.
    let wrong = fs::read_to_string(&files[0])
        .expect("read")
        .replace("imagePullPolicy", "imagePulPolicy");
    let path = directory.path().join("wrong.yaml");
    fs::write(&path, wrong).expect("written");
    let run = by_kubernetes(VERSIONS[0], &[path]);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("imagePulPolicy"), "{}", run.stdout);
}

#[test]
fn every_compose_file_is_valid() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = Vec::new();
    for (number, (name, variant, more)) in [
        ("bookworm", "slim", &[][..]),
        (
            "bookworm",
            "slim",
            &["--set", "connection=socket", "--set", "cpu.limit=500m"],
        ),
        (
            "bookworm",
            "slim",
            &[
                "--storage",
                "memory",
                "--set",
                "client.command=echo $HOME: \"x\" # y",
            ],
        ),
        ("rootless-trixie", "slim", &["--set", "connection=tcp"]),
        ("vmlc-trixie", "slim", &[]),
        ("kind-cluster", "slim", &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let run = deploy(name, variant, &[&["--target", "compose"], more].concat()).good();
        let path = directory.path().join(format!("{number}.yaml"));
        fs::write(&path, run.stdout).expect("written");
        files.push(path);
    }
    let run = by_schema("compose-spec.json", &files);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let compose = engines::compose();
    for file in &files {
        let run = Command::new(&compose)
            .arg("--file")
            .arg(file)
            .arg("config")
            .output();
        let run = Run::of(run.expect("docker-compose runs")).good();
        if file.ends_with("2.yaml") {
            // As it is read, `$` is `$` again.
            assert!(
                run.stdout.contains("echo $$HOME: \"x\" # y"),
                "{}",
                run.stdout
            );
        }
    }
}

#[test]
fn the_files_of_pipelines_are_what_their_schemas_say() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, more) in [
        ("bookworm", &[][..]),
        ("rootless-trixie", &["--set", "connection=tcp"]),
    ] {
        for (target, file, schema) in [
            ("gitlab-ci", ".gitlab-ci.yml", "gitlab-ci.json"),
            ("github-actions", "workflow.yml", "github-workflows.json"),
        ] {
            let place = directory.path().join(format!("{name}-{target}"));
            let output = place.to_str().expect("UTF-8");
            let all = [&["--target", target, "--output", output], more].concat();
            deploy(name, "slim", &all).good();
            let run = by_schema(schema, &[place.join(file)]);
            let said = format!("{target}: {}{}", run.stdout, run.stderr);
            assert_eq!(run.code, Some(0), "{said}");
            if target == "gitlab-ci" {
                let text = fs::read_to_string(place.join("config.toml")).expect("written");
                let config: toml::Table = text.parse().expect("TOML");
                assert!(config["runners"][0]["docker"].is_table(), "{text}");
            }
        }
    }
}

#[test]
fn the_scripts_are_clean() {
    let Some(shellcheck) = require(&["shellcheck"], "shellcheck") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let command = ["--set", "client.command=echo \"$HOME\" 'a  b' `id`; ls *"];
    let mut scripts = Vec::new();
    for (name, target, more) in [
        ("bookworm", "docker-run", &command[..]),
        (
            "bookworm",
            "docker-run",
            &[
                "--explain",
                "--storage",
                "memory",
                "--set",
                "cpu.limit=500m",
            ],
        ),
        (
            "rootless-trixie",
            "docker-run",
            &["--runtime-class", "crun"],
        ),
        ("vmlc-trixie", "docker-run", &[]),
        (
            "vmlc-trixie",
            "docker-run",
            &["--set", "ssh.keys=/some where/keys"],
        ),
        ("kind-cluster", "docker-run", &[]),
        ("bookworm", "dood", &command),
        ("bookworm", "dood", &["--set", "host=docker.example.com"]),
    ] {
        let text = deploy(name, "slim", &[&["--target", target], more].concat())
            .good()
            .stdout;
        let script = directory.path().join(format!("{}.sh", scripts.len()));
        fs::write(&script, text).expect("written");
        scripts.push(script);
    }
    let output = Command::new(shellcheck)
        .args(["-s", "sh", "-S", "warning"])
        .args(&scripts)
        .output();
    Run::of(output.expect("shellcheck runs")).good();
}

#[test]
fn a_manifest_is_pinned_by_the_digest_that_a_push_gives_the_image() {
    let push = |more: &[&str]| deploy("bookworm", "slim", more);
    let alone = push(&["--target", "kubernetes-pod"]).good();
    let (text, said) = (alone.stdout, alone.stderr);
    assert!(text.contains("image: bookworm-slim:"), "{text}");
    let warning = "warning: nobody can pull bookworm-slim:";
    assert!(said.contains(warning), "{said}");
    let here = push(&["--target", "docker-run"]).good().stderr;
    assert!(!here.contains(warning), "the engine here has it: {here}");
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("config.toml");
    fs::write(&config, format!("repository = \"{REPOSITORY}\"\n")).expect("written");
    let config = config.to_str().expect("UTF-8");
    let more = ["--config", config, "--target", "kubernetes-pod"];
    let pushed = push(&more).good();
    let (text, said) = (pushed.stdout, pushed.stderr);
    assert!(!said.contains("warning: nobody"), "{said}");
    assert!(
        text.contains(&format!("image: {REPOSITORY}@sha256:")),
        "{text}"
    );
    assert_eq!(
        push(&more).good().stdout,
        text,
        "the same words, the same bytes"
    );
}

#[test]
fn words_that_mean_nothing_are_errors_that_say_what_was_meant() {
    let run = dindimg(&["deploy", "--list"]).good();
    assert!(
        run.stdout
            .lines()
            .any(|line| line.starts_with("kubernetes-sidecar ")),
        "{}",
        run.stdout
    );
    let run = dindimg(&["deploy", "--list", "--target", "compose"]).good();
    assert!(run.stdout.contains("memory.limit"), "{}", run.stdout);
    for (arguments, words) in [
        (&["--target", "composed"][..], "did you mean `compose`?"),
        (
            &["--target", "compose", "--set", "memory.limits=1Gi"],
            "did you mean `memory.limit`?",
        ),
        (
            &["--target", "compose", "--set", "memory.limit=lots"],
            "bytes, such as 4Gi",
        ),
        (
            &["--target", "compose", "--storage", "discs"],
            "disk or memory",
        ),
        (&["--target", "compose", "--set", "name"], "KEY=VALUE"),
        (&[], "--target"),
    ] {
        let all = [&["deploy", "nothing.toml"], arguments].concat();
        let said = dindimg(&all).failed(2);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let said = deploy(
        "bookworm",
        "slim",
        &["--target", "compose", "--set", "namespace=x"],
    )
    .failed(2);
    assert!(
        said.contains("means nothing to the target compose"),
        "{said}"
    );
}

#[test]
fn values_come_from_a_file_and_files_that_are_there_are_not_written_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| {
        directory
            .path()
            .join(name)
            .to_str()
            .expect("UTF-8")
            .to_owned()
    };
    fs::write(
        at("values.toml"),
        "name = \"ci\"\n[memory]\nlimit = \"8Gi\"\n",
    )
    .expect("written");
    let (values, output) = (at("values.toml"), at("out"));
    let run = |more: &[&str]| {
        let all = [
            "--target",
            "kubernetes-pod",
            "--values",
            &values,
            "--output",
            &output,
        ];
        deploy("bookworm", "slim", &[&all, more].concat())
    };
    let file = directory.path().join("out/pod.yaml");
    run(&[]).good();
    let text = fs::read_to_string(&file).expect("written");
    assert!(
        text.contains("name: ci\n") && text.contains("memory: 8Gi"),
        "{text}"
    );
    run(&[]).good();
    let said = run(&["--set", "memory.limit=9Gi"]).failed(2);
    assert!(
        said.contains("another content") && said.contains("--force"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&file).expect("there"), text);
    run(&["--set", "memory.limit=9Gi", "--force"]).good();
    let text = fs::read_to_string(&file).expect("written");
    assert!(text.contains("memory: 9Gi"), "{text}");
    fs::write(at("values.toml"), "[memory]\nlimits = \"8Gi\"\n").expect("written");
    let said = run(&[]).failed(2);
    assert!(
        said.contains("values.toml") && said.contains("did you mean `memory.limit`?"),
        "{said}"
    );
}

#[test]
fn a_manifest_of_a_teams_own_is_checked_by_line_and_field() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pod.yaml");
    let name = file.to_str().expect("UTF-8");
    let image = format!(
        "image=registry.example.com/ci/docker:24@sha256:{}",
        "0".repeat(64)
    );
    let pinned = ["--target", "kubernetes-pod", "--set", &image];
    let manifest = deploy("bookworm", "slim", &pinned).good().stdout;
    fs::write(&file, &manifest).expect("written");
    let run = dindimg(&["deploy", "--check", name]).good();
    assert!(run.stdout.is_empty(), "{}", run.stdout);

    let bad = manifest.replace("limits:\n          memory: 4Gi", "limits: {}");
    assert_ne!(bad, manifest);
    fs::write(&file, bad).expect("written");
    let run = dindimg(&["deploy", "--check", name]);
    assert_eq!(run.code, Some(7), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("[missing-limits]"), "{}", run.stdout);
    let run = dindimg(&["deploy", "--check", name, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let finding = &report["files"][0]["findings"][0];
    assert_eq!(finding["rule"], "missing-limits");
    assert!(
        finding["path"]
            .as_str()
            .is_some_and(|path| path.starts_with("spec.containers[0]"))
    );
    assert!(finding["line"].as_u64().is_some_and(|line| line > 10));
    dindimg(&["deploy", "--check", name, "--fail-on", "error"]).good();

    fs::write(&file, "a: {{ .Values.x }}\n").expect("written");
    let said = dindimg(&["deploy", "--check", name]).failed(2);
    assert!(said.contains("helm template"), "{said}");
}

/// Each line that README shows is printed, in that order; `…` stands for others, and for a digest.
#[test]
fn the_readme_shows_what_is_printed() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("read");
    let (_, block) = readme.split_once("```console\n").expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    let mut shown = 0;
    for part in block.split("$ dindimg deploy recipes/trixie.toml ").skip(1) {
        let (words, lines) = part.split_once('\n').expect("output");
        let (plain, quoted) = words
            .split_once(" --set client.command='")
            .unwrap_or((words, ""));
        let command = format!("client.command={}", quoted.trim_end_matches('\''));
        let mut arguments: Vec<&str> = plain.split(' ').collect();
        if !quoted.is_empty() {
            arguments.extend(["--set", &command]);
        }
        arguments.extend(["--set", "image=registry.example.com/ci/docker@sha256:0123"]);
        let printed = deploy("trixie", "slim", &arguments).good().stdout;
        let mut left = printed.lines();
        for line in lines.lines().filter(|line| *line != "…") {
            let line = line.replace('…', "0123");
            assert!(
                left.any(|one| one == line),
                "{line}\nis not there in\n{printed}"
            );
            shown += 1;
        }
    }
    assert!(shown > 25, "{shown}");
}
