//! Lock files; what is read is written so that it reads the same.
#![no_main]

use dindimg::lock::{parse, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(lock) = parse(text) else { return };
    let written = render(&lock).expect("what was read can be written");
    let again = parse(&written).expect("what was written can be read");
    assert_eq!(render(&again).expect("writes"), written);
});
