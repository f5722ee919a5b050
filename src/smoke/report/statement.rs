//! The report as an attestation: an in-toto statement (v1) with the predicate `test-result` (v0.1),
//! which binds what was proven to the digest of the image.

use serde_json::{Value, json};

use super::{DigestOf, Outcome, ReportError, SmokeReport, Verdict};
use crate::digest::Digest;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://in-toto.io/attestation/test-result/v0.1";

impl SmokeReport {
    /// The statement as JSON on one line, ending in a line feed. A test is a check in a cell,
    /// `CELL/CHECK`; what is unproven is a warning. The JSON report is named by its digest.
    ///
    /// # Errors
    /// [`ReportError::Digest`] when the report does not know the digest of a manifest: nothing
    /// else stays the same from here to a registry.
    pub fn statement(&self) -> Result<String, ReportError> {
        let digest = self.digest.split_once(':');
        let (Some((algorithm, hex)), DigestOf::Manifest) = (digest, self.digest_of) else {
            return Err(ReportError::Digest(self.image.clone()));
        };
        let mut passed = Vec::new();
        let mut warned = Vec::new();
        let mut failed = Vec::new();
        for cell in &self.cells {
            if cell.verdict == Verdict::Unproven {
                warned.push(cell.name.clone());
            }
            for check in &cell.checks {
                let name = format!("{}/{}", cell.name, check.id);
                match check.outcome {
                    Outcome::Held => passed.push(name),
                    Outcome::Unproven | Outcome::Skipped => warned.push(name),
                    Outcome::Violated | Outcome::Error => failed.push(name),
                }
            }
        }
        let result = match (failed.is_empty() && self.passed(), warned.is_empty()) {
            (false, _) => "FAILED",
            (true, false) => "WARNED",
            (true, true) => "PASSED",
        };
        let report = Digest::of(self.json());
        let statement: Value = json!({
            "_type": STATEMENT,
            "subject": [{ "name": self.image, "digest": { algorithm: hex } }],
            "predicateType": PREDICATE,
            "predicate": {
                "result": result,
                "configuration": [{
                    "name": "dindimg smoke report",
                    "mediaType": "application/json",
                    "digest": { "sha256": report.hex() },
                }],
                "passedTests": passed,
                "warnedTests": warned,
                "failedTests": failed,
            },
        });
        Ok(statement.to_string() + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    fn statement(report: &SmokeReport) -> Value {
        let text = report.statement().expect("a manifest's digest");
        assert_eq!(text.lines().count(), 1);
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn a_statement_names_the_image_by_digest_and_every_test_once() {
        let report = report();
        let value = statement(&report);
        assert_eq!(value["subject"][0]["digest"]["sha256"], "00");
        let predicate = &value["predicate"];
        assert_eq!(predicate["result"], "FAILED");
        let count = |key: &str| predicate[key].as_array().map_or(0, Vec::len);
        let checks: usize = report.cells.iter().map(|cell| cell.checks.len()).sum();
        let tests = count("passedTests") + count("warnedTests") + count("failedTests");
        assert_eq!(tests, checks + report.count(Verdict::Unproven));
        let first = &predicate["passedTests"][0];
        assert_eq!(first, "docker.private.volume.legacy.daemon/ready");
    }

    #[test]
    fn what_is_unproven_is_a_warning_and_nothing_proven_a_failure() {
        let mut report = report();
        report.cells.retain(|cell| cell.verdict != Verdict::Failed);
        assert_eq!(statement(&report)["predicate"]["result"], "WARNED");
        report.cells.retain(|cell| cell.verdict == Verdict::Passed);
        assert_eq!(statement(&report)["predicate"]["result"], "PASSED");
        report.cells.clear();
        assert_eq!(statement(&report)["predicate"]["result"], "FAILED");
    }

    #[test]
    fn the_digest_of_a_configuration_is_no_subject() {
        let mut report = report();
        report.digest_of = DigestOf::Config;
        let error = report.statement().expect_err("no manifest");
        assert!(error.to_string().contains("prove the recipe"), "{error}");
    }
}
