//! The guest's own report, `report.json`: all that the checks know of the scripts inside
//! (schema: `images/report.schema.json`).

use serde::Deserialize;

/// Version of the report this crate reads.
const SCHEMA: u32 = 1;

/// What every daemon decides at its start, in the order the guest documents.
pub const DECISIONS: [&str; 10] = [
    "role",
    "cgroup",
    "iptables",
    "storage",
    "tls",
    "listeners",
    "network",
    "hardening",
    "config",
    "security",
];

/// A parsed `report.json`; parts the checks do not read are left out.
#[derive(Debug, Deserialize)]
pub struct GuestReport {
    schema: u32,
    decisions: Vec<Decision>,
}

/// One choice the guest made.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Decision {
    /// Which decision: one of [`DECISIONS`], or a later one.
    pub id: String,
    /// What was chosen.
    pub choice: String,
    /// What was looked at before.
    #[serde(default)]
    pub tried: Vec<Tried>,
    /// Why.
    pub reason: String,
}

/// An alternative the guest looked at.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Tried {
    /// The alternative.
    pub choice: String,
    /// What came of it; `works`, or why not.
    pub result: String,
}

impl GuestReport {
    /// Parses a report.
    ///
    /// # Errors
    /// A sentence saying what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let report: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("report.json cannot be read: {error}"))?;
        if report.schema != SCHEMA {
            let schema = report.schema;
            return Err(format!("report.json has schema {schema}, not {SCHEMA}"));
        }
        Ok(report)
    }

    /// The decision called `id`.
    ///
    /// # Errors
    /// A sentence saying that there is none.
    pub fn decision(&self, id: &str) -> Result<&Decision, String> {
        self.decisions
            .iter()
            .find(|decision| decision.id == id)
            .ok_or_else(|| format!("report.json has no decision `{id}`"))
    }

    /// The ids of [`DECISIONS`] that the report lacks.
    pub fn missing(&self) -> Vec<&'static str> {
        DECISIONS
            .into_iter()
            .filter(|id| self.decision(id).is_err())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_found_by_id_and_missing_ones_named() {
        let report = GuestReport::parse(
            br#"{"schema":1,"state":"ready","decisions":[
                {"id":"storage","choice":"overlay2","tried":[],"reason":"works"}],
                "versions":{},"timings":{}}"#,
        )
        .expect("valid");
        assert_eq!(
            report.decision("storage").map(|d| d.choice.as_str()),
            Ok("overlay2")
        );
        assert_eq!(report.missing().len(), DECISIONS.len() - 1);
        assert_eq!(
            report.decision("tls"),
            Err("report.json has no decision `tls`".to_owned())
        );
    }

    #[test]
    fn other_schemas_and_broken_files_are_refused() {
        for (bytes, part) in [
            (&br#"{"schema":2,"decisions":[]}"#[..], "schema 2, not 1"),
            (b"", "cannot be read"),
            (b"{}", "missing field `schema`"),
        ] {
            let error = GuestReport::parse(bytes).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
