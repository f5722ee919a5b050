//! Building: the same bytes from the same lock, on both platforms, with and without caches.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::peers::{output, require, run};
use crate::product::{Run, command, dindimg, kept, recipe, small_recipe};

/// The digest of `recipe` built by `command` into `directory`.
fn digest(
    mut command: Command,
    recipe: &Path,
    lock: &Path,
    directory: &Path,
    extra: &[&str],
) -> String {
    let run = Run::of(
        command
            .args([
                "build",
                "--json",
                "--quiet",
                "--locked",
                "--variant",
                "slim",
            ])
            .arg("--lock-file")
            .arg(lock)
            .arg(recipe)
            .args([
                "--output",
                &format!("oci:{}", directory.join("image.oci").display()),
            ])
            .args(extra)
            .current_dir(directory)
            .output()
            .expect("the binary runs"),
    )
    .good();
    let result: Value = serde_json::from_str(&run.stdout).expect("one JSON object");
    result["images"][0]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned()
}

#[test]
fn a_lock_gives_one_digest_whoever_builds_it_however_and_wherever() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let lock = scratch.path().join("bookworm.lock");
    let bookworm = recipe("bookworm");
    dindimg(&[
        "lock".as_ref(),
        bookworm.as_os_str(),
        "--lock-file".as_ref(),
        lock.as_os_str(),
    ])
    .good();
    let place = |name: &str| {
        let path = scratch.path().join(name);
        std::fs::create_dir(&path).expect("directory");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("mode");
        path
    };
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755)).expect("mode");

    let shared = kept("cache");
    let first = digest(
        command(&shared),
        &bookworm,
        &lock,
        &place("a"),
        &["--no-layer-cache", "--jobs", "1"],
    );
    struct Case {
        name: &'static str,
        environment: &'static [(&'static str, &'static str)],
        extra: &'static [&'static str],
    }
    let cases = [
        Case {
            name: "threads",
            environment: &[],
            extra: &["--no-layer-cache", "--jobs", "2"],
        },
        Case {
            name: "cached",
            environment: &[],
            extra: &[],
        },
        Case {
            name: "zone and locale",
            environment: &[("TZ", "Asia/Kathmandu"), ("LC_ALL", "tr_TR.UTF-8")],
            extra: &["--no-layer-cache"],
        },
    ];
    for Case {
        name: case,
        environment,
        extra,
    } in cases
    {
        let mut command = command(&shared);
        command.envs(environment.iter().copied());
        assert_eq!(
            digest(command, &bookworm, &lock, &place(case), extra),
            first,
            "{case}"
        );
    }

    // Another clock, by the library Debian ships for it.
    if let Some(faketime) = require(&["faketime"], "faketime") {
        let mut later = Command::new(faketime);
        let inner = command(&shared);
        later.arg("2031-02-03 04:05:06").arg(inner.get_program());
        later.env("DINDIMG_CACHE_DIR", &shared);
        assert_eq!(
            digest(
                later,
                &bookworm,
                &lock,
                &place("clock"),
                &["--no-layer-cache"]
            ),
            first,
            "clock"
        );
    }

    // An unprivileged user, who fetches for himself.
    let home = place("nobody");
    let binary = home.join("dindimg");
    std::fs::copy(env!("CARGO_BIN_EXE_dindimg"), &binary).expect("binary copied");
    std::fs::copy(&bookworm, home.join("bookworm.toml")).expect("recipe copied");
    if rustix::process::geteuid().is_root() {
        let mut other = Command::new("setpriv");
        other
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .arg(&binary);
        other
            .env("HOME", &home)
            .env("DINDIMG_CACHE_DIR", home.join("cache"));
        let built = digest(other, &home.join("bookworm.toml"), &lock, &home, &[]);
        assert_eq!(built, first, "as another user");
    }
}

