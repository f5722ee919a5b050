//! Manifests that start an image where it runs: data in, text out. Nothing here runs anything.

mod check;
mod template;
mod workload;

pub use check::{CheckError, CheckRule, Finding, Level, Limit, RULES, check};
pub use workload::{Directory, Job, Workload};
