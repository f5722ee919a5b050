//! Proves an image on a real container engine.
//!
//! An image says by its label what it promises ([`crate::guest::Contract`]); the checks hold it to
//! that, through the engine's own client and nothing else: no registry is needed, the nested
//! containers run an image made out of the image under test ([`nested`]). Everything a run creates
//! carries one label and is removed at its end, also after a failure or an interruption.

mod bench;
mod checks;
pub mod engine;
mod error;
mod guest;
pub mod nested;
mod report;
mod session;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bench::Bench;
use checks::{CHECKS, Check};
use engine::{Engine, EngineError, Image};
use session::Session;

pub use error::{CheckError, SmokeError};
pub use report::{CheckResult, EngineFacts, HostFacts, Outcome, ReportError, SmokeReport};

use crate::guest::{Contract, LABEL};
use crate::process::Input;
use crate::progress::{Reporter, Stage};

/// How long a daemon may take to become ready unless the caller says otherwise. Measured starts
/// take one to three seconds; emulated hosts take a minute.
pub const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// The image to prove.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A reference the engine knows or can pull.
    Reference(String),
    /// A docker-archive with one image, under one or several names, loaded first and removed afterwards unless the engine had
    /// it before.
    Archive(PathBuf),
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bound on the time from start to ready.
    pub ready_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ready_timeout: READY_TIMEOUT,
        }
    }
}

/// The checks that exist: id and rule, in the order they run.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    CHECKS.iter().map(|check| (check.id, check.rule))
}

/// Runs every check that applies to the image and reports how each went.
///
/// # Errors
/// [`SmokeError`] when there is nothing to report: the engine is absent, cannot give the needed
/// privileges or was interrupted, or the image is missing or none of this program's. Violated
/// rules are no error: ask [`SmokeReport::passed`].
pub fn run(
    engine: &dyn Engine,
    subject: &Subject,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<SmokeReport, SmokeError> {
    let info = engine.probe()?;
    let mut session = Session::new(engine);
    let reference = bring(engine, subject, &mut session)?;
    let image = look_up(engine, &reference)?;
    let contract = contract(&reference, &image)?;
    let applying: Vec<&Check> = CHECKS
        .iter()
        .filter(|check| (check.applies)(&contract))
        .collect();
    if applying.is_empty() {
        return Err(SmokeError::NoChecks {
            image: reference,
            profile: contract.profile,
        });
    }
    if contract.privileges.privileged {
        probe_privileged(engine, &reference, &session)?;
    }
    let mut results = Vec::new();
    {
        let bench = Bench::new(
            engine,
            &reference,
            &contract,
            &session,
            options.ready_timeout,
        );
        for check in applying {
            let task = reporter.begin(Stage::Smoke, check.id, None);
            let result = perform(check, &bench)?;
            reporter.finish(task, result.outcome.word());
            results.push(result);
        }
    }
    for left in session.close() {
        reporter.warn(Stage::Smoke, &format!("could not clean up: {left}"));
    }
    Ok(SmokeReport {
        schema: 1,
        image: reference,
        digest: image.digest.unwrap_or(image.id),
        engine: EngineFacts {
            name: engine.name().to_owned(),
            version: info.version,
        },
        host: HostFacts {
            kernel: info.kernel,
            cgroup: info.cgroup,
        },
        checks: results,
    })
}

/// Makes the engine have the subject and returns the reference to start it by.
fn bring(
    engine: &dyn Engine,
    subject: &Subject,
    session: &mut Session<'_>,
) -> Result<String, SmokeError> {
    match subject {
        Subject::Reference(reference) => {
            if engine.image(reference)?.is_none() {
                engine.pull(reference)?;
            }
            Ok(reference.clone())
        }
        Subject::Archive(path) => {
            let file = File::open(path).map_err(|source| SmokeError::Archive {
                path: path.clone(),
                source,
            })?;
            let before = engine.images()?;
            let names = engine.load(Input::File(file))?;
            let mut ids = BTreeSet::new();
            for name in &names {
                let id = look_up(engine, name)?.id;
                if !before.contains(&id) {
                    session.adopt_image(name.clone());
                }
                ids.insert(id);
            }
            match names.into_iter().next() {
                Some(name) if ids.len() == 1 => Ok(name),
                _ => Err(SmokeError::ArchiveImages {
                    path: path.clone(),
                    count: ids.len(),
                }),
            }
        }
    }
}

fn look_up(engine: &dyn Engine, reference: &str) -> Result<Image, SmokeError> {
    engine.image(reference)?.ok_or_else(|| SmokeError::NoImage {
        engine: engine.name(),
        image: reference.to_owned(),
    })
}

fn contract(reference: &str, image: &Image) -> Result<Contract, SmokeError> {
    let named = || reference.to_owned();
    let label = image
        .labels
        .get(LABEL)
        .ok_or_else(|| SmokeError::NoContract { image: named() })?;
    let contract: Contract =
        serde_json::from_str(label).map_err(|source| SmokeError::Contract {
            image: named(),
            source,
        })?;
    if contract.schema != 1 {
        return Err(SmokeError::ContractSchema {
            image: named(),
            schema: contract.schema,
        });
    }
    Ok(contract)
}

/// Starts and ends one privileged container, so that an engine that cannot is told apart from an
/// image that does not work.
fn probe_privileged(
    engine: &dyn Engine,
    reference: &str,
    session: &Session<'_>,
) -> Result<(), SmokeError> {
    let mut spec = session.container(reference, "probe", &["-c", ":"]);
    spec.privileged = true;
    spec.entrypoint = Some("sh".to_owned());
    let unprivileged = |detail| EngineError::Unprivileged {
        engine: engine.name(),
        detail,
    };
    match engine.run(&spec, Input::Null) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(unprivileged(output.complaint()).into()),
        Err(EngineError::Refused { detail, .. }) => Err(unprivileged(detail).into()),
        Err(error) => Err(error.into()),
    }
}

/// Does one check. Only an interruption ends the run.
fn perform(check: &Check, bench: &Bench<'_>) -> Result<CheckResult, SmokeError> {
    let started = Instant::now();
    let ruling = (check.run)(bench);
    let mut time = started.elapsed();
    let (outcome, detail) = match ruling {
        Ok(Ok(held)) => {
            time = held.time.unwrap_or(time);
            (Outcome::Held, held.detail)
        }
        Ok(Err(violation)) => (Outcome::Violated, violation.0),
        Err(CheckError::Engine(error)) if error.is_interrupt() => return Err(error.into()),
        Err(CheckError::Nested(nested::NestedError::Files(error))) if error.is_interrupt() => {
            return Err(error.into());
        }
        Err(error @ CheckError::Needs(_)) => (Outcome::Skipped, error.to_string()),
        Err(error) => (Outcome::Error, chain(&error)),
    };
    Ok(CheckResult {
        id: check.id.to_owned(),
        outcome,
        // Tenths of milliseconds say nothing about containers.
        seconds: (time.as_secs_f64() * 1000.0).round() / 1000.0,
        detail,
    })
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
