//! What a smoke run found: one document for the whole matrix, in forms for people, programs and CI
//! systems.

mod html;
mod junit;
mod markdown;
mod merge;
mod statement;
mod write;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::matrix::Cell;

pub use merge::MergeError;
pub use write::ReportError;

/// Version of [`SmokeReport`].
pub const SCHEMA: u32 = 3;

/// The findings of a matrix. Times appear here only, never in an image.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SmokeReport {
    /// Version of this structure; 3 today.
    pub schema: u32,
    /// The image as it was named.
    pub image: String,
    /// Digest of its manifest, where it was built here or came from a registry; else of its
    /// configuration.
    pub digest: String,
    /// Which of the two it is.
    pub digest_of: DigestOf,
    /// The cells, in the order they ran.
    pub cells: Vec<CellResult>,
}

/// What a digest is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DigestOf {
    /// The image's manifest: it stays the same from registry to registry.
    Manifest,
    /// What the image was pulled by: its manifest, or an index of several platforms, of which one
    /// was proven.
    Pulled,
    /// The image's configuration, which engines call its id.
    Config,
}

/// One cell of a matrix: the image started in one way on one engine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CellResult {
    /// Its name, which `--cell` takes: the words of engine, cgroup, storage, iptables and
    /// mode, and of a machine its host.
    pub name: String,
    /// The engine it ran on.
    pub engine: EngineFacts,
    /// What the container saw of control groups: `private`, `host` or `mounted`.
    pub cgroup: String,
    /// What the data directory lay on: `volume`, `tmpfs`, `loop`, or a word of `virtiofs`.
    pub storage: String,
    /// The iptables backend: `legacy`, `nft` or `auto`.
    pub iptables: String,
    /// The form of start: `daemon` or `command`.
    pub mode: String,
    /// The host it ran on; absent when the engine did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostFacts>,
    /// What is known after the run.
    pub verdict: Verdict,
    /// Why nothing is known, of an unproven cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds of the whole cell.
    pub seconds: f64,
    /// The checks, in the order they ran; none of an unproven cell.
    pub checks: Vec<CheckResult>,
    /// The container when the first check did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// What a container said, for whoever looks into a failure.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The end of what it wrote.
    pub log: String,
    /// The guest's own report, where it could still be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<serde_json::Value>,
}

/// The engine of a cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EngineFacts {
    /// The word of `--engine`.
    pub name: String,
    /// Its version; absent when it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The OCI runtime that it was told to use; absent when the choice was its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
}

/// The host of a cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HostFacts {
    /// Kernel release.
    pub kernel: String,
    /// cgroup layout as the engine sees it: `v1` (hybrid included) or `v2`.
    pub cgroup: String,
    /// Architecture in OCI's words.
    pub architecture: String,
    /// The storage driver below containers.
    pub storage: String,
}

/// What is known of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every check held.
    Passed,
    /// Some check did not.
    Failed,
    /// It could not run where it was asked for, so nothing is known.
    Unproven,
}

impl Verdict {
    /// The lower-case word of tables and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unproven => "unproven",
        }
    }
}

/// One check of a cell.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// The check's id.
    pub id: String,
    /// How it went.
    pub outcome: Outcome,
    /// Seconds: of the thing measured where the check measures one, else of the check.
    pub seconds: f64,
    /// What was seen; for other outcomes than `held`, what was expected instead.
    pub detail: String,
    /// What usually is wrong, where it did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The rule holds.
    Held,
    /// The rule is violated.
    Violated,
    /// The check could not be done.
    Error,
    /// A check it builds on did not hold.
    Skipped,
    /// The engine lacks what the check needs, so nothing is known.
    Unproven,
}

impl Outcome {
    /// The lower-case word of tables and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Violated => "violated",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Unproven => "unproven",
        }
    }
}

impl CellResult {
    /// A cell of which nothing is known yet.
    pub(super) fn unproven(cell: &Cell, reason: &str) -> Self {
        let [engine, cgroup, storage, iptables, mode] = cell.words().map(str::to_owned);
        Self {
            name: cell.to_string(),
            engine: EngineFacts {
                name: engine,
                version: None,
                runtime: None,
            },
            cgroup,
            storage,
            iptables,
            mode,
            host: None,
            verdict: Verdict::Unproven,
            reason: Some(reason.to_owned()),
            seconds: 0.0,
            checks: Vec::new(),
            evidence: None,
        }
    }

    /// A cell that came no further than a check that did not hold.
    pub(super) fn failed(cell: &Cell, check: CheckResult) -> Self {
        Self {
            verdict: Verdict::Failed,
            reason: None,
            checks: vec![check],
            ..Self::unproven(cell, "")
        }
    }

    /// Whether another result is of the same cell, run with the same runtime.
    fn is_of(&self, other: &Self) -> bool {
        self.name == other.name && self.engine.runtime == other.engine.runtime
    }

    /// Where it ran: `docker 20.10.24, 6.1.0, v2`.
    fn place(&self) -> String {
        let mut text = self.engine.to_string();
        if let Some(host) = &self.host {
            text.push_str(&format!(", {}, {}", host.kernel, host.cgroup));
        }
        text
    }

    /// The checks that did not hold because of something of their own.
    pub fn faults(&self) -> impl Iterator<Item = &CheckResult> {
        self.checks.iter().filter(|check| check.is_fault())
    }
}

impl fmt::Display for EngineFacts {
    /// `docker 20.10.24 with crun`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(version) = &self.version {
            write!(f, " {version}")?;
        }
        if let Some(runtime) = &self.runtime {
            write!(f, " with {runtime}")?;
        }
        Ok(())
    }
}

impl CheckResult {
    /// Whether a cell can have passed with it: it held, or the engine cannot show it.
    pub fn is_no_obstacle(&self) -> bool {
        matches!(self.outcome, Outcome::Held | Outcome::Unproven)
    }

    /// Whether it did not hold because of something of its own.
    pub fn is_fault(&self) -> bool {
        matches!(self.outcome, Outcome::Violated | Outcome::Error)
    }
}

impl SmokeReport {
    /// The ids of the checks that any cell has, in the order they ran.
    fn check_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for check in self.cells.iter().flat_map(|cell| &cell.checks) {
            if !ids.contains(&check.id.as_str()) {
                ids.push(&check.id);
            }
        }
        ids
    }

    /// How many cells have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let cells = self.cells.iter();
        cells.filter(|cell| cell.verdict == verdict).count()
    }

    /// Whether something was proven and no cell failed; unproven cells count for nothing.
    pub fn passed(&self) -> bool {
        self.count(Verdict::Passed) > 0 && self.count(Verdict::Failed) == 0
    }

    /// `6 cells passed, 1 failed, 1 unproven`
    pub fn summary(&self) -> String {
        let passed = self.count(Verdict::Passed);
        let noun = if passed == 1 { "cell" } else { "cells" };
        let mut text = format!("{passed} {noun} passed");
        for verdict in [Verdict::Failed, Verdict::Unproven] {
            let count = self.count(verdict);
            if count > 0 {
                text.push_str(&format!(", {count} {}", verdict.word()));
            }
        }
        text
    }
}

/// The JSON Schema (draft 2020-12) of the report's JSON form.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(SmokeReport).to_value()
}

#[cfg(test)]
mod tests;
