//! Every rule with manifests that are broken on purpose, and manifests that none has a word against.

mod broken;
mod hostile;
mod sound;

use std::collections::BTreeSet;

use super::*;
use broken::broken;
use sound::{COMPOSE, GITLAB, HARMLESS, JOB, SOUND};

#[test]
fn a_sound_manifest_has_no_finding() {
    for (name, text) in SOUND.iter().chain(HARMLESS) {
        assert_eq!(check(text), Ok(Vec::new()), "{name}");
    }
}

#[test]
fn every_rule_finds_what_is_broken_and_no_other_rule_does() {
    let mut proven = BTreeSet::new();
    let mut wrong = Vec::new();
    for (rule, text, changes, part) in broken() {
        let mut text = (*text).to_owned();
        for (from, to) in *changes {
            assert!(text.contains(from), "{rule}: {from:?} is not in\n{text}");
            text = text.replace(from, to);
        }
        let findings = check(&text).unwrap_or_else(|error| panic!("{rule}: {error}\n{text}"));
        let rules: BTreeSet<&str> = findings.iter().map(|finding| finding.rule).collect();
        let said = findings
            .iter()
            .any(|finding| finding.message.contains(part));
        if rules != BTreeSet::from([*rule]) || !said {
            wrong.push(format!("{rule} ({part}, {changes:?}): {findings:#?}"));
        }
        proven.insert(*rule);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(proven, known);
    assert_eq!(known.len(), RULES.len(), "names are used once");
}

#[test]
fn a_finding_names_place_line_and_object() {
    let text = JOB.replace("emptyDir: {sizeLimit: 20Gi}", "emptyDir: {}");
    let findings = check(&text).expect("a manifest");
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    let path = "spec.template.spec.initContainers[0].volumeMounts[0]";
    let line = text
        .lines()
        .position(|line| line.contains("/var/lib/docker"));
    assert_eq!(finding.path, path);
    assert_eq!(Some(finding.line - 1), line);
    assert!(
        finding
            .message
            .starts_with("container `dind` of Job `build` has")
    );
    assert_eq!(finding.level, Level::Warning);
    let text = COMPOSE.replace("      - data:/var/lib/docker\n", "");
    let findings = check(&text).expect("a manifest");
    assert_eq!(findings[0].path, "services.daemon.volumes");
}

#[test]
fn findings_come_in_the_order_of_documents_and_lines() {
    let first = JOB.replace("dind@sha256:0000", "dind");
    let first = first.replace("Seconds: 30", "Seconds: 1");
    let text = format!("{first}---\nunknown: 1\n---\n{first}");
    let findings = check(&text).expect("a manifest");
    let places: Vec<(&str, &str)> = findings
        .iter()
        .map(|finding| {
            (
                finding.path.split(' ').nth(1).unwrap_or_default(),
                finding.rule,
            )
        })
        .collect();
    let (grace, tag) = ("stop-timeout", "mutable-tag");
    assert_eq!(
        places,
        [("1:", grace), ("1:", tag), ("3:", grace), ("3:", tag)]
    );
    for finding in &findings {
        let line = text.lines().nth(finding.line - 1).unwrap_or_default();
        let key = finding.path.rsplit('.').next().unwrap_or_default();
        assert!(line.contains(key), "{finding:?}: {line}");
    }
}

#[test]
fn a_service_of_many_jobs_is_found_once() {
    let text = GITLAB.replace("ci/dind:7@sha256:0000", "ci/dind:7");
    let text = format!("{text}other:\n  extends: .docker\n  script: [docker info]\n");
    let findings = check(&text).expect("a manifest");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].path, "[\".docker\"].services[0].name");
}

#[test]
fn names_cannot_speak_to_terminals_and_ci_systems() {
    let text = JOB.replace("name: dind", "name: \"x\\e[2J\\n::error::x\"");
    let text = text.replace("dind@sha256:0000", "dind");
    let findings = check(&text).expect("a manifest");
    assert_eq!(findings.len(), 1);
    assert!(
        !findings[0].message.contains(char::is_control),
        "{findings:?}"
    );
    let text = "a: &x\n  b: *y\n";
    let error = check(text).expect_err("no anchor").to_string();
    assert!(!error.contains(char::is_control), "{error}");
}
