//! What is stored comes back, or is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_blob_comes_back_and_is_private() {
    let (root, cache) = fresh();
    let digest = Digest::of(CONTENT);
    let size = CONTENT.len() as u64;
    assert!(cache.open_blob(&digest, size).expect("looks").is_none());
    store(&cache, CONTENT);
    let mut file = cache
        .open_blob(&digest, size)
        .expect("opens")
        .expect("is there");
    assert_eq!(text(&mut file), CONTENT);
    assert!(cache.has_blob(&digest, size).expect("looks"));
    for path in [
        root.path().join("v1"),
        root.path().join("v1/blobs"),
        blob_path(&cache, &digest),
    ] {
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn an_altered_or_short_blob_is_refused_by_name_and_gone_afterwards() {
    let damages: [fn(&Path); 2] = [
        |path| {
            let mut bytes = fs::read(path).expect("reads");
            bytes[3] ^= 1;
            fs::write(path, bytes).expect("writes");
        },
        |path| fs::write(path, &CONTENT[..7]).expect("writes"),
    ];
    for damage in damages {
        let (_root, cache) = fresh();
        let digest = store(&cache, CONTENT);
        let path = blob_path(&cache, &digest);
        damage(&path);
        let found = Digest::of(fs::read(&path).expect("reads"));
        let message = cache
            .open_blob(&digest, CONTENT.len() as u64)
            .expect_err("must be refused")
            .to_string();
        for part in [
            &*path.to_string_lossy(),
            &digest.to_string(),
            &found.to_string(),
            "next run",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
        let again = cache.open_blob(&digest, CONTENT.len() as u64);
        assert!(again.expect("looks").is_none());
    }
}

#[test]
fn a_blob_of_the_wrong_size_is_refused_even_where_only_its_presence_is_asked() {
    let (_root, cache) = fresh();
    let digest = store(&cache, CONTENT);
    fs::write(blob_path(&cache, &digest), b"short").expect("writes");
    let result = cache.has_blob(&digest, CONTENT.len() as u64);
    assert!(matches!(
        result,
        Err(CacheError::Altered { removed: true, .. })
    ));
}

#[test]
fn content_that_is_not_what_its_name_says_is_not_stored() {
    let (_root, cache) = fresh();
    let digest = Digest::of(CONTENT);
    for (content, size) in [(b"other".as_slice(), 5), (CONTENT, 5)] {
        let result = cache.put_blob(write(&cache, content), &digest, size);
        assert!(matches!(result, Err(CacheError::Mismatch(_))));
    }
    assert!(!blob_path(&cache, &digest).exists());
    assert_eq!(temporary(&cache), 0);
}

#[test]
fn two_threads_may_store_the_same() {
    let (root, _) = fresh();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let cache = Cache::open(root.path()).expect("opens");
                for number in 0..50_u32 {
                    let content = number.to_le_bytes();
                    store(&cache, &content);
                    let entry = cache
                        .put_derived(
                            Derived::Layers,
                            &Digest::of(number.to_string()),
                            write(&cache, &content),
                        )
                        .expect("stores");
                    assert_eq!(entry.digest, Digest::of(content));
                }
            });
        }
    });
    let info = Cache::open(root.path())
        .and_then(|cache| cache.info())
        .expect("counts");
    assert_eq!(
        info.buckets[&Bucket::Blobs],
        Usage {
            entries: 50,
            bytes: 200
        }
    );
    assert_eq!(
        info.buckets[&Bucket::Layers],
        Usage {
            entries: 50,
            bytes: 200
        }
    );
    assert_eq!(info.temporary, Usage::default());
}

