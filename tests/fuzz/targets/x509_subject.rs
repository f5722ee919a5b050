//! Certificates on their way into the store: PEM, DER, and the hash of the subject.
#![no_main]

use dindimg_fuzz::{package, rule, setup, tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let packages = [package("ca-certificates", &[("postinst", b"#!/bin/sh\n")])];
    let mut tree = tree(&[("usr/share/ca-certificates/x/x.crt", data)]);
    let _ = rule("ca-certificates", &mut setup(&mut tree, &packages));
});
