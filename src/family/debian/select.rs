//! Choosing packages from opened repositories.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::deb::packages::{PackageRecord, parse_index};
use crate::deb::provider::{PackageSpec, Pin, PinnedRepository, Request, Universe};
use crate::deb::relation;
use crate::deb::version::Version;
use crate::platform::Architecture;

use super::super::repositories::pinned;
use super::super::{Chosen, FamilyError, FileId, Opened, SolveRequest, Solved};

/// Solves each of `requests` over the indexes of `opened`, which are read once.
pub(super) fn solve(
    opened: &[Opened],
    architecture: Architecture,
    requests: &[SolveRequest],
) -> Result<Vec<Solved>, FamilyError> {
    let mut parsed: Vec<(usize, &Opened, &Vec<u8>)> = Vec::new();
    for (position, opened) in opened.iter().enumerate() {
        let indexes = opened.indexes.get(&architecture);
        parsed.extend(
            indexes
                .into_iter()
                .flatten()
                .map(|bytes| (position, opened, bytes)),
        );
    }
    let parsed: Vec<(usize, i32, Vec<PackageRecord>)> = parsed
        .par_iter()
        .map(|(position, opened, bytes)| {
            let mut records = parse_index(bytes).map_err(|error| FamilyError::Metadata {
                subject: format!(
                    "Packages of {} for {}",
                    opened.repository.name,
                    architecture.debian()
                ),
                message: error.to_string(),
            })?;
            let only = &opened.repository.only;
            records.retain(|record| only.is_empty() || only.contains(&*record.control.name));
            Ok((*position, opened.repository.priority, records))
        })
        .collect::<Result<_, FamilyError>>()?;
    // In the order of the repositories, which settles ties as it does for apt.
    let mut universe = Universe::new();
    for (position, priority, records) in parsed {
        universe.add_index(position, priority, records);
    }
    requests
        .iter()
        .map(|request| solve_one(&universe, opened, architecture, request))
        .collect()
}

fn solve_one(
    universe: &Universe,
    opened: &[Opened],
    architecture: Architecture,
    request: &SolveRequest,
) -> Result<Solved, FamilyError> {
    let mut include = Vec::new();
    for (name, version) in &request.packages {
        include.push(PackageSpec {
            name: name.clone(),
            version: version
                .as_deref()
                .map(|text| parse_version(name, text))
                .transpose()?,
        });
    }
    for text in &request.optional {
        let relations = relation::parse(text)
            .map_err(|error| FamilyError::Recipe(format!("optional package `{text}`: {error}")))?;
        for wanted in relations.iter().flat_map(|clause| &clause.alternatives) {
            let accepted = |version: &Version| {
                let constraint = wanted.constraint.as_ref();
                constraint.is_none_or(|constraint| constraint.accepts(version))
            };
            let available = universe
                .versions(wanted.name)
                .any(|(record, _)| accepted(&record.control.version));
            if available && !request.packages.contains_key(wanted.name) {
                include.push(PackageSpec {
                    name: wanted.name.to_owned(),
                    version: None,
                });
            }
        }
    }
    let mut locked = BTreeMap::new();
    for (name, version) in &request.preferred {
        locked.insert(name.clone(), parse_version(name, version)?);
    }
    let mut pins = BTreeMap::new();
    for (name, wanted) in &request.pins {
        let id = pinned(opened, name, wanted)?;
        pins.insert(
            name.clone(),
            Pin {
                version: None,
                repository: Some(PinnedRepository {
                    id,
                    label: format!("repository `{wanted}`"),
                }),
            },
        );
    }
    let request = Request {
        origin: "the recipe".to_owned(),
        architecture,
        include,
        drop: request.drop.clone(),
        recommends: request.recommends,
        pins,
        locked,
    };
    let selection = universe
        .solve(&request)
        .map_err(|error| FamilyError::Unsatisfiable(error.to_string()))?;
    let packages = selection
        .packages
        .into_iter()
        .map(|selected| {
            let control = &selected.record.control;
            Chosen {
                name: control.name.to_string(),
                version: control.version.as_str().to_owned(),
                architecture: control.architecture.to_string(),
                source: control.source().0.to_owned(),
                repository: selected.repository,
                path: selected.record.filename.to_string(),
                size: selected.record.size,
                file: FileId::Sha256(selected.record.sha256),
                depends: selected.depends,
            }
        })
        .collect();
    Ok(Solved {
        packages,
        dropped: selection.dropped,
    })
}

fn parse_version(name: &str, text: &str) -> Result<Version, FamilyError> {
    text.parse()
        .map_err(|error| FamilyError::Recipe(format!("package `{name}`: {error}")))
}
