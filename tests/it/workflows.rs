//! CI in the box: workflows, the action and the GitLab template are valid, safe, and speak to the
//! program in words that it knows.

mod actionlint;
mod commands;
mod performed;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::peers::require;
use crate::product::dindimg;
use actionlint::lint;
use read::{action, document, documents, entries, name, root, scripts, shellcheck, steps};
use read::{template, workflows};

/// Actions of others, which are of those who run the machines; each at its major version.
const ACTIONS: &[&str] = &[
    "actions/cache@v4",
    "actions/checkout@v4",
    "actions/download-artifact@v4",
    "actions/upload-artifact@v4",
    "github/codeql-action/upload-sarif@v3",
];
/// Where the action stands, seen from a workflow and from one that others call.
const OWN_ACTION: [&str; 2] = [
    "./.github/actions/dindimg",
    "./.dindimg/.github/actions/dindimg",
];
/// The workflow that others call.
const REUSABLE: &str = ".github/workflows/images.yml";

/// A block of README in a language, by what it contains.
fn readme_block(containing: &str) -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README");
    let mut blocks = readme
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
    let block = blocks.find(|block| block.contains(containing));
    block.expect("a block of README").to_owned()
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("of-a-team.yml");
    std::fs::write(&path, text).expect("written");
    (directory, path)
}

#[test]
fn actionlint_has_nothing_to_say() {
    let (_directory, of_a_team) = written(&readme_block("images.yml@"));
    let files: Vec<PathBuf> = workflows().into_iter().chain([of_a_team]).collect();
    if let Some(said) = lint(&files) {
        assert!(said.is_empty(), "{}", said.join("\n"));
    }
}

/// What shows that the check can fail.
#[test]
fn a_broken_workflow_is_told_by_actionlint() {
    let (_directory, broken) = written(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04-mips\n    needs: nobody\n    steps:\n      \
         - run: echo \"${{ github.event.head_commit.message }}\"\n      \
         - uses: actions/checkout@v4\n        with: { depht: 1 }\n      \
         - run: echo ${{ steps.none.outputs.x }}\n        shel: bash\n",
    );
    let Some(said) = lint(&[broken]) else { return };
    for part in [
        "of-a-team.yml:4: [runner-label]",
        "of-a-team.yml:3: [job-needs]",
        "potentially untrusted",
        "input \"depht\" is not defined",
        "unexpected key \"shel\"",
        "property \"none\" is not defined",
    ] {
        assert!(
            said.iter().any(|line| line.contains(part)),
            "{part}: {said:#?}"
        );
    }
}

#[test]
fn scripts_are_clean() {
    let (Some(program), Some(scripts)) = (require(&["shellcheck"], "shellcheck"), scripts()) else {
        return;
    };
    let control = shellcheck(&program, "rm $FILE\n");
    assert!(control.contains("SC2086"), "{control}");
    for script in scripts {
        let said = shellcheck(&program, &script.text);
        assert!(
            said.is_empty(),
            "{}:\n{said}\n{}",
            script.place,
            script.text
        );
    }
}

/// What is spliced into a script is run: values reach a shell as variables, which no expression does.
#[test]
fn nothing_is_spliced_into_a_script() {
    for script in scripts().unwrap_or_default() {
        for splice in ["${{", "$[["] {
            assert!(
                !script.text.contains(splice),
                "{}: {}",
                script.place,
                script.text
            );
        }
    }
}

