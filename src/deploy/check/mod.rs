//! What goes wrong when a manifest runs Docker in Docker, said before it does: rules over Pods and
//! what makes them, Compose files, pipelines of GitLab CI and workflows of GitHub Actions. A rule is
//! one entry of [`RULES`].
//!
//! Text in, findings out. What a manifest does not say (defaults of a namespace, settings of a
//! runner, an image's volumes) is not guessed: a rule says something where it is right whatever the
//! rest is, and its message names what it rests on.

mod amount;
mod compose;
mod daemon;
mod environment;
mod error;
mod field;
mod github;
mod gitlab;
mod group;
mod image;
mod kubernetes;
mod model;
mod mount;
mod pod;
mod rules;
mod yaml;

pub use crate::level::Level;
pub use error::{CheckError, Limit};
pub use rules::RULES;

use serde::Serialize;

use crate::text::printable;

use field::{Field, Place};
use model::Manifest;

/// Longest name that messages write out: those of Kubernetes have up to 253 characters.
const NAME: usize = 253;

/// A rule.
pub struct CheckRule {
    /// Its name.
    pub id: &'static str,
    /// How much its findings matter, unless one matters less.
    pub level: Level,
    /// What it finds, in a line.
    pub title: &'static str,
    /// What to do.
    pub help: &'static str,
    run: fn(&Manifest) -> Vec<Found>,
}

/// What a rule has found.
struct Found {
    place: Place,
    level: Option<Level>,
    message: String,
    help: Option<&'static str>,
}

impl Found {
    fn new(place: &Place, message: String) -> Self {
        Self {
            place: place.clone(),
            level: None,
            message,
            help: None,
        }
    }

    fn level(self, level: Level) -> Self {
        Self {
            level: Some(level),
            ..self
        }
    }

    fn help(self, help: &'static str) -> Self {
        Self {
            help: Some(help),
            ..self
        }
    }
}

/// Something that will go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the rule.
    pub rule: &'static str,
    /// How much it matters.
    pub level: Level,
    /// Where: keys from the document's top, with `document 2: ` before them where there are several.
    pub path: String,
    /// The line of the nearest value that exists, from one.
    pub line: usize,
    /// What will go wrong, as a sentence that names what it is about.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

/// Checks a manifest: findings in the order of documents, lines and rules.
pub fn check(text: &str) -> Result<Vec<Finding>, CheckError> {
    let documents = yaml::documents(text)?;
    let several = documents.len() > 1;
    let mut manifest = Manifest::default();
    let mut known = false;
    for (number, document) in documents.iter().enumerate() {
        let document = Field::document(number, document);
        for read in [kubernetes::read, compose::read, github::read, gitlab::read] {
            if read(&document, &mut manifest)? {
                known = true;
                break;
            }
        }
    }
    if !known {
        return Err(CheckError::Unknown);
    }
    Ok(findings(&manifest, several))
}

fn findings(manifest: &Manifest, several: bool) -> Vec<Finding> {
    let mut all = Vec::new();
    for (number, rule) in RULES.iter().enumerate() {
        for found in (rule.run)(manifest) {
            let place = found.place;
            let path = match several {
                true => format!("document {}: {}", place.document + 1, place.path),
                false => place.path,
            };
            let finding = Finding {
                rule: rule.id,
                level: found.level.unwrap_or(rule.level),
                path,
                line: place.line,
                message: printable(&found.message),
                help: found.help.unwrap_or(rule.help),
            };
            all.push((place.document, finding.line, number, finding));
        }
    }
    all.sort_by(|a, b| {
        let key = |of: &(usize, usize, usize, Finding)| (of.0, of.1, of.2);
        let words = |of: &(usize, usize, usize, Finding)| (of.3.path.clone(), of.3.message.clone());
        key(a).cmp(&key(b)).then_with(|| words(a).cmp(&words(b)))
    });
    let mut findings: Vec<Finding> = all.into_iter().map(|(_, _, _, finding)| finding).collect();
    findings.dedup();
    findings
}

/// What messages call something: ``Deployment `build` ``.
fn title(kind: &str, name: &str) -> String {
    match name {
        "" => short(kind),
        name => format!("{} {}", short(kind), quoted(name)),
    }
}

/// Somebody else's word in a message.
fn quoted(text: &str) -> String {
    format!("`{}`", short(text))
}

fn short(text: &str) -> String {
    printable(text).chars().take(NAME).collect()
}

#[cfg(test)]
mod tests;
