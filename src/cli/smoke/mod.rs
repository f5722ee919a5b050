//! `dindimg smoke`

mod cells;
mod clean;
mod merge;
mod published;
mod subject;
mod table;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::recipe::SmokeEngine;
use crate::smoke::matrix::{Axis, Choice};
use crate::smoke::{self, Keep, Options, SmokeReport, Subject, Verdict, engine};

use super::args::{Common, KeepWhen, Smoke, SmokeVerb};
use super::context::Session;
use super::engines;
use super::exit::{Misuse, NotProven};
use super::output::Output;
use subject::Wanted;

/// The check that needs another image.
const UPGRADE: &str = "upgrade";
/// The check that needs a daemon's image.
const BESIDE: &str = "client-daemon";

pub(super) fn run(arguments: &Smoke, common: &Common, output: &Output) -> Result<()> {
    match &arguments.verb {
        Some(SmokeVerb::Merge(merge)) => return merge::run(merge, common, output),
        Some(SmokeVerb::Clean(clean)) => return clean::run(clean, output),
        None => {}
    }
    check_names(&arguments.report)?;
    if arguments.upgrade_from.is_none() && arguments.check.iter().any(|check| check == UPGRADE) {
        bail!(Misuse(format!(
            "--check {UPGRADE} wants --upgrade-from IMAGE, the image before this one"
        )));
    }
    if arguments.daemon.is_none() && arguments.check.iter().any(|check| check == BESIDE) {
        bail!(Misuse(format!(
            "--check {BESIDE} wants --daemon IMAGE, an image of the profile `dind`"
        )));
    }
    let named = arguments.subject.as_deref().unwrap_or_default();
    let wanted = Wanted::of(named, arguments)?;
    let choice = choice(&wanted, arguments)?;
    if arguments.list || arguments.matrix.is_some() {
        return cells::print(named, &wanted, &choice, arguments, common, output);
    }
    let session = Session::open(common, arguments.make.no_layer_cache, output.reporter())?;
    let (_scratch, mut subject) = wanted.subject(&arguments.make, &arguments.registry, &session)?;
    let mut engines = choice.engines().into_iter();
    if engines.any(|(engine, _)| engine == SmokeEngine::Kubernetes)
        && let Subject::Reference(reference) = &subject
    {
        subject = published::subject(reference, arguments, &session)?;
    }
    // From here on an interruption is ours to clean up after.
    if matches!(subject, Subject::Archive(_) | Subject::Reference(_)) {
        refuse_statements(&arguments.report)?;
    }
    let options = Options {
        ready_timeout: Duration::from_secs(arguments.ready_timeout),
        client: engine::Settings {
            lab: Some(session.lab(common)),
            ..engines::client(arguments.runtime.clone())?
        },
        only: arguments.check.clone(),
        parallel: arguments.parallel.map(NonZeroUsize::get),
        keep: match arguments.keep {
            None => Keep::Never,
            Some(KeepWhen::Failed) => Keep::Failed,
            Some(KeepWhen::Always) => Keep::Always,
        },
        artifacts: Some(arguments.artifacts.clone()),
        upgrade_from: arguments.upgrade_from.as_deref().map(subject::ready),
        daemon: arguments.daemon.as_deref().map(subject::ready),
    };
    let report = smoke::run(&subject, &choice, &options, session.reporter.as_ref())?;
    deliver(&report, &arguments.report, common, output)?;
    judge(&report, arguments.require_all)
}

/// The matrix: the recipe's, or an image's one cell, with what the command line says of it.
fn choice(wanted: &Wanted, arguments: &Smoke) -> Result<Choice> {
    let mut choice = wanted.choice();
    let engines: Vec<&str> = arguments.engine.iter().map(String::as_str).collect();
    let put = |result: Result<(), String>| result.map_err(|error| anyhow!(Misuse(error)));
    if !engines.is_empty() {
        put(choice.set(Axis::Engine, &engines))?;
    }
    for axis in &arguments.axis {
        put(axis.put(&mut choice))?;
    }
    choice.only(arguments.cell.clone());
    Ok(choice)
}

