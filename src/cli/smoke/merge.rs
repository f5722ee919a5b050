//! `dindimg smoke merge`

use anyhow::{Context as _, Result};

use crate::smoke::SmokeReport;

use super::super::args::{Common, MergeReports};
use super::super::output::Output;

pub(super) fn run(arguments: &MergeReports, common: &Common, output: &Output) -> Result<()> {
    super::check_names(&arguments.report)?;
    let texts = arguments
        .reports
        .iter()
        .map(|path| {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the report {name}"))?;
            Ok((name, text))
        })
        .collect::<Result<Vec<_>>>()?;
    let report = SmokeReport::merge(&texts)?;
    super::deliver(&report, &arguments.report, common, output)?;
    super::judge(&report, arguments.require_all)
}