#[test]
fn both_platforms_are_built_here_and_skopeo_reads_both() {
    let Some(skopeo) = require(&["skopeo"], "skopeo") else {
        return;
    };
    let scratch = tempfile::tempdir().expect("temporary directory");
    let layout = scratch.path().join("image.oci");
    let lock = kept("locks").join("bookworm-both.lock");
    dindimg(&[
        "build".as_ref(),
        recipe("bookworm").as_os_str(),
        "--update".as_ref(),
        "--lock-file".as_ref(),
        lock.as_os_str(),
        "--variant".as_ref(),
        "slim".as_ref(),
        "--tag".as_ref(),
        "both".as_ref(),
        "--output".as_ref(),
        format!("oci:{}", layout.display()).as_ref(),
    ])
    .good();
    let source = format!("oci:{}:both", layout.display());
    for architecture in ["amd64", "arm64"] {
        let said = run(
            &skopeo,
            &[
                "inspect",
                "--override-arch",
                architecture,
                "--override-os",
                "linux",
                &source,
            ],
        );
        let image: Value = serde_json::from_slice(&said).expect("JSON");
        assert_eq!(image["Architecture"], architecture);
        let contract = image["Labels"]["io.dindimg.contract"]
            .as_str()
            .expect("a contract");
        assert!(contract.contains("\"profile\":\"dind\""), "{contract}");
        let copy = scratch.path().join(architecture);
        let copied = output(
            &skopeo,
            &[
                "copy",
                "--quiet",
                "--override-arch",
                architecture,
                "--override-os",
                "linux",
                &source,
                &format!("dir:{}", copy.display()),
            ],
        );
        assert!(
            copied.status.success(),
            "{}",
            String::from_utf8_lossy(&copied.stderr)
        );
    }
}

#[test]
fn images_of_one_suite_share_the_blobs_below_them() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let lock = kept("locks").join("bookworm-both.lock");
    let build = |name: &str, change: &str| {
        let path = scratch.path().join(format!("{name}.toml"));
        let base = std::fs::read_to_string(recipe("bookworm")).expect("recipe");
        std::fs::write(&path, format!("{base}\n{change}")).expect("recipe written");
        let metadata = scratch.path().join(format!("{name}.json"));
        let own_lock = scratch.path().join(format!("{name}.lock"));
        if lock.exists() {
            std::fs::copy(&lock, &own_lock).expect("lock copied");
        }
        let layout = scratch.path().join(format!("{name}.oci"));
        dindimg(&[
            "build".as_ref(),
            path.as_os_str(),
            "--variant".as_ref(),
            "default".as_ref(),
            "--platform".as_ref(),
            "linux/amd64".as_ref(),
            "--output".as_ref(),
            format!("oci:{}", layout.display()).as_ref(),
            "--metadata-file".as_ref(),
            metadata.as_os_str(),
        ])
        .good();
        let mut blobs: Vec<String> = std::fs::read_dir(layout.join("blobs/sha256"))
            .expect("blobs")
            .map(|entry| entry.expect("entry"))
            .filter(|entry| entry.metadata().expect("metadata").len() > 10_000_000)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        blobs.sort();
        blobs
    };
    let plain = build("plain", "");
    let other = build("other", "[engine.daemon]\nlog-driver = \"local\"\n");
    assert_eq!(plain.len(), 2, "base and engine");
    assert_eq!(plain, other, "only the guest layer differs");
}

#[test]
fn what_is_in_the_cache_builds_offline_and_what_is_not_is_named() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let recipe = small_recipe(scratch.path(), "");
    let cache = scratch.path().join("cache");
    let build = |extra: &[&str]| {
        let mut command = command(&cache);
        command
            .arg("build")
            .arg(&recipe)
            .args(extra)
            .current_dir(scratch.path());
        Run::of(command.output().expect("the binary runs"))
    };
    let missing = build(&["--offline"]).failed(5);
    assert!(
        missing.contains("offline, and not in the cache"),
        "{missing}"
    );
    build(&[]).good();
    assert!(
        scratch.path().join("small.oci/index.json").exists(),
        "the default output"
    );
    build(&["--offline", "--locked"]).good();
    std::fs::remove_dir_all(cache.join("v1/blobs")).expect("blobs removed");
    let missing = build(&["--offline", "--locked", "--no-layer-cache"]).failed(5);
    assert!(missing.contains("tini"), "{missing}");
}

#[test]
fn zstd_and_source_date_epoch_are_honoured() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let recipe = small_recipe(scratch.path(), "");
    let layout = scratch.path().join("z.oci");
    let mut command = command(&kept("cache"));
    command
        .env("SOURCE_DATE_EPOCH", "1000000000")
        .arg("build")
        .arg(&recipe);
    command.args([
        "--compression",
        "zstd:3",
        "--tag",
        "z",
        "--output",
        &format!("oci:{}", layout.display()),
    ]);
    Run::of(command.output().expect("the binary runs")).good();
    let Some(skopeo) = require(&["skopeo"], "skopeo") else {
        return;
    };
    let source = format!("oci:{}:z", layout.display());
    let image: Value = serde_json::from_slice(&run(&skopeo, &["inspect", &source])).expect("JSON");
    assert_eq!(image["Created"], "2001-09-09T01:46:40Z");
    let manifest = run(&skopeo, &["inspect", "--raw", &source]);
    assert!(String::from_utf8_lossy(&manifest).contains("tar+zstd"));
}
