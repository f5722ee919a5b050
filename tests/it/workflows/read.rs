//! Workflows, the action and the GitLab template as data, and the scripts in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::peers::{require, run};

/// A shell script and where it stands.
pub struct Script {
    pub place: String,
    pub text: String,
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn action() -> PathBuf {
    root().join(".github/actions/dindimg/action.yml")
}

pub fn template() -> PathBuf {
    root().join(".github/gitlab/dindimg.gitlab-ci.yml")
}

/// Every workflow, in order of their names.
pub fn workflows() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(".github/workflows")).expect("workflows");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.sort();
    assert!(found.len() >= 5, "{found:?}");
    found
}

/// The documents of a file of YAML. `None` only where the reader may be missing.
///
/// It reads YAML 1.1, in which the key `on` is the truth: JSON has it as `true`.
pub fn documents(path: &Path) -> Option<Vec<Value>> {
    const READ: &str = "import json, sys, yaml\n\
        print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1], encoding='utf-8')))))";
    let python = require(&["/usr/bin/python3"], "python3-yaml")?;
    let path = path.to_str().expect("UTF-8");
    let json = run(&python, &["-c", READ, path]);
    Some(serde_json::from_slice(&json).expect("JSON"))
}

/// The one document of a workflow or an action.
pub fn document(path: &Path) -> Option<Value> {
    let mut documents = documents(path)?;
    assert_eq!(documents.len(), 1, "{}", path.display());
    documents.pop()
}

/// The entries of a mapping; none if there is no mapping.
pub fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Steps of a workflow's jobs or of an action, with the place of each.
pub fn steps(name: &str, document: &Value) -> Vec<(String, Value)> {
    let of = |place: &str, steps: &Value| -> Vec<(String, Value)> {
        let steps = steps.as_array().into_iter().flatten();
        let numbered = steps.enumerate();
        numbered
            .map(|(at, step)| (format!("{place}, step {}", at + 1), step.clone()))
            .collect()
    };
    let mut found = of(name, &document["runs"]["steps"]);
    for (job, content) in entries(&document["jobs"]) {
        found.extend(of(&format!("{name}, job {job}"), &content["steps"]));
    }
    found
}

/// Every script of this project's workflows, action and template. `None` only where the reader may
/// be missing.
pub fn scripts() -> Option<Vec<Script>> {
    let mut found = Vec::new();
    for path in workflows().into_iter().chain([action()]) {
        let name = name(&path);
        for (place, step) in steps(&name, &document(&path)?) {
            if let Some(text) = step["run"].as_str() {
                let text = text.to_owned();
                found.push(Script { place, text });
            }
        }
    }
    for (job, content) in entries(&documents(&template())?[1]) {
        for key in ["before_script", "script", "after_script"] {
            for text in content[key].as_array().into_iter().flatten() {
                found.push(Script {
                    place: format!("{}, {job}, {key}", name(&template())),
                    text: text.as_str().expect("a script").to_owned(),
                });
            }
        }
    }
    assert!(found.len() > 20, "only {} scripts", found.len());
    Some(found)
}

/// The script of a step that has this name.
pub fn step(path: &Path, named: &str) -> Option<String> {
    let steps = steps("", &document(path)?);
    let step = steps.iter().find(|(_, step)| step["name"] == named);
    let (_, step) = step.unwrap_or_else(|| panic!("no step {named}"));
    Some(step["run"].as_str().expect("a script").to_owned())
}

pub fn name(path: &Path) -> String {
    let name = path.file_name().expect("a name");
    name.to_string_lossy().into_owned()
}

/// What shellcheck says of a script, as runners run it.
pub fn shellcheck(program: &Path, script: &str) -> String {
    let directory = tempfile::tempdir().expect("temporary directory");
    let file = directory.path().join("script");
    let text = format!("#!/bin/bash\nset -eo pipefail\n{script}");
    std::fs::write(&file, text).expect("written");
    let output = Command::new(program)
        // SC1091: what `.` reads is not there when this is judged. SC2153: capitals come from `env`.
        .args(["--shell=bash", "--exclude=SC1091,SC2153", "--format=gcc"])
        .arg(&file)
        .output()
        .expect("shellcheck runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}
