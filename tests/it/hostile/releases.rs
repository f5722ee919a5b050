//! Release files that are old, replayed, unsigned, or signed by somebody or something else.

use super::repository::{STRANGER, Terms};
use super::{Scene, assert_says};

const DAY: i64 = 24 * 3600;

/// Under `terms` the build is refused with `words`; signed anew, the next run succeeds on the same
/// cache.
fn refused(terms: &Terms, words: &[&str]) {
    let Some(scene) = Scene::new() else { return };
    scene.repository.sign(terms);
    let said = scene.build().failed(4);
    assert_says(&said, words);
    scene.repository.sign(&Terms::default());
    scene.digest();
}

#[test]
fn an_expired_release_is_refused_by_its_dates_and_a_new_one_taken() {
    let expired = Terms {
        date: -9 * DAY,
        valid_until: Some(-2 * DAY),
        ..Terms::default()
    };
    refused(
        &expired,
        &[
            "Release of bookworm",
            "Date 20",
            "Valid-Until 20",
            "--allow-expired",
        ],
    );
}

#[test]
fn a_release_from_the_future_is_refused() {
    let future = Terms {
        date: 2 * DAY,
        valid_until: None,
        ..Terms::default()
    };
    refused(&future, &["Release of bookworm", "clock"]);
}

#[test]
fn a_release_rolled_back_is_refused_though_it_is_valid_and_signed() {
    let Some(scene) = Scene::new() else { return };
    let before = scene.digest();
    let older = Terms {
        date: -DAY,
        valid_until: None,
        ..Terms::default()
    };
    scene.repository.sign(&older);
    for extra in [&[][..], &["--allow-expired"]] {
        let run = scene.command().args(extra).output().expect("runs");
        let said = crate::product::Run::of(run).failed(4);
        assert_says(
            &said,
            &[
                "Release of bookworm",
                "went back in time",
                "use another one",
            ],
        );
    }
    scene.repository.sign(&Terms {
        date: 0,
        ..Terms::default()
    });
    assert_ne!(
        scene.digest(),
        before,
        "the date of the image is the newer one"
    );
}

/// An attacker who can only hold back updates replays a Release until it expires.
#[test]
fn a_frozen_release_is_taken_until_it_expires_and_no_longer() {
    let Some(scene) = Scene::new() else { return };
    let (date, until) = (-6 * DAY, DAY);
    let frozen = Terms {
        date,
        valid_until: Some(until),
        ..Terms::default()
    };
    scene.repository.sign(&frozen);
    let digest = scene.digest();
    assert_eq!(scene.digest(), digest, "while it is valid");
    let Some(faketime) = crate::peers::require(&["faketime"], "faketime") else {
        return;
    };
    let later = std::process::Command::new(faketime)
        .args([
            "-f",
            "+2d",
            env!("CARGO_BIN_EXE_dindimg"),
            "lock",
            "scene.toml",
            "--update",
        ])
        .env("DINDIMG_CACHE_DIR", scene.cache())
        .current_dir(scene.place.path())
        .output()
        .expect("faketime runs");
    let said = crate::product::Run::of(later).failed(4);
    assert_says(&said, &["Release of bookworm", "Valid-Until 20"]);
    scene.repository.sign(&Terms::default());
    scene.digest();
}

#[test]
fn an_unsigned_release_is_refused() {
    let unsigned = Terms {
        signer: None,
        ..Terms::default()
    };
    refused(
        &unsigned,
        &["dists/bookworm/InRelease", "not one clear-signed text"],
    );
}

#[test]
fn a_release_signed_by_another_owner_is_refused_and_the_pinned_key_named() {
    let Some(scene) = Scene::new() else { return };
    scene.repository.sign(&Terms {
        signer: Some(STRANGER),
        ..Terms::default()
    });
    let said = scene.build().failed(4);
    let pinned = scene.repository.key().fingerprint;
    assert_says(
        &said,
        &[
            "dists/bookworm/InRelease",
            "key not pinned",
            &pinned,
            "`keys`",
        ],
    );
    scene.repository.sign(&Terms::default());
    scene.digest();
}

#[test]
fn a_signature_over_a_weak_digest_is_refused_by_its_name() {
    let weak = Terms {
        options: &["--digest-algo", "SHA1", "--allow-weak-digest-algos"],
        ..Terms::default()
    };
    refused(&weak, &["dists/bookworm/InRelease", "SHA1", "SHA-256"]);
}

#[test]
fn a_release_with_weak_digests_alone_is_refused() {
    let weak = Terms {
        section: "MD5Sum",
        ..Terms::default()
    };
    refused(&weak, &["debian/bookworm", "MD5 and SHA-1 prove nothing"]);
}
