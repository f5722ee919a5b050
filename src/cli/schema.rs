//! `dindimg schema`

use anyhow::Result;

use super::output::Output;

pub(super) fn run(output: &Output) -> Result<()> {
    output.data(&format!("{:#}\n", crate::recipe::schema()));
    Ok(())
}
