//! Markdown for a pull request: the grid of cells and checks, and what did not hold with its hint.

use super::{CellResult, CheckResult, Outcome, SmokeReport};

impl SmokeReport {
    /// The report as Markdown, ending in a line feed.
    pub fn markdown(&self) -> String {
        let mut page = format!(
            "# Smoke: {}\n\n{}; {}\n\n",
            code(&self.image),
            self.summary(),
            code(&self.digest)
        );
        page.push_str(&self.grid());
        let faulty = self
            .cells
            .iter()
            .filter(|cell| cell.faults().next().is_some());
        let faults: String = faulty.map(faults).collect();
        if !faults.is_empty() {
            page.push_str(&format!("\n## What did not hold\n{faults}"));
        }
        let unproven: String = self.cells.iter().filter_map(unproven).collect();
        if !unproven.is_empty() {
            page.push_str(&format!("\n## Unproven\n\n{unproven}"));
        }
        page
    }

    /// One row for each cell, one column for each check that any cell has.
    fn grid(&self) -> String {
        let ids = self.check_ids();
        let mut columns = vec!["cell", "host", "verdict"];
        columns.extend(&ids);
        columns.push("seconds");
        let mut grid = row(columns.iter().map(|column| (*column).to_owned()));
        grid.push_str(&row(columns.iter().map(|_| "---".to_owned())));
        for cell in &self.cells {
            let mut cells = vec![
                code(&cell.name),
                code(&cell.place()),
                format!("**{}**", cell.verdict.word()),
            ];
            cells.extend(ids.iter().map(|id| {
                let check = cell.checks.iter().find(|check| check.id == *id);
                check.map(mark).unwrap_or_default().to_owned()
            }));
            cells.push(if cell.checks.is_empty() {
                String::new()
            } else {
                format!("{:.1}", cell.seconds)
            });
            grid.push_str(&row(cells));
        }
        grid
    }
}

fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Sign and word: neither colour nor a font decides what is read.
fn mark(check: &CheckResult) -> &'static str {
    match check.outcome {
        Outcome::Held => "✓",
        Outcome::Violated => "✗ violated",
        Outcome::Error => "! error",
        Outcome::Skipped => "– skipped",
        Outcome::Unproven => "– unproven",
    }
}

fn faults(cell: &CellResult) -> String {
    let mut text = String::new();
    for check in cell.faults() {
        text.push_str(&format!(
            "\n### {}: {}\n\n{}\n",
            code(&cell.name),
            check.id,
            block(&check.detail)
        ));
        if let Some(hint) = &check.hint {
            text.push_str(&format!("\nHint: {hint}\n"));
        }
    }
    text
}

fn unproven(cell: &CellResult) -> Option<String> {
    let reason = cell.reason.as_deref()?;
    Some(format!("- {}: {}\n", code(&cell.name), code(reason)))
}

/// Foreign text in a line: nothing in it is markup, a mention or the end of a table's cell.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\u{2502}");
    let fence = "`".repeat(backticks(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Foreign text of any number of lines.
fn block(text: &str) -> String {
    let fence = "`".repeat(backticks(text).max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

/// The longest run of backticks.
fn backticks(text: &str) -> usize {
    let runs = text.split(|c| c != '`');
    runs.map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_page_has_the_grid_the_failures_with_hints_and_what_is_unproven() {
        insta::assert_snapshot!(report().markdown());
    }

    #[test]
    fn a_matrix_that_holds_is_its_grid() {
        let mut report = report();
        report.cells.truncate(1);
        assert!(!report.markdown().contains("##"), "{}", report.markdown());
    }

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(code("a | `b`"), "`` a \u{2502} `b` ``");
        assert_eq!(code("@all\n# x"), "`@all # x`");
        assert_eq!(block("```\n@all"), "````text\n```\n@all\n````");
    }
}
