//! `dindimg schema`

use anyhow::Result;

use super::output::Output;

pub(super) fn run(markdown: bool, output: &Output) -> Result<()> {
    if markdown {
        output.data(&crate::recipe::reference());
        return Ok(());
    }
    output.data(&format!("{:#}\n", crate::recipe::schema()));
    Ok(())
}
