//! A smoke report for people: every check of a single cell, or a line for each cell of many; then
//! what usually is wrong with what did not hold.

use comfy_table::{ContentArrangement, Table, presets};

use crate::smoke::{CellResult, CheckResult, SmokeReport};

pub(super) fn of(report: &SmokeReport) -> String {
    let mut text = match &report.cells[..] {
        [cell] => single(report, cell),
        cells => many(report, cells),
    };
    for cell in &report.cells {
        for fault in cell.faults() {
            // A single cell's table has the detail already.
            text.push_str(&match report.cells.len() {
                1 => format!("{}\n", fault.id),
                _ => format!("{} {}: {}\n", cell.name, fault.id, fault.detail),
            });
            if let Some(hint) = &fault.hint {
                text.push_str(&format!("  hint: {hint}\n"));
            }
        }
    }
    text
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

fn single(report: &SmokeReport, cell: &CellResult) -> String {
    let head = format!("{} in {}, {}", report.image, cell.name, place(cell));
    if let Some(reason) = &cell.reason {
        return format!("{head}: unproven: {reason}\n");
    }
    let mut table = table(["check", "outcome", "seconds", "detail"]);
    for check in &cell.checks {
        table.add_row([
            check.id.clone(),
            check.outcome.word().to_owned(),
            format!("{:.1}", check.seconds),
            check.detail.clone(),
        ]);
    }
    format!("{head}\n{table}\n")
}

/// `docker 20.10.24, kernel 6.1.0, cgroup v1`
fn place(cell: &CellResult) -> String {
    let mut text = cell.engine.to_string();
    if let Some(host) = &cell.host {
        text.push_str(&format!(", kernel {}, cgroup {}", host.kernel, host.cgroup));
    }
    text
}

fn many(report: &SmokeReport, cells: &[CellResult]) -> String {
    let mut table = table(["cell", "verdict", "seconds", "detail"]);
    for cell in cells {
        let seconds = if cell.checks.is_empty() {
            String::new()
        } else {
            format!("{:.1}", cell.seconds)
        };
        table.add_row([
            cell.name.clone(),
            cell.verdict.word().to_owned(),
            seconds,
            detail(cell),
        ]);
    }
    format!(
        "{} {}\n{table}\n{}\n",
        report.image,
        report.digest,
        report.summary()
    )
}

/// Why a cell is unproven, what did not hold, or how much did.
fn detail(cell: &CellResult) -> String {
    if let Some(reason) = &cell.reason {
        return reason.clone();
    }
    let word = |check: &CheckResult| format!("{} {}", check.id, check.outcome.word());
    let faults: Vec<String> = cell.faults().map(word).collect();
    if faults.is_empty() {
        format!("{} checks held, {}", cell.checks.len(), place(cell))
    } else {
        faults.join(", ")
    }
}
