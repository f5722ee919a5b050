//! From a recipe to its lock.

use crate::run::{self, Sample};
use crate::table::Table;
use crate::workshop::{SUBJECTS, Workshop};

/// With the indexes to be downloaded, and with everything cached.
pub fn lock(workshop: &Workshop, table: &mut Table<'_>) {
    for subject in SUBJECTS {
        let label = subject.label;
        workshop.prepare(subject.recipe);
        let cache = workshop.packages_cached();
        let lock_file = cache.path().join("new.lock");
        let lock = |cache: &std::path::Path, flag: &str| {
            let mut lock = workshop.dindimg(cache);
            lock.args(["lock", "--update", flag])
                .arg(workshop.recipe(subject.recipe))
                .arg("--lock-file")
                .arg(&lock_file);
            run::timed(&mut lock)
        };
        let update: Vec<Sample> = (0..table.count(3))
            .map(|_| lock(workshop.packages_cached().path(), "--allow-expired"))
            .collect();
        table.runs(
            &format!("lock-{label}-update"),
            &format!("{label}, indexes downloaded and both platforms locked"),
            &update,
            &format!("`lock {label} --update`, package files cached"),
        );
        lock(cache.path(), "--allow-expired");
        let cached: Vec<Sample> = (0..table.count(3))
            .map(|_| lock(cache.path(), "--offline"))
            .collect();
        table.runs(
            &format!("lock-{label}-cached"),
            &format!("{label}, both platforms locked, indexes cached"),
            &cached,
            &format!("`lock {label} --update --offline`"),
        );
    }
}
