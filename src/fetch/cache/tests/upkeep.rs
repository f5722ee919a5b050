//! Who may use the cache, what is remembered, what is removed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::epoch::Epoch;

#[test]
fn a_cache_that_others_can_write_is_refused() {
    for part in ["", "v1", "v1/blobs", "v1/tmp"] {
        let (root, cache) = fresh();
        drop(cache);
        let path = root.path().join(part);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o775)).expect("changes");
        let message = Cache::open(root.path())
            .expect_err("must be refused")
            .to_string();
        assert!(
            message.contains("0775") && message.contains("chmod go-w"),
            "{message}"
        );
    }
}

#[test]
fn a_cache_of_another_user_is_refused() {
    let (root, cache) = fresh();
    drop(cache);
    let Ok(()) = std::os::unix::fs::chown(root.path(), Some(65_534), None) else {
        return; // only root can give files away
    };
    let message = Cache::open(root.path())
        .expect_err("must be refused")
        .to_string();
    assert!(message.contains("belongs to user 65534"), "{message}");
}

#[test]
fn links_and_files_in_place_of_directories_are_refused() {
    let (root, cache) = fresh();
    drop(cache);
    let blobs = root.path().join("v1/blobs");
    fs::remove_dir(&blobs).expect("removes");
    symlink(root.path().join("v1/tmp"), &blobs).expect("links");
    let result = Cache::open(root.path());
    assert!(matches!(result, Err(CacheError::Unsafe { .. })));
    assert!(matches!(
        Cache::open(&root.path().join("v1/locks/in-use")),
        Err(CacheError::Unsafe { .. })
    ));
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_the_way_out() {
    if rustix::process::geteuid().is_root() {
        return; // root may write everywhere
    }
    let root = TempDir::new().expect("a temporary directory");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o555)).expect("changes");
    let message = Cache::open(root.path()).expect_err("must fail").to_string();
    assert!(message.contains("--cache-dir"), "{message}");
}

#[test]
fn a_full_disk_and_a_read_only_one_are_explained() {
    for (kind, part) in [
        (io::ErrorKind::StorageFull, "cache prune"),
        (io::ErrorKind::ReadOnlyFilesystem, "--cache-dir"),
        (io::ErrorKind::PermissionDenied, "--cache-dir"),
        (io::ErrorKind::QuotaExceeded, "quota"),
    ] {
        let message = CacheError::io("write", Path::new("/c/x"))(kind.into()).to_string();
        assert!(
            message.contains("/c/x") && message.contains(part),
            "{message}"
        );
    }
}

#[test]
fn another_version_is_left_alone() {
    let root = TempDir::new().expect("a temporary directory");
    let other = root.path().join("v0/blobs");
    fs::create_dir_all(&other).expect("makes");
    fs::write(other.join("x"), b"x").expect("writes");
    let mut cache = Cache::open(root.path()).expect("opens");
    cache.prune(Prune::All).expect("prunes");
    assert!(other.join("x").exists());
}

#[test]
fn what_killed_processes_left_is_swept_and_what_live_ones_write_is_not() {
    let (root, cache) = fresh();
    let live = write(&cache, CONTENT);
    let tmp = cache.home().join("tmp");
    fs::write(tmp.join("dead"), b"left").expect("writes");
    fs::write(tmp.join("0123.part"), b"left").expect("writes");
    drop(Cache::open(root.path()).expect("opens"));
    assert!(!tmp.join("dead").exists());
    assert!(tmp.join("0123.part").exists(), "can be continued");
    let digest = Digest::of(CONTENT);
    cache
        .put_blob(live, &digest, CONTENT.len() as u64)
        .expect("was not swept");
    drop(cache);
    let mut cache = Cache::open(root.path()).expect("opens");
    cache.prune(Prune::All).expect("prunes");
    assert!(!tmp.join("0123.part").exists());
}

