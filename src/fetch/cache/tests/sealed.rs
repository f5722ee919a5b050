//! Entries of which a part is read.

use std::fs;
use std::io::Write as _;

use super::super::{Cache, CacheError, Derived, Sealed};
use super::fresh;
use crate::digest::Digest;

/// As in the module: larger than it, so that there are three pieces, the last one short.
const LENGTH: usize = 2 * (64 << 10) + 100;

fn payload() -> Vec<u8> {
    (0..LENGTH).map(|at| (at % 251) as u8).collect()
}

fn key() -> Digest {
    Digest::of("inputs")
}

fn put(cache: &Cache, payload: &[u8]) -> Sealed {
    let mut sealing = cache.create_sealed().expect("a file");
    for part in payload.chunks(999) {
        sealing.write_all(part).expect("written");
    }
    cache
        .put_sealed(Derived::Spool, &key(), sealing, b"a note")
        .expect("stored")
}

fn open(cache: &Cache) -> Result<Option<Sealed>, CacheError> {
    cache.open_sealed(Derived::Spool, &key())
}

fn read(sealed: &Sealed, at: u64, count: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    sealed.read_exact_at(&mut bytes, at).map(|()| bytes)
}

#[test]
fn a_sealed_entry_has_its_note_and_is_read_from_anywhere() {
    let (_root, cache) = fresh();
    assert!(open(&cache).expect("looks").is_none());
    let payload = payload();
    let first = put(&cache, &payload);
    let second = put(&cache, &payload);
    let opened = open(&cache).expect("opens").expect("is there");
    for sealed in [&first, &second, &opened] {
        assert_eq!(sealed.note(), b"a note");
        assert_eq!(sealed.length(), LENGTH as u64);
        for (at, count) in [(0, 1), (65_000, 66_000), (0, LENGTH), (LENGTH as u64, 0)] {
            let start = at as usize;
            let bytes = read(sealed, at, count).expect("reads");
            assert!(bytes == payload[start..start + count], "{count} from {at}");
        }
        assert!(read(sealed, LENGTH as u64 - 1, 2).is_err());
        assert!(read(sealed, u64::MAX, 2).is_err());
    }
    let (_root, other) = fresh();
    assert_eq!(put(&other, b"").length(), 0);
    assert_eq!(open(&other).expect("opens").expect("is there").length(), 0);
}

#[test]
fn a_piece_that_was_altered_is_refused_when_it_is_read_and_others_serve() {
    let (_root, cache) = fresh();
    put(&cache, &payload());
    let (path, _) = cache
        .find_derived(Derived::Spool, &key())
        .expect("looks")
        .expect("is there");
    let mut bytes = fs::read(&path).expect("reads");
    bytes[70_000] ^= 1;
    fs::write(&path, bytes).expect("writes");
    let sealed = open(&cache).expect("opens").expect("is there");
    assert_eq!(read(&sealed, 0, 10).expect("sound"), payload()[..10]);
    assert_eq!(read(&sealed, 131_072, 10).expect("sound").len(), 10);
    let said = read(&sealed, 65_536, 10).expect_err("altered").to_string();
    for part in [&*path.to_string_lossy(), "altered", "the next run"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(open(&cache).expect("looks").is_none());
}

#[test]
fn a_sealed_entry_that_is_cut_longer_or_signed_otherwise_is_refused_and_removed() {
    let damages: [fn(&mut Vec<u8>); 7] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.truncate(3),
        |bytes| bytes.extend_from_slice(b"and more"),
        |bytes| bytes[LENGTH] ^= 1,
        |bytes| bytes[LENGTH + 10] ^= 1,
        // Lengths that would reach beyond the file, or around it.
        |bytes| *bytes.last_mut().expect("bytes") = 0xff,
        |bytes| {
            let at = bytes.len() - 16;
            bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        },
    ];
    for damage in damages {
        let (_root, cache) = fresh();
        put(&cache, &payload());
        let find = || cache.find_derived(Derived::Spool, &key()).expect("looks");
        let (path, _) = find().expect("is there");
        let mut bytes = fs::read(&path).expect("reads");
        damage(&mut bytes);
        fs::write(&path, bytes).expect("writes");
        let error = open(&cache).expect_err("refused");
        assert!(matches!(error, CacheError::Altered { removed: true, .. }));
        assert!(find().is_none());
    }
}

#[test]
fn an_empty_file_and_a_cache_that_is_not_used_have_no_sealed_entry() {
    let (root, cache) = fresh();
    put(&cache, &payload());
    let (path, _) = cache
        .find_derived(Derived::Spool, &key())
        .expect("looks")
        .expect("is there");
    fs::write(&path, b"").expect("writes");
    assert!(open(&cache).expect("looks").is_none());
    let unused = Cache::open(root.path()).expect("opens").ignore_derived();
    let sealed = put(&unused, &payload());
    assert_eq!(read(&sealed, 9, 1).expect("reads"), [9]);
    assert!(open(&cache).expect("looks").is_none());
}
