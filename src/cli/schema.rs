//! `dindimg schema`

use anyhow::Result;

use super::output::Output;

pub(super) fn run(markdown: bool, report: bool, output: &Output) -> Result<()> {
    if markdown {
        output.data(&crate::recipe::reference());
        return Ok(());
    }
    let schema = if report {
        crate::smoke::report::schema()
    } else {
        crate::recipe::schema()
    };
    output.data(&format!("{schema:#}\n"));
    Ok(())
}