#[test]
fn pruning_goes_by_the_last_use_and_keeps_the_dates_seen() {
    let (_root, mut cache) = fresh();
    let (old, used, new) = (
        store(&cache, b"old"),
        store(&cache, b"used"),
        store(&cache, b"new"),
    );
    let past = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for digest in [&old, &used] {
        let file = File::options()
            .write(true)
            .open(blob_path(&cache, digest))
            .expect("opens");
        file.set_modified(past).expect("changes");
    }
    cache.open_blob(&used, 4).expect("opens");
    cache
        .record_seen("debian bookworm", Epoch::default())
        .expect("records");
    let since = Epoch::from_seconds(1_500_000_000).expect("is a time");
    let freed = cache.prune(Prune::UnusedSince(since)).expect("prunes");
    assert_eq!(
        freed,
        Usage {
            entries: 1,
            bytes: 3
        }
    );
    assert!(!cache.has_blob(&old, 3).expect("looks"));
    assert!(cache.has_blob(&used, 4).expect("looks") && cache.has_blob(&new, 3).expect("looks"));
    cache.prune(Prune::All).expect("prunes");
    assert!(!cache.has_blob(&new, 3).expect("looks"));
    assert_eq!(
        cache.newest_seen("debian bookworm").expect("reads"),
        Some(Epoch::default())
    );
}

#[test]
fn pruning_waits_for_its_turn() {
    let (root, mut cache) = fresh();
    let other = Cache::open(root.path()).expect("opens");
    assert!(matches!(
        cache.prune(Prune::All),
        Err(CacheError::Busy { .. })
    ));
    drop(other);
    cache.prune(Prune::All).expect("prunes");
    Cache::open(root.path()).expect("is shared again");
}

#[test]
fn the_newest_date_seen_never_goes_back() {
    let (root, cache) = fresh();
    let at = |seconds| Epoch::from_seconds(seconds).expect("is a time");
    assert_eq!(cache.newest_seen("a").expect("reads"), None);
    for (seconds, newest) in [(100, 100), (300, 300), (200, 300)] {
        cache.record_seen("a", at(seconds)).expect("records");
        let again = Cache::open(root.path()).expect("opens");
        assert_eq!(again.newest_seen("a").expect("reads"), Some(at(newest)));
    }
    assert_eq!(cache.newest_seen("b").expect("reads"), None);
    assert_eq!(
        fs::read_dir(cache.home().join("locks"))
            .expect("lists")
            .count(),
        1,
        "only in-use"
    );

    fs::write(cache.seen_path("a"), "never").expect("writes");
    let message = cache
        .newest_seen("a")
        .expect_err("must be refused")
        .to_string();
    assert!(message.contains("delete it"), "{message}");
}

#[test]
fn documents_come_back_with_what_asks_again() {
    let (_root, cache) = fresh();
    let url = "http://mirror.example/InRelease";
    let stored = Stored {
        validators: Validators {
            etag: Some("\"a\"".into()),
            last_modified: None,
        },
        bytes: b"line\nline\n\0".to_vec(),
    };
    assert_eq!(cache.document(url).expect("looks"), None);
    cache.put_document(url, &stored).expect("stores");
    assert_eq!(cache.document(url).expect("reads"), Some(stored));
    assert_eq!(
        cache
            .document("http://mirror.example/Release")
            .expect("looks"),
        None
    );

    let path = cache.layout.entry(Bucket::Index, &Digest::of(url));
    let mut bytes = fs::read(&path).expect("reads");
    *bytes.last_mut().expect("has bytes") ^= 1;
    fs::write(&path, bytes).expect("writes");
    assert!(matches!(
        cache.document(url),
        Err(CacheError::Altered { .. })
    ));
    fs::write(&path, b"no digest").expect("writes");
    assert!(matches!(
        cache.document(url),
        Err(CacheError::Malformed { .. })
    ));
    assert_eq!(cache.document(url).expect("looks"), None);
}

#[test]
fn one_at_a_time_has_the_right_to_download() {
    let (root, cache) = fresh();
    let other = Cache::open(root.path()).expect("opens");
    let digest = Digest::of(CONTENT);
    let lock = cache
        .lock_download(&digest)
        .expect("locks")
        .expect("is free");
    assert!(other.lock_download(&digest).expect("asks").is_none());
    assert!(
        other
            .lock_download(&Digest::of(b""))
            .expect("locks")
            .is_some()
    );
    let mut pending = cache.resume(&digest, &lock).expect("starts");
    pending.append(&CONTENT[..10]).expect("writes");
    pending.leave();
    drop(lock);
    let lock = other
        .lock_download(&digest)
        .expect("locks")
        .expect("is free again");
    let mut pending = other.resume(&digest, &lock).expect("continues");
    assert_eq!(pending.written(), 10);
    pending.append(&CONTENT[10..]).expect("writes");
    other
        .put_blob(pending, &digest, CONTENT.len() as u64)
        .expect("is whole");
}
