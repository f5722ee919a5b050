//! Programs and data of other Debian suites than the one that the tests run on, fetched as builds do
//! and unpacked without being installed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::product::{dindimg, kept};

/// The files of packages and not of what they need: locked and fetched, in a directory of the suite.
pub fn packages(suite: &str, names: &[&str]) -> Vec<PathBuf> {
    let name = names.join("-");
    let directory = kept("packages").join(suite);
    fs::create_dir_all(&directory).expect("a directory");
    let recipe = directory.join(format!("{name}.toml"));
    let list: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let text = format!(
        "schema = 1\n[debian]\nsuite = \"{suite}\"\n[packages]\ninclude = [{}]\nacknowledge-scripts = \"all\"\n",
        list.join(", ")
    );
    fs::write(&recipe, text).expect("recipe written");
    let lock = directory.join(format!("{name}.lock"));
    dindimg(&[
        "build".as_ref(),
        recipe.as_os_str(),
        "--update".as_ref(),
        "--allow-expired".as_ref(),
        "--lock-file".as_ref(),
        lock.as_os_str(),
        "--output".as_ref(),
        format!("oci:{}", directory.join(format!("{name}.oci")).display()).as_ref(),
    ])
    .good();
    let lock = fs::read_to_string(&lock).expect("a lock");
    let lock: toml::Table = lock.parse().expect("TOML");
    let packages = lock["package"].as_array().expect("packages");
    let wanted = packages
        .iter()
        .filter(|package| names.contains(&package["name"].as_str().expect("a name")));
    let files = wanted.map(|package| {
        let name = package["name"].as_str().expect("a name");
        let digest = package["sha256"].as_str().expect("a digest");
        let digest = digest.trim_start_matches("sha256:");
        let blob = kept("cache").join(format!("v1/blobs/{}/{digest}", &digest[..2]));
        let file = directory.join(format!("{name}.deb"));
        fs::copy(&blob, &file).unwrap_or_else(|error| panic!("{}: {error}", blob.display()));
        file
    });
    files.collect()
}

/// The directory that a package of a suite is unpacked in, once a run.
pub fn unpacked(suite: &str, package: &str) -> PathBuf {
    static UNPACKED: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut unpacked = UNPACKED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = format!("{suite}-{package}");
    if let Some(directory) = unpacked.get(&key) {
        return directory.clone();
    }
    let directory = kept("tools").join(&key);
    for file in packages(suite, &[package]) {
        let status = Command::new("dpkg-deb")
            .arg("--extract")
            .args([&file, &directory])
            .status()
            .expect("dpkg-deb runs");
        assert!(status.success(), "{}", file.display());
    }
    unpacked.insert(key, directory.clone());
    directory
}
