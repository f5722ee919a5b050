//! A request's view of the universe: what each name offers, and what satisfies a dependency.

use std::cell::RefCell;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::{Entry, Request, SolveError, Universe};
use crate::apk::relation::{Constraint, Dependency};
use crate::apk::version::Version;
use crate::solve::{self, CandidateId, Edges, NameId, Requirement};

/// The universe as one request sees it: pins, tags, drops and earlier versions applied.
pub(super) struct View<'u> {
    pub(super) universe: &'u Universe,
    request: &'u Request,
    /// The tags that each name may be taken by.
    tags: BTreeMap<NameId, BTreeSet<&'u str>>,
    /// The names that something in reach of the request depends on by themselves.
    wanted: HashSet<NameId>,
    /// Versions that the request leaves of a name.
    required: BTreeMap<NameId, Vec<&'u Dependency>>,
    pub(super) drops: RefCell<BTreeMap<CandidateId, BTreeSet<String>>>,
}

impl<'u> View<'u> {
    pub(super) fn new(universe: &'u Universe, request: &'u Request) -> Result<Self, SolveError> {
        let mut view = Self {
            universe,
            request,
            tags: BTreeMap::new(),
            wanted: HashSet::new(),
            required: BTreeMap::new(),
            drops: RefCell::default(),
        };
        let mut names = Vec::new();
        for dependency in &request.include {
            let Some(name) = universe.names.find(dependency.name.as_str()) else {
                continue;
            };
            if let Some(tag) = dependency.tag.as_deref() {
                if !universe
                    .entries
                    .iter()
                    .any(|entry| entry.tag.as_deref() == Some(tag))
                {
                    return Err(SolveError::Tag {
                        wanted: dependency.clone(),
                        tag: tag.to_owned(),
                    });
                }
                view.tags.entry(name).or_default().insert(tag);
            }
            view.required.entry(name).or_default().push(dependency);
            names.push(name);
        }
        view.reach(names);
        Ok(view)
    }

    /// Notes what is depended on, by way of everything that could be chosen for it. Dependencies
    /// of what a tag brings may be taken by that tag.
    fn reach(&mut self, names: Vec<NameId>) {
        let mut queue = VecDeque::from(names);
        while let Some(name) = queue.pop_front() {
            if !self.wanted.insert(name) {
                continue;
            }
            let tags = self.tags.get(&name).cloned().unwrap_or_default();
            for (id, _) in &self.universe.name(name).providers {
                for dependency in self.entry(*id).depends.iter().flatten() {
                    let Some(other) = self.universe.names.find(dependency.name.as_str()) else {
                        continue;
                    };
                    if dependency.conflict {
                        continue;
                    }
                    let of = self.tags.entry(other).or_default();
                    let before = of.len();
                    of.extend(tags.iter().copied());
                    if of.len() > before {
                        self.wanted.remove(&other);
                    }
                    queue.push_back(other);
                }
            }
        }
    }

    /// Lets a package that came by itself be chosen, and what it depends on.
    pub(super) fn admit(&mut self, id: CandidateId) {
        let name = self.entry(id).name;
        self.wanted.remove(&name);
        self.reach(vec![name]);
    }

    /// The dependencies that were taken as satisfied because their package is dropped.
    pub(super) fn drops(&self) -> BTreeMap<CandidateId, BTreeSet<String>> {
        self.drops.borrow().clone()
    }

