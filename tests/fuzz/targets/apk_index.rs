//! APKINDEX and the files it comes in: the text as it is, and signed archives.
#![no_main]

use dindimg::apk::index::parse;
use dindimg::apk::keys::Key;
use dindimg::apk::members::{decode, split};
use libfuzzer_sys::fuzz_target;

/// Decoded bytes of an index here.
const LIMIT: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    for record in parse(data).unwrap_or_default() {
        // It becomes a part of an address.
        assert!(!record.file_name().contains('/'));
    }
    if let Ok(signed) = split(data) {
        let _ = decode("index", signed.content, LIMIT);
    }
    let _ = Key::parse("k.rsa.pub", data);
});
