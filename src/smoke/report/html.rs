//! A page for people: the grid, how long each start took, and for each failure what helps to
//! find its cause. One file that asks the network for nothing.

use handlebars::Handlebars;
use serde::Serialize;

use super::{CellResult, CheckResult, Outcome, ReportError, SmokeReport};

/// The page; handlebars escapes everything that is put into it.
const PAGE: &str = include_str!("page.hbs");

/// The check whose time is that of a start.
const START: &str = "ready";

#[derive(Serialize)]
struct View<'a> {
    image: &'a str,
    digest: &'a str,
    summary: String,
    verdict: &'static str,
    checks: Vec<&'a str>,
    cells: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    words: Vec<&'a str>,
    place: String,
    verdict: &'static str,
    reason: &'a str,
    seconds: String,
    start: Option<Bar>,
    marks: Vec<Mark<'a>>,
    faults: Vec<Fault<'a>>,
    written: &'a str,
    report: String,
}

/// A start's time beside the longest one's.
#[derive(Serialize)]
struct Bar {
    seconds: String,
    percent: u32,
}

#[derive(Serialize)]
struct Mark<'a> {
    id: &'a str,
    outcome: &'static str,
    sign: &'static str,
    detail: &'a str,
}

#[derive(Serialize)]
struct Fault<'a> {
    id: &'a str,
    outcome: &'static str,
    detail: &'a str,
    hint: &'a str,
}

impl SmokeReport {
    /// The report as one page of HTML without scripts or anything from elsewhere.
    ///
    /// # Errors
    /// [`ReportError::Html`] when the page's template does not fit its data.
    pub fn html(&self) -> Result<String, ReportError> {
        let mut renderer = Handlebars::new();
        renderer.set_strict_mode(true);
        renderer
            .render_template(PAGE, &self.view())
            .map_err(|error| ReportError::Html(Box::new(error)))
    }

    fn view(&self) -> View<'_> {
        let ids = self.check_ids();
        let starts = self.cells.iter().filter_map(start);
        let longest = starts.fold(0.0, f64::max);
        let rows = self.cells.iter().map(|cell| row(cell, &ids, longest));
        View {
            image: &self.image,
            digest: &self.digest,
            summary: self.summary(),
            verdict: if self.passed() { "passed" } else { "failed" },
            cells: rows.collect(),
            checks: ids,
        }
    }
}

fn row<'a>(cell: &'a CellResult, ids: &[&'a str], longest: f64) -> Row<'a> {
    let evidence = cell.evidence.as_ref();
    let report = evidence.and_then(|evidence| evidence.report.as_ref());
    Row {
        name: &cell.name,
        words: cell.name.split('.').collect(),
        place: cell.place(),
        verdict: cell.verdict.word(),
        reason: cell.reason.as_deref().unwrap_or_default(),
        seconds: if cell.checks.is_empty() {
            String::new()
        } else {
            format!("{:.1} s", cell.seconds)
        },
        start: start(cell).map(|seconds| bar(seconds, longest)),
        marks: ids.iter().map(|id| mark(cell, id)).collect(),
        faults: cell.faults().map(fault).collect(),
        written: evidence.map_or("", |evidence| &evidence.log),
        report: report.map_or_else(String::new, |report| format!("{report:#}")),
    }
}

/// Seconds to ready, of a cell that got there.
fn start(cell: &CellResult) -> Option<f64> {
    let ready = |check: &&CheckResult| check.id == START && check.outcome == Outcome::Held;
    cell.checks.iter().find(ready).map(|check| check.seconds)
}

fn bar(seconds: f64, longest: f64) -> Bar {
    Bar {
        seconds: format!("{seconds:.2} s"),
        // Between 0 and 100, so nothing is lost.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        percent: (seconds / longest.max(0.001) * 100.0).clamp(1.0, 100.0) as u32,
    }
}

/// Sign and word: neither colour nor a font decides what is read.
fn mark<'a>(cell: &'a CellResult, id: &'a str) -> Mark<'a> {
    let check = cell.checks.iter().find(|check| check.id == id);
    let (outcome, sign) = match check.map(|check| check.outcome) {
        Some(Outcome::Held) => ("held", "✓"),
        Some(Outcome::Violated) => ("violated", "✗"),
        Some(Outcome::Error) => ("error", "!"),
        Some(Outcome::Skipped) => ("skipped", "–"),
        Some(Outcome::Unproven) => ("unproven", "?"),
        None => ("absent", ""),
    };
    Mark {
        id,
        outcome,
        sign,
        detail: check.map_or("", |check| &check.detail),
    }
}

fn fault(check: &CheckResult) -> Fault<'_> {
    Fault {
        id: &check.id,
        outcome: check.outcome.word(),
        detail: &check.detail,
        hint: check.hint.as_deref().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Evidence;
    use super::super::tests::report;

    #[test]
    fn a_page_has_the_grid_the_failures_and_what_is_unproven() {
        let mut report = report();
        report.cells[1].evidence = Some(Evidence {
            log: "dind: error: </pre><script>alert(1)</script>".to_owned(),
            report: Some(serde_json::json!({ "state": "failed" })),
        });
        let page = report.html().expect("a page");
        assert!(page.contains("&lt;/pre&gt;&lt;script&gt;"), "{page}");
        insta::assert_snapshot!(page);
    }

    #[test]
    fn nothing_of_a_page_comes_from_elsewhere_or_is_run() {
        let page = report().html().expect("a page");
        for word in [
            "http:", "https:", "//", "<script", "@import", "url(", "<link", "<img",
        ] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn bars_are_of_the_longest_start() {
        assert_eq!(super::bar(1.0, 4.0).percent, 25);
        assert_eq!(super::bar(4.0, 4.0).percent, 100);
        assert_eq!(super::bar(0.0, 0.0).percent, 1);
    }
}
