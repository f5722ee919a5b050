//! `dindimg smoke`

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::oci::Names;
use crate::recipe;
use crate::smoke::{self, Options, SmokeReport, Subject};

use super::args::{Common, Smoke};
use super::build::{make, scratch};
use super::context::{Session, current_lock};
use super::engines;
use super::output::Output;

/// Some checks did not hold.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {total} checks did not hold")]
pub(super) struct ChecksFailed {
    failed: usize,
    total: usize,
}

pub(super) fn run(arguments: &Smoke, common: &Common, output: &Output) -> Result<()> {
    let session = Session::open(common, arguments.make.no_layer_cache, output.reporter())?;
    let (_scratch, subject) = subject(arguments, &session)?;
    // From here on an interruption is ours to clean up after.
    let engine = engines::open(&arguments.engine)?;
    let options = Options {
        ready_timeout: Duration::from_secs(arguments.ready_timeout),
    };
    let report = smoke::run(
        engine.as_ref(),
        &subject,
        &options,
        session.reporter.as_ref(),
    )?;
    for path in &arguments.report {
        report
            .write(path)
            .with_context(|| format!("report {}", path.display()))?;
    }
    if common.json {
        output.data(&report.json());
    } else {
        output.data(&table(&report));
    }
    if !report.passed() {
        let failed = report
            .checks
            .iter()
            .filter(|check| check.outcome != smoke::Outcome::Held)
            .count();
        bail!(ChecksFailed {
            failed,
            total: report.checks.len()
        });
    }
    Ok(())
}

/// A recipe is built and handed over as an archive under a name of its own, so that no image of
/// the user's is touched.
fn subject(arguments: &Smoke, session: &Session) -> Result<(Option<tempfile::TempDir>, Subject)> {
    let path = Path::new(&arguments.subject);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => {
            let recipes = recipe::load(path)?;
            let wanted = std::slice::from_ref(&arguments.variant);
            let [recipe] = recipes.select(wanted)?[..] else {
                bail!(recipe::RecipeError::Whole {
                    path: path.to_owned(),
                    message: format!("variant `{}` is not one image", arguments.variant),
                });
            };
            let lock = current_lock(session, &recipes, &arguments.make)?;
            let built = make(session, recipe, &lock, &arguments.make)?;
            let (directory, archive) = scratch(session)?;
            let unique = directory
                .path()
                .file_name()
                .map(|name| name.to_string_lossy().to_lowercase());
            let tag: String = unique
                .unwrap_or_default()
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect();
            let names = Names {
                repository: Some(format!(
                    "localhost/dindimg-smoke/{}",
                    engines::image_name(recipe)
                )),
                tags: vec![tag],
            };
            engines::write_archive(&archive, &built, &names, session)?;
            Ok((Some(directory), Subject::Archive(archive)))
        }
        Some("tar") => Ok((None, Subject::Archive(PathBuf::from(path)))),
        _ => Ok((None, Subject::Reference(arguments.subject.clone()))),
    }
}

fn table(report: &SmokeReport) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_header(SmokeReport::COLUMNS);
    for row in report.rows() {
        table.add_row(row);
    }
    format!(
        "{} on {} {}, kernel {}, cgroup {}\n{table}\n",
        report.image,
        report.engine.name,
        report.engine.version,
        report.host.kernel,
        report.host.cgroup
    )
}
