//! Relations between packages; what mentions a package in a field that parses, the parser sees.
#![no_main]

use dindimg::deb::relation::{is_package_name, mentions, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = is_package_name(text);
    let mentioned: Vec<_> = mentions(text).collect();
    if let Ok(relations) = parse(text) {
        let _ = format!("{relations:?}");
        assert!(mentioned.iter().all(|(name, _)| !name.is_empty()));
    }
});
