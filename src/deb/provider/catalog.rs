//! The catalogue the solver asks: relationship fields as requirements, exclusions and wishes.

use super::error::describe;
use super::view::{View, version};
use crate::deb::relation::{self, Clause, Qualifier, Relation, RelationError};
use crate::solve::{CandidateId, Catalog, Exclusion, NameId, Needs, Requirement};

impl<'u> View<'u> {
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
        let id = self.universe.names.find(name)?;
        let providers = &self.universe.name(id).providers;
        providers
            .iter()
            .map(|&id| &*self.entry(id).record.control.name)
            .find(|provider| self.drop.contains(*provider))
    }

    /// What is there of a package when nothing satisfies a relation to it.
    fn near_miss(&self, relation: &Relation<'_>) -> Option<String> {
        let name = self.universe.names.find(relation.name)?;
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
                let Some(name) = self.universe.names.find(relation.name) else {
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
