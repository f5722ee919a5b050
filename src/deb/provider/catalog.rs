//! A request's view of the universe: the catalogue the solver asks.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::error::describe;
use super::{Entry, PackageSpec, Pin, Request, SolveError, Universe};
use crate::deb::packages::MultiArch;
use crate::deb::relation::{self, Clause, Qualifier, Relation, RelationError, Relations};
use crate::deb::version::Version;
use crate::solve::{self, CandidateId, Catalog, Exclusion, NameId, Needs, Requirement};

/// A parsed `Provides` field; `None` where it cannot be parsed.
type Provides<'u> = Option<Rc<Relations<'u>>>;

/// The universe as one request sees it: architecture, pins, drops and earlier versions applied.
pub(super) struct View<'u> {
    universe: &'u Universe,
    architecture: &'static str,
    drop: &'u BTreeSet<String>,
    locked: &'u BTreeMap<String, Version>,
    recommends: bool,
    pins: BTreeMap<&'u str, Pin>,
    /// What each name offers, worked out when it is first reached.
    offers: RefCell<HashMap<NameId, Rc<[CandidateId]>>>,
    provides: RefCell<HashMap<CandidateId, Provides<'u>>>,
    drops: RefCell<BTreeMap<CandidateId, BTreeSet<String>>>,
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
        let Some(&id) = self.universe.ids.get(name) else {
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
                providers: names.into_iter().map(|id| self.display_name(id)).collect(),
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

    fn entry(&self, id: CandidateId) -> &'u Entry {
        self.universe.entry(id)
    }

    /// The packages of a name for this architecture that a policy may choose from.
    fn fitting(&self, name: NameId) -> impl Iterator<Item = (CandidateId, &'u Entry)> {
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
    fn offers(&self, name: NameId) -> Rc<[CandidateId]> {
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
    fn satisfy(&self, relation: &Relation<'_>) -> Vec<CandidateId> {
        let Some(&name) = self.universe.ids.get(relation.name) else {
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
    fn named(&self, name: NameId, relation: &Relation<'_>) -> Vec<CandidateId> {
        let accepts = |id: &CandidateId| {
            let constraint = relation.constraint.as_ref();
            constraint.is_none_or(|constraint| constraint.accepts(version(self.entry(*id))))
        };
        self.offers(name).iter().copied().filter(accepts).collect()
    }

    /// The packages that provide the name in a version the relation accepts; a name provided
    /// without a version satisfies no relation with one (Policy 7.5).
    fn provided(&self, name: NameId, relation: &Relation<'_>) -> Vec<CandidateId> {
        self.providers(name, |provided| match &relation.constraint {
            None => true,
            Some(wanted) => provided
                .constraint
                .as_ref()
                .is_some_and(|provided| wanted.accepts(&provided.version)),
        })
    }

    /// What a clause of `Depends` asks for.
    fn demand<'c>(&self, clause: &'c Clause<'_>) -> Demand<'c>
    where
        'u: 'c,
    {
        let alternatives: Vec<_> = clause
            .alternatives
            .iter()
            .filter(|a| a.profiles.is_empty() && a.applies_to(self.architecture))
            .collect();
        let Some(preferred) = alternatives.first() else {
            return Demand::Nothing;
        };
        if self.drop.contains(preferred.name) {
            return Demand::Dropped(preferred.name);
        }
        let mut candidates = Vec::new();
        for alternative in &alternatives {
            for candidate in self.satisfy(alternative) {
                if !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
        let mut note = None;
        if candidates.is_empty() {
            if let Some(name) = alternatives.iter().find_map(|a| self.dropped_for(a.name)) {
                return Demand::Dropped(name);
            }
            note = alternatives.iter().find_map(|a| self.near_miss(a));
        }
        Demand::Requirement(Requirement {
            text: clause.text.split_whitespace().collect::<Vec<_>>().join(" "),
            candidates,
            note,
        })
    }

    /// A dropped package that would satisfy `name`.
    fn dropped_for(&self, name: &str) -> Option<&'u str> {
        if let Some(name) = self.drop.get(name) {
            return Some(name);
        }
        let id = self.universe.ids.get(name)?;
        let providers = &self.universe.name(*id).providers;
        providers
            .iter()
            .map(|&id| &*self.entry(id).record.control.name)
            .find(|provider| self.drop.contains(*provider))
    }

    /// What is there of a package when nothing satisfies a relation to it.
    fn near_miss(&self, relation: &Relation<'_>) -> Option<String> {
        let &name = self.universe.ids.get(relation.name)?;
        if let Some(&offer) = self.offers(name).first() {
            let entry = self.entry(offer);
            let named = !self.named(name, relation).is_empty();
            return Some(match relation.qualifier {
                Some(Qualifier::Any) if named => {
                    format!("{} is not marked Multi-Arch: allowed", relation.name)
                }
                _ => format!("{} is {} here", relation.name, version(entry)),
            });
        }
        self.fitting(name).next()?;
        let pin = self.pins.get(relation.name)?;
        Some(format!("{} is pinned to {}", relation.name, describe(pin)))
    }

    /// What a field of `Conflicts` or `Breaks` excludes. A package is never excluded by itself:
    /// neither through what it provides nor in another version, of which there is only one.
    fn exclusions(
        &self,
        of: CandidateId,
        verb: &'static str,
        field: &str,
        exclusions: &mut Vec<Exclusion>,
    ) -> Result<(), RelationError> {
        let own = self.entry(of).name;
        for clause in relation::parse(field)? {
            for relation in &clause.alternatives {
                let foreign = matches!(relation.qualifier,
                    Some(Qualifier::Architecture(other)) if other != self.architecture);
                if foreign || !relation.applies_to(self.architecture) {
                    continue;
                }
                let Some(&name) = self.universe.ids.get(relation.name) else {
                    continue;
                };
                let by_name = self.named(name, relation);
                let by_provides = self.provided(name, relation);
                for (provided, mut candidates) in [(false, by_name), (true, by_provides)] {
                    candidates.retain(|&id| self.entry(id).name != own);
                    if !candidates.is_empty() {
                        exclusions.push(Exclusion {
                            verb,
                            target: relation.to_string(),
                            provided,
                            candidates,
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// The requirements of `Pre-Depends` and `Depends`; the drops they meet are noted.
    fn requirements(&self, of: CandidateId) -> Result<Vec<Requirement>, RelationError> {
        let control = &self.entry(of).record.control;
        let mut requirements = Vec::new();
        for field in [&control.pre_depends, &control.depends] {
            for clause in relation::parse(field)? {
                match self.demand(&clause) {
                    Demand::Requirement(requirement) => requirements.push(requirement),
                    Demand::Dropped(name) => {
                        let mut drops = self.drops.borrow_mut();
                        drops.entry(of).or_default().insert(name.to_owned());
                    }
                    Demand::Nothing => {}
                }
            }
        }
        Ok(requirements)
    }

    fn wishes(&self, of: CandidateId) -> Result<Vec<Requirement>, RelationError> {
        if !self.recommends {
            return Ok(Vec::new());
        }
        let clauses = relation::parse(&self.entry(of).record.control.recommends)?;
        let wishes = clauses.iter().map(|clause| self.demand(clause));
        Ok(wishes
            .filter_map(|demand| match demand {
                Demand::Requirement(requirement) => Some(requirement),
                Demand::Dropped(_) | Demand::Nothing => None,
            })
            .collect())
    }
}

/// What a clause of a dependency field comes to.
enum Demand<'c> {
    /// A choice among candidates, perhaps none.
    Requirement(Requirement),
    /// It counts as satisfied by this dropped package.
    Dropped(&'c str),
    /// It does not apply to this architecture.
    Nothing,
}

fn version(entry: &Entry) -> &Version {
    &entry.record.control.version
}

impl Catalog for View<'_> {
    fn name_of(&self, candidate: CandidateId) -> NameId {
        self.entry(candidate).name
    }

    fn candidates(&self, name: NameId) -> Vec<CandidateId> {
        self.offers(name).to_vec()
    }

    fn needs(&self, candidate: CandidateId) -> Result<Needs, String> {
        let control = &self.entry(candidate).record.control;
        let read = || -> Result<Needs, RelationError> {
            relation::parse(&control.provides)?;
            let mut exclusions = Vec::new();
            self.exclusions(
                candidate,
                "conflicts with",
                &control.conflicts,
                &mut exclusions,
            )?;
            self.exclusions(candidate, "breaks", &control.breaks, &mut exclusions)?;
            Ok(Needs {
                requirements: self.requirements(candidate)?,
                exclusions,
                wishes: self.wishes(candidate)?,
            })
        };
        read().map_err(|e| format!("a relationship field is malformed: {e}"))
    }

    fn display_name(&self, name: NameId) -> String {
        self.universe.name(name).text.to_string()
    }

    fn display(&self, candidate: CandidateId) -> String {
        let control = &self.entry(candidate).record.control;
        format!("{} {}", control.name, control.version)
    }
}
