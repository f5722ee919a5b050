//! Manifests that start an image where it runs: data in, text out. Nothing here runs anything.

mod check;
mod choices;
mod containers;
mod engine;
mod error;
mod model;
mod own;
mod plan;
mod runtime;
mod storage;
mod subject;
mod target;
mod targets;
mod template;
#[cfg(test)]
mod tests;
mod volumes;
mod workload;

pub use check::{CheckError, CheckRule, Finding, Level, Limit, RULES, check};
pub use choices::{Choices, Form, Key};
pub use error::DeployError;
pub use plan::Place;
pub use subject::Subject;
pub use target::{Rendered, Target, target};
pub use targets::TARGETS;
pub use template::{TemplateError, Templates};
pub use workload::{Directory, Job, Workload};
