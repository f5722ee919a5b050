//! Images under test: the shipped recipes, resolved afresh and built by the real binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::product::{dindimg, kept, recipe};

/// The repository that built images are named by.
pub const REPOSITORY: &str = "localhost/dindimg-test/docker";

/// The docker-archive of a shipped recipe for this machine, built once a run: `bookworm`, or with
/// a variant `bookworm-slim`.
///
/// The committed lock is not used: mirrors drop superseded versions, and a test has to work months
/// after the lock was made.
pub fn built_image(image: &str) -> PathBuf {
    let (suite, variant) = image.split_once('-').unwrap_or((image, "default"));
    built_recipe(suite, variant)
}

/// The same of any shipped recipe, `vmlc-trixie`, and a variant of it or `default`.
pub fn built_recipe(name: &str, variant: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let image = match variant {
        "default" => name.to_owned(),
        variant => format!("{name}-{variant}"),
    };
    if let Some(path) = built.get(&image) {
        return path.clone();
    }
    let archive = kept("images").join(format!("{image}.tar"));
    let lock = kept("locks").join(format!("{name}.lock"));
    let platform = format!(
        "linux/{}",
        if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "amd64"
        }
    );
    dindimg(&[
        "build".as_ref(),
        recipe(name).as_os_str(),
        "--update".as_ref(),
        // The mirror's copy of testing lives a week at most.
        "--allow-expired".as_ref(),
        "--lock-file".as_ref(),
        lock.as_os_str(),
        "--variant".as_ref(),
        variant.as_ref(),
        "--platform".as_ref(),
        platform.as_ref(),
        "--repository".as_ref(),
        REPOSITORY.as_ref(),
        "--output".as_ref(),
        format!("docker-archive:{}", archive.display()).as_ref(),
    ])
    .good();
    built.insert(image, archive.clone());
    archive
}

/// The archive of a recipe's image, with `name` for its files and repository.
pub fn built(name: &str, recipe: &str) -> PathBuf {
    let at = |ending: &str| kept("images").join(format!("{name}.{ending}"));
    fs::write(at("toml"), recipe).expect("recipe written");
    let repository = format!("localhost/dindimg-test/{name}");
    let output = format!("docker-archive:{}", at("tar").display());
    dindimg(&[
        "build".as_ref(),
        at("toml").as_os_str(),
        "--allow-expired".as_ref(),
        "--repository".as_ref(),
        repository.as_ref(),
        "--tag".as_ref(),
        "x".as_ref(),
        "--output".as_ref(),
        output.as_ref(),
    ])
    .good();
    at("tar")
}
