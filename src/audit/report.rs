//! What an audit has found, for people and programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::digest::Digest;
use crate::recipe::{AuditRule, Waiver};

use super::Level;

/// A finding with what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The rule.
    pub rule: AuditRule,
    /// How much it matters.
    pub level: Level,
    /// Where.
    pub place: String,
    /// What.
    pub message: String,
    /// Why it is accepted, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
}

/// An image for one platform, audited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// The platform.
    pub platform: String,
    /// Digest of its manifest.
    pub digest: Digest,
    /// What was found.
    pub findings: Vec<Judged>,
    /// Waivers that accept nothing.
    pub unused: Vec<Waiver>,
}

impl Audited {
    /// The findings that nobody has accepted, of `level` and above.
    pub fn open(&self, level: Level) -> impl Iterator<Item = &Judged> {
        self.findings
            .iter()
            .filter(move |one| one.waived.is_none() && one.level >= level)
    }
}

/// The audit of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The image, as it was named.
    pub image: String,
    /// The recipe that it was built from, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Digest of the index, or of the only manifest.
    pub digest: Digest,
    /// Whether every platform of it was audited.
    pub whole: bool,
    /// From which level on a finding fails the audit.
    pub fail_on: Level,
    /// Its platforms.
    pub platforms: Vec<Audited>,
}

impl Report {
    /// Whether nothing is open that fails the audit.
    pub fn passed(&self) -> bool {
        let open = |one: &Audited| one.open(self.fail_on).next().is_some();
        !self.platforms.iter().any(open)
    }

    /// The findings of all platforms, each once, with the platforms that have it.
    pub fn findings(&self) -> Vec<(&Judged, Vec<&str>)> {
        let mut joined: Vec<(&Judged, Vec<&str>)> = Vec::new();
        let mut places: BTreeMap<(AuditRule, &str, &str), usize> = BTreeMap::new();
        for one in &self.platforms {
            for finding in &one.findings {
                let key = (finding.rule, &finding.place[..], &finding.message[..]);
                match places.get(&key) {
                    Some(&at) => joined[at].1.push(&one.platform),
                    None => {
                        places.insert(key, joined.len());
                        joined.push((finding, vec![&one.platform]));
                    }
                }
            }
        }
        joined.sort_by_key(|(finding, _)| std::cmp::Reverse(finding.level));
        joined
    }

    /// The platforms in words, where they are not all.
    pub fn of(&self, platforms: &[&str]) -> String {
        match platforms.len() == self.platforms.len() {
            true => String::new(),
            false => format!(" ({})", platforms.join(", ")),
        }
    }

    /// Markdown, for pull requests and summaries of CI systems.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "## Audit of {}: {}\n\n`{}`\n\n",
            self.image,
            if self.passed() { "passed" } else { "failed" },
            self.digest
        );
        let findings = self.findings();
        if findings.is_empty() {
            text.push_str("Nothing was found.\n");
            return text;
        }
        text.push_str("| level | rule | finding | waived because |\n|---|---|---|---|\n");
        for (finding, platforms) in findings {
            text.push_str(&format!(
                "| {} | `{}` | {}{} | {} |\n",
                finding.level.word(),
                finding.rule,
                cell(&finding.message),
                self.of(&platforms),
                cell(finding.waived.as_deref().unwrap_or("")),
            ));
        }
        text
    }
}

/// A text that cannot end its cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('`', "'")
        .replace('<', "&lt;")
}
