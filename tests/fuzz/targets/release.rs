//! `Release` files, the indexes they name and the judgement of their dates.
#![no_main]

use dindimg::deb::freshness::judge;
use dindimg::deb::{Archive, Freshness, Release};
use dindimg::epoch::Epoch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = text.parse::<Epoch>();
    let Ok(release) = Release::parse(text) else {
        return;
    };
    for component in &release.components {
        for architecture in &release.architectures {
            let _ = release.packages_index(component, architecture);
        }
    }
    let now = Epoch::from_seconds(1_700_000_000).expect("in range");
    for allow_expired in [false, true] {
        let archive = Archive::Live;
        let _ = judge(
            &release,
            now,
            Freshness {
                archive,
                allow_expired,
            },
            Some(now),
        );
    }
});
