//! The ordinary case: take the preferred candidate of each requirement, depth first.
//!
//! Most requests have no conflict in reach. Package managers answer them alike: mark what was
//! asked for and follow the requirements of each package in order, where a requirement that is
//! satisfied by what is already marked adds nothing. So does this walk. Where it gets nowhere it
//! says so, and the solver takes over, which finds a choice wherever there is one.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::engine::{Answer, Engine};
use super::{CandidateId, Catalog, NameId, Problem, Requirement};

/// The choice the walk arrives at, or none where it needs more than its one step back.
pub(super) fn walk<C: Catalog>(
    engine: &Engine<'_, C>,
    problem: &Problem<'_>,
) -> Option<BTreeSet<CandidateId>> {
    let mut walk = Walk {
        engine,
        follow_wishes: problem.follow_wishes,
        journal: Vec::new(),
        by_name: HashMap::new(),
        excluded: HashMap::new(),
        failed: HashSet::new(),
    };
    let mut roots = Vec::new();
    for root in &problem.roots {
        if !walk.satisfied(root) {
            roots.push(*root.candidates.iter().find(|&&c| walk.mark(c))?);
        }
    }
    roots
        .into_iter()
        .all(|root| walk.expand(root))
        .then(|| walk.journal.into_iter().collect())
}

struct Walk<'e, 'c, C> {
    engine: &'e Engine<'c, C>,
    follow_wishes: bool,
    /// What is marked, in the order of marking.
    journal: Vec<CandidateId>,
    by_name: HashMap<NameId, CandidateId>,
    /// How many marked candidates exclude a candidate.
    excluded: HashMap<CandidateId, usize>,
    /// What led nowhere; it is not tried again, so that a walk takes linear time.
    failed: HashSet<CandidateId>,
}

/// A marked candidate whose requirements are being followed.
struct Frame {
    candidate: CandidateId,
    answer: Answer,
    /// The requirement at hand: first the requirements, then the wishes.
    requirement: usize,
    /// The candidates of it that were tried.
    tried: usize,
    /// The length of the journal when only this candidate had been marked.
    mark: usize,
}

impl Frame {
    /// The requirement at hand, and whether it is only a wish.
    fn at_hand(&self, follow_wishes: bool) -> Option<(&Requirement, bool)> {
        let needs = self.answer.as_ref().as_ref().ok()?;
        match needs.requirements.get(self.requirement) {
            Some(requirement) => Some((requirement, false)),
            None if follow_wishes => needs
                .wishes
                .get(self.requirement - needs.requirements.len())
                .map(|wish| (wish, true)),
            None => None,
        }
    }

    fn advance(&mut self) {
        self.requirement += 1;
        self.tried = 0;
    }
}

impl<C: Catalog> Walk<'_, '_, C> {
    /// Follows everything that the marked candidate `root` requires. The stack is explicit,
    /// since chains of dependencies are as long as an archive makes them.
    fn expand(&mut self, root: CandidateId) -> bool {
        let mut frames = vec![self.frame(root)];
        while let Some(mut frame) = frames.pop() {
            let Some((requirement, wish)) = frame.at_hand(self.follow_wishes) else {
                continue;
            };
            if self.satisfied(requirement) {
                frame.advance();
                frames.push(frame);
                continue;
            }
            let untried = requirement.candidates.get(frame.tried..);
            let untried = untried.unwrap_or_default();
            match untried.iter().position(|&candidate| self.mark(candidate)) {
                Some(at) => {
                    let next = self.frame(untried[at]);
                    frame.tried += at + 1;
                    frames.push(frame);
                    frames.push(next);
                }
                None if wish => {
                    frame.advance();
                    frames.push(frame);
                }
                None if frames.is_empty() => return false,
                None => {
                    self.failed.insert(frame.candidate);
                    self.unmark_from(frame.mark - 1);
                }
            }
        }
        true
    }

    fn frame(&self, candidate: CandidateId) -> Frame {
        Frame {
            candidate,
            answer: self.engine.needs(candidate),
            requirement: 0,
            tried: 0,
            mark: self.journal.len(),
        }
    }

    fn satisfied(&self, requirement: &Requirement) -> bool {
        requirement.candidates.iter().any(|c| self.is_marked(*c))
    }

    fn is_marked(&self, candidate: CandidateId) -> bool {
        let name = self.engine.catalog().name_of(candidate);
        self.by_name.get(&name) == Some(&candidate)
    }

    /// Marks `candidate` if nothing marked stands against it.
    fn mark(&mut self, candidate: CandidateId) -> bool {
        let name = self.engine.catalog().name_of(candidate);
        if self.by_name.contains_key(&name)
            || self.failed.contains(&candidate)
            || self.excluded.get(&candidate).is_some_and(|&by| by > 0)
        {
            return false;
        }
        let answer = self.engine.needs(candidate);
        let Ok(needs) = answer.as_ref() else {
            return false;
        };
        let excludes = || needs.exclusions.iter().flat_map(|e| &e.candidates);
        if excludes().any(|&other| self.is_marked(other)) {
            return false;
        }
        for &other in excludes() {
            *self.excluded.entry(other).or_default() += 1;
        }
        self.by_name.insert(name, candidate);
        self.journal.push(candidate);
        true
    }

    /// Takes back every mark from the given place in the journal on.
    fn unmark_from(&mut self, place: usize) {
        for candidate in self.journal.split_off(place) {
            self.by_name
                .remove(&self.engine.catalog().name_of(candidate));
            if let Ok(needs) = self.engine.needs(candidate).as_ref() {
                for other in needs.exclusions.iter().flat_map(|e| &e.candidates) {
                    if let Some(by) = self.excluded.get_mut(other) {
                        *by -= 1;
                    }
                }
            }
        }
    }
}
