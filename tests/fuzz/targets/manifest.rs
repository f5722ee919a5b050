//! Manifests of a team's own.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(findings) = dindimg::deploy::check(text) else {
        return;
    };
    let lines = text.lines().count().max(1);
    for finding in findings {
        assert!((1..=lines + 1).contains(&finding.line));
        assert!(!finding.message.contains(char::is_control));
    }
});
