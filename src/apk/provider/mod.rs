//! Alpine's packages for the solver: which names each package answers to, what its relations mean,
//! and the choice that comes out, in Alpine's own terms.
//!
//! The rules are apk's (apk-tools, `src/solver.c`), so that a choice here is that of `apk add` on
//! an empty system from the same indexes in the same order.

mod catalog;
mod error;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};

pub use error::SolveError;

use super::index::PackageRecord;
use super::relation::{self, Constraint, Dependency, RelationError};
use super::version::Version;
use crate::solve::{self, CandidateId, Name, NameId, Names, Solution};
use view::View;

/// Most rounds of packages that come by themselves. Each adds one at least, and real ones end after
/// two.
const ROUNDS: usize = 100;

/// All packages of the repositories a request may draw from.
#[derive(Debug, Default)]
pub struct Universe {
    entries: Vec<Entry>,
    /// A provider comes with the version it says; a package is one of its own name.
    names: Names<(CandidateId, Option<Version>)>,
    /// Packages that may come by themselves.
    triggered: Vec<CandidateId>,
}

#[derive(Debug)]
struct Entry {
    record: PackageRecord,
    name: NameId,
    repository: usize,
    /// The tag that its repository is used by.
    tag: Option<Box<str>>,
    depends: Result<Vec<Dependency>, RelationError>,
    install_if: Vec<Dependency>,
    /// What it answers to beside its own name, with the versions it says.
    provides: Vec<(NameId, Option<Version>)>,
}

/// What to choose packages for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Who asks, as explanations name it: `the recipe`.
    pub origin: String,
    /// The architecture of the image as Alpine names it.
    pub architecture: String,
    /// What is asked for: apk's world.
    pub include: Vec<Dependency>,
    /// Packages that must not be chosen, though others depend on them: such a dependency counts
    /// as satisfied.
    pub drop: BTreeSet<String>,
    /// The one repository that a package is taken from.
    pub pins: BTreeMap<String, usize>,
    /// Versions of an earlier choice, kept where they are still available and fit.
    pub locked: BTreeMap<String, Version>,
}

/// The packages chosen.
#[derive(Debug)]
pub struct Selection<'u> {
    /// One package a name, in order of name.
    pub packages: Vec<Selected<'u>>,
    /// The names of [`Request::drop`] that chosen packages depend on, each with those packages.
    pub dropped: BTreeMap<String, BTreeSet<String>>,
}

/// A chosen package.
#[derive(Debug, Clone)]
pub struct Selected<'u> {
    /// What the index says about it.
    pub record: &'u PackageRecord,
    /// The repository it comes from.
    pub repository: usize,
    /// The chosen packages that satisfy its dependencies.
    pub depends: BTreeSet<String>,
    /// Whether it came by itself (`install_if`).
    pub triggered: bool,
}

impl Universe {
    /// A universe without packages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the packages of one index, in the order of `/etc/apk/repositories`. Those of a
    /// repository with a tag are taken only where the tag is asked for.
    pub fn add_index(&mut self, repository: usize, tag: Option<&str>, records: Vec<PackageRecord>) {
        self.entries.reserve(records.len());
        for record in records {
            let id = CandidateId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
            let name = self.names.number(&record.name);
            let own = Some(record.version.clone());
            let at = self.names.get_mut(name);
            at.versions.push(id);
            at.providers.push((id, own));
            let mut provides = Vec::new();
            // What cannot be read is provided to nobody.
            for provided in relation::parse(&record.provides).unwrap_or_default() {
                let version = match provided.constraint {
                    Some(Constraint::Version { version, .. }) => Some(version),
                    _ => None,
                };
                let provided = self.names.number(&provided.name);
                let at = self.names.get_mut(provided);
                at.providers.push((id, version.clone()));
                provides.push((provided, version));
            }
            let install_if = relation::parse(&record.install_if).unwrap_or_default();
            if !install_if.is_empty() {
                self.triggered.push(id);
            }
            self.entries.push(Entry {
                depends: relation::parse(&record.depends),
                record,
                name,
                repository,
                tag: tag.map(Into::into),
                install_if,
                provides,
            });
        }
    }

    /// How many packages there are, counting each version.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no packages.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every version of `name` with its repository, for reports of what there is.
    pub fn versions<'u>(
        &'u self,
        name: &str,
    ) -> impl Iterator<Item = (&'u PackageRecord, usize)> + 'u {
        let versions = self.names.find(name).map(|id| &*self.name(id).versions);
        versions.unwrap_or_default().iter().map(|&id| {
            let entry = self.entry(id);
            (&entry.record, entry.repository)
        })
    }

    /// Chooses packages.
    ///
    /// The same universe and request always give the same choice.
    ///
    /// # Errors
    /// [`SolveError`] where the request names what does not exist or contradicts itself, or
    /// where the packages do not fit together.
    pub fn solve(&self, request: &Request) -> Result<Selection<'_>, SolveError> {
        let mut view = View::new(self, request)?;
        let mut solution = self.choose(&view, request, &[])?;
        // Packages that come by themselves, and those that come for these, to a fix point.
        let mut triggered: Vec<CandidateId> = Vec::new();
        let mut refused: BTreeSet<CandidateId> = BTreeSet::new();
        for _ in 0..ROUNDS {
            let next = self.triggered.iter().copied().find(|id| {
                !refused.contains(id)
                    && !solution.chosen.contains_key(id)
                    && view.is_triggered(*id, &solution.chosen)
            });
            let Some(next) = next else { break };
            view.admit(next);
            triggered.push(next);
            match self.choose(&view, request, &triggered) {
                Ok(more) => solution = more,
                Err(_) => {
                    refused.insert(next);
                    triggered.pop();
                }
            }
        }
        Ok(self.selection(&view, &solution, &triggered))
    }

    fn choose(
        &self,
        view: &View<'_>,
        request: &Request,
        triggered: &[CandidateId],
    ) -> Result<Solution, SolveError> {
        let mut roots = Vec::new();
        for dependency in &request.include {
            roots.extend(view.root(dependency)?);
        }
        roots.extend(triggered.iter().map(|&id| solve::Requirement {
            text: self.entry(id).record.name.to_string(),
            candidates: vec![id],
            note: None,
        }));
        let problem = solve::Problem {
            origin: &request.origin,
            roots,
            follow_wishes: false,
        };
        Ok(solve::solve(view, &problem)?)
    }

    fn selection(
        &self,
        view: &View<'_>,
        solution: &Solution,
        triggered: &[CandidateId],
    ) -> Selection<'_> {
        let name = |id: &CandidateId| self.entry(*id).record.name.to_string();
        let mut packages: Vec<_> = solution
            .chosen
            .iter()
            .map(|(id, edges)| {
                let entry = self.entry(*id);
                let others = edges.requirements.iter().filter(|other| *other != id);
                Selected {
                    record: &entry.record,
                    repository: entry.repository,
                    depends: others.map(name).collect(),
                    triggered: triggered.contains(id),
                }
            })
            .collect();
        packages.sort_by(|a, b| a.record.name.cmp(&b.record.name));
        let mut dropped: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (candidate, drops) in view.drops() {
            if solution.chosen.contains_key(&candidate) {
                for drop in drops {
                    dropped.entry(drop).or_default().insert(name(&candidate));
                }
            }
        }
        Selection { packages, dropped }
    }

    fn name(&self, id: NameId) -> &Name<(CandidateId, Option<Version>)> {
        self.names.get(id)
    }

    fn entry(&self, id: CandidateId) -> &Entry {
        &self.entries[id.0 as usize]
    }
}
