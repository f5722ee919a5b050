//! The audit as an attestation: an in-toto statement with the predicate `test-result`, one test a
//! rule, about every manifest that was audited, and the index where that is all of them.

use std::collections::BTreeSet;

use serde_json::json;

use crate::attest::{self, predicate};
use crate::digest::Digest;

use super::report::Report;
use super::rules::RULES;

/// By which a statement is known to be of an audit.
pub const CONFIGURATION: &str = "dindimg audit report";

/// The statement as JSON on one line, ending in a line feed. A rule with a finding that is waived,
/// or that does not fail the audit, is a warning.
pub fn statement(report: &Report) -> String {
    let (mut passed, mut warned, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for rule in RULES {
        let found = |open: bool| {
            report.platforms.iter().any(|one| {
                let mut of_rule = one
                    .findings
                    .iter()
                    .filter(|finding| finding.rule == rule.id);
                of_rule.any(|finding| {
                    !open || finding.waived.is_none() && finding.level >= report.fail_on
                })
            })
        };
        match (found(true), found(false)) {
            (true, _) => failed.push(rule.id),
            (false, true) => warned.push(rule.id),
            (false, false) => passed.push(rule.id),
        }
    }
    let result = match (failed.is_empty(), warned.is_empty()) {
        (false, _) => "FAILED",
        (true, false) => "WARNED",
        (true, true) => "PASSED",
    };
    let content = serde_json::to_vec(report).unwrap_or_default();
    let digests = report.platforms.iter().map(|one| one.digest);
    // Who has seen some of its platforms says nothing of the whole.
    let whole = report.whole.then_some(report.digest);
    let digests: BTreeSet<Digest> = digests.chain(whole).collect();
    let subjects: Vec<(String, Digest)> = digests
        .into_iter()
        .map(|digest| (report.image.clone(), digest))
        .collect();
    let predicate = json!({
        "result": result,
        "configuration": [{
            "name": CONFIGURATION,
            "mediaType": "application/json",
            "digest": { "sha256": Digest::of(content).hex() },
        }],
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": failed,
    });
    let bytes = attest::statement(&subjects, predicate::TEST, &predicate);
    String::from_utf8_lossy(&bytes).into_owned() + "\n"
}
