//! Pushing to registries that fail, limit, refuse and lie.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dindimg::digest::Digest;
use dindimg::registry::{
    CredentialSources, Credentials, NoHelpers, Push, Pushed, Reference, RegistryError,
    RegistryOptions,
};
use tempfile::TempDir;

use crate::fake_registry::{FakeRegistry, Faults, Tokens};
use crate::push::{account, client, options};
use crate::small_image::image;

struct Trial {
    registry: FakeRegistry,
    push: Push,
    _dir: TempDir,
}

impl Trial {
    fn new(faults: Faults) -> Self {
        let registry = FakeRegistry::start(faults);
        let dir = tempfile::tempdir().expect("temporary directory");
        let repository = format!("{}/ci/dind", registry.address());
        let push = image(dir.path(), 1000, &repository, &["1", "latest"]);
        Self {
            registry,
            push,
            _dir: dir,
        }
    }

    fn push(&self) -> Result<Pushed, RegistryError> {
        self.push_as(Credentials::none())
    }

    fn push_as(&self, credentials: Credentials) -> Result<Pushed, RegistryError> {
        client(options(), credentials).push(&self.push)
    }

    fn tags_put(&self) -> usize {
        let put = |tag| {
            self.registry
                .positions(&format!("PUT /v2/ci/dind/manifests/{tag}"))
        };
        put("1").len() + put("latest").len()
    }

    /// `repository` as another one of the same registry.
    fn sibling(&self, path: &str) -> String {
        format!("{}/{path}", self.registry.address())
    }
}

#[test]
fn parts_go_first_and_tags_last() {
    let trial = Trial::new(Faults::default());
    trial.push().expect("pushed");
    let at = |start: &str| trial.registry.positions(start);
    let blobs = at("PUT /v2/ci/dind/blobs/");
    let documents = at("PUT /v2/ci/dind/manifests/sha256:");
    let index = at(&format!(
        "PUT /v2/ci/dind/manifests/{}",
        trial.push.root.digest
    ));
    let tags = [
        at("PUT /v2/ci/dind/manifests/1"),
        at("PUT /v2/ci/dind/manifests/latest"),
    ]
    .concat();
    assert_eq!(
        (blobs.len(), documents.len(), index.len(), tags.len()),
        (5, 3, 1, 2)
    );
    assert!(blobs.last() < documents.first());
    assert_eq!(documents.last(), index.first());
    assert!(index.last() < tags.first());
    assert!(tags.is_sorted());
    assert_eq!(tags.last(), Some(&(trial.registry.log().len() - 1)));
    assert_eq!(trial.registry.open_sessions(), 0);
}

