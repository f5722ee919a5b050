//! Files of `docker login` and `podman login`.
#![no_main]

use dindimg::registry::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzzing::credentials(data));
