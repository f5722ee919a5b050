use super::*;

fn check(id: &str, outcome: Outcome, seconds: f64, detail: &str) -> CheckResult {
    let hint = match outcome {
        Outcome::Violated | Outcome::Error => Some(format!("what is wrong with {id}")),
        Outcome::Held | Outcome::Skipped | Outcome::Unproven => None,
    };
    CheckResult {
        id: id.to_owned(),
        outcome,
        seconds,
        detail: detail.to_owned(),
        hint,
    }
}

/// A cell that ran on docker.
pub(super) fn ran(name: &str, checks: Vec<CheckResult>) -> CellResult {
    let cell: Cell = name.parse().expect("a cell");
    let mut result = CellResult::unproven(&cell, "");
    let held = checks.iter().all(|check| check.outcome == Outcome::Held);
    result.engine.version = Some("20.10.24".to_owned());
    result.host = Some(HostFacts {
        kernel: "6.1.0".to_owned(),
        cgroup: "v2".to_owned(),
        architecture: "amd64".to_owned(),
        storage: "overlay2".to_owned(),
    });
    result.verdict = if held {
        Verdict::Passed
    } else {
        Verdict::Failed
    };
    result.reason = None;
    result.seconds = checks.iter().map(|check| check.seconds).sum();
    result.checks = checks;
    result
}

pub(super) fn unproven(name: &str) -> CellResult {
    let cell: Cell = name.parse().expect("a cell");
    CellResult::unproven(&cell, "`podman` is not on PATH")
}

/// A matrix with a cell of every verdict and a check of every outcome.
pub(super) fn report() -> SmokeReport {
    SmokeReport {
        schema: SCHEMA,
        image: "localhost:5000/ci/docker:x".to_owned(),
        digest: "sha256:00".to_owned(),
        digest_of: DigestOf::Manifest,
        cells: vec![
            ran(
                "docker.private.volume.legacy.daemon",
                vec![
                    check("ready", Outcome::Held, 0.75, "after 0.8 s"),
                    check("tls", Outcome::Held, 1.0, "port 2376 answers"),
                ],
            ),
            ran(
                "docker.host.volume.legacy.daemon",
                vec![
                    check("ready", Outcome::Held, 0.75, "after 0.8 s"),
                    check(
                        "tls",
                        Outcome::Violated,
                        1.0,
                        "a <stranger> | was ```answered",
                    ),
                    check("stop", Outcome::Error, 0.0, "docker cannot stop x"),
                    check("cgroup", Outcome::Skipped, 0.0, "`ready` did not hold"),
                ],
            ),
            unproven("podman.private.volume.legacy.daemon"),
        ],
    }
}

#[test]
fn a_matrix_passes_when_something_held_and_nothing_failed() {
    let mut report = report();
    assert!(!report.passed());
    assert_eq!(report.summary(), "1 cell passed, 1 failed, 1 unproven");
    report.cells.remove(1);
    assert!(report.passed());
    report.cells.remove(0);
    assert!(!report.passed(), "nothing was proven");
    assert_eq!(report.summary(), "0 cells passed, 1 unproven");
}

#[test]
fn json_keeps_everything() {
    let report = report();
    assert_eq!(
        SmokeReport::parse(&report.json()).expect("own JSON"),
        report
    );
}

/// Every key that is written is described, and what is left out is not required.
#[test]
fn the_published_schema_describes_what_is_written() {
    let schema = schema();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        let keys = value.as_object().expect("an object").keys();
        keys.cloned().collect()
    };
    let report = serde_json::to_value(report()).expect("JSON");
    let described = |name: &str| &schema["$defs"][name];
    for (value, of) in [
        (&report, &schema),
        (&report["cells"][0], described("CellResult")),
        (&report["cells"][2], described("CellResult")),
        (&report["cells"][0]["host"], described("HostFacts")),
        (&report["cells"][1]["checks"][1], described("CheckResult")),
        (&report["cells"][0]["checks"][0], described("CheckResult")),
    ] {
        for key in keys(value) {
            let property = &of["properties"][&key];
            assert!(property.is_object(), "{key} is not in {of}");
        }
        for required in of["required"].as_array().expect("a list") {
            let key = required.as_str().expect("a key");
            assert!(value.get(key).is_some(), "{key} is required, not written");
        }
    }
}
