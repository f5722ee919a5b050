//! SARIF 2.1.0 (OASIS), which code hosts and editors show beside the recipe.

use serde_json::{Value, json};

use super::report::{Judged, Report};
use super::rules::RULES;

/// The reports of one run as one log.
pub fn sarif(reports: &[Report]) -> Value {
    let rules = RULES.iter().map(|rule| {
        json!({
            "id": rule.id,
            "shortDescription": { "text": rule.title },
            "help": { "text": rule.help },
            "defaultConfiguration": { "level": rule.level.word() },
        })
    });
    let results = reports.iter().flat_map(|report| {
        let findings = report.findings().into_iter();
        findings.map(|(finding, platforms)| result(report, finding, &platforms))
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "dindimg",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn result(report: &Report, finding: &Judged, platforms: &[&str]) -> Value {
    let of = report.of(platforms);
    let position = RULES.iter().position(|rule| rule.id == finding.rule);
    // Code hosts show a finding where a file of the repository is: the recipe.
    let artifact = report
        .recipe
        .clone()
        .unwrap_or_else(|| finding.place.trim_start_matches('/').to_owned());
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": position,
        "level": finding.level.word(),
        "message": { "text": format!("{}: {}{of}", report.image, finding.message) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&artifact) },
                "region": { "startLine": 1 },
            },
            "logicalLocations": [{ "fullyQualifiedName": finding.place }],
        }],
        "partialFingerprints": {
            "place/v1": format!("{}:{}:{}", report.image, finding.rule, finding.place),
        },
    });
    if let Some(reason) = &finding.waived {
        result["suppressions"] = json!([{ "kind": "external", "justification": reason }]);
    }
    result
}

/// A path as a relative reference (RFC 3986).
fn uri(path: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    path.bytes()
        .map(|byte| match plain(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
