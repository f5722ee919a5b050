//! Caches that were damaged, cannot be written, are full, are of another version, or are shared.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Scene, assert_says, digest, files_below};
use crate::deb_builder::{Entry, tar};
use crate::peers::require;
use crate::product::Run;
use crate::support::skipped;

/// Entries of one bucket.
fn entries(scene: &Scene, bucket: &str) -> Vec<PathBuf> {
    files_below(&scene.cache().join("v1").join(bucket))
}

/// Removes the whole of these buckets, so that what they were made from is used again.
fn without(scene: &Scene, buckets: &[&str]) {
    for bucket in buckets {
        for path in entries(scene, bucket) {
            std::fs::remove_file(path).expect("removed");
        }
    }
}

fn truncated(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

fn altered(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

fn longer(bytes: &[u8]) -> Vec<u8> {
    [bytes, b"and more"].concat()
}

/// Each entry of `bucket` in turn is damaged in each way; the build that comes upon it names it
/// and removes it, and the next gives the same image. `above` are the buckets that would hide it.
fn damaged(bucket: &str, above: &[&str]) {
    let Some(scene) = Scene::new() else { return };
    let good = scene.digest();
    let names = entries(&scene, bucket);
    assert!(!names.is_empty(), "{bucket}");
    let mut refused = 0;
    for path in names {
        for damage in [truncated, altered, longer] {
            let bytes = std::fs::read(&path).expect("an entry");
            std::fs::write(&path, damage(&bytes)).expect("damaged");
            without(&scene, above);
            let run = scene.build();
            // An entry that no longer matters may go unread; nothing else may pass.
            if run.code == Some(0) {
                assert_eq!(digest(&run), good, "{}", path.display());
                std::fs::write(&path, bytes).expect("mended");
            } else {
                let said = run.failed(4);
                let name = path.display().to_string();
                assert_says(&said, &[&name, "altered", "the next run"]);
                refused += 1;
                assert_eq!(scene.digest(), good);
                if !path.exists() {
                    std::fs::write(&path, bytes).expect("mended");
                }
            }
        }
    }
    assert!(
        refused >= 3,
        "{bucket}: only {refused} damages were noticed"
    );
}

#[test]
fn a_damaged_package_or_index_of_the_cache_is_named_and_fetched_again() {
    damaged("blobs", &["layers", "segments", "spool"]);
}

#[test]
fn a_damaged_spooled_payload_is_named_and_made_again() {
    damaged("spool", &["layers", "segments"]);
}

#[test]
fn a_damaged_segment_is_named_and_made_again() {
    damaged("segments", &["layers"]);
}

#[test]
fn a_damaged_layer_is_named_and_made_again() {
    damaged("layers", &[]);
}

/// Runs `script` in a mount namespace of its own, where nothing stays mounted; `$DINDIMG` builds
/// the scene. `None` where the system gives no such namespace.
fn in_namespace(scene: &Scene, script: &str) -> Option<Run> {
    let unshare = require(&["unshare"], "util-linux")?;
    let inner = scene.command();
    let flags = if rustix::process::geteuid().is_root() {
        "-m"
    } else {
        "-Urm"
    };
    let shell = |script: &str| {
        let mut command = Command::new(&unshare);
        command.args([flags, "sh", "-euc", script, "sh"]);
        command
            .arg(inner.get_program())
            .args(inner.get_args())
            .current_dir(scene.place.path())
            .env("DINDIMG_CACHE_DIR", scene.cache())
            .env("XDG_CONFIG_HOME", scene.path("no-config"))
            .env("CACHE", scene.cache());
        Run::of(command.output().expect("unshare runs"))
    };
    let mount = "mkdir -p \"$CACHE\"; mount -t tmpfs none \"$CACHE\"";
    if shell(mount).code != Some(0) {
        skipped(
            script,
            "mounting in a namespace of one's own is not allowed here",
        );
        return None;
    }
    Some(shell(script))
}

#[test]
fn a_full_cache_is_explained_and_with_room_the_next_run_succeeds() {
    let Some(scene) = Scene::new() else { return };
    let noise: Vec<u8> = (0_u64..400_000)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect();
    let payload = tar(&[Entry::file("./noise", noise)]);
    scene.repository.publish(&[(super::PACKAGE, "1", &payload)]);
    // Room for less than the package, for the package alone, and for its payload as well.
    for size in ["1m", "3m", "5m"] {
        let script = format!(
            "mount -t tmpfs -o size={size},mode=0700 none \"$CACHE\"\n\
             status=0; \"$@\" || status=$?\n\
             mount -o remount,size=64m \"$CACHE\"\n\
             echo \"failed with $status\" >&2\n\
             \"$@\" 2>/dev/null"
        );
        let Some(run) = in_namespace(&scene, &script) else {
            return;
        };
        let run = run.good();
        assert!(
            run.stderr.contains("failed with 1"),
            "{size}: {}",
            run.stderr
        );
        assert_says(
            &run.stderr,
            &[
                "No space left on device",
                "dindimg cache prune",
                "--cache-dir",
                "cache/v1",
            ],
        );
        std::fs::remove_dir_all(scene.path("cache")).expect("removed");
        assert_eq!(digest(&run), scene.digest(), "{size}");
    }
}

#[test]
fn a_read_only_cache_serves_what_it_has_and_names_what_it_cannot_keep() {
    let Some(scene) = Scene::new() else { return };
    let read_only = "mount --bind \"$CACHE\" \"$CACHE\"; mount -o remount,ro,bind \"$CACHE\"\n";
    std::fs::create_dir(scene.cache()).expect("directory");
    let Some(run) = in_namespace(&scene, &format!("{read_only} exec \"$@\"")) else {
        return;
    };
    let said = run.failed(1);
    assert_says(&said, &["Read-only file system", "--cache-dir", "/cache"]);
    let good = scene.digest();
    std::fs::copy(scene.path("scene.lock"), scene.path("kept.lock")).expect("the lock");
    let offline = "exec \"$@\" --locked --lock-file kept.lock --offline";
    let script = format!("{read_only} {offline}");
    let run = in_namespace(&scene, &script).expect("as before").good();
    assert_eq!(digest(&run), good, "everything is there");
    without(&scene, &["layers", "segments", "spool"]);
    let run = in_namespace(&scene, &script).expect("as before");
    assert_says(&run.failed(1), &["Read-only file system", "--cache-dir"]);
    assert_eq!(scene.digest(), good);
}

#[test]
fn a_cache_of_an_older_version_is_left_alone_and_its_forms_are_not_trusted() {
    let Some(scene) = Scene::new() else { return };
    let good = scene.digest();
    // Another version beside this one, and one from before there were versions.
    for old in ["v0/blobs/ab/abcd", "blobs/ab/abcd", "index.json"] {
        let path = scene.cache().join(old);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
        std::fs::write(path, "of an older version").expect("written");
    }
    // Derived entries whose notes have another form, stored whole and sound.
    let mut foreign = 0;
    for path in entries(&scene, "layers")
        .into_iter()
        .chain(entries(&scene, "segments"))
    {
        let bytes = std::fs::read(&path).expect("an entry");
        if bytes.first() == Some(&b'{') || bytes.first() == Some(&b'[') {
            foreign += 1;
            let other = b"{\"form\":\"of another version\"}";
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let key = name.split('.').next().expect("a key");
            let hex = dindimg::digest::Digest::of(other).hex();
            std::fs::remove_file(&path).expect("removed");
            std::fs::write(path.with_file_name(format!("{key}.{hex}")), other).expect("written");
        }
    }
    assert!(foreign >= 3, "{foreign} notes were exchanged");
    assert_eq!(scene.digest(), good, "made anew at once");
    for old in ["v0/blobs/ab/abcd", "blobs/ab/abcd", "index.json"] {
        let text = std::fs::read_to_string(scene.cache().join(old)).expect("still there");
        assert_eq!(text, "of an older version");
    }
}

#[test]
fn builds_at_once_on_one_cache_all_succeed_with_one_digest() {
    let Some(scene) = Scene::new() else { return };
    for _ in 0..5 {
        let _ = std::fs::remove_dir_all(scene.cache());
        let builds: Vec<_> = ["one", "two", "three"]
            .iter()
            .map(|name| {
                let own = scene.path(name);
                std::fs::create_dir_all(&own).expect("directory");
                let mut command = scene.command();
                command
                    .args(["--lock-file", &format!("{name}/own.lock")])
                    .args(["--output", &format!("oci:{name}/image.oci")])
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped());
                // One output each: the first is shared, and so is its lock.
                command.spawn().expect("the binary runs")
            })
            .collect();
        let digests: Vec<_> = builds
            .into_iter()
            .map(|build| digest(&Run::of(build.wait_with_output().expect("ends")).good()))
            .collect();
        assert!(
            digests.windows(2).all(|pair| pair[0] == pair[1]),
            "{digests:?}"
        );
        assert!(
            leftovers(&scene.cache()).is_empty(),
            "nothing half-written is left"
        );
    }
}

/// Files that were being written and belong to nobody now.
pub fn leftovers(cache: &Path) -> Vec<PathBuf> {
    files_below(&cache.join("v1/tmp"))
}
