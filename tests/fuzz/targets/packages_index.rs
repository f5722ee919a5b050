//! `Packages` indexes and control files, with the relations in them.
#![no_main]

use dindimg::deb::packages::{parse_control, parse_index};
use dindimg::deb::relation;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = parse_control(data);
    for record in parse_index(data).unwrap_or_default() {
        let control = &record.control;
        let _ = control.source();
        let _ = control.fits("amd64");
        for field in [&control.depends, &control.provides, &control.replaces] {
            let _ = relation::parse(field);
        }
    }
});
