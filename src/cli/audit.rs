//! `dindimg audit`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::audit::{self, Accepted, RULES, Report};
use crate::recipe::{self, AuditRule, Recipe, VariantName};

use super::args::{Audit, Common};
use super::context::{Session, replace};
use super::exit::{Misuse, NotProven};
use super::output::Output;
use super::target::{Looking, Seen};

/// Most findings of a rule that are said of an image.
const SHOWN: usize = 20;
/// Endings of reports, longer ones first.
const ENDINGS: [&str; 4] = [".intoto.json", ".sarif", ".json", ".md"];

pub(super) fn run(arguments: &Audit, common: &Common, output: &Output) -> Result<()> {
    if arguments.rules {
        return rules(common, output);
    }
    check_names(&arguments.report)?;
    let source = &arguments.source;
    let session = Session::open(common, source.make.no_layer_cache, output.reporter())?;
    let looking = Looking::new(&session, source);
    let other = arguments.recipe.as_deref();
    let other = other
        .map(|path| waiving(path, &source.variant))
        .transpose()?;
    let mut reports = Vec::new();
    for subject in &arguments.subjects {
        for seen in looking.at(subject)? {
            let report = judge(&seen, other.as_ref(), arguments);
            describe(&report, arguments.show_waived, output);
            reports.push(report);
        }
    }
    if arguments.show_waived {
        // Those that a recipe has from the one it extends may well be for others.
        idle(&reports).iter().for_each(|line| output.say(line));
    }
    for path in &arguments.report {
        let text = render(path, &reports)?;
        replace(path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output.object(&json!({
        "passed": reports.iter().all(Report::passed),
        "images": reports,
    }));
    let failed: Vec<&str> = reports
        .iter()
        .filter(|report| !report.passed())
        .map(|report| report.image.as_str())
        .collect();
    if !failed.is_empty() {
        bail!(NotProven(format!(
            "the audit of {} has open findings; mend them, or waive them in the recipe with a reason ([[audit.waive]])",
            failed.join(", ")
        )));
    }
    Ok(())
}

/// The recipe that speaks for images of others.
fn waiving(path: &Path, variants: &[VariantName]) -> Result<Recipe> {
    let recipes = recipe::load(path)?;
    let chosen = recipes.select(variants)?;
    let first = chosen.first().copied().unwrap_or(recipes.default());
    Ok(first.clone())
}

fn judge(seen: &Seen, other: Option<&Recipe>, arguments: &Audit) -> Report {
    let recipe = seen.recipe.as_ref().or(other);
    let waivers = recipe.map_or(&[][..], |recipe| &recipe.waivers);
    let accepted = match recipe {
        Some(recipe) => Accepted::of(recipe, seen.own.iter().cloned()),
        None => Accepted::usual(),
    };
    let platforms = seen.views.iter();
    let named = seen.recipe.as_ref();
    Report {
        image: seen.name.clone(),
        recipe: named.map(|recipe| recipe.path.display().to_string()),
        digest: seen.digest,
        whole: seen.whole,
        fail_on: arguments.fail_on.into(),
        platforms: platforms
            .map(|view| audit::audit(view, &accepted, waivers))
            .collect(),
    }
}

fn describe(report: &Report, show_waived: bool, output: &Output) {
    let findings = report.findings();
    let waived = findings
        .iter()
        .filter(|(one, _)| one.waived.is_some())
        .count();
    let mut shown: BTreeMap<AuditRule, usize> = BTreeMap::new();
    for (finding, platforms) in &findings {
        if finding.waived.is_none() || show_waived {
            let count = shown.entry(finding.rule).or_default();
            *count += 1;
            if *count > SHOWN {
                continue;
            }
        }
        let of = report.of(platforms);
        let (level, rule) = (finding.level.word(), finding.rule);
        let line = format!(
            "{}: {level}: {}{of} [{rule}]",
            report.image, finding.message
        );
        match &finding.waived {
            None => output.say(&line),
            Some(reason) if show_waived => output.say(&format!("{line}, waived: {reason}")),
            Some(_) => {}
        }
    }
    for (rule, count) in shown.into_iter().filter(|(_, count)| *count > SHOWN) {
        let more = count - SHOWN;
        output.say(&format!(
            "{}: and {more} more [{rule}]; --report has them all",
            report.image
        ));
    }
    let open = findings.len() - waived;
    output.say(&format!(
        "{}: {}, {} rules, {open} findings{}",
        report.image,
        if report.passed() { "passed" } else { "failed" },
        RULES.len(),
        match waived {
            0 => String::new(),
            count => format!(" and {count} waived"),
        }
    ));
}

/// The waivers of each recipe that accept nothing in any of its images.
fn idle(reports: &[Report]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for report in reports {
        let of_recipe = || {
            let same = reports.iter().filter(|one| one.recipe == report.recipe);
            same.flat_map(|one| &one.platforms)
        };
        let unused = report.platforms.iter().flat_map(|one| &one.unused);
        for waiver in unused.filter(|one| of_recipe().all(|audited| audited.unused.contains(one))) {
            let rules: Vec<&str> = waiver.rules.iter().map(|rule| rule.word()).collect();
            let place = waiver.path.as_ref().map(|path| format!(" at {path}"));
            let recipe = report.recipe.as_ref().unwrap_or(&report.image);
            let line = format!(
                "{recipe}: the waiver for {}{} accepts nothing",
                rules.join(", "),
                place.unwrap_or_default()
            );
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

fn ending(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    ENDINGS.into_iter().find(|ending| name.ends_with(ending))
}

/// Known before anything is built: a report in no known form is a mistake.
fn check_names(paths: &[std::path::PathBuf]) -> Result<()> {
    match paths.iter().find(|path| ending(path).is_none()) {
        Some(path) => bail!(Misuse(format!(
            "{}: reports end in .sarif, .json, .md or .intoto.json",
            path.display()
        ))),
        None => Ok(()),
    }
}

fn render(path: &Path, reports: &[Report]) -> Result<String> {
    Ok(match (ending(path), reports) {
        (Some(".intoto.json"), [report]) => audit::statement(report),
        (Some(".intoto.json"), _) => bail!(Misuse(format!(
            "{}: a statement is about one image; choose one with --variant",
            path.display()
        ))),
        (Some(".sarif"), _) => format!("{:#}\n", audit::sarif(reports)),
        (Some(".md"), _) => reports
            .iter()
            .map(Report::markdown)
            .collect::<Vec<_>>()
            .join("\n"),
        _ => format!("{:#}\n", json!({ "images": reports })),
    })
}

fn rules(common: &Common, output: &Output) -> Result<()> {
    if common.json {
        let rules = RULES.iter().map(|rule| {
            json!({ "id": rule.id, "level": rule.level, "title": rule.title, "help": rule.help })
        });
        output.object(&json!({ "rules": rules.collect::<Vec<_>>() }));
        return Ok(());
    }
    let lines = RULES.iter().map(|rule| {
        let (id, level) = (rule.id.word(), rule.level.word());
        format!(
            "{id:24} {level:8} {}.\n{:34}{}\n",
            rule.title, "", rule.help
        )
    });
    output.data(&lines.collect::<String>());
    Ok(())
}
