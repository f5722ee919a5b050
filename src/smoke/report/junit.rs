//! JUnit XML, which CI systems show: a suite for each cell, a case for each check.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{CellResult, CheckResult, Outcome, ReportError, SmokeReport};

impl SmokeReport {
    /// The report as JUnit XML. An unproven cell is one skipped case that says why.
    ///
    /// # Errors
    /// [`ReportError::Junit`] when a text cannot be part of XML.
    pub fn junit(&self) -> Result<String, ReportError> {
        let mut report = Report::new("dindimg smoke");
        let mut total = Duration::ZERO;
        for cell in &self.cells {
            let suite = self.suite(cell);
            total += suite.time.unwrap_or_default();
            report.add_test_suite(suite);
        }
        report
            .set_time(total)
            .to_string()
            .map_err(|error| ReportError::Junit(error.to_string()))
    }

    fn suite(&self, cell: &CellResult) -> TestSuite {
        let mut suite = TestSuite::new(cell.name.as_str());
        suite.add_property(("image", self.image.as_str()));
        suite.add_property(("digest", self.digest.as_str()));
        if let Some(version) = &cell.engine.version {
            suite.add_property(("engine.version", version.as_str()));
        }
        if let Some(runtime) = &cell.engine.runtime {
            suite.add_property(("engine.runtime", runtime.as_str()));
        }
        if let Some(host) = &cell.host {
            suite.add_property(("host.kernel", host.kernel.as_str()));
            suite.add_property(("host.cgroup", host.cgroup.as_str()));
        }
        suite.set_time(seconds(cell.seconds));
        if let Some(reason) = &cell.reason {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            suite.add_test_case(TestCase::new("cell", status));
        }
        suite.add_test_cases(cell.checks.iter().map(|check| case(cell, check)));
        suite
    }
}

fn case(cell: &CellResult, check: &CheckResult) -> TestCase {
    let mut status = match check.outcome {
        Outcome::Held => TestCaseStatus::success(),
        Outcome::Violated => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Skipped | Outcome::Unproven => TestCaseStatus::skipped(),
    };
    if check.outcome != Outcome::Held {
        status.set_message(check.detail.as_str());
        if let Some(hint) = &check.hint {
            status.set_description(format!("{}\nhint: {hint}", check.detail));
        }
    }
    let mut case = TestCase::new(check.id.as_str(), status);
    // Viewers tell cases apart by class and name, and not by their suite.
    case.set_classname(cell.name.as_str());
    case.set_time(seconds(check.seconds));
    if check.outcome == Outcome::Held {
        case.set_system_out(&check.detail);
    }
    case
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;

    #[test]
    fn junit_has_a_suite_for_every_cell_and_a_case_for_every_check() {
        insta::assert_snapshot!(report().junit().expect("plain text"));
    }
}
