//! Choosing packages from opened repositories.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::apk::index::{self, PackageRecord};
use crate::apk::provider::{Request, Universe};
use crate::apk::relation::{Constraint, Dependency};
use crate::apk::version::Version;
use crate::platform::Architecture;

use super::super::repositories::pinned;
use super::super::{Chosen, FamilyError, FileId, Opened, SolveRequest, Solved};

/// Packages that come for every architecture.
const ANY: &str = "noarch";

/// Solves each of `requests` over the indexes of `opened`, which are read once.
pub(super) fn solve(
    opened: &[Opened],
    architecture: Architecture,
    requests: &[SolveRequest],
) -> Result<Vec<Solved>, FamilyError> {
    let parsed: Vec<Vec<PackageRecord>> = opened
        .par_iter()
        .map(|opened| {
            let indexes = opened.indexes.get(&architecture);
            let bytes = indexes.and_then(|indexes| indexes.first());
            let bytes = bytes.map_or(&b""[..], |bytes| &bytes[..]);
            let mut records = index::parse(bytes).map_err(|error| FamilyError::Metadata {
                subject: format!("APKINDEX of {}", opened.repository.name),
                message: error.to_string(),
            })?;
            // What an index lists for another architecture could never run.
            let fits = [architecture.alpine(), ANY];
            records.retain(|record| fits.contains(&&*record.architecture));
            Ok(records)
        })
        .collect::<Result<_, FamilyError>>()?;
    let mut universe = Universe::new();
    for (position, (opened, records)) in opened.iter().zip(parsed).enumerate() {
        universe.add_index(position, opened.repository.tag.as_deref(), records);
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
    let mut pins = BTreeMap::new();
    let mut tags = BTreeMap::new();
    for (name, wanted) in &request.pins {
        let position = pinned(opened, name, wanted)?;
        pins.insert(name.clone(), position);
        if let Some(tag) = &opened[position].repository.tag {
            tags.insert(name.as_str(), tag.clone());
        }
    }
    let dependency = |name: &str, version: Option<&str>| -> Result<Dependency, FamilyError> {
        Ok(Dependency {
            conflict: false,
            name: name.to_owned(),
            tag: tags.get(name).cloned(),
            constraint: version.map(|text| exactly(name, text)).transpose()?,
        })
    };
    let mut include = Vec::new();
    for (name, version) in &request.packages {
        include.push(dependency(name, version.as_deref())?);
    }
    for name in &request.optional {
        let available = universe.versions(name).next().is_some();
        if available && !request.packages.contains_key(name) {
            include.push(dependency(name, None)?);
        }
    }
    // A version that another distribution would write is no reason to fail: it is not there.
    let locked = request
        .preferred
        .iter()
        .filter_map(|(name, version)| Some((name.clone(), version.parse::<Version>().ok()?)))
        .collect();
    let asked = Request {
        origin: "the recipe".to_owned(),
        architecture: architecture.alpine().to_owned(),
        include,
        drop: request.drop.clone(),
        pins,
        locked,
    };
    let selection = universe
        .solve(&asked)
        .map_err(|error| FamilyError::Unsatisfiable(error.to_string()))?;
    let packages = selection
        .packages
        .into_iter()
        .map(|selected| {
            let record = selected.record;
            Chosen {
                name: record.name.to_string(),
                version: record.version.as_str().to_owned(),
                architecture: record.architecture.to_string(),
                source: record.origin.to_string(),
                repository: selected.repository,
                path: format!("{}/{}", record.architecture, record.file_name()),
                size: record.size,
                file: FileId::Control(record.checksum.to_string()),
                depends: selected.depends,
            }
        })
        .collect();
    Ok(Solved {
        packages,
        dropped: selection.dropped,
    })
}

/// One version and no other.
fn exactly(name: &str, text: &str) -> Result<Constraint, FamilyError> {
    let version = text
        .parse()
        .map_err(|error| FamilyError::Recipe(format!("package `{name}`: {error}")))?;
    Ok(Constraint::Version {
        less: false,
        equal: true,
        greater: false,
        fuzzy: false,
        version,
    })
}
