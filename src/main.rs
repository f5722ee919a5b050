//! The `dindimg` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    dindimg::cli::run()
}
