//! The verbs that look at images: `audit`, `inspect`, `diff`, `why`, `tree`, and `update`, which says
//! what has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;

use crate::docker_registry::{DockerRegistry, Setup};
use crate::product::{Run, command, dindimg, kept, recipe, small_recipe};

/// Of the recipes whose packages the mirror has, one of each profile.
const PROFILES: [&str; 5] = [
    "bookworm",
    "vmlc-trixie",
    "rootless-bookworm",
    "cli-trixie",
    "kind-cluster",
];
/// And the others.
const OTHERS: [&str; 4] = ["bullseye", "trixie", "vmlc-bookworm", "rootless-trixie"];

/// A lock of this run for a shipped recipe: mirrors drop what the committed one names.
fn lock(name: &str) -> PathBuf {
    static MADE: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let path = kept("locks").join(format!("look-{name}.lock"));
    let mut made = MADE.lock().expect("no test has panicked here");
    if !made.iter().any(|one| one == name) {
        let recipe = recipe(name);
        let update = [
            "lock".as_ref(),
            recipe.as_os_str(),
            "--update".as_ref(),
            "--allow-expired".as_ref(),
            "--lock-file".as_ref(),
            path.as_os_str(),
        ];
        dindimg(&update).good();
        made.push(name.to_owned());
    }
    path
}

/// Looks at a shipped recipe for amd64.
fn look(verb: &str, name: &str, arguments: &[&str]) -> Run {
    let (recipe, lock) = (recipe(name), lock(name));
    let mut all = vec![verb.as_ref(), recipe.as_os_str()];
    all.extend(arguments.iter().map(std::ffi::OsStr::new));
    all.extend(["--quiet".as_ref(), "--lock-file".as_ref(), lock.as_os_str()]);
    all.extend(["--platform", "linux/amd64"].map(std::ffi::OsStr::new));
    dindimg(&all)
}

