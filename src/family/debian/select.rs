//! Choosing packages from opened repositories.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::deb::packages::{PackageRecord, parse_index};
use crate::deb::provider::{PackageSpec, Pin, PinnedRepository, Request, Universe};
use crate::deb::version::Version;

use super::super::{Chosen, FamilyError, Opened, SolveRequest};

/// Solves `request` over the indexes of `opened`.
pub(super) fn solve(opened: &[Opened], request: &SolveRequest) -> Result<Vec<Chosen>, FamilyError> {
    let mut parsed: Vec<(usize, &Opened, &Vec<u8>)> = Vec::new();
    for (position, opened) in opened.iter().enumerate() {
        let indexes = opened.indexes.get(&request.architecture);
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
                    request.architecture.debian()
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
    for name in &request.optional {
        let available = universe.versions(name).next().is_some();
        if available && !request.packages.contains_key(name) {
            include.push(PackageSpec {
                name: name.clone(),
                version: None,
            });
        }
    }
    let mut locked = BTreeMap::new();
    for (name, version) in &request.preferred {
        locked.insert(name.clone(), parse_version(name, version)?);
    }
    let mut pins = BTreeMap::new();
    for (name, wanted) in &request.pins {
        let id = opened
            .iter()
            .position(|opened| opened.repository.name == *wanted)
            .ok_or_else(|| {
                FamilyError::Recipe(format!(
                    "package `{name}` is pinned to `{wanted}`, which is no repository"
                ))
            })?;
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
        architecture: request.architecture,
        include,
        drop: Default::default(),
        recommends: request.recommends,
        pins,
        locked,
    };
    let selection = universe
        .solve(&request)
        .map_err(|error| FamilyError::Unsatisfiable(error.to_string()))?;
    Ok(selection
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
                sha256: selected.record.sha256,
                depends: selected.depends,
            }
        })
        .collect())
}

fn parse_version(name: &str, text: &str) -> Result<Version, FamilyError> {
    text.parse()
        .map_err(|error| FamilyError::Recipe(format!("package `{name}`: {error}")))
}
