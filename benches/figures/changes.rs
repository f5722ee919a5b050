//! Builds after one thing has changed, with a cache that knows the state before.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use toml::Value;

use crate::run::{self, Sample};
use crate::table::Table;
use crate::workshop::{SUBJECTS, Workshop, copy};

/// One line more in one script of the guest runtime, another line each time.
pub fn guest(workshop: &Workshop, table: &mut Table<'_>) {
    for subject in SUBJECTS {
        workshop.prepare(subject.recipe);
        let cache = workshop.packages_cached();
        let output = cache.path().join("image");
        let guest = cache.path().join("guest");
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("images"),
            &guest,
        );
        let script = guest.join("dind/rootfs/usr/lib/dind/lock.sh");
        let build = || {
            let mut build = workshop.build(subject, cache.path(), &output);
            run::timed(build.arg("--guest-dir").arg(&guest))
        };
        build();
        let samples: Vec<Sample> = (0..table.count(7))
            .map(|run| {
                let file = OpenOptions::new().append(true).open(&script);
                writeln!(file.expect("script"), "# run {run}").expect("written");
                build()
            })
            .collect();
        let label = subject.label;
        table.runs(
            &format!("guest-{label}"),
            &format!("{label}, one guest file changed"),
            &samples,
            &format!("`build {label} --locked --offline --guest-dir DIR`"),
        );
    }
}

/// A package of which the suite has two versions, the one before its security update and the one
/// after; the cache knows the image with the former, dated a day earlier. The files of both
/// versions are cached.
pub fn package(workshop: &Workshop, table: &mut Table<'_>) {
    let subject = &SUBJECTS[0];
    let label = subject.label;
    workshop.prepare(subject.recipe);
    workshop.prepare("bookworm-before");
    let lock_file = workshop.lock_file(subject.recipe);
    let now = fs::read_to_string(&lock_file).expect("lock");
    let before = fs::read_to_string(workshop.lock_file("bookworm-before")).expect("lock");
    let Some((name, earlier)) = with_one_package_of(&now, &before) else {
        let what = format!("{label}, one package changed");
        return table.absent(
            &what,
            "the suite has no security update of its packages now",
        );
    };
    let known = workshop.packages_cached();
    let earlier_lock = known.path().join("earlier.lock");
    fs::write(&earlier_lock, earlier).expect("lock written");
    let image = known.path().join("image");
    let mut build = workshop.build(subject, known.path(), &image);
    run::output(build.arg("--lock-file").arg(&earlier_lock));
    let samples: Vec<Sample> = (0..table.count(5))
        .map(|_| {
            let state = workshop.scratch("state");
            copy(known.path(), &state.path().join("copy"));
            let cache = state.path().join("copy");
            let mut build = workshop.build(subject, &cache, &cache.join("image"));
            run::timed(&mut build)
        })
        .collect();
    table.runs(
        &format!("package-{label}"),
        &format!("{label}, one package changed ({name})"),
        &samples,
        &format!("`build {label} --locked --offline`, with another version of it in the lock"),
    );
}

/// The lock `now` with the largest package that differs as it was `before`, and its name.
fn with_one_package_of(now: &str, before: &str) -> Option<(String, String)> {
    let mut now: toml::Table = now.parse().expect("a lock");
    let before: toml::Table = before.parse().expect("a lock");
    let former = packages(&before);
    let list = now.get_mut("package").and_then(Value::as_array_mut)?;
    let (size, name) = list
        .iter()
        .filter(|package| {
            let same = |one: &&Value| key(one) == key(package);
            let other = former.iter().find(same);
            other.is_some_and(|other| other.get("version") != package.get("version"))
        })
        .map(|package| (package["size"].as_integer(), key(package).0.to_owned()))
        .max()?;
    size?;
    for package in list.iter_mut().filter(|package| key(package).0 == name) {
        let same = |one: &&Value| key(one) == key(package);
        *package = former.iter().find(same)?.clone();
    }
    let epoch = now.get_mut("epoch")?;
    let time: jiff::Timestamp = epoch.as_str()?.parse().expect("a date");
    let day = jiff::SignedDuration::from_hours(24);
    *epoch = Value::String((time - day).to_string());
    Some((name, toml::to_string(&now).expect("a lock")))
}

fn packages(lock: &toml::Table) -> Vec<Value> {
    let list = lock.get("package").and_then(Value::as_array);
    list.cloned().unwrap_or_default()
}

fn key(package: &Value) -> (&str, &str) {
    let word = |field: &str| package.get(field).and_then(Value::as_str);
    let architecture = word("architecture").unwrap_or_default();
    (word("name").unwrap_or_default(), architecture)
}
