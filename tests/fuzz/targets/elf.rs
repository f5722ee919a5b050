//! Shared libraries on their way into `ld.so.cache`.
#![no_main]

use dindimg::setup::ldcache::{directories, encode, libraries};
use dindimg_fuzz::{setup, tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut tree = tree(&[("usr/lib/libx.so.1", data)]);
    let setup = setup(&mut tree, &[]);
    let found = libraries(&setup, &directories(&setup).expect("paths are sound"));
    let _ = encode(&found.expect("a damaged library is passed over"), "2.36-9");
});
