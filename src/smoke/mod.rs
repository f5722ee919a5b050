//! Proves an image on real container engines.
//!
//! An image says by its label what it promises ([`crate::guest::Contract`]); the checks hold it to
//! that, in every cell of a matrix ([`matrix`]), through the engines' own clients and nothing else:
//! no registry is needed, the nested containers run an image made out of the image under test
//! ([`nested`]). Everything a run creates carries one label and is removed at its end, also after a
//! failure or an interruption.
//!
//! ```text
//! subject ─► site: on each engine once ─► cell: a session of its own, every check ─► report
//! ```

mod bench;
mod checks;
mod clean;
pub mod engine;
mod error;
mod evidence;
mod guest;
mod host;
mod inner;
mod list;
pub mod matrix;
pub mod nested;
mod perform;
mod registry;
pub mod report;
mod run;
mod schedule;
mod session;
mod site;
mod speech;

use std::path::PathBuf;
use std::time::Duration;

use checks::CHECKS;

pub use clean::clean;
pub use error::{CheckError, SmokeError};
pub use list::{Listed, list};
pub use report::{CellResult, CheckResult, Outcome, SmokeReport, Verdict};
pub use run::run;

/// How long a daemon may take to become ready unless the caller says otherwise. Measured starts
/// take one to three seconds; emulated hosts take a minute.
pub const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// The image to prove.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A reference the engines know or can pull.
    Reference(String),
    /// The same, of an image whose registry was asked what it is: for engines that pull what they
    /// run and say nothing of it.
    Published {
        /// The reference.
        reference: String,
        /// What its registry says.
        image: engine::Image,
    },
    /// A docker-archive with one image, under one or several names, loaded first and removed
    /// afterwards unless the engine had it before.
    Archive(PathBuf),
    /// The same, of an image that was built by the caller.
    Built {
        /// The archive.
        archive: PathBuf,
        /// What the report calls the image: its name in the archive means nothing to anybody.
        name: String,
        /// Digest of its manifest, which an engine that loads it does not know.
        digest: String,
    },
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bound on the time from start to ready.
    pub ready_timeout: Duration,
    /// How the engines are reached, and what ends the run.
    pub client: engine::Settings,
    /// The checks to run besides `ready`, by their ids; every one when it is empty.
    pub only: Vec<String>,
    /// How many cells run at once on a host; what it carries otherwise.
    pub parallel: Option<usize>,
    /// Which containers are left for a look.
    pub keep: Keep,
    /// Where failed cells leave what was found.
    pub artifacts: Option<PathBuf>,
    /// The image before this one, whose data directory is to be taken over.
    pub upgrade_from: Option<Subject>,
    /// The image of a daemon, beside which one of the client is proven.
    pub daemon: Option<Subject>,
}

/// Which containers are left for a look when their cell has ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Keep {
    /// None.
    #[default]
    Never,
    /// Those of cells that failed.
    Failed,
    /// All.
    Always,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ready_timeout: READY_TIMEOUT,
            client: engine::Settings::default(),
            only: Vec::new(),
            parallel: None,
            keep: Keep::default(),
            artifacts: None,
            upgrade_from: None,
            daemon: None,
        }
    }
}

/// A check as the documentation shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Its name in tables and reports.
    pub id: &'static str,
    /// What holds.
    pub rule: &'static str,
    /// What usually is wrong when it does not.
    pub hint: &'static str,
}

/// The checks that exist, in the order they run.
pub fn rules() -> impl Iterator<Item = Rule> {
    CHECKS.iter().map(|check| Rule {
        id: check.id,
        rule: check.rule,
        hint: check.hint,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::recipe::SmokeEngine;

    #[test]
    fn recipes_know_every_engine_of_the_registry() {
        assert_eq!(engine::names(), SmokeEngine::WORDS);
    }

    #[test]
    fn a_matrix_knows_which_namespaces_an_engine_gives_before_it_is_asked() {
        use engine::CgroupNamespaces;
        for &word in SmokeEngine::ALL {
            let engine = engine::open(word.word(), engine::Settings::default());
            let said = engine.expect("of the registry").capabilities();
            let known = matrix::namespaces(word).map(BTreeSet::from_iter);
            let said = match said.cgroup_namespaces {
                CgroupNamespaces::Chosen(..) => None,
                CgroupNamespaces::Given { v1, v2 } => Some(BTreeSet::from([v1, v2])),
            };
            let known: Option<BTreeSet<_>> =
                known.map(|set: BTreeSet<&_>| set.into_iter().copied().collect());
            assert_eq!(known, said, "{word}");
        }
    }

    #[test]
    fn every_check_says_once_what_holds_and_what_usually_is_wrong() {
        let ids: BTreeSet<&str> = rules().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), rules().count());
        for Rule { id, rule, hint } in rules() {
            assert!(!rule.is_empty() && hint.len() > 40, "{id}");
            assert!(!rule.ends_with('.') && !hint.ends_with('.'), "{id}");
        }
    }
}