#[test]
fn every_job_is_bounded_and_may_do_little() {
    for path in workflows() {
        let Some(document) = document(&path) else {
            return;
        };
        let name = name(&path);
        assert_eq!(
            document["permissions"],
            serde_json::json!({ "contents": "read" }),
            "{name}"
        );
        assert_eq!(document["defaults"]["run"]["shell"], "bash", "{name}");
        for (job, content) in entries(&document["jobs"]) {
            // A job that calls a workflow has the time of that workflow's jobs.
            let called = content["uses"].is_string();
            assert!(
                called || content["timeout-minutes"].is_u64(),
                "{name}: {job}"
            );
            let writes: BTreeSet<&str> = entries(&content["permissions"])
                .filter(|(_, value)| *value == "write")
                .map(|(key, _)| key.as_str())
                .collect();
            let allowed: &[&str] = match (name.as_str(), job.as_str()) {
                ("images.yml", "audit") => &["security-events"],
                ("images.yml", "release") => &["packages"],
                ("mirrors.yml", "update") => &["contents", "pull-requests"],
                _ if called => &["packages", "security-events"],
                _ => &[],
            };
            assert_eq!(
                writes,
                BTreeSet::from_iter(allowed.iter().copied()),
                "{name}: {job}"
            );
        }
    }
}

/// Inputs or secrets: by name, whether one has to be given.
fn declared(value: &Value) -> BTreeMap<String, bool> {
    let required = |value: &Value| value["required"] == true;
    let all = entries(value).map(|(name, value)| (name.clone(), required(value)));
    all.collect()
}

fn given(place: &str, given: &Value, declared: &BTreeMap<String, bool>) {
    for (name, _) in entries(given) {
        assert!(declared.contains_key(name), "{place}: there is no {name}");
    }
    for (name, _) in declared.iter().filter(|(_, required)| **required) {
        assert!(given[name] != Value::Null, "{place}: {name} is missing");
    }
}

/// What actionlint without a file system cannot see: this project's own action and workflow.
#[test]
fn what_is_used_is_known_and_given_what_it_takes() {
    let (Some(own), Some(called)) = (document(&action()), document(&root().join(REUSABLE))) else {
        return;
    };
    let own = declared(&own["inputs"]);
    let called = &called["true"]["workflow_call"];
    let (inputs, secrets) = (declared(&called["inputs"]), declared(&called["secrets"]));
    assert!(own.len() > 3 && inputs["recipes"] && secrets.len() == 3);
    let (_directory, of_a_team) = written(&readme_block("images.yml@"));
    // What the jobs of the workflow ask for, skipped ones too.
    let asked =
        serde_json::json!({ "contents": "read", "packages": "write", "security-events": "write" });
    let mut calls = 0;
    for path in workflows().into_iter().chain([action(), of_a_team]) {
        let document = document(&path).expect("YAML");
        let name = name(&path);
        for (place, step) in steps(&name, &document) {
            let Some(uses) = step["uses"].as_str() else {
                continue;
            };
            if OWN_ACTION.contains(&uses) {
                given(&place, &step["with"], &own);
            } else {
                assert!(ACTIONS.contains(&uses), "{place}: {uses}");
            }
        }
        for (job, content) in entries(&document["jobs"]) {
            if let Some(uses) = content["uses"].as_str() {
                assert!(
                    uses.split('@')
                        .next()
                        .is_some_and(|path| path.ends_with(REUSABLE)),
                    "{uses}"
                );
                // A call that grants less is refused before any job of it runs.
                assert_eq!(content["permissions"], asked, "{name}: {job}");
                given(job, &content["with"], &inputs);
                given(job, &content["secrets"], &secrets);
                calls += 1;
            }
        }
    }
    assert_eq!(calls, 4, "release, alpine, buster and the team of README");
}

