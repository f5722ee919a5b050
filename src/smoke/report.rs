//! What a smoke run found, for people, programs and CI systems.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// The findings of one run. Times appear here only, never in an image.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SmokeReport {
    /// Version of this structure; 1 today.
    pub schema: u32,
    /// The image as it was named.
    pub image: String,
    /// Digest of its manifest where it came from a registry, else of its configuration.
    pub digest: String,
    /// The engine it ran on.
    pub engine: EngineFacts,
    /// The host it ran on.
    pub host: HostFacts,
    /// The checks, in the order they ran.
    pub checks: Vec<CheckResult>,
}

/// The engine of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EngineFacts {
    /// `docker` or `podman`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The host of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostFacts {
    /// Kernel release.
    pub kernel: String,
    /// cgroup layout as the engine sees it: `v1` (hybrid included) or `v2`.
    pub cgroup: String,
}

/// One check of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's id.
    pub id: String,
    /// How it went.
    pub outcome: Outcome,
    /// Seconds: of the thing measured where the check measures one, else of the check.
    pub seconds: f64,
    /// What was seen; for other outcomes than `held`, what was expected instead.
    pub detail: String,
}

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
}

impl Outcome {
    /// The lower-case word of tables and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Violated => "violated",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file's name does not say its format.
    #[error("cannot tell the format of the report {}; name it .json or .xml (JUnit)", .0.display())]
    Format(PathBuf),
    /// It could not be written.
    #[error("cannot write the report {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        source: std::io::Error,
    },
    /// It could not be rendered.
    #[error("cannot render the report as JUnit XML: {0}")]
    Junit(String),
}

impl SmokeReport {
    /// Whether every check held.
    pub fn passed(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.outcome == Outcome::Held)
    }

    /// Titles of [`SmokeReport::rows`].
    pub const COLUMNS: [&'static str; 4] = ["check", "outcome", "seconds", "detail"];

    /// The checks as cells of a table.
    pub fn rows(&self) -> Vec<[String; 4]> {
        let row = |check: &CheckResult| {
            [
                check.id.clone(),
                check.outcome.word().to_owned(),
                format!("{:.1}", check.seconds),
                check.detail.clone(),
            ]
        };
        self.checks.iter().map(row).collect()
    }

    /// The report as JSON, ending in a line feed.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("plain structures are always JSON");
        text + "\n"
    }

    /// The report as JUnit XML: one suite, one case a check.
    ///
    /// # Errors
    /// [`ReportError::Junit`] when a text cannot be part of XML.
    pub fn junit(&self) -> Result<String, ReportError> {
        let mut suite = TestSuite::new(format!("{} on {}", self.image, self.engine.name));
        for (name, value) in [
            ("digest", &self.digest),
            ("engine.version", &self.engine.version),
            ("host.kernel", &self.host.kernel),
            ("host.cgroup", &self.host.cgroup),
        ] {
            suite.add_property((name, value.as_str()));
        }
        let mut total = Duration::ZERO;
        for check in &self.checks {
            let mut status = match check.outcome {
                Outcome::Held => TestCaseStatus::success(),
                Outcome::Violated => TestCaseStatus::non_success(NonSuccessKind::Failure),
                Outcome::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
                Outcome::Skipped => TestCaseStatus::skipped(),
            };
            if check.outcome != Outcome::Held {
                status.set_message(&check.detail);
            }
            let time = Duration::try_from_secs_f64(check.seconds).unwrap_or_default();
            total += time;
            let mut case = TestCase::new(&check.id, status);
            case.set_classname("smoke").set_time(time);
            if check.outcome == Outcome::Held {
                case.set_system_out(&check.detail);
            }
            suite.add_test_case(case);
        }
        suite.set_time(total);
        let mut report = Report::new("dindimg smoke");
        report.set_time(total).add_test_suite(suite);
        report
            .to_string()
            .map_err(|error| ReportError::Junit(error.to_string()))
    }

    /// Writes the report to `path`, whole or not at all: JSON for `.json`, JUnit for `.xml`.
    ///
    /// # Errors
    /// See [`ReportError`].
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => self.json(),
            Some("xml") => self.junit()?,
            _ => return Err(ReportError::Format(path.to_owned())),
        };
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        write_whole(parent.unwrap_or(Path::new(".")), path, &text).map_err(|source| {
            ReportError::Write {
                path: path.to_owned(),
                source,
            }
        })
    }
}

fn write_whole(dir: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    // A temporary file is private; a report is for whoever may look into its directory.
    file.as_file()
        .set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> SmokeReport {
        let check = |id: &str, outcome, seconds, detail: &str| CheckResult {
            id: id.to_owned(),
            outcome,
            seconds,
            detail: detail.to_owned(),
        };
        SmokeReport {
            schema: 1,
            image: "localhost:5000/ci/docker:x".to_owned(),
            digest: "sha256:00".to_owned(),
            engine: EngineFacts {
                name: "docker".to_owned(),
                version: "20.10.24".to_owned(),
            },
            host: HostFacts {
                kernel: "6.1.0".to_owned(),
                cgroup: "v2".to_owned(),
            },
            checks: vec![
                check("ready", Outcome::Held, 0.75, "after 0.8 s"),
                check("tls", Outcome::Violated, 1.0, "a <stranger> was answered"),
                check("stop", Outcome::Error, 0.0, "docker cannot stop x"),
                check("cgroup", Outcome::Skipped, 0.0, "`ready` did not hold"),
            ],
        }
    }

    #[test]
    fn only_a_run_of_held_checks_passes() {
        let mut report = report();
        assert!(!report.passed());
        report.checks.truncate(1);
        assert!(report.passed());
    }

    #[test]
    fn json_keeps_everything() {
        let report = report();
        let back: SmokeReport = serde_json::from_str(&report.json()).expect("own JSON");
        assert_eq!(back, report);
    }

    #[test]
    fn junit_has_a_case_for_every_check() {
        insta::assert_snapshot!(report().junit().expect("plain text"));
    }

    #[test]
    fn the_extension_chooses_the_format() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (name, start) in [("r.json", "{"), ("r.xml", "<?xml")] {
            let path = dir.path().join(name);
            report().write(&path).expect("written");
            let text = std::fs::read_to_string(&path).expect("readable");
            assert!(text.starts_with(start));
        }
        let error = report().write(&dir.path().join("r.txt"));
        assert!(matches!(error, Err(ReportError::Format(_))));
    }
}
