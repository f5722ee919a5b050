//! Choosing packages: the SAT solver behind a catalogue, in terms every family of
//! distributions shares.
//!
//! A family presents what it knows as a [`Catalog`] of candidates (a package at a version) under
//! names, of which at most one candidate each is chosen. A candidate has requirements, lists of
//! candidates in order of preference of which one must be chosen, and exclusions. File paths,
//! provided names, version ranges and qualifiers are the family's business: it answers with
//! candidates.
//!
//! The catalogue is asked lazily, so that a request costs what it reaches and not what the
//! archive holds. The same catalogue and request always give the same answer: preference, and
//! nothing else, decides between candidates that fit.

mod conflict;
mod engine;
mod names;
mod nearest;
#[cfg(test)]
mod tests;
mod walk;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};

pub use conflict::{Clash, Conflict};
pub use names::{Name, Names};
pub use nearest::{nearest, suggestion};

use engine::Engine;

/// A package name of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NameId(pub u32);

/// A package at a version, under one name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CandidateId(pub u32);

/// What the solver asks about packages. Answers must not change during a resolution.
pub trait Catalog {
    /// The name `candidate` is a version of.
    fn name_of(&self, candidate: CandidateId) -> NameId;

    /// Every candidate of `name` that may be chosen. Never two of them together.
    fn candidates(&self, name: NameId) -> Vec<CandidateId>;

    /// What `candidate` requires, excludes and wishes for.
    ///
    /// # Errors
    /// A reason why the candidate cannot be used at all, such as a field that cannot be parsed.
    fn needs(&self, candidate: CandidateId) -> Result<Needs, String>;

    /// The name as users write it.
    fn display_name(&self, name: NameId) -> String;

    /// Name and version as users read them, `postfix 3.7.11-0+deb12u1`.
    fn display(&self, candidate: CandidateId) -> String;
}

/// What a candidate brings along and what it does not tolerate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Each must be satisfied when the candidate is chosen.
    pub requirements: Vec<Requirement>,
    /// None may be violated when the candidate is chosen.
    pub exclusions: Vec<Exclusion>,
    /// Satisfied where that is possible without changing what was chosen before.
    pub wishes: Vec<Requirement>,
}

/// One of several candidates is required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The requirement as its author wrote it, for explanations.
    pub text: String,
    /// What satisfies it, the most preferred first. None: it cannot be satisfied.
    pub candidates: Vec<CandidateId>,
    /// Where no candidate satisfies it: what came close, `libfoo is 1.0 here`.
    pub note: Option<String>,
}

/// Candidates that cannot be chosen together with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// How the relation reads between two packages: `conflicts with`, `breaks`.
    pub verb: &'static str,
    /// The target as its author wrote it, `mail-transport-agent` or `foo (<< 2)`.
    pub target: String,
    /// Whether the candidates only provide the target, and are not it by name.
    pub provided: bool,
    /// What is excluded.
    pub candidates: Vec<CandidateId>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Problem<'a> {
    /// Who asks, for explanations: `the recipe`.
    pub origin: &'a str,
    /// What must be satisfied.
    pub roots: Vec<Requirement>,
    /// Whether the wishes of what is chosen are followed.
    pub follow_wishes: bool,
}

/// A choice that satisfies the problem, without anything that nothing asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// What satisfies each of [`Problem::roots`], in their order.
    pub roots: Vec<CandidateId>,
    /// Everything chosen, and why.
    pub chosen: BTreeMap<CandidateId, Edges>,
}

/// How the needs of a chosen candidate are satisfied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edges {
    /// The candidate behind each of [`Needs::requirements`], in their order: the most preferred
    /// of those chosen.
    pub requirements: Vec<CandidateId>,
    /// The candidates behind those of [`Needs::wishes`] that came true.
    pub wishes: BTreeSet<CandidateId>,
}

/// Finds a choice of candidates for `problem`.
///
/// # Errors
/// [`Conflict`] explains why there is none.
pub fn solve(catalog: &impl Catalog, problem: &Problem<'_>) -> Result<Solution, Box<Conflict>> {
    let engine = Engine::new(catalog);
    let chosen = match walk::walk(&engine, problem) {
        Some(chosen) => chosen,
        None => {
            let chosen = engine.solve(problem.origin, &problem.roots)?;
            match problem.follow_wishes {
                true => wishes::follow(&engine, problem, chosen),
                false => chosen,
            }
        }
    };
    Ok(settle(&engine, problem, &chosen))
}

/// Walks from the roots over what was chosen, so that the answer holds an edge for everything
/// and nothing without one: the solver may leave a package behind that it chose for another
/// it then gave up.
fn settle<C: Catalog>(
    engine: &Engine<'_, C>,
    problem: &Problem<'_>,
    chosen: &BTreeSet<CandidateId>,
) -> Solution {
    let pick = |requirement: &Requirement| {
        let mut candidates = requirement.candidates.iter().copied();
        candidates.find(|candidate| chosen.contains(candidate))
    };
    let roots: Vec<_> = problem.roots.iter().filter_map(pick).collect();
    let mut settled = BTreeMap::new();
    let mut pending = roots.clone();
    while let Some(candidate) = pending.pop() {
        if settled.contains_key(&candidate) {
            continue;
        }
        let needs = engine.needs(candidate);
        let (requirements, wishes) = match needs.as_ref() {
            Ok(needs) => (needs.requirements.as_slice(), needs.wishes.as_slice()),
            Err(_) => Default::default(),
        };
        let edges = Edges {
            requirements: requirements.iter().filter_map(pick).collect(),
            wishes: match problem.follow_wishes {
                true => wishes.iter().filter_map(pick).collect(),
                false => BTreeSet::new(),
            },
        };
        pending.extend(edges.requirements.iter().chain(&edges.wishes));
        settled.insert(candidate, edges);
    }
    Solution {
        roots,
        chosen: settled,
    }
}
