//! `dindimg smoke clean`

use anyhow::{Result, bail};

use crate::smoke;

use super::super::args::CleanEngines;
use super::super::engines;
use super::super::output::Output;
use super::NotProven;

pub(super) fn run(arguments: &CleanEngines, output: &Output) -> Result<()> {
    let mut left = Vec::new();
    for engine in &arguments.engine {
        left.extend(smoke::clean(engine, &engines::client(None)?)?);
    }
    if !left.is_empty() {
        bail!(NotProven(format!(
            "could not be removed: {}",
            left.join("; ")
        )));
    }
    output.data("nothing of smoke runs is left\n");
    Ok(())
}
