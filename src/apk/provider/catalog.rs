//! The catalogue the solver asks: dependencies as requirements and exclusions.

use super::view::{View, accepts};
use crate::apk::relation::Dependency;
use crate::solve::{CandidateId, Catalog, Exclusion, NameId, Needs, Requirement};

impl View<'_> {
    /// What a dependency asks for, or the dropped package by which it counts as satisfied.
    fn demand(&self, dependency: &Dependency) -> Result<Requirement, String> {
        if self.is_dropped(&dependency.name) {
            return Err(dependency.name.clone());
        }
        let candidates = self.satisfy(dependency);
        let mut note = None;
        if candidates.is_empty()
            && let Some(name) = self.universe.names.find(dependency.name.as_str())
        {
            let providers = || self.universe.name(name).providers.iter();
            let dropped = providers().find_map(|(id, version)| {
                let entry = self.entry(*id);
                let name = &*entry.record.name;
                let would = accepts(dependency, version.as_ref(), entry);
                (self.is_dropped(name) && would).then(|| name.to_owned())
            });
            if let Some(dropped) = dropped {
                return Err(dropped);
            }
            note = providers().next().map(|(id, version)| {
                let package = &self.entry(*id).record;
                match version {
                    Some(version) if *package.name == *dependency.name => {
                        format!("{} is {version} here", dependency.name)
                    }
                    Some(version) => format!("{} provides {version}", package.name),
                    None => format!(
                        "{} provides it, but is not asked for by its name",
                        package.name
                    ),
                }
            });
        }
        Ok(Requirement {
            text: dependency.to_string(),
            candidates,
            note,
        })
    }

    /// What a `!name` excludes: never the package itself.
    fn excluded(&self, of: CandidateId, dependency: &Dependency) -> Option<Exclusion> {
        let own = self.entry(of).name;
        let name = self.universe.names.find(dependency.name.as_str())?;
        let providers = self.universe.name(name).providers.iter();
        let candidates: Vec<CandidateId> = providers
            .filter(|(id, version)| {
                let entry = self.entry(*id);
                entry.name != own && accepts(dependency, version.as_ref(), entry)
            })
            .map(|(id, _)| *id)
            .collect();
        (!candidates.is_empty()).then(|| Exclusion {
            verb: "conflicts with",
            target: dependency.to_string().trim_start_matches('!').to_owned(),
            provided: candidates.iter().all(|id| self.entry(*id).name != name),
            candidates,
        })
    }

    /// Other packages that answer to the same names: only one can, unless none of them says a
    /// version (apk-tools, `assign_name`).
    fn rivals(&self, of: CandidateId) -> Vec<Exclusion> {
        let entry = self.entry(of);
        let own = (entry.name, Some(entry.record.version.clone()));
        let names = entry.provides.iter().chain([&own]);
        let rivals = names.map(|(name, said)| {
            let at = self.universe.name(*name);
            let others = at.providers.iter().filter(|(id, version)| {
                self.entry(*id).name != entry.name && (said.is_some() || version.is_some())
            });
            Exclusion {
                verb: "provides what is also",
                target: at.text.to_string(),
                provided: true,
                candidates: others.map(|(id, _)| *id).collect(),
            }
        });
        rivals
            .filter(|rivals| !rivals.candidates.is_empty())
            .collect()
    }
}

impl Catalog for View<'_> {
    fn name_of(&self, candidate: CandidateId) -> NameId {
        self.entry(candidate).name
    }

    fn candidates(&self, name: NameId) -> Vec<CandidateId> {
        self.offers(name)
    }

    fn needs(&self, candidate: CandidateId) -> Result<Needs, String> {
        let depends = self.entry(candidate).depends.as_ref();
        let depends = depends.map_err(|error| format!("a dependency is malformed: {error}"))?;
        let mut needs = Needs {
            exclusions: self.rivals(candidate),
            ..Needs::default()
        };
        for dependency in depends {
            if dependency.conflict {
                needs
                    .exclusions
                    .extend(self.excluded(candidate, dependency));
                continue;
            }
            match self.demand(dependency) {
                Ok(requirement) => needs.requirements.push(requirement),
                Err(dropped) => {
                    let mut drops = self.drops.borrow_mut();
                    drops.entry(candidate).or_default().insert(dropped);
                }
            }
        }
        Ok(needs)
    }

    fn display_name(&self, name: NameId) -> String {
        self.universe.name(name).text.to_string()
    }

    fn display(&self, candidate: CandidateId) -> String {
        let record = &self.entry(candidate).record;
        format!("{} {}", record.name, record.version)
    }
}
