//! The adapter between a [`Catalog`] and the solver crate.
//!
//! The crate thinks in version sets of a name. Here each candidate has two: the set that holds
//! only it (to require it) and the set that holds everything of its name but it (to exclude it);
//! a requirement is the union of the former in order of preference. The crate then always
//! branches on the first candidate of the first open requirement.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::rc::Rc;

use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, Dependencies, DependencyProvider,
    Interner, KnownDependencies, SolvableId, Solver, SolverCache, StringId, UnsolvableOrCancelled,
    VersionSetId, VersionSetUnionId,
};

use super::conflict::{self, Conflict};
use super::{CandidateId, Catalog, NameId, Needs, Requirement};

/// What a candidate needs, or why it cannot be used.
pub(super) type Answer = Rc<Result<Needs, String>>;

/// A catalogue with what it has answered so far.
pub(super) struct Engine<'c, C> {
    catalog: &'c C,
    answers: RefCell<HashMap<CandidateId, Answer>>,
    /// Each list of candidates that was required, once.
    unions: RefCell<Interned<Vec<CandidateId>>>,
    /// The reasons why candidates cannot be used.
    reasons: RefCell<Interned<String>>,
}

/// Values by number and numbers by value.
struct Interned<T> {
    values: Vec<T>,
    ids: HashMap<T, u32>,
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    fn new() -> Self {
        Self {
            values: Vec::new(),
            ids: HashMap::new(),
        }
    }

    fn intern(&mut self, value: &T) -> u32 {
        if let Some(&id) = self.ids.get(value) {
            return id;
        }
        let id = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.clone());
        self.ids.insert(value.clone(), id);
        id
    }
}

impl<'c, C: Catalog> Engine<'c, C> {
    pub(super) fn new(catalog: &'c C) -> Self {
        Self {
            catalog,
            answers: RefCell::default(),
            unions: RefCell::new(Interned::new()),
            reasons: RefCell::new(Interned::new()),
        }
    }

    pub(super) fn catalog(&self) -> &'c C {
        self.catalog
    }

    /// What `candidate` needs; the catalogue is asked once.
    pub(super) fn needs(&self, candidate: CandidateId) -> Answer {
        if let Some(answer) = self.answers.borrow().get(&candidate) {
            return Rc::clone(answer);
        }
        let answer = Rc::new(self.catalog.needs(candidate));
        self.answers
            .borrow_mut()
            .insert(candidate, Rc::clone(&answer));
        answer
    }

    /// Chooses candidates that satisfy `roots`.
    ///
    /// # Errors
    /// The explained conflict where there is no choice.
    pub(super) fn solve(
        &self,
        origin: &str,
        roots: &[Requirement],
    ) -> Result<BTreeSet<CandidateId>, Box<Conflict>> {
        let mut solver = Solver::new(Provider(self));
        match solver.solve(self.problem(roots)) {
            Ok(chosen) => Ok(chosen.into_iter().map(candidate).collect()),
            Err(UnsolvableOrCancelled::Unsolvable(found)) => Err(Box::new(conflict::explain(
                self,
                origin,
                roots,
                &found.graph(&solver),
            ))),
            // The provider never asks to stop.
            Err(UnsolvableOrCancelled::Cancelled(_)) => {
                Err(Box::new(Conflict::unexplained(origin)))
            }
        }
    }

    /// As [`Engine::solve`], for callers that do not ask for the reason.
    pub(super) fn choose(&self, roots: &[Requirement]) -> Option<BTreeSet<CandidateId>> {
        let chosen = Solver::new(Provider(self))
            .solve(self.problem(roots))
            .ok()?;
        Some(chosen.into_iter().map(candidate).collect())
    }

    fn problem(&self, roots: &[Requirement]) -> resolvo::Problem {
        resolvo::Problem::new().requirements(roots.iter().map(|root| self.require(root)).collect())
    }

    fn require(&self, requirement: &Requirement) -> ConditionalRequirement {
        self.requirement_id(requirement).into()
    }

    /// The number under which the solver knows the candidates of `requirement`.
    pub(super) fn requirement_id(&self, requirement: &Requirement) -> resolvo::Requirement {
        match requirement.candidates[..] {
            [only] => exactly(only).into(),
            _ => VersionSetUnionId(self.unions.borrow_mut().intern(&requirement.candidates)).into(),
        }
    }

    pub(super) fn reason(&self, id: StringId) -> String {
        let reasons = self.reasons.borrow();
        reasons
            .values
            .get(id.0 as usize)
            .cloned()
            .unwrap_or_default()
    }
}

