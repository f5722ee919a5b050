//! Versions of packages: what parses prints itself, and the order is one.
#![no_main]

use std::cmp::Ordering;

use dindimg::deb::version::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let versions: Vec<Version> = text
        .split('\n')
        .take(3)
        .filter_map(|part| part.parse().ok())
        .collect();
    for a in &versions {
        assert_eq!(a.to_string().parse::<Version>().as_ref(), Ok(a));
        let _ = (a.upstream(), a.revision(), a.epoch());
        for b in &versions {
            assert_eq!(a.cmp(b), b.cmp(a).reverse());
            for c in &versions {
                if a.cmp(b) != Ordering::Greater && b.cmp(c) != Ordering::Greater {
                    assert_ne!(a.cmp(c), Ordering::Greater);
                }
            }
        }
    }
});
