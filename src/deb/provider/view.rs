//! A request's view of the universe: what each name offers, and what satisfies a relation.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::{Entry, PackageSpec, Pin, Request, SolveError, Universe};
use crate::deb::packages::MultiArch;
use crate::deb::relation::{self, Qualifier, Relation, Relations};
use crate::deb::version::Version;
use crate::solve::{self, CandidateId, NameId, Requirement};

/// A parsed `Provides` field; `None` where it cannot be parsed.
type Provides<'u> = Option<Rc<Relations<'u>>>;

/// The universe as one request sees it: architecture, pins, drops and earlier versions applied.
pub(super) struct View<'u> {
    pub(super) universe: &'u Universe,
    pub(super) architecture: &'static str,
    pub(super) drop: &'u BTreeSet<String>,
    locked: &'u BTreeMap<String, Version>,
    pub(super) recommends: bool,
    pub(super) pins: BTreeMap<&'u str, Pin>,
    /// What each name offers, worked out when it is first reached.
    offers: RefCell<HashMap<NameId, Rc<[CandidateId]>>>,
    provides: RefCell<HashMap<CandidateId, Provides<'u>>>,
    pub(super) drops: RefCell<BTreeMap<CandidateId, BTreeSet<String>>>,
}

impl<'u> View<'u> {
    pub(super) fn new(universe: &'u Universe, request: &'u Request) -> Result<Self, SolveError> {
        let mut pins: BTreeMap<&str, Pin> = request
            .pins
            .iter()
            .map(|(name, pin)| (name.as_str(), pin.clone()))
            .collect();
        for spec in &request.include {
            let Some(version) = &spec.version else {
                continue;
            };
            let pin = pins.entry(&spec.name).or_default();
            match &pin.version {
                Some(other) if other != version => {
                    return Err(SolveError::Contradiction {
                        name: spec.name.clone(),
                        first: other.to_string(),
                        second: version.to_string(),
                    });
                }
                _ => pin.version = Some(version.clone()),
            }
        }
        Ok(Self {
            universe,
            architecture: request.architecture.debian(),
            drop: &request.drop,
            locked: &request.locked,
            recommends: request.recommends,
            pins,
            offers: RefCell::default(),
            provides: RefCell::default(),
            drops: RefCell::default(),
        })
    }

    /// The dependencies that were taken as satisfied because their package is dropped.
    pub(super) fn drops(&self) -> BTreeMap<CandidateId, BTreeSet<String>> {
        self.drops.borrow().clone()
    }

    /// What `spec` asks for.
    ///
    /// A virtual name stands for its only provider; with several, apt too asks the user to say
    /// which.
    pub(super) fn root(&self, spec: &PackageSpec) -> Result<Requirement, SolveError> {
        let name = spec.name.as_str();
        if self.drop.contains(name) {
            return Err(SolveError::Dropped(spec.name.clone()));
        }
        let requirement = |candidates| Requirement {
            text: spec.to_string(),
            candidates,
            note: None,
        };
        let Some(id) = self.universe.names.find(name) else {
            return Err(self.unknown(name));
        };
        let offers = self.offers(id);
        if !offers.is_empty() {
            return Ok(requirement(offers.to_vec()));
        }
        let fitting: BTreeSet<&Version> = self.fitting(id).map(|(_, e)| version(e)).collect();
        if let (Some(pin), false) = (self.pins.get(name), fitting.is_empty()) {
            return Err(SolveError::Pin {
                name: spec.name.clone(),
                pin: pin.clone(),
                available: fitting.iter().map(ToString::to_string).collect(),
            });
        }
        let providers = self.providers(id, |_| true);
        let names: BTreeSet<_> = providers.iter().map(|&id| self.entry(id).name).collect();
        match names.len() {
            0 => Err(self.unknown(name)),
            1 => Ok(requirement(providers)),
            _ => Err(SolveError::Virtual {
                name: spec.name.clone(),
                providers: names
                    .into_iter()
                    .map(|id| self.universe.name(id).text.to_string())
                    .collect(),
            }),
        }
    }

    fn unknown(&self, name: &str) -> SolveError {
        let names = self.universe.names.iter().enumerate();
        let installable = names
            .filter(|(at, _)| {
                let id = NameId(u32::try_from(*at).unwrap_or(u32::MAX));
                self.fitting(id).next().is_some()
            })
            .map(|(_, name)| &*name.text);
        SolveError::Unknown {
            name: name.to_owned(),
            architecture: self.architecture,
            nearest: solve::nearest(name, installable)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }

    pub(super) fn entry(&self, id: CandidateId) -> &'u Entry {
        self.universe.entry(id)
    }

    /// The packages of a name for this architecture that a policy may choose from.
    pub(super) fn fitting(&self, name: NameId) -> impl Iterator<Item = (CandidateId, &'u Entry)> {
        let universe = self.universe;
        let versions = universe.name(name).versions.iter();
        versions
            .map(move |&id| (id, universe.entry(id)))
            .filter(|(_, entry)| {
                entry.record.control.fits(self.architecture) && entry.priority >= 0
            })
    }