#[test]
fn every_command_line_is_one_that_the_program_knows() {
    let Some(scripts) = scripts() else { return };
    let mut calls: Vec<(String, commands::Call)> = Vec::new();
    for script in scripts {
        let found = commands::calls(&script.text).into_iter();
        calls.extend(found.map(|call| (script.place.clone(), call)));
    }
    // Options that a caller of the workflow chooses.
    for path in workflows() {
        for (job, content) in entries(&document(&path).expect("YAML")["jobs"]) {
            if let Some(chosen) = content["with"]["smoke-arguments"].as_str() {
                let options = chosen.lines().filter_map(commands::option).collect();
                let verb = "smoke".to_owned();
                calls.push((
                    format!("{}, {job}", name(&path)),
                    commands::Call { verb, options },
                ));
            }
        }
    }
    let unknown = unknown(&calls);
    assert!(unknown.is_empty(), "{unknown:#?}");
    for verb in [
        "build",
        "lock",
        "smoke",
        "smoke merge",
        "audit",
        "update",
        "release",
    ] {
        assert!(
            calls.iter().any(|(_, call)| call.verb == verb),
            "no workflow has {verb}"
        );
    }
}

/// What the program does not know of calls, by its own help.
fn unknown(calls: &[(String, commands::Call)]) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    let mut helps: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for (place, call) in calls {
        let help = helps.entry(&call.verb).or_insert_with(|| {
            let words: Vec<&str> = call.verb.split(' ').chain(["--help"]).collect();
            let run = dindimg(&words);
            (run.code == Some(0)).then_some(run.stdout)
        });
        let Some(help) = help else {
            unknown.insert(format!("there is no verb {}: {place}", call.verb));
            continue;
        };
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        let known: BTreeSet<&str> = help.split(word).collect();
        for option in &call.options {
            if !known.contains(option.as_str()) {
                unknown.insert(format!("{} has no {option}: {place}", call.verb));
            }
        }
    }
    unknown
}

#[test]
fn words_that_the_program_does_not_know_are_found() {
    let script = "dindimg build a.toml --locked --lock\ndindimg biuld a.toml\ndindimg smoke merge a --cell x\n";
    let calls = commands::calls(script).into_iter();
    let calls: Vec<_> = calls.map(|call| (String::new(), call)).collect();
    let told: Vec<String> = unknown(&calls).into_iter().collect();
    assert_eq!(
        told,
        [
            "build has no --lock: ",
            "smoke merge has no --cell: ",
            "there is no verb biuld: "
        ]
    );
}

#[test]
fn the_gitlab_template_is_whole() {
    let Some(found) = documents(&template()) else {
        return;
    };
    let [head, jobs] = &found[..] else {
        panic!("{} documents", found.len());
    };
    let inputs: BTreeMap<String, bool> = entries(&head["spec"]["inputs"])
        // What has no default is wanted.
        .map(|(name, value)| (name.clone(), value.get("default").is_none()))
        .collect();
    let text = std::fs::read_to_string(template()).expect("the template");
    let used: BTreeSet<&str> = text
        .split("$[[ inputs.")
        .skip(1)
        .filter_map(|rest| rest.split_once(" ]]").map(|(name, _)| name))
        .collect();
    assert_eq!(used, inputs.keys().map(String::as_str).collect());
    for verb in ["build", "smoke", "audit", "release", "matrix", "cells"] {
        assert!(jobs[format!(".dindimg:{verb}")].is_object(), "{verb}");
    }
    for (job, content) in entries(jobs) {
        assert!(
            job.starts_with('.'),
            "{job} would run where nobody asked for it"
        );
        if let Some(base) = content["extends"].as_str() {
            assert!(jobs[base].is_object(), "{job} extends {base}");
        }
    }
    assert_eq!(
        jobs[".dindimg:smoke"]["artifacts"]["reports"]["junit"],
        "smoke.xml"
    );

    // What README shows is what the template takes.
    let (_directory, of_a_team) = written(&readme_block(&name(&template())));
    let of_a_team = document(&of_a_team).expect("YAML");
    given("README", &of_a_team["include"][0]["inputs"], &inputs);
    let mut extended = 0;
    for (_, content) in entries(&of_a_team) {
        if let Some(base) = content["extends"].as_str() {
            assert!(jobs[base].is_object(), "README extends {base}");
            extended += 1;
        }
    }
    assert!(extended > 2, "{of_a_team}");
}
