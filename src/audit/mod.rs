//! The audit of an image: rules over the files and the configuration that everybody gets who pulls
//! it, whoever made it. A rule is one entry of [`RULES`].
//!
//! What [`crate::harden`] does when an image is built is not believed here: the finished layers are
//! read again.

mod daemon;
mod report;
mod rules;
mod sarif;
mod statement;
mod subject;

pub use crate::level::Level;
pub use report::{Audited, Judged, Report};
pub use rules::RULES;
pub use sarif::sarif;
pub use statement::{CONFIGURATION, statement};
pub use subject::Accepted;

use crate::recipe::{AuditRule, Waiver};
use crate::text::printable;
use crate::view::View;

use subject::Subject;

/// A rule.
pub struct Rule {
    /// Its name.
    pub id: AuditRule,
    /// How much its findings matter.
    pub level: Level,
    /// What it finds, in a line.
    pub title: &'static str,
    /// Why that matters and what to do; the numbers are those of CIS Docker Benchmark 1.6 where it
    /// has one.
    pub help: &'static str,
    run: fn(&Subject<'_>) -> Vec<Finding>,
}

/// Something that a rule has found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where: an absolute path in the image, or a setting such as `config.User`.
    pub place: String,
    /// What, as a sentence that names the place.
    pub message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: printable(&place.into()),
            message: printable(&message.into()),
        }
    }
}

/// Audits an image. `waivers` that accept nothing are told in the result.
pub fn audit(view: &View, accepted: &Accepted, waivers: &[Waiver]) -> Audited {
    let subject = Subject::new(view, accepted);
    let mut used = vec![false; waivers.len()];
    let mut findings = Vec::new();
    for rule in RULES {
        let mut found = (rule.run)(&subject);
        found.sort();
        found.dedup();
        for finding in found {
            let waiver = waivers
                .iter()
                .position(|one| one.accepts(rule.id, &finding.place));
            if let Some(number) = waiver {
                used[number] = true;
            }
            findings.push(Judged {
                rule: rule.id,
                level: rule.level,
                place: finding.place,
                message: finding.message,
                waived: waiver.map(|number| waivers[number].reason.clone()),
            });
        }
    }
    let unused = waivers.iter().zip(used).filter(|(_, used)| !used);
    Audited {
        platform: view.platform.clone(),
        digest: view.digest,
        findings,
        unused: unused.map(|(waiver, _)| waiver.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
