mod entries;
mod sealed;
mod upkeep;

use std::io::{Read, Write};
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const CONTENT: &[u8] = b"the content of a package file";

fn fresh() -> (TempDir, Cache) {
    let root = TempDir::new().expect("a temporary directory");
    let cache = Cache::open(root.path()).expect("opens");
    (root, cache)
}

fn store(cache: &Cache, content: &[u8]) -> Digest {
    let digest = Digest::of(content);
    let mut file = cache
        .put_blob(write(cache, content), &digest, content.len() as u64)
        .expect("stores");
    assert_eq!(text(&mut file), content);
    digest
}

fn write(cache: &Cache, content: &[u8]) -> Pending {
    let mut pending = cache.create().expect("creates");
    pending.write_all(content).expect("writes");
    pending
}

fn text(file: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("reads");
    bytes
}

fn temporary(cache: &Cache) -> u64 {
    cache.info().expect("counts").temporary.entries
}

fn blob_path(cache: &Cache, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    cache.home().join("blobs").join(&hex[..2]).join(hex)
}
