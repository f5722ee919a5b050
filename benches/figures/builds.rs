//! Whole builds: with nothing but package files, with everything, several at once.

use crate::run::{self, Sample};
use crate::table::{Table, Unit};
use crate::workshop::{SIX, SUBJECTS, Workshop, platform};

/// Codecs that are measured, the default first.
const CODECS: [&str; 2] = ["gzip", "zstd"];

/// From package files to an OCI layout.
pub fn cold(workshop: &Workshop, table: &mut Table<'_>) {
    for subject in SUBJECTS {
        workshop.prepare(subject.recipe);
        for codec in CODECS {
            let samples: Vec<Sample> = (0..table.count(3))
                .map(|_| {
                    let cache = workshop.packages_cached();
                    let output = cache.path().join("image");
                    let mut build = workshop.build(subject, cache.path(), &output);
                    run::timed(build.args(["--compression", codec]))
                })
                .collect();
            let label = subject.label;
            let memory: Vec<u64> = samples.iter().map(|sample| sample.memory).collect();
            let command = format!("`build {label} --locked --offline --compression {codec}`");
            table.runs(
                &format!("cold-{label}-{codec}"),
                &format!("{label}, package files cached, {codec}"),
                &samples,
                &command,
            );
            table.bytes(
                &format!("cold-{label}-{codec}-memory"),
                &format!("{label}, package files cached, {codec}: peak memory"),
                &memory,
                "VmHWM of the same",
            );
        }
    }
}

/// The same build again.
pub fn unchanged(workshop: &Workshop, table: &mut Table<'_>) {
    for subject in SUBJECTS {
        workshop.prepare(subject.recipe);
        let cache = workshop.packages_cached();
        let output = cache.path().join("image");
        let again = || run::timed(&mut workshop.build(subject, cache.path(), &output));
        again();
        let samples: Vec<Sample> = (0..table.count(7)).map(|_| again()).collect();
        let label = subject.label;
        table.runs(
            &format!("unchanged-{label}"),
            &format!("{label}, nothing changed"),
            &samples,
            &format!("`build {label} --locked --offline`, again"),
        );
    }
}

/// Recipes of three suites in one run, and the first of them alone.
pub fn six(workshop: &Workshop, table: &mut Table<'_>) {
    let names = if table.count(2) == 1 { &SIX[..2] } else { SIX };
    for name in names {
        workshop.prepare(name);
    }
    let mut taken = |names: &[&str], runs: usize| {
        let samples: Vec<Sample> = (0..runs)
            .map(|_| {
                let cache = workshop.packages_cached();
                let mut build = workshop.dindimg(cache.path());
                // The images are written to the current directory.
                build
                    .current_dir(cache.path())
                    .args(["build", "--locked", "--offline", "--platform", platform()])
                    .args(names.iter().map(|name| workshop.recipe(name)));
                run::timed(&mut build)
            })
            .collect();
        let count = names.len();
        table.runs(
            &format!("six-{count}"),
            &match count {
                1 => format!("{} alone, package files cached", names[0]),
                _ => format!("{count} recipes in one run, package files cached"),
            },
            &samples,
            &format!("`build {}`", names.join(" ")),
        );
        count
    };
    let runs = if names.len() == SIX.len() { 3 } else { 1 };
    taken(&names[..1], runs);
    let count = taken(names, runs);
    if let (Some(one), Some(all)) = (
        table.median_of("six-1"),
        table.median_of(&format!("six-{count}")),
    ) {
        let what = format!("{count} recipes against one");
        table.add("six-ratio", &what, Unit::Times, &[all / one], "their ratio");
    }
}
