//! The run of a matrix: the image to each engine once, then its cells.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::engine::{self, EngineInfo};
use super::error::SmokeError;
use super::matrix::{Cell, Choice, why_not};
use super::report::{CellResult, HostFacts, SCHEMA, SmokeReport};
use super::schedule::{self, Schedule};
use super::site::{Beside, Place, Site};
use super::{Options, Subject, perform};
use crate::progress::{Reporter, Stage};
use crate::recipe::IptablesBackend;

/// Runs every check that applies to the image in every cell that can run here, and reports how each
/// went. Cells that cannot are in the report as unproven, with the reason.
///
/// # Errors
/// [`SmokeError`] when there is nothing to report: no engine is there that can run the image, the
/// run was interrupted, or the image is missing, none of this program's, or not the same on every
/// engine. Violated rules are no error: ask [`SmokeReport::passed`].
pub fn run(
    subject: &Subject,
    choice: &Choice,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<SmokeReport, SmokeError> {
    let engines = choice
        .engines()
        .into_iter()
        .map(|(engine, host)| engine::open(engine.word(), options.client.at(host)))
        .collect::<Result<Vec<_>, _>>()?;
    let beside = Beside {
        previous: options.upgrade_from.as_ref(),
        daemon: options.daemon.as_ref(),
    };
    let places = engines
        .iter()
        .map(|engine| Place::of(engine.as_ref(), subject, beside))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(first) = places.iter().find_map(|place| place.site.as_ref().ok()) else {
        let refusal = places.into_iter().find_map(|place| place.site.err());
        return Err(refusal.unwrap_or(SmokeError::NoCells));
    };
    same_image(first, &places)?;
    let cells = choice.cells(backend(first)?);
    if cells.is_empty() {
        return Err(SmokeError::NoCells);
    }
    let (digest, digest_of) = first.digest(subject);
    let mut report = SmokeReport {
        schema: SCHEMA,
        image: match subject {
            Subject::Built { name, .. } => name.clone(),
            Subject::Reference(_) | Subject::Published { .. } | Subject::Archive(_) => {
                first.reference.clone()
            }
        },
        digest,
        digest_of,
        cells: Vec::new(),
    };
    report.cells = all(&cells, &places, options, reporter)?;
    let sites = places.into_iter().filter_map(|place| place.site.ok());
    for left in sites.flat_map(Site::leave) {
        reporter.warn(Stage::Smoke, &format!("could not clean up: {left}"));
    }
    Ok(report)
}

/// Runs the cells, as many at once as their hosts carry, and returns their results in their order.
fn all(
    cells: &[Cell],
    places: &[Place<'_>],
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<Vec<CellResult>, SmokeError> {
    let place = |cell: &Cell| {
        let mut places = places.iter();
        places.find(|place| {
            place.engine.name() == cell.engine.word() && place.engine.host() == cell.host
        })
    };
    let jobs: Vec<(&Cell, &Place<'_>)> = cells
        .iter()
        .filter_map(|cell| Some((cell, place(cell)?)))
        .collect();
    let room = rooms(places, options.parallel);
    let width = room.values().sum::<usize>().min(jobs.len());
    let hosts = jobs.iter().map(|(_, place)| place.host()).collect();
    let schedule = Schedule::new(hosts, room);
    let results = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some((number, host)) = schedule.next() {
            let (cell, place) = jobs[number];
            let result = prove(place, cell, jobs.len() > 1, options, reporter);
            if result.is_err() {
                schedule.stop();
            }
            schedule.done(&host);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.insert(number, result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..width {
            scope.spawn(work);
        }
    });
    let results = results.into_inner();
    let results = results.unwrap_or_else(PoisonError::into_inner);
    results.into_values().collect()
}

/// How many cells each host carries at once. Engines on this machine share it, and see the same
/// processors.
fn rooms(places: &[Place<'_>], asked: Option<usize>) -> BTreeMap<String, usize> {
    let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
    for place in places {
        let info = place.info.as_ref();
        let carried = info.map_or(1, |info| schedule::room(info.cpus, info.memory));
        let room = asked.unwrap_or(carried).max(1);
        let known = rooms.entry(place.host()).or_insert(room);
        *known = room.min(*known);
    }
    rooms
}

/// Runs a cell, or says why it cannot run. One among many has a progress line of its own.
fn prove(
    place: &Place<'_>,
    cell: &Cell,
    among_many: bool,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<CellResult, SmokeError> {
    let refusal = match &place.site {
        Ok(site) => why_not(cell, &site.engine.capabilities(), &site.info, &site.needs)
            .or_else(|| site.engine.lacks(cell.storage, cell.host)),
        Err(error) => Some(error.to_string()),
    };
    let name = cell.to_string();
    let mut result = match (&place.site, refusal) {
        (Ok(site), None) if among_many => {
            let task = reporter.begin(Stage::Smoke, &name, None);
            let result = perform::cell(site, cell, options, reporter, &format!("{name} "))?;
            reporter.finish(task, result.verdict.word());
            result
        }
        (Ok(site), None) => perform::cell(site, cell, options, reporter, "")?,
        (Err(error), Some(reason)) if error.is_of_image() => {
            reporter.note(Stage::Smoke, &format!("{name} failed: {reason}"));
            CellResult::failed(cell, perform::never_ready(reason))
        }
        (_, reason) => {
            let reason = reason.unwrap_or_default();
            reporter.note(Stage::Smoke, &format!("{name} is unproven: {reason}"));
            CellResult::unproven(cell, &reason)
        }
    };
    result.engine.runtime = options.client.runtime.clone();
    if let Some(info) = &place.info {
        result.engine.version = Some(info.version.clone());
        result.host = Some(host(info));
    }
    Ok(result)
}

/// Refuses to prove two images as one: a reference can mean another one in each engine's store.
fn same_image(first: &Site<'_>, places: &[Place<'_>]) -> Result<(), SmokeError> {
    let sites = places.iter().filter_map(|place| place.site.as_ref().ok());
    match sites.into_iter().find(|site| !site.same_image(first)) {
        None => Ok(()),
        Some(other) => Err(SmokeError::Differs {
            image: first.reference.clone(),
            one: (first.engine.name(), first.image.id.clone()),
            other: (other.engine.name(), other.image.id.clone()),
        }),
    }
}

/// The iptables backend that the image promises.
fn backend(site: &Site<'_>) -> Result<IptablesBackend, SmokeError> {
    let word = &site.contract.iptables;
    word.parse().map_err(|_| SmokeError::Backend {
        image: site.reference.clone(),
        backend: word.clone(),
    })
}

fn host(info: &EngineInfo) -> HostFacts {
    HostFacts {
        kernel: info.kernel.clone(),
        cgroup: info.cgroup.clone(),
        architecture: info.architecture.clone(),
        storage: info.storage.clone(),
    }
}