/// The version set that holds `candidate` alone.
fn exactly(candidate: CandidateId) -> VersionSetId {
    VersionSetId(candidate.0 * 2)
}

/// The version set that holds every candidate of the name except `candidate`.
fn anything_but(candidate: CandidateId) -> VersionSetId {
    VersionSetId(candidate.0 * 2 + 1)
}

/// The candidate a version set is about, and whether it is the one in it.
pub(super) fn read_set(set: VersionSetId) -> (CandidateId, bool) {
    (CandidateId(set.0 / 2), set.0.is_multiple_of(2))
}

pub(super) fn candidate(id: SolvableId) -> CandidateId {
    CandidateId(id.into_raw())
}

fn solvable(id: CandidateId) -> SolvableId {
    SolvableId::from_raw(id.0)
}

/// What the crate sees. It also wants texts, for its own messages, which nobody reads here.
struct Provider<'e, 'c, C>(&'e Engine<'c, C>);

impl<C: Catalog> Interner for Provider<'_, '_, C> {
    type NameId = resolvo::NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        self.0.catalog.display(candidate(solvable))
    }

    fn display_name(&self, name: resolvo::NameId) -> impl Display + '_ {
        self.0.catalog.display_name(NameId(name.into_raw()))
    }

    fn display_version_set(&self, set: VersionSetId) -> impl Display + '_ {
        let (candidate, only) = read_set(set);
        let not = if only { "" } else { "not " };
        format!("{not}{}", self.0.catalog.display(candidate))
    }

    fn display_string(&self, id: StringId) -> impl Display + '_ {
        self.0.reason(id)
    }

    fn version_set_name(&self, set: VersionSetId) -> resolvo::NameId {
        self.solvable_name(solvable(read_set(set).0))
    }

    fn solvable_name(&self, solvable: SolvableId) -> resolvo::NameId {
        resolvo::NameId::from_raw(self.0.catalog.name_of(candidate(solvable)).0)
    }

    fn version_sets_in_union(&self, id: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        let unions = self.0.unions.borrow();
        let candidates = unions.values.get(id.0 as usize).cloned();
        candidates.into_iter().flatten().map(exactly)
    }

    fn resolve_condition(&self, _: ConditionId) -> Condition {
        unreachable!("no requirement is given with a condition")
    }
}

impl<C: Catalog> DependencyProvider for Provider<'_, '_, C> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let (about, only) = read_set(set);
        let keep_it = only != inverse;
        candidates
            .iter()
            .copied()
            .filter(|&id| (candidate(id) == about) == keep_it)
            .collect()
    }

    async fn get_candidates(&self, name: resolvo::NameId) -> Option<Candidates> {
        let candidates = self.0.catalog.candidates(NameId(name.into_raw()));
        Some(Candidates {
            candidates: candidates.into_iter().map(solvable).collect(),
            hint_dependencies_available: resolvo::HintDependenciesAvailable::All,
            ..Candidates::default()
        })
    }

    /// The sets hold one candidate each; the order is that of their union.
    async fn sort_candidates(&self, _: &SolverCache<Self>, _: &mut [SolvableId]) {}

    async fn get_dependencies(&self, id: SolvableId) -> Dependencies {
        match self.0.needs(candidate(id)).as_ref() {
            Ok(needs) => Dependencies::Known(KnownDependencies {
                requirements: needs
                    .requirements
                    .iter()
                    .map(|r| self.0.require(r))
                    .collect(),
                constrains: needs
                    .exclusions
                    .iter()
                    .flat_map(|exclusion| exclusion.candidates.iter().copied())
                    .map(anything_but)
                    .collect(),
            }),
            Err(reason) => {
                Dependencies::Unknown(StringId(self.0.reasons.borrow_mut().intern(reason)))
            }
        }
    }
}
