//! Debian's packages for the solver: which candidate each name has, what its relationships mean,
//! and the choice that comes out, in Debian's own terms.
//!
//! The rules are apt's (apt_preferences(5), Policy 7), down to its ties, so that a choice here is
//! the choice of `apt-get install` on an empty system from the same indices in the same order.

mod catalog;
mod error;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

pub use error::SolveError;

use super::packages::{Control, PackageRecord};
use super::relation::{is_package_name, mentions};
use super::version::{Version, VersionError};
use crate::platform::Architecture;
use crate::solve::{self, CandidateId, Name, NameId, Names, Requirement};
use view::View;

/// All packages of the repositories a request may draw from.
#[derive(Debug, Default)]
pub struct Universe {
    entries: Vec<Entry>,
    names: Names<CandidateId>,
}

#[derive(Debug)]
struct Entry {
    record: PackageRecord,
    name: NameId,
    repository: usize,
    priority: i32,
}

/// What to choose packages for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who asks, as explanations name it: `the recipe`.
    pub origin: String,
    /// The architecture of the image; packages for it and for `all` are considered.
    pub architecture: Architecture,
    /// The packages asked for. As with apt, their order can tip the scales between alternatives
    /// that are all good: the dependencies of the first are followed first.
    pub include: Vec<PackageSpec>,
    /// Packages that must not be chosen, though others depend on them: such a dependency counts
    /// as satisfied.
    pub drop: BTreeSet<String>,
    /// Whether `Recommends` are followed where they fit.
    pub recommends: bool,
    /// Packages of which only some versions are considered.
    pub pins: BTreeMap<String, Pin>,
    /// Versions of an earlier choice, kept where they are still available and fit.
    pub locked: BTreeMap<String, Version>,
}

/// A package asked for: `name` or `name=version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSpec {
    /// The name, real or virtual.
    pub name: String,
    /// The only version that will do.
    pub version: Option<Version>,
}

/// Which versions of a package are considered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pin {
    /// Exactly this version.
    pub version: Option<Version>,
    /// Only versions of this repository.
    pub repository: Option<PinnedRepository>,
}

/// The repository of a [`Pin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedRepository {
    /// Its number in [`Universe::add_index`].
    pub id: usize,
    /// How explanations name it.
    pub label: String,
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
    /// Whether it was asked for, by name or by the name it provides.
    pub requested: bool,
    /// The chosen packages that satisfy its `Depends` and `Pre-Depends`.
    pub depends: BTreeSet<String>,
    /// The chosen packages that satisfy its `Recommends`; empty unless these are followed.
    pub recommends: BTreeSet<String>,
}

/// Why a text is not a [`PackageSpec`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The part before `=`, or all of it.
    #[error("`{0}` is not a package name")]
    Name(String),
    /// The part after `=`.
    #[error("package `{name}`: {source}")]
    Version {
        /// The package.
        name: String,
        /// What is wrong with its version.
        source: VersionError,
    },
}

impl FromStr for PackageSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = match text.split_once('=') {
            None => (text, None),
            Some((name, version)) => (name, Some(version)),
        };
        if !is_package_name(name) {
            return Err(SpecError::Name(name.to_owned()));
        }
        let version = version
            .map(str::parse)
            .transpose()
            .map_err(|source| SpecError::Version {
                name: name.to_owned(),
                source,
            })?;
        Ok(Self {
            name: name.to_owned(),
            version,
        })
    }
}

impl fmt::Display for PackageSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.version {
            None => Ok(()),
            Some(version) => write!(f, "={version}"),
        }
    }
}

impl Universe {
    /// A universe without packages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the packages of one index.
    ///
    /// Between versions of a package the higher `priority` wins, then the higher version, then
    /// what was added first. A package in a repository of negative priority is never chosen
    /// (apt_preferences(5), "How APT Interprets Priorities").
    pub fn add_index(&mut self, repository: usize, priority: i32, records: Vec<PackageRecord>) {
        self.entries.reserve(records.len());
        for record in records {
            let id = CandidateId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
            let name = self.names.number(&record.control.name);
            self.names.get_mut(name).versions.push(id);
            self.number_mentions(&record.control);
            for (provided, _) in mentions(&record.control.provides) {
                let provided = self.names.number(provided);
                let providers = &mut self.names.get_mut(provided).providers;
                if providers.last() != Some(&id) {
                    providers.push(id);
                }
            }
            self.entries.push(Entry {
                record,
                name,
                repository,
                priority,
            });
        }
    }

    /// Numbers the names a package mentions, in the order of its fields in apt's list parser.
    ///
    /// apt numbers names when it first meets them, and where nothing else tells two providers
    /// apart, the numbers do. `name:any` is a package of its own there.
    fn number_mentions(&mut self, control: &Control) {
        for field in [
            &control.pre_depends,
            &control.depends,
            &control.conflicts,
            &control.breaks,
            &control.recommends,
            &control.suggests,
            &control.replaces,
            &control.enhances,
        ] {
            for (name, qualifier) in mentions(field) {
                if qualifier.is_none() {
                    self.names.number(name);
                }
            }
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
        let view = View::new(self, request)?;
        let roots = request
            .include
            .iter()
            .map(|spec| view.root(spec))
            .collect::<Result<Vec<Requirement>, _>>()?;
        let problem = solve::Problem {
            origin: &request.origin,
            roots,
            follow_wishes: request.recommends,
        };
        let solution = solve::solve(&view, &problem)?;
        Ok(self.selection(&view, &solution))
    }

    fn selection(&self, view: &View<'_>, solution: &solve::Solution) -> Selection<'_> {
        let name = |id: &CandidateId| self.name(self.entry(*id).name).text.to_string();
        let others = |of: &CandidateId, ids: &mut dyn Iterator<Item = &CandidateId>| {
            ids.filter(|id| *id != of).map(name).collect()
        };
        let mut packages: Vec<_> = solution
            .chosen
            .iter()
            .map(|(id, edges)| {
                let entry = self.entry(*id);
                Selected {
                    record: &entry.record,
                    repository: entry.repository,
                    requested: solution.roots.contains(id),
                    depends: others(id, &mut edges.requirements.iter()),
                    recommends: others(id, &mut edges.wishes.iter()),
                }
            })
            .collect();
        packages.sort_by(|a, b| a.record.control.name.cmp(&b.record.control.name));
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

    fn name(&self, id: NameId) -> &Name<CandidateId> {
        self.names.get(id)
    }

    fn entry(&self, id: CandidateId) -> &Entry {
        &self.entries[id.0 as usize]
    }
}
