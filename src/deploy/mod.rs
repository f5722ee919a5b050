//! Manifests that start an image where it runs: data in, text out. Nothing here runs anything.

mod template;
mod workload;

pub use workload::{Directory, Job, Workload};