#[test]
fn a_tag_moves_only_when_everything_else_is_there() {
    for refused in [
        "PUT /v2/ci/dind/blobs/",
        "PUT /v2/ci/dind/manifests/sha256:",
    ] {
        let trial = Trial::new(Faults {
            fail: Some((refused, 400, usize::MAX)),
            ..Faults::default()
        });
        let error = trial.push().expect_err("refused");
        assert!(
            matches!(error, RegistryError::Refused { status: 400, .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("UNKNOWN: the fake says so"),
            "{error}"
        );
        assert_eq!(trial.tags_put(), 0);
    }
}

#[test]
fn passing_failures_are_tried_again() {
    for (start, code) in [
        ("GET /v2/", 503),
        ("HEAD /v2/ci/dind/blobs/", 500),
        ("POST /v2/ci/dind/blobs/uploads/", 502),
        ("PUT /v2/ci/dind/blobs/uploads/", 500),
        ("PUT /v2/ci/dind/manifests/", 500),
        ("HEAD /v2/ci/dind/manifests/", 504),
    ] {
        let trial = Trial::new(Faults {
            fail: Some((start, code, 2)),
            ..Faults::default()
        });
        let pushed = trial.push().expect(start);
        assert_eq!(pushed.moved.len(), 2, "{start}");
    }
}

#[test]
fn failures_that_do_not_pass_end_the_push() {
    let trial = Trial::new(Faults {
        fail: Some(("PUT /v2/ci/dind/blobs/", 500, usize::MAX)),
        ..Faults::default()
    });
    let error = trial.push().expect_err("never stored").to_string();
    assert!(error.contains("after 5 attempts"), "{error}");
    assert!(error.contains("UNKNOWN: the fake says so"), "{error}");
}

#[test]
fn a_rate_limit_is_waited_out() {
    let wait = Duration::from_secs(1);
    for start in [
        "HEAD /v2/ci/dind/blobs/",
        "POST /v2/ci/dind/blobs/uploads/",
        "PUT /v2/ci/dind/manifests/",
        "GET /v2/",
    ] {
        let trial = Trial::new(Faults {
            throttle: Some((start, wait)),
            ..Faults::default()
        });
        let begun = Instant::now();
        let one_at_a_time = RegistryOptions {
            jobs: 1,
            ..options()
        };
        let registry = client(one_at_a_time, Credentials::none());
        registry.push(&trial.push).expect(start);
        assert!(begun.elapsed() >= wait, "{start}");
        // Once by oci-client, which hides how long to wait, and once by ourselves.
        assert!(
            trial.registry.refused() <= 2,
            "{start}: {}",
            trial.registry.refused()
        );
        assert_eq!(trial.registry.open_sessions(), 0, "{start}");
    }
}

#[test]
fn a_token_is_fetched_and_renewed() {
    for open_root in [false, true] {
        let trial = Trial::new(Faults {
            tokens: Some(Tokens {
                account: Some("bob:sesame"),
                end_after: Some(9),
                open_root,
                ..Tokens::default()
            }),
            ..Faults::default()
        });
        let pushed = trial.push_as(account("bob", "sesame")).expect("pushed");
        assert_eq!(pushed.blobs.uploaded, 5);
        assert_eq!(trial.registry.issued(), 2);
    }
}

#[test]
fn tokens_for_everybody_need_no_credentials() {
    let trial = Trial::new(Faults {
        tokens: Some(Tokens::default()),
        ..Faults::default()
    });
    trial.push().expect("pushed");
    assert_eq!(trial.registry.issued(), 1);
}

#[test]
fn an_identity_token_is_exchanged() {
    let trial = Trial::new(Faults {
        tokens: Some(Tokens {
            identity: Some("refresh-me"),
            ..Tokens::default()
        }),
        ..Faults::default()
    });
    let dir = tempfile::tempdir().expect("temporary directory");
    let config = serde_json::json!({
        "auths": { trial.registry.address(): { "identitytoken": "refresh-me" } }
    });
    std::fs::write(dir.path().join("config.json"), config.to_string()).expect("config");
    let sources = CredentialSources {
        docker_config_dir: Some(dir.path().to_owned()),
        ..CredentialSources::default()
    };
    let credentials = Credentials::new(sources, Arc::new(NoHelpers));
    trial.push_as(credentials).expect("pushed");
    assert_eq!(trial.registry.positions("POST /token").len(), 1);
}

#[test]
fn a_refusal_says_who_was_refused_and_keeps_the_secret() {
    let tokens = |withheld: Vec<&'static str>, strict| Faults {
        tokens: Some(Tokens {
            account: Some("bob:sesame"),
            withheld,
            strict,
            ..Tokens::default()
        }),
        ..Faults::default()
    };
    let push = "repository:ci/dind:pull,push";
    for (faults, credentials, who) in [
        (tokens(vec![], false), account("bob", "open"), "user `bob`"),
        (
            tokens(vec![push], false),
            account("bob", "sesame"),
            "user `bob`",
        ),
        (
            tokens(vec![push], true),
            account("bob", "sesame"),
            "user `bob`",
        ),
        (
            tokens(vec![], false),
            Credentials::none(),
            "an anonymous client",
        ),
    ] {
        let trial = Trial::new(faults);
        let error = trial.push_as(credentials).expect_err("refused");
        assert!(matches!(error, RegistryError::Denied(_)), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(who) && text.contains("push to ci/dind"),
            "{text}"
        );
        assert!(!text.contains("sesame") && !text.contains("open"), "{text}");
        // The first one, and another for each upload that was refused at the same time.
        let most = 1 + options().jobs;
        let issued = trial.registry.issued();
        assert!(issued <= most, "asked for tokens {issued} times");
    }
}

#[test]
fn mounts_ask_for_their_source_and_do_without_it() {
    for (withheld, strict, mounted) in [
        (vec![], false, 5),
        (vec!["repository:ci/base:pull"], false, 0),
        (vec!["repository:ci/base:pull"], true, 0),
    ] {
        let mut trial = Trial::new(Faults {
            tokens: Some(Tokens {
                withheld,
                strict,
                ..Tokens::default()
            }),
            ..Faults::default()
        });
        let source = trial.sibling("ci/base");
        let target = std::mem::replace(
            &mut trial.push.repository,
            source.parse().expect("repository"),
        );
        trial.push().expect("pushed to the source");
        trial.push.mount_from = vec![std::mem::replace(&mut trial.push.repository, target)];
        let pushed = trial.push().expect("pushed");
        assert_eq!(pushed.blobs.mounted, mounted);
        assert_eq!(pushed.blobs.uploaded, 5 - mounted);
        assert_eq!(trial.registry.open_sessions(), 0);
    }
}

#[test]
fn a_mount_that_becomes_an_upload_is_carried_out_as_one() {
    let mut trial = Trial::new(Faults {
        no_mount: true,
        ..Faults::default()
    });
    trial.push.mount_from = vec![trial.sibling("ci/base").parse().expect("repository")];
    let pushed = trial.push().expect("pushed");
    assert_eq!((pushed.blobs.mounted, pushed.blobs.uploaded), (0, 5));
    assert_eq!(trial.registry.open_sessions(), 0);
}

#[test]
fn a_missing_location_matters_only_where_it_is_needed() {
    for start in ["PUT /v2/ci/dind/manifests/", "PUT /v2/ci/dind/blobs/"] {
        let trial = Trial::new(Faults {
            no_location: Some(start),
            ..Faults::default()
        });
        assert_eq!(trial.push().expect(start).blobs.uploaded, 5);
    }
    let trial = Trial::new(Faults {
        no_location: Some("POST /v2/ci/dind/blobs/"),
        ..Faults::default()
    });
    let error = trial.push().expect_err("nowhere to upload to").to_string();
    assert!(error.contains("no Location"), "{error}");
}

#[test]
fn a_registry_that_names_other_content_is_not_believed() {
    let other = Digest::of(b"other");
    for (start, tags_put) in [
        ("PUT /v2/ci/dind/manifests/sha256:", 0),
        ("PUT /v2/ci/dind/manifests/1", 1),
        ("GET /v2/ci/dind/manifests/", 2),
    ] {
        let trial = Trial::new(Faults {
            lie: Some((start, other)),
            ..Faults::default()
        });
        let error = trial.push().and_then(|_| {
            let reference = Reference {
                repository: trial.push.repository.clone(),
                selector: dindimg::registry::Selector::Digest(trial.push.root.digest),
            };
            client(options(), Credentials::none()).fetch_manifest(&reference)
        });
        let error = error.expect_err(start);
        assert!(matches!(error, RegistryError::Altered { .. }), "{error}");
        assert!(error.to_string().contains(&other.to_string()), "{error}");
        assert_eq!(trial.tags_put(), tags_put);
    }
}

#[test]
fn a_registry_may_keep_silent_about_digests() {
    let trial = Trial::new(Faults {
        no_digest: true,
        ..Faults::default()
    });
    trial.push().expect("pushed");
    let reference: Reference = format!("{}:1", trial.push.repository)
        .parse()
        .expect("reference");
    let found = client(options(), Credentials::none()).resolve(&reference);
    assert_eq!(found.expect("asked"), Some(trial.push.root.digest));
}

#[test]
fn a_file_that_changed_is_not_pushed_under_its_old_digest() {
    let trial = Trial::new(Faults::default());
    let blob = &trial.push.blobs[1];
    let mut content = vec![0; blob.size as usize];
    blob.file.read_exact_at(&mut content, 0).expect("layer");
    content[10] ^= 1;
    blob.file.write_all_at(&content, 0).expect("layer");
    let error = trial.push().expect_err("changed");
    assert!(matches!(error, RegistryError::Changed { .. }), "{error}");
    let text = error.to_string();
    for expected in [blob.digest.to_string(), Digest::of(&content).to_string()] {
        assert!(text.contains(&expected), "{text}");
    }
    for digest in [blob.digest, Digest::of(&content)] {
        assert!(!trial.registry.has_blob("ci/dind", &digest));
    }
    assert_eq!(trial.tags_put(), 0);
}

#[test]
fn what_is_no_registry_is_named() {
    let trial = Trial::new(Faults {
        fail: Some(("GET /v2/", 404, usize::MAX)),
        ..Faults::default()
    });
    let error = trial.push().expect_err("not a registry").to_string();
    assert!(error.contains("is not a registry"), "{error}");
}

#[test]
fn a_registry_that_is_not_there_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let dir = tempfile::tempdir().expect("temporary directory");
    let push = image(dir.path(), 10, &format!("{address}/x"), &[]);
    let error = client(options(), Credentials::none()).push(&push);
    let error = error.expect_err("nobody listens");
    assert!(
        matches!(error, RegistryError::Unreachable { .. }),
        "{error}"
    );
    assert!(error.to_string().contains(&address), "{error}");
}
