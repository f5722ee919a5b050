//! Registries that refuse, fail and lie, and the push after that.

use dindimg::digest::Digest;
use dindimg::registry::{Credentials, RegistryError, RegistryOptions};

use crate::fake_registry::{FakeRegistry, Faults};
use crate::push::{client, options};
use crate::small_image::image;

/// The first push fails as `expected` says; when the registry is well again, the
/// next one, of the same image, succeeds.
fn refused(faults: Faults, expected: &str) {
    let registry = FakeRegistry::start(faults);
    let scratch = tempfile::tempdir().expect("temporary directory");
    let repository = format!("{}/ci/dind", registry.address());
    let push = image(scratch.path(), 1000, &repository, &["1"]);
    let one_at_a_time = RegistryOptions {
        jobs: 1,
        ..options()
    };
    let try_push = || client(one_at_a_time.clone(), Credentials::none()).push(&push);
    let error: RegistryError = try_push().expect_err(expected);
    let said = error.to_string();
    assert!(said.contains(expected), "{said}");
    assert!(
        said.contains(&registry.address()),
        "the registry is named: {said}"
    );
    registry.heal();
    try_push().expect("the registry is well again");
    let reference = format!("{}:1", push.repository);
    let found = client(options(), Credentials::none())
        .resolve(&reference.parse().expect("a reference"))
        .expect("asked");
    assert_eq!(found, Some(push.root.digest));
    for blob in &push.blobs {
        assert!(registry.has_blob("ci/dind", &blob.digest));
    }
}

fn failing(start: &'static str, status: u16) -> Faults {
    Faults {
        fail: Some((start, status, usize::MAX)),
        ..Faults::default()
    }
}

#[test]
fn a_registry_that_answers_401_is_named_with_how_to_log_in() {
    refused(failing("POST /v2/ci/dind/blobs/", 401), "docker login");
}

#[test]
fn a_registry_that_answers_404_is_named() {
    refused(failing("GET /v2/", 404), "is not a registry");
    refused(failing("POST /v2/ci/dind/blobs/", 404), "404");
}

#[test]
fn a_registry_that_answers_429_is_waited_for_and_then_named() {
    refused(failing("POST /v2/ci/dind/blobs/", 429), "5 attempts");
}

#[test]
fn a_registry_that_answers_500_is_asked_again_and_then_named() {
    for start in ["POST /v2/ci/dind/blobs/", "PUT /v2/ci/dind/manifests/"] {
        refused(failing(start, 500), "5 attempts");
    }
}

#[test]
fn a_registry_that_lies_about_a_digest_is_not_believed() {
    for start in [
        "PUT /v2/ci/dind/manifests/sha256:",
        "PUT /v2/ci/dind/manifests/1",
    ] {
        let other = Digest::of(b"other");
        let faults = Faults {
            lie: Some((start, other)),
            ..Faults::default()
        };
        refused(faults, &other.to_string());
    }
}
