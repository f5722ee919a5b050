//! `dindimg deploy --check`: what goes wrong in manifests that are there.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::deploy::{Finding, Level, check};
use crate::text::printable;

use super::exit::NotProven;
use super::output::Output;

/// Standard input.
const INPUT: &str = "-";
/// Most bytes that are read of a file: more than any manifest, and than is checked.
const LIMIT: u64 = 8 << 20;

pub(super) fn run(files: &[PathBuf], fail_on: Level, output: &Output) -> Result<()> {
    let mut reports = Vec::new();
    let mut failed = Vec::new();
    for path in files {
        let name = printable(&path.to_string_lossy());
        let text = read(path).with_context(|| format!("cannot read {name}"))?;
        let findings = check(&text).with_context(|| format!("cannot check {name}"))?;
        if findings.iter().any(|finding| finding.level >= fail_on) {
            failed.push(name.clone());
        }
        if !output.is_json() {
            output.data(&described(&name, &findings));
        }
        reports.push(json!({ "file": name, "findings": findings }));
    }
    output.object(&json!({ "files": reports }));
    if !failed.is_empty() {
        bail!(NotProven(format!(
            "{} would not run as meant; mend what is said above, or choose another --fail-on",
            failed.join(", ")
        )));
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match path.as_os_str() == INPUT {
        true => io::stdin().take(LIMIT).read_to_end(&mut bytes)?,
        false => File::open(path)?.take(LIMIT).read_to_end(&mut bytes)?,
    };
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// Each finding as compilers write them, with the field and what to do.
fn described(name: &str, findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        text.push_str(&format!(
            "{name}:{}: {}: {} [{}]\n    at {}\n    {}\n",
            finding.line,
            finding.level.word(),
            finding.message,
            finding.rule,
            finding.path,
            finding.help
        ));
    }
    text
}