fn json(run: Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

#[test]
fn no_profile_has_a_finding_that_nobody_has_accepted() {
    nothing_is_open(&PROFILES);
}

#[test]
#[ignore = "a minute, and they differ by suites alone"]
fn no_other_recipe_has_a_finding_that_nobody_has_accepted() {
    nothing_is_open(&OTHERS);
}

fn nothing_is_open(recipes: &[&str]) {
    for name in recipes {
        let run = look("audit", name, &["--fail-on=note", "--json"]);
        let said = json(run);
        let open: Vec<String> = said["images"]
            .as_array()
            .expect("images")
            .iter()
            .flat_map(|image| image["platforms"].as_array().expect("platforms"))
            .flat_map(|platform| platform["findings"].as_array().expect("findings"))
            .filter(|finding| finding["waived"].is_null())
            .map(|finding| format!("{name}: {}", finding["message"]))
            .collect();
        assert_eq!(open, [] as [String; 0]);
        assert_eq!(said["passed"], true);
        let images = said["images"].as_array().map_or(0, Vec::len);
        assert!(images >= 2, "{name} has variants");
    }
}

/// A recipe of a few packages, with lines of its own, built as a layout.
fn small(directory: &Path, lines: &str) -> PathBuf {
    let path = small_recipe(directory, "");
    let text = fs::read_to_string(&path).expect("written");
    fs::write(&path, text + lines).expect("recipe written");
    let layout = directory.join("small.oci");
    let output = format!("oci:{}", layout.display());
    let build = [
        "build".as_ref(),
        path.as_os_str(),
        "--output".as_ref(),
        output.as_ref(),
    ];
    dindimg(&build).good();
    layout
}

const OPEN: &str = "
[[file]]
path = \"/usr/bin/tool\"
content = \"#!/bin/sh\"
mode = \"0755\"
[[file]]
path = \"/etc/ld.so.preload\"
content = \"/usr/lib/x.so\"
";

#[test]
fn an_audit_fails_by_code_7_and_a_waiver_with_a_reason_accepts() {
    let directory = tempfile::tempdir().expect("a directory");
    let layout = small(directory.path(), OPEN);
    let at = |name: &str| directory.path().join(name);
    let audit = |subject: &Path, more: &[&str]| {
        let mut all = vec!["audit", subject.to_str().expect("UTF-8")];
        all.extend(more);
        dindimg(&all)
    };
    let sarif = at("audit.sarif");
    let said = audit(&layout, &["--report", sarif.to_str().expect("UTF-8")]).failed(7);
    assert!(
        said.contains("/usr/bin/tool is of no package [unpackaged-programs]"),
        "{said}"
    );
    assert!(
        said.contains("error: /etc/ld.so.preload has every program load"),
        "{said}"
    );
    let log: Value = serde_json::from_slice(&fs::read(&sarif).expect("a report")).expect("JSON");
    let rules: Vec<&Value> = log["runs"][0]["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| &result["ruleId"])
        .collect();
    assert!(
        rules.contains(&&Value::from("preload-library")),
        "{rules:?}"
    );
    // The recipe knows its own program, and its waiver the library.
    let waived = "[[audit.waive]]\nrules = [\"preload-library\"]\nreason = \"a wrapper of ours\"\n";
    let path = at("small.toml");
    let text = fs::read_to_string(&path).expect("written") + waived;
    fs::write(&path, text).expect("recipe written");
    let statement = at("audit.intoto.json");
    let report = [
        "--report",
        statement.to_str().expect("UTF-8"),
        "--show-waived",
    ];
    let said = audit(&path, &report).good().stderr;
    assert!(said.contains("waived: a wrapper of ours"), "{said}");
    let text = fs::read(&statement).expect("a report");
    let value: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(value["predicate"]["result"], "WARNED");
    assert_eq!(
        value["predicate"]["configuration"][0]["name"],
        "dindimg audit report"
    );
    let image = audit(
        &layout,
        &["--recipe", path.to_str().expect("UTF-8"), "--json"],
    );
    let said = json(image);
    let digest = &said["images"][0]["digest"];
    let named = value["subject"][0]["digest"]["sha256"]
        .as_str()
        .expect("a digest");
    assert_eq!(digest, &Value::from(format!("sha256:{named}")));
    // What cannot be is refused before anything is built.
    let said = audit(&path, &["--report", "audit.txt"]).failed(2);
    assert!(
        said.contains(".sarif, .json, .md or .intoto.json"),
        "{said}"
    );
    let text = fs::read_to_string(&path)
        .expect("written")
        .replace("preload-library", "preload-libary");
    fs::write(&path, text).expect("recipe written");
    let said = audit(&path, &[]).failed(2);
    assert!(said.contains("did you mean `preload-library`?"), "{said}");
}

#[test]
fn an_image_is_the_same_in_a_layout_an_archive_and_a_registry() {
    let directory = tempfile::tempdir().expect("a directory");
    let source =
        "\n[labels]\n\"org.opencontainers.image.source\" = \"https://example.com/images\"\n";
    let layout = small(directory.path(), source);
    let registry = DockerRegistry::start(Setup::default());
    let name = format!("{}/team/small:x", registry.address());
    let recipe = directory.path().join("small.toml");
    let archive = format!(
        "oci-archive:{}",
        directory.path().join("small.tar").display()
    );
    let (repository, tag) = name.rsplit_once(':').expect("a tag");
    let build = [
        "build".as_ref(),
        recipe.as_os_str(),
        "--push".as_ref(),
        "--repository".as_ref(),
        repository.as_ref(),
        "--tag".as_ref(),
        tag.as_ref(),
        "--output".as_ref(),
        archive.as_ref(),
    ];
    dindimg(&build).good();
    let layout = format!("oci:{}", layout.display());
    let inspect = |subject: &str| json(dindimg(&["inspect", subject, "--json"]).good());
    let first = inspect(&layout);
    for subject in [archive.as_str(), &name, recipe.to_str().expect("UTF-8")] {
        let other = inspect(subject);
        assert_eq!(first["platforms"], other["platforms"], "{subject}");
        assert_eq!(first["digest"], other["digest"], "{subject}");
    }
    let one = &first["platforms"][0];
    assert_eq!(one["platform"], "linux/amd64");
    for place in [&one["annotations"], &one["config"]["Labels"]] {
        let source = &place["org.opencontainers.image.source"];
        assert_eq!(source, "https://example.com/images");
    }
    assert!(one["packages"]["tini"]["version"].is_string(), "{one}");
    assert!(one["size"].as_u64() > Some(100_000), "{one}");
    let mut wrong = command(&kept("cache"));
    let absent = name.replace(":x", ":y");
    let said = Run::of(wrong.args(["inspect", &absent]).output().expect("runs")).failed(2);
    assert!(said.contains("there is no such image"), "{said}");
}

#[test]
fn a_difference_names_packages_files_settings_and_what_is_pulled_again() {
    let (old, new) = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let before = small(
        old.path(),
        "[env]\nA = \"1\"\n[[file]]\npath = \"/etc/motd\"\ncontent = \"old\"\n",
    );
    let lines = "[env]\nA = \"2\"\n[[file]]\npath = \"/etc/motd\"\ncontent = \"newer\"\n";
    let after = small(new.path(), lines);
    let (before, after) = (
        before.to_str().expect("UTF-8"),
        after.to_str().expect("UTF-8"),
    );
    let said = dindimg(&["diff", before, after]).good().stdout;
    for part in [
        "Env.A 1 -> 2",
        "/etc/motd",
        "3 bytes",
        "5 bytes",
        "pulls 1 layers",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("packages:"), "{said}");
    let same = dindimg(&["diff", before, before, "--exit-code"])
        .good()
        .stdout;
    assert!(same.contains("nothing has changed"), "{same}");
    dindimg(&["diff", before, after, "--exit-code"]).failed(6);
    let table = dindimg(&["diff", before, after, "--markdown"])
        .good()
        .stdout;
    assert!(table.contains("| `Env.A` | `1` | `2` |"), "{table}");
    let other = new.path().join("small.toml");
    let text = fs::read_to_string(&other)
        .expect("written")
        .replace("\"tini\"", "\"tini\", \"dumb-init\"");
    fs::write(&other, text).expect("recipe written");
    let said = dindimg(&[
        "diff".as_ref(),
        Path::new(before).as_os_str(),
        other.as_os_str(),
    ])
    .good()
    .stdout;
    assert!(said.contains("+ dumb-init "), "{said}");
    let (before, after) = (old.path().join("small.lock"), new.path().join("small.lock"));
    let locks = dindimg(&["diff".as_ref(), before.as_os_str(), after.as_os_str()]);
    assert!(locks.good().stdout.contains("+ dumb-init (amd64) "));
}

#[test]
fn why_leads_from_a_path_or_a_package_to_who_asked_for_it() {
    let said = look("why", "bookworm", &["/usr/sbin/iptables", "--variant=slim"])
        .good()
        .stdout;
    assert!(
        said.contains("/usr/sbin/iptables leads to /usr/sbin/xtables-legacy-multi"),
        "{said}"
    );
    assert!(said.contains("is of package iptables"), "{said}");
    assert!(said.contains("profile dind, layer engine"), "{said}");
    let said = look("why", "bookworm", &["libseccomp2", "--variant=slim"])
        .good()
        .stdout;
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert!(
        lines.len() >= 2
            && lines
                .last()
                .is_some_and(|line| line.starts_with("libseccomp2 ")),
        "{said}"
    );
    let said = look(
        "why",
        "bookworm",
        &["/usr/local/bin/dindctl", "--variant=slim"],
    )
    .good()
    .stdout;
    assert!(said.contains("guest runtime"), "{said}");
    let said = look("why", "bookworm", &["libseccomp", "--variant=slim"]).failed(2);
    assert!(said.contains("did you mean `libseccomp2`?"), "{said}");
    let said = look(
        "tree",
        "bookworm",
        &["--package=libseccomp2", "--inverted", "--variant=slim"],
    )
    .good()
    .stdout;
    assert!(
        said.contains("─ runc ") && said.contains("─ docker.io "),
        "{said}"
    );
}

#[test]
fn an_update_says_what_moved_and_check_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = small_recipe(directory.path(), "");
    let at = |name: &str| directory.path().join(name);
    let update = |more: &[&str]| {
        let mut all = vec!["update", path.to_str().expect("UTF-8"), "--allow-expired"];
        all.extend(more);
        dindimg(&all)
    };
    update(&["--check"]).failed(6);
    assert!(!at("small.lock").exists(), "--check writes nothing");
    update(&[]).good();
    let lock = fs::read_to_string(at("small.lock")).expect("a lock");
    // A lock of the day before, by hand.
    let version = lock
        .split("name = \"tini\"\nversion = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a version");
    let old = lock.replace(version, "0.18.0-1");
    fs::write(at("small.lock"), &old).expect("written");
    let changes = at("changes.md");
    update(&["--check", "--markdown", changes.to_str().expect("UTF-8")]).failed(6);
    assert_eq!(fs::read_to_string(at("small.lock")).expect("a lock"), old);
    let text = fs::read_to_string(&changes).expect("Markdown");
    let row = format!("| `tini` | tini | 0.18.0-1 | {version} | debian/bookworm |");
    assert!(text.contains(&row), "{text}");
    update(&["--markdown", changes.to_str().expect("UTF-8")]).good();
    assert_eq!(fs::read_to_string(at("small.lock")).expect("a lock"), lock);
    update(&["--check"]).good();
}