#[test]
fn a_derived_entry_is_found_by_its_inputs_and_verified() {
    let (_root, cache) = fresh();
    let key = Digest::of(b"inputs");
    assert!(
        cache
            .open_derived(Derived::Spool, &key)
            .expect("looks")
            .is_none()
    );
    cache
        .put_derived(Derived::Spool, &key, write(&cache, CONTENT))
        .expect("stores");
    assert!(
        cache
            .open_derived(Derived::Segments, &key)
            .expect("looks")
            .is_none()
    );
    let mut entry = cache
        .open_derived(Derived::Spool, &key)
        .expect("opens")
        .expect("is there");
    assert_eq!(
        (entry.digest, entry.size),
        (Digest::of(CONTENT), CONTENT.len() as u64)
    );
    assert_eq!(text(&mut entry.file), CONTENT);

    let (path, _) = cache
        .find_derived(Derived::Spool, &key)
        .expect("looks")
        .expect("is there");
    fs::write(&path, b"changed").expect("writes");
    let message = cache
        .open_derived(Derived::Spool, &key)
        .expect_err("must be refused")
        .to_string();
    for part in [
        &*path.to_string_lossy(),
        &Digest::of(CONTENT).to_string(),
        &Digest::of(b"changed").to_string(),
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    assert!(
        cache
            .open_derived(Derived::Spool, &key)
            .expect("looks")
            .is_none()
    );
}

#[test]
fn a_derived_entry_that_a_power_failure_emptied_is_made_again() {
    let (_root, cache) = fresh();
    let key = Digest::of(b"inputs");
    let put = |content| cache.put_derived(Derived::Layers, &key, write(&cache, content));
    put(CONTENT).expect("stores");
    let (path, _) = cache
        .find_derived(Derived::Layers, &key)
        .expect("looks")
        .expect("is there");
    fs::write(&path, b"").expect("writes");
    let entry = cache.open_derived(Derived::Layers, &key).expect("looks");
    assert!(entry.is_none() && !path.exists());
    put(b"").expect("stores");
    let entry = cache.open_derived(Derived::Layers, &key).expect("opens");
    assert_eq!(entry.expect("is there").size, 0, "an empty entry is one");
}

#[test]
fn different_contents_for_the_same_inputs_are_refused() {
    let (_root, cache) = fresh();
    let key = Digest::of(b"inputs");
    let put = |content| cache.put_derived(Derived::Layers, &key, write(&cache, content));
    put(b"one").expect("stores");
    put(b"one").expect("the same again is fine");
    assert!(matches!(put(b"two"), Err(CacheError::Ambiguous { .. })));
    assert!(
        cache
            .open_derived(Derived::Layers, &key)
            .expect("looks")
            .is_none()
    );

    // As two processes would leave it that stored at the same moment.
    put(b"one").expect("stores");
    let (path, _) = cache
        .find_derived(Derived::Layers, &key)
        .expect("looks")
        .expect("is there");
    let other = path.with_extension(Digest::of(b"two").hex());
    fs::write(other, b"two").expect("writes");
    let result = cache.open_derived(Derived::Layers, &key);
    assert!(matches!(result, Err(CacheError::Ambiguous { .. })));
    assert!(
        cache
            .open_derived(Derived::Layers, &key)
            .expect("looks")
            .is_none()
    );
}

#[test]
fn derived_entries_can_be_ignored() {
    let (_root, cache) = fresh();
    let (known, new) = (Digest::of(b"known"), Digest::of(b"new"));
    cache
        .put_derived(Derived::Layers, &known, write(&cache, CONTENT))
        .expect("stores");
    let cache = cache.ignore_derived();
    assert!(
        cache
            .open_derived(Derived::Layers, &known)
            .expect("looks")
            .is_none()
    );
    let mut entry = cache
        .put_derived(Derived::Layers, &new, write(&cache, CONTENT))
        .expect("passes on");
    assert_eq!(text(&mut entry.file), CONTENT);
    assert_eq!(
        cache.info().expect("counts").buckets[&Bucket::Layers].entries,
        1
    );
    assert_eq!(temporary(&cache), 0);
}

#[test]
fn an_entry_of_another_form_can_be_forgotten_and_stored_in_this_one() {
    let (_root, cache) = fresh();
    let key = Digest::of("inputs");
    let stored = |content| cache.put_derived(Derived::Layers, &key, write(&cache, content));
    stored(b"of another version").expect("stores");
    cache
        .forget_derived(Derived::Layers, &key)
        .expect("forgets");
    cache
        .forget_derived(Derived::Layers, &key)
        .expect("what is not there needs no forgetting");
    stored(CONTENT).expect("there is no other content now");
}

#[test]
fn a_failing_write_through_a_stream_names_the_file_of_the_cache() {
    let (_root, cache) = fresh();
    let mut pending = cache.create().expect("creates");
    pending.fail_from_now_on();
    let error = pending.write_all(CONTENT).expect_err("read-only");
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(CacheError::Io { action, path, .. }) = cause else {
        panic!("{error}")
    };
    assert_eq!(*action, "write");
    assert!(path.starts_with(cache.home()), "{}", path.display());
}
