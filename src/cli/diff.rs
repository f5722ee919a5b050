//! `dindimg diff`: what has changed between two images, or two locks.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use indicatif::HumanBytes;
use serde_json::json;

use crate::lock::{self, Change};
use crate::text::printable;
use crate::view::{Changed, Difference};

use super::args::{Common, Diff};
use super::context::{Session, read_lock};
use super::exit::{LockStale, Misuse};
use super::output::Output;
use super::target::{Looking, Seen};

/// Longest value that is shown whole, in characters.
const VALUE: usize = 60;

pub(super) fn run(arguments: &Diff, common: &Common, output: &Output) -> Result<()> {
    let is_lock = |name: &str| Path::new(name).extension().is_some_and(|end| end == "lock");
    let changed = match (is_lock(&arguments.old), is_lock(&arguments.new)) {
        (true, true) => locks(arguments, output)?,
        (false, false) => images(arguments, common, output)?,
        _ => bail!(Misuse(
            "a lock file is compared with another one, not with an image".to_owned()
        )),
    };
    match changed && arguments.exit_code {
        true => Err(LockStale(format!("{} is not {}", arguments.new, arguments.old)).into()),
        false => Ok(()),
    }
}

fn locks(arguments: &Diff, output: &Output) -> Result<bool> {
    let read = |name: &str| {
        read_lock(Path::new(name))?.ok_or_else(|| anyhow!("there is no lock file {name}"))
    };
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let changes = lock::changes(&old, &new);
    let lines: Vec<String> = changes.iter().map(Change::to_string).collect();
    let text = match arguments.markdown {
        true => lock::markdown(&arguments.new, &old, &new),
        false => lines.iter().map(|line| format!("{line}\n")).collect(),
    };
    print(output, &text, &json!({ "changes": lines }));
    Ok(!changes.is_empty())
}

fn print(output: &Output, text: &str, object: &serde_json::Value) {
    match output.is_json() {
        true => output.object(object),
        false => output.data(text),
    }
}

fn images(arguments: &Diff, common: &Common, output: &Output) -> Result<bool> {
    let source = &arguments.source;
    let session = Session::open(common, source.make.no_layer_cache, output.reporter())?;
    let looking = Looking::new(&session, source);
    let (old, new) = (looking.one(&arguments.old)?, looking.one(&arguments.new)?);
    let found = differences(&old, &new)?;
    let heading = format!("{} → {}", old.name, new.name);
    let alone = alone(&old, &new);
    let text = match arguments.markdown {
        true => markdown(&heading, &found, arguments.files),
        false => plain(&found, arguments.files),
    };
    let text: String = std::iter::once(text)
        .chain(alone.iter().map(|line| format!("\n{line}\n")))
        .collect();
    print(
        output,
        &text,
        &json!({ "old": old.digest, "new": new.digest, "platforms": found, "alone": alone }),
    );
    Ok(old.digest != new.digest)
}

/// Platform by platform of the second image.
fn differences(old: &Seen, new: &Seen) -> Result<Vec<Difference>> {
    let pairs = new.views.iter().filter_map(|view| {
        let before = old.views.iter().find(|one| one.platform == view.platform)?;
        Some(Difference::between(before, view))
    });
    let found: Vec<Difference> = pairs.collect();
    match found.is_empty() {
        true => Err(anyhow!("the images have no platform in common"))
            .with_context(|| format!("{} and {}", old.name, new.name)),
        false => Ok(found),
    }
}

/// What one of the images has and the other has not.
fn alone(old: &Seen, new: &Seen) -> Vec<String> {
    let lacks = |one: &Seen, other: &Seen, what: &str| -> Vec<String> {
        let has = |platform: &str| other.views.iter().any(|view| view.platform == platform);
        let missing = one.views.iter().filter(|view| !has(&view.platform));
        missing
            .map(|view| format!("{what} {}", view.platform))
            .collect()
    };
    [
        lacks(old, new, "The new image is not for"),
        lacks(new, old, "The old image was not for"),
    ]
    .concat()
}

fn short(value: &str) -> String {
    let plain = printable(value);
    match plain.chars().count() > VALUE {
        true => plain.chars().take(VALUE).collect::<String>() + "…",
        false => plain,
    }
}

fn sizes(one: &Difference) -> String {
    format!(
        "{} → {} to pull, {} → {} unpacked; who has the old image pulls {} layers, {}",
        HumanBytes(one.size[0]),
        HumanBytes(one.size[1]),
        HumanBytes(one.unpacked[0]),
        HumanBytes(one.unpacked[1]),
        one.pull.len(),
        HumanBytes(one.pulled()),
    )
}

fn line(one: &Changed) -> String {
    let name = printable(&one.name);
    match (&one.from, &one.to) {
        (None, Some(to)) => format!("+ {name} {}", short(to)),
        (Some(from), None) => format!("- {name} {}", short(from)),
        (from, to) => format!(
            "  {name} {} -> {}",
            short(from.as_deref().unwrap_or_default()),
            short(to.as_deref().unwrap_or_default())
        ),
    }
}

fn plain(found: &[Difference], most: usize) -> String {
    let mut text = String::new();
    for one in found {
        text.push_str(&format!("{}: {}\n", one.platform, sizes(one)));
        if one.is_empty() {
            text.push_str("  nothing has changed\n");
        }
        for (title, list, most) in [
            ("packages", &one.packages, usize::MAX),
            ("configuration", &one.config, usize::MAX),
            ("files", &one.files, most),
        ] {
            if list.is_empty() {
                continue;
            }
            text.push_str(&format!("  {title}: {}\n", list.len()));
            for changed in list.iter().take(most) {
                text.push_str(&format!("    {}\n", line(changed)));
            }
            if list.len() > most {
                text.push_str(&format!("    and {} more (--files N)\n", list.len() - most));
            }
        }
    }
    text
}

fn cell(value: Option<&str>) -> String {
    match value {
        None => String::new(),
        Some(value) => code(&short(value)),
    }
}

/// A text as code in a cell of a table, which it cannot leave.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|").replace('`', "'"))
}

fn markdown(heading: &str, found: &[Difference], most: usize) -> String {
    let mut text = format!("## {heading}\n");
    for one in found {
        text.push_str(&format!("\n### {}\n\n{}\n", one.platform, sizes(one)));
        if one.is_empty() {
            text.push_str("\nNothing has changed.\n");
        }
        for (title, list, most) in [
            ("Package", &one.packages, usize::MAX),
            ("Setting", &one.config, usize::MAX),
            ("File", &one.files, most),
        ] {
            if list.is_empty() {
                continue;
            }
            text.push_str(&format!("\n| {title} | from | to |\n|---|---|---|\n"));
            for changed in list.iter().take(most) {
                text.push_str(&format!(
                    "| {} | {} | {} |\n",
                    code(&printable(&changed.name)),
                    cell(changed.from.as_deref()),
                    cell(changed.to.as_deref())
                ));
            }
            if list.len() > most {
                text.push_str(&format!("\nand {} more.\n", list.len() - most));
            }
        }
    }
    text
}