/// A name that says no format is found out before the cells run, not after.
fn check_names(reports: &[PathBuf]) -> Result<()> {
    for path in reports {
        SmokeReport::check_name(path)?;
    }
    Ok(())
}

/// A statement that nothing could be stated in is found out before the cells run.
fn refuse_statements(reports: &[PathBuf]) -> Result<()> {
    match reports.iter().find(|path| SmokeReport::is_statement(path)) {
        None => Ok(()),
        Some(path) => bail!(Misuse(format!(
            "{} would be about one manifest, which engines do not tell of an image; name the recipe",
            path.display()
        ))),
    }
}

/// Writes the reports and prints the result.
fn deliver(
    report: &SmokeReport,
    paths: &[PathBuf],
    common: &Common,
    output: &Output,
) -> Result<()> {
    if common.json {
        output.data(&report.json());
    } else {
        output.data(&table::of(report));
    }
    // One that cannot be written does not take the others with it.
    let written = paths.iter().map(|path| {
        let written = report.write(path);
        written.with_context(|| format!("report {}", path.display()))
    });
    let written: Vec<Result<()>> = written.collect();
    written.into_iter().collect()
}

/// Success only if something was proven and nothing failed.
fn judge(report: &SmokeReport, require_all: bool) -> Result<()> {
    let unproven = report.count(Verdict::Unproven);
    if report.count(Verdict::Failed) > 0 {
        bail!(NotProven(failures(report)));
    }
    if !report.passed() {
        bail!(NotProven(
            "no cell could run, so nothing is proven".to_owned()
        ));
    }
    if require_all && unproven > 0 {
        let total = report.cells.len();
        bail!(NotProven(format!(
            "{unproven} of {total} cells unproven, and --require-all was given"
        )));
    }
    Ok(())
}

/// `2 of 9 checks did not hold`, or of cells where there are several.
fn failures(report: &SmokeReport) -> String {
    match &report.cells[..] {
        [cell] => {
            let held = |check: &&smoke::CheckResult| check.outcome == smoke::Outcome::Held;
            let total = cell.checks.len();
            let failed = total - cell.checks.iter().filter(held).count();
            format!("{failed} of {total} checks did not hold")
        }
        cells => {
            let failed = report.count(Verdict::Failed);
            format!("{failed} of {} cells failed", cells.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of cells with these verdicts.
    fn report(verdicts: &[&str]) -> SmokeReport {
        let cell = |verdict: &&str| {
            serde_json::json!({
                "name": "x", "engine": {"name": "docker"}, "cgroup": "host", "storage": "volume",
                "iptables": "nft", "mode": "daemon", "verdict": verdict, "seconds": 1.0, "checks": []
            })
        };
        let cells: Vec<_> = verdicts.iter().map(cell).collect();
        let report = serde_json::json!({
            "schema": 3, "image": "x", "digest": "sha256:00", "digest_of": "config", "cells": cells
        });
        SmokeReport::parse(&report.to_string()).expect("a report")
    }

    #[test]
    fn a_run_fails_by_what_failed_or_when_nothing_was_proven() {
        let said = |verdicts: &[&str], require_all| {
            let judged = judge(&report(verdicts), require_all);
            judged
                .err()
                .map_or_else(String::new, |error| error.to_string())
        };
        assert_eq!(said(&["passed", "unproven"], false), "");
        assert_eq!(said(&["passed", "passed"], true), "");
        assert!(said(&["passed", "unproven"], true).starts_with("1 of 2 cells unproven"));
        assert_eq!(said(&["failed", "unproven"], false), "1 of 2 cells failed");
        assert!(said(&["unproven"], false).starts_with("no cell could run"));
    }
}
