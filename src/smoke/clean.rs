//! Removal of what runs left.

use super::engine::{self, Settings};
use super::error::SmokeError;
use super::session::LABEL;

/// Removes every container, network and volume of any run on an engine, and returns what could not
/// be removed.
///
/// # Errors
/// When there is no such engine, or it does not answer.
pub fn clean(engine: &str, client: &Settings) -> Result<Vec<String>, SmokeError> {
    let engine = engine::open(engine, client.clone())?;
    engine.probe()?;
    Ok(engine.sweep(LABEL)?)
}
