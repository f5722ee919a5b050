//! `dindimg completions`

use anyhow::Result;
use clap::CommandFactory;

use super::args::Arguments;
use super::output::Output;

pub(super) fn run(shell: clap_complete::Shell, output: &Output) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "dindimg", &mut script);
    output.data(&String::from_utf8(script)?);
    Ok(())
}
