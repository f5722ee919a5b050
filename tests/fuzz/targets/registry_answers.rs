//! What registries and token services say: challenges, waiting times, tokens, errors, references.
#![no_main]

use dindimg::registry::{Reference, Repository, Tag, fuzzing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fuzzing::headers(data);
    fuzzing::token(data);
    fuzzing::error_body(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = text.parse::<Tag>();
        if let Ok(repository) = text.parse::<Repository>() {
            assert_eq!(repository.to_string().parse(), Ok(repository));
        }
        if let Ok(reference) = text.parse::<Reference>() {
            assert_eq!(reference.to_string().parse(), Ok(reference));
        }
    }
});
