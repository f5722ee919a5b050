//! One cell: every check that applies, in a session of its own.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::bench::Bench;
use super::checks::{BESIDE, CHECKS, Check, UPGRADE};
use super::error::{CheckError, SmokeError};
use super::evidence;
use super::matrix::Cell;
use super::nested::NestedError;
use super::report::{CellResult, CheckResult, Outcome, Verdict};
use super::session::Session;
use super::site::Site;
use super::{Keep, Options};
use crate::progress::{Reporter, Stage};

/// Runs a cell. `prefix` begins the subject of its progress lines.
pub(super) fn cell(
    site: &Site<'_>,
    cell: &Cell,
    options: &Options,
    reporter: &dyn Reporter,
    prefix: &str,
) -> Result<CellResult, SmokeError> {
    let started = Instant::now();
    let session = Session::new(site.engine);
    let mut checks = Vec::new();
    let mut found = None;
    let mut kept = options.keep == Keep::Always;
    {
        let bench = Bench::new(site, &session, cell, options);
        let wanted = |check: &&Check| {
            (check.applies)(&site.contract, cell) && is_asked_for(check, site, options)
        };
        for check in CHECKS.iter().filter(wanted) {
            let task = reporter.begin(Stage::Smoke, &format!("{prefix}{}", check.id), None);
            let result = perform(check, &bench)?;
            reporter.finish(task, result.outcome.word());
            if result.is_fault() && found.is_none() {
                found = evidence::collect(&bench);
                kept |= options.keep == Keep::Failed;
                bench.kept.set(kept);
            }
            checks.push(result);
        }
    }
    let daemon = session.name("daemon");
    let enter = site.engine.enter(&daemon);
    if let Some(enter) = enter.filter(|_| kept) {
        site.kept.store(true, Ordering::Relaxed);
        reporter.note(Stage::Smoke, &session.keep(&daemon, &enter));
    } else {
        for left in session.close() {
            reporter.warn(Stage::Smoke, &format!("could not clean up: {left}"));
        }
    }
    if checks.is_empty() {
        let reason = "no check that was asked for has a meaning in this cell";
        return Ok(CellResult::unproven(cell, reason));
    }
    let held = checks.iter().all(CheckResult::is_no_obstacle);
    let result = CellResult {
        verdict: if held {
            Verdict::Passed
        } else {
            Verdict::Failed
        },
        reason: None,
        seconds: rounded(started.elapsed()),
        checks,
        evidence: found.as_ref().map(|found| found.evidence.clone()),
        ..CellResult::unproven(cell, "")
    };
    if let Some(directory) = options.artifacts.as_deref().filter(|_| !held) {
        let kept = evidence::keep(directory, &result, found.as_ref());
        let path = directory.join(&result.name);
        kept.map_err(|source| SmokeError::Artifacts {
            path: path.clone(),
            source,
        })?;
        let said = format!("what was found is in {}", path.display());
        reporter.note(Stage::Smoke, &said);
    }
    Ok(result)
}

/// Whether the user wants the check, by its name or by what only it needs.
fn is_asked_for(check: &Check, site: &Site<'_>, options: &Options) -> bool {
    let named = options.only.is_empty() || options.only.iter().any(|id| id == check.id);
    // Everything else builds on the first.
    let first = check.id == CHECKS[0].id;
    let possible = match check.id {
        UPGRADE => site.previous.is_some(),
        BESIDE => site.daemon.is_some(),
        _ => true,
    };
    (first || named) && possible
}

/// Does one check. Only an interruption ends the run.
fn perform(check: &Check, bench: &Bench<'_>) -> Result<CheckResult, SmokeError> {
    let started = Instant::now();
    let lacking = check
        .needs
        .iter()
        .find(|feature| !bench.capabilities.has(**feature));
    let ruling = match lacking {
        Some(feature) => Err(CheckError::Unproven(format!(
            "{} gives {}",
            bench.engine.name(),
            feature.lack()
        ))),
        None => (check.run)(bench),
    };
    let mut time = started.elapsed();
    let limit = bench.options.ready_timeout + Duration::from_secs(check.limit.into());
    let (outcome, detail) = match ruling {
        Ok(Ok(_)) if time > limit => (Outcome::Violated, slow(time, limit)),
        Ok(Ok(held)) => {
            time = held.time.unwrap_or(time);
            (Outcome::Held, held.detail)
        }
        Ok(Err(violation)) => (Outcome::Violated, violation.0),
        Err(CheckError::Engine(error)) if error.is_interrupt() => return Err(error.into()),
        Err(CheckError::Nested(NestedError::Files(error))) if error.is_interrupt() => {
            return Err(error.into());
        }
        Err(error @ CheckError::Needs(_)) => (Outcome::Skipped, error.to_string()),
        Err(error @ CheckError::Unproven(_)) => (Outcome::Unproven, error.to_string()),
        Err(error) => (Outcome::Error, chain(&error)),
    };
    let hint = match outcome {
        Outcome::Violated | Outcome::Error => Some(check.hint.to_owned()),
        Outcome::Held | Outcome::Skipped | Outcome::Unproven => None,
    };
    Ok(CheckResult {
        id: check.id.to_owned(),
        outcome,
        seconds: rounded(time),
        detail,
        hint,
    })
}

/// The first check's result where there was nothing to begin with.
pub(super) fn never_ready(reason: String) -> CheckResult {
    let check = &CHECKS[0];
    CheckResult {
        id: check.id.to_owned(),
        outcome: Outcome::Violated,
        seconds: 0.0,
        detail: reason,
        hint: Some(check.hint.to_owned()),
    }
}

fn slow(time: Duration, limit: Duration) -> String {
    format!(
        "it holds, but after {:.0} s, and {:.0} s are the limit",
        time.as_secs_f64(),
        limit.as_secs_f64()
    )
}

/// Tenths of milliseconds say nothing about containers.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
