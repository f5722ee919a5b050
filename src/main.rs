//! The `dindimg` program.
fn main() {}
