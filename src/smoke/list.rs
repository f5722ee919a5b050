//! Which cells can run here, as far as can be seen without starting a container.

use std::collections::BTreeMap;

use super::engine::{self, Settings};
use super::error::SmokeError;
use super::matrix::{Cell, Needs, why_not};

/// A cell, and what is in its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The cell.
    pub cell: Cell,
    /// Why it cannot run here; `None` when it can.
    pub reason: Option<String>,
}

/// Asks each engine of `cells` who it is and judges the cells by its answer.
///
/// # Errors
/// Only an interruption: an engine that does not answer is a reason.
pub fn list(cells: &[Cell], needs: &Needs, client: &Settings) -> Result<Vec<Listed>, SmokeError> {
    let mut seen = BTreeMap::new();
    for cell in cells {
        let place = (cell.engine, cell.host);
        if seen.contains_key(&place) {
            continue;
        }
        let engine = engine::open(cell.engine.word(), client.at(cell.host))?;
        let answer = match engine.probe() {
            Ok(info) => Ok((engine, info)),
            Err(error) if error.is_interrupt() => return Err(error.into()),
            Err(error) => Err(error.to_string()),
        };
        seen.insert(place, answer);
    }
    let judged = cells.iter().filter_map(|cell| {
        let reason = match seen.get(&(cell.engine, cell.host))? {
            Ok((engine, info)) => why_not(cell, &engine.capabilities(), info, needs)
                .or_else(|| engine.lacks(cell.storage, cell.host)),
            Err(reason) => Some(reason.clone()),
        };
        Some(Listed {
            cell: *cell,
            reason,
        })
    });
    Ok(judged.collect())
}