    pub(super) fn entry(&self, id: CandidateId) -> &'u Entry {
        self.universe.entry(id)
    }

    pub(super) fn is_dropped(&self, name: &str) -> bool {
        self.request.drop.contains(name)
    }

    /// What a dependency of the request asks for; nothing where it only says what must not be.
    pub(super) fn root(&self, dependency: &Dependency) -> Result<Option<Requirement>, SolveError> {
        if dependency.conflict {
            return Ok(None);
        }
        if self.is_dropped(&dependency.name) {
            return Err(SolveError::Dropped(dependency.name.clone()));
        }
        let candidates = self.satisfy(dependency);
        if candidates.is_empty() {
            return Err(self.missing(dependency));
        }
        Ok(Some(Requirement {
            text: dependency.to_string(),
            candidates,
            note: None,
        }))
    }

    fn missing(&self, dependency: &Dependency) -> SolveError {
        let name = dependency.name.as_str();
        let Some(id) = self.universe.names.find(name) else {
            return self.unknown(name);
        };
        let at = self.universe.name(id);
        let versions: BTreeSet<&Version> = at
            .versions
            .iter()
            .map(|id| &self.entry(*id).record.version)
            .collect();
        if !versions.is_empty() {
            return SolveError::Version {
                wanted: dependency.clone(),
                available: versions.iter().map(ToString::to_string).collect(),
            };
        }
        let providers: BTreeSet<String> = at
            .providers
            .iter()
            .map(|(id, _)| self.entry(*id).record.name.to_string())
            .collect();
        match providers.is_empty() {
            true => self.unknown(name),
            false => SolveError::Virtual {
                name: name.to_owned(),
                providers: providers.into_iter().collect(),
            },
        }
    }

    fn unknown(&self, name: &str) -> SolveError {
        let named = self.universe.names.iter();
        let named = named.filter(|name| !name.versions.is_empty());
        let nearest = solve::nearest(name, named.map(|name| &*name.text));
        SolveError::Unknown {
            name: name.to_owned(),
            architecture: self.request.architecture.clone(),
            nearest: nearest.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether a package may be chosen at all.
    fn admitted(&self, entry: &Entry) -> bool {
        let name = &*entry.record.name;
        let tagged = entry.tag.as_deref().is_none_or(|tag| {
            self.tags
                .get(&entry.name)
                .is_some_and(|tags| tags.contains(tag))
        });
        let pin = self.request.pins.get(name);
        let here = pin.is_none_or(|&wanted| entry.repository == wanted);
        let conflicts = self.required.get(&entry.name).into_iter().flatten();
        let version = Some(&entry.record.version);
        let fits = conflicts
            .filter(|dependency| dependency.conflict)
            .all(|dependency| !accepts(dependency, version, entry));
        tagged && here && fits && !self.is_dropped(name)
    }

    /// Every version of a name that may be chosen, the preferred first.
    pub(super) fn offers(&self, name: NameId) -> Vec<CandidateId> {
        let mut offers: Vec<CandidateId> = self.universe.name(name).versions.clone();
        offers.retain(|id| self.admitted(self.entry(*id)));
        offers.sort_by(|a, b| {
            let [a, b] = [a, b].map(|id| (Some(&self.entry(*id).record.version), *id));
            self.preferred(a, b)
        });
        offers
    }

    /// What satisfies a dependency, the preferred first. A name that a package provides without
    /// saying a version does not bring that package in, unless it has a priority among providers or
    /// something asks for it by its own name.
    pub(super) fn satisfy(&self, dependency: &Dependency) -> Vec<CandidateId> {
        let Some(name) = self.universe.names.find(dependency.name.as_str()) else {
            return Vec::new();
        };
        let providers = self.universe.name(name).providers.iter();
        let mut found: Vec<(Option<&Version>, CandidateId)> = providers
            .map(|(id, version)| (version.as_ref(), *id))
            .filter(|(version, id)| {
                let entry = self.entry(*id);
                let comes = version.is_some()
                    || entry
                        .record
                        .provider_priority
                        .is_some_and(|priority| priority > 0)
                    || self.wanted.contains(&entry.name);
                let tag = dependency.tag.as_deref();
                let tagged = tag.is_none() || entry.tag.as_deref() == tag;
                comes && tagged && self.admitted(entry) && accepts(dependency, *version, entry)
            })
            .collect();
        found.sort_by(|a, b| self.preferred(*a, *b));
        let mut candidates = Vec::new();
        for (_, id) in found {
            if !candidates.contains(&id) {
                candidates.push(id);
            }
        }
        candidates
    }

    /// apk's order of providers (`compare_providers`): earlier choice, tag, priority, version,
    /// repository.
    fn preferred(
        &self,
        (a_version, a): (Option<&Version>, CandidateId),
        (b_version, b): (Option<&Version>, CandidateId),
    ) -> Ordering {
        let [one, other] = [a, b].map(|id| self.entry(id));
        let key = |entry: &Entry| {
            let record = &entry.record;
            let locked = self.request.locked.get(&*record.name);
            let same = locked.is_some_and(|version| version.as_str() == record.version.as_str());
            (
                !same,
                entry.tag.is_none(),
                Reverse(record.provider_priority.unwrap_or_default()),
            )
        };
        key(one)
            .cmp(&key(other))
            .then_with(|| b_version.cmp(&a_version))
            .then_with(|| match one.name == other.name {
                true => other.record.version.cmp(&one.record.version),
                false => Ordering::Equal,
            })
            .then_with(|| one.repository.cmp(&other.repository))
            .then_with(|| a.cmp(&b))
    }

    /// Whether everything that lets a package come by itself is chosen, and the package may be.
    pub(super) fn is_triggered(
        &self,
        id: CandidateId,
        chosen: &BTreeMap<CandidateId, Edges>,
    ) -> bool {
        let entry = self.entry(id);
        let other = chosen.keys().any(|one| self.entry(*one).name == entry.name);
        !other
            && self.admitted(entry)
            && entry.install_if.iter().all(|dependency| {
                let there = self.is_there(dependency, chosen);
                there != dependency.conflict
            })
    }

    fn is_there(&self, dependency: &Dependency, chosen: &BTreeMap<CandidateId, Edges>) -> bool {
        let Some(name) = self.universe.names.find(dependency.name.as_str()) else {
            return false;
        };
        let mut providers = self.universe.name(name).providers.iter();
        providers.any(|(id, version)| {
            chosen.contains_key(id) && accepts(dependency, version.as_ref(), self.entry(*id))
        })
    }
}

/// Whether a package that answers to the name of a dependency, in this version, will do. One that
/// says no version does only where none is asked for.
pub(super) fn accepts(dependency: &Dependency, version: Option<&Version>, entry: &Entry) -> bool {
    match &dependency.constraint {
        None => true,
        Some(Constraint::Checksum(sum)) => entry.record.checksum.to_string() == *sum,
        Some(constraint) => version.is_some_and(|version| constraint.accepts(version)),
    }
}
