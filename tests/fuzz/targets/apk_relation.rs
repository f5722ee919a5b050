//! Dependencies, versions and scripts of Alpine's packages.
#![no_main]

use dindimg::apk::relation::parse;
use dindimg::apk::version::Version;
use dindimg::setup::conventions::ALPINE;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for one in parse(text).unwrap_or_default() {
        assert!(!one.name.is_empty());
        let again = parse(&one.to_string()).expect("what is written is read");
        assert_eq!(again, [one]);
    }
    if let Ok(version) = text.parse::<Version>() {
        assert!(version == version && text.starts_with(version.upstream()));
    }
    let _ = (ALPINE.classify)("some", text.as_bytes());
});
