//! What a cell that failed leaves for whoever looks into it, taken before anything is removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::bench::Bench;
use super::report::{CellResult, Evidence};
use crate::process::Input;

/// Lines of a log that the report keeps: a start with every decision has about fifty.
const LINES: usize = 200;

/// Bound on each program that is asked.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked of the container, and the file its answer becomes (`images/README.md`).
const QUESTIONS: [(&str, &[&str]); 6] = [
    ("report.json", &["dindctl", "report"]),
    ("doctor.txt", &["dindctl", "doctor"]),
    ("daemon.json", &["cat", "/run/dind/daemon.json"]),
    ("dockerd.log", &["cat", "/var/log/dind/dockerd.log"]),
    ("info.txt", &["docker", "info"]),
    ("processes.txt", &["ps", "-ef"]),
];

/// The daemon container at the first check that did not hold.
pub(super) struct Found {
    /// The part that goes into the report.
    pub evidence: Evidence,
    files: BTreeMap<String, Vec<u8>>,
}

/// The daemon container as it is now; nothing when there is none. What cannot be had is left out:
/// the failure that is being looked into is the one to report.
pub(super) fn collect(bench: &Bench<'_>) -> Option<Found> {
    let name = &bench.main.name;
    let log = bench.engine.logs(name).ok()?;
    let mut files = BTreeMap::from([("log.txt".to_owned(), log.clone().into_bytes())]);
    for (file, program) in QUESTIONS {
        if let Ok(output) = bench.engine.exec(name, program, Input::Null, PATIENCE)
            && !output.stdout.is_empty()
        {
            files.insert(file.to_owned(), output.stdout);
        }
    }
    let report = files.get("report.json");
    let report = report.and_then(|report| serde_json::from_slice(report).ok());
    Some(Found {
        evidence: Evidence {
            log: tail(&log),
            report,
        },
        files,
    })
}

/// Writes the files of a failed cell, its result among them, into a directory of its name below
/// `directory`; what another run left there goes.
///
/// # Errors
/// When the directory cannot be written.
pub(super) fn keep(directory: &Path, cell: &CellResult, found: Option<&Found>) -> io::Result<()> {
    let own = directory.join(&cell.name);
    match fs::remove_dir_all(&own) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&own)?,
    }
    let result = serde_json::to_vec_pretty(cell)?;
    fs::write(own.join("cell.json"), result)?;
    for (name, content) in found.iter().flat_map(|found| &found.files) {
        fs::write(own.join(name), content)?;
    }
    Ok(())
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_kept() {
        assert_eq!(tail("a\nb\n"), "a\nb");
        let long: String = (0..300).map(|line| format!("{line}\n")).collect();
        let kept = tail(&long);
        assert!(kept.starts_with("100\n") && kept.ends_with("\n299"));
    }

    #[test]
    fn files_of_the_run_before_do_not_stay_beside_those_of_this_one() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let cell = "docker.private.volume.legacy.daemon";
        let cell = CellResult::unproven(&cell.parse().expect("a cell"), "");
        let old = directory.path().join(&cell.name).join("old.txt");
        fs::create_dir_all(old.parent().expect("a directory")).expect("made");
        fs::write(&old, "old").expect("written");
        keep(directory.path(), &cell, None).expect("kept");
        assert!(!old.exists() && old.with_file_name("cell.json").exists());
    }
}