    /// What a name offers the solver: the version of an earlier choice if it is still there,
    /// then the candidate. Other versions are never considered, as in apt.
    pub(super) fn offers(&self, name: NameId) -> Rc<[CandidateId]> {
        if let Some(offers) = self.offers.borrow().get(&name) {
            return Rc::clone(offers);
        }
        let offers: Rc<[CandidateId]> = self.work_out_offers(name).into();
        self.offers.borrow_mut().insert(name, Rc::clone(&offers));
        offers
    }

    fn work_out_offers(&self, name: NameId) -> Vec<CandidateId> {
        let text = &*self.universe.name(name).text;
        if self.drop.contains(text) {
            return Vec::new();
        }
        let pin = self.pins.get(text);
        let admitted = |entry: &Entry| {
            pin.is_none_or(|pin| {
                pin.version
                    .as_ref()
                    .is_none_or(|wanted| version(entry) == wanted)
                    && pin
                        .repository
                        .as_ref()
                        .is_none_or(|wanted| entry.repository == wanted.id)
            })
        };
        let mut best: Option<(CandidateId, &Entry)> = None;
        let mut kept: Option<(CandidateId, &Entry)> = None;
        fn rank(entry: &Entry) -> (i32, &Version) {
            (entry.priority, version(entry))
        }
        for (id, entry) in self.fitting(name).filter(|(_, entry)| admitted(entry)) {
            if best.is_none_or(|(_, best)| rank(entry) > rank(best)) {
                best = Some((id, entry));
            }
            let is_locked = self.locked.get(text) == Some(version(entry));
            if is_locked && kept.is_none_or(|(_, kept)| entry.priority > kept.priority) {
                kept = Some((id, entry));
            }
        }
        let best = best.filter(|(best, _)| kept.is_none_or(|(kept, _)| kept != *best));
        kept.into_iter().chain(best).map(|(id, _)| id).collect()
    }

    /// The offered packages that provide `name` by an entry that `accepts`, the preferred first.
    ///
    /// Between providers of one name apt prefers essential packages, then `Protected` ones, then
    /// the higher priority, then the name it met last ([`Universe::add_index`] numbers names as
    /// it does). Providers of an earlier choice come before all others.
    fn providers(&self, name: NameId, accepts: impl Fn(&Relation<'u>) -> bool) -> Vec<CandidateId> {
        let universe = self.universe;
        let text = &*universe.name(name).text;
        let mut providers: Vec<_> = universe
            .name(name)
            .providers
            .iter()
            .copied()
            .filter_map(|id| {
                let offers = self.offers(self.entry(id).name);
                let place = offers.iter().position(|&offer| offer == id)?;
                let provides = self.provides(id)?;
                let mut entries = provides.iter().flat_map(|clause| &clause.alternatives);
                entries
                    .any(|entry| entry.name == text && accepts(entry))
                    .then_some((id, place))
            })
            .collect();
        providers.sort_by_key(|&(id, place)| {
            let control = &self.entry(id).record.control;
            (
                !self.locked.contains_key(&*control.name),
                Reverse(control.essential),
                Reverse(control.protected),
                control.priority,
                Reverse(self.entry(id).name),
                place,
            )
        });
        providers.into_iter().map(|(id, _)| id).collect()
    }

    fn provides(&self, id: CandidateId) -> Provides<'u> {
        if let Some(provides) = self.provides.borrow().get(&id) {
            return provides.clone();
        }
        let parsed = relation::parse(&self.entry(id).record.control.provides);
        let provides = parsed.ok().map(Rc::new);
        self.provides.borrow_mut().insert(id, provides.clone());
        provides
    }

    /// The packages that satisfy one alternative of a dependency: those of the name itself, then
    /// those that provide it.
    pub(super) fn satisfy(&self, relation: &Relation<'_>) -> Vec<CandidateId> {
        let Some(name) = self.universe.names.find(relation.name) else {
            return Vec::new();
        };
        if let Some(Qualifier::Architecture(other)) = relation.qualifier
            && other != self.architecture
        {
            return Vec::new();
        }
        // `:any` is served by packages that let the dependent choose, and only by them
        // (Debian wiki, Multiarch/HOWTO; apt knows no exception on a single architecture).
        let serves = |id: &CandidateId| {
            relation.qualifier != Some(Qualifier::Any)
                || self.entry(*id).record.control.multi_arch == MultiArch::Allowed
        };
        let mut found = self.named(name, relation);
        found.extend(self.provided(name, relation));
        found.retain(serves);
        found
    }

    /// The offered packages of the name whose version the relation accepts.
    pub(super) fn named(&self, name: NameId, relation: &Relation<'_>) -> Vec<CandidateId> {
        let accepts = |id: &CandidateId| {
            let constraint = relation.constraint.as_ref();
            constraint.is_none_or(|constraint| constraint.accepts(version(self.entry(*id))))
        };
        self.offers(name).iter().copied().filter(accepts).collect()
    }

    /// The packages that provide the name in a version the relation accepts; a name provided
    /// without a version satisfies no relation with one (Policy 7.5).
    pub(super) fn provided(&self, name: NameId, relation: &Relation<'_>) -> Vec<CandidateId> {
        self.providers(name, |provided| match &relation.constraint {
            None => true,
            Some(wanted) => provided
                .constraint
                .as_ref()
                .is_some_and(|provided| wanted.accepts(&provided.version)),
        })
    }
}

pub(super) fn version(entry: &Entry) -> &Version {
    &entry.record.control.version
}
