//! Pushing to Debian's `docker-registry`, read back with skopeo.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dindimg::progress::{Reporter, Silent, Stage, TaskId};
use dindimg::registry::{
    CredentialSources, Credentials, NoHelpers, PlainHttp, Push, Reference, Registry, RegistryError,
    RegistryOptions, Secret,
};

use crate::cutting_proxy::CuttingProxy;
use crate::docker_registry::{DockerRegistry, PASSWORD, Setup, USER, skopeo};
use crate::small_image::{image, root_bytes};

const LAYER_SIZE: usize = 1 << 20;

pub fn options() -> RegistryOptions {
    RegistryOptions {
        back_off: Duration::from_millis(10),
        connect_timeout: Duration::from_secs(5),
        answer_timeout: Duration::from_secs(10),
        ..RegistryOptions::default()
    }
}

pub fn client(options: RegistryOptions, credentials: Credentials) -> Registry {
    Registry::new(options, credentials, Arc::new(Silent)).expect("a client")
}

pub fn account(user: &str, password: &str) -> Credentials {
    let sources = CredentialSources {
        explicit: Some((user.to_owned(), Secret::new(password))),
        ..CredentialSources::default()
    };
    Credentials::new(sources, Arc::new(NoHelpers))
}

/// Counts the bytes that are told to be done.
#[derive(Default)]
struct Counting(AtomicU64);

impl Reporter for Counting {
    fn begin(&self, _: Stage, _: &str, _: Option<u64>) -> TaskId {
        TaskId(0)
    }
    fn advance(&self, _: TaskId, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::SeqCst);
    }
    fn finish(&self, _: TaskId, _: &str) {}
    fn note(&self, _: Stage, _: &str) {}
    fn warn(&self, _: Stage, _: &str) {}
}

fn reference(push: &Push, tag: &str) -> Reference {
    format!("{}:{tag}", push.repository)
        .parse()
        .expect("reference")
}

/// skopeo reads every manifest and blob of `tag` into `dir`, checking all digests.
fn read_back(push: &Push, tag: &str, dir: &Path, access: &[&str]) {
    let source = format!("docker://{}:{tag}", push.repository);
    let target = format!("dir:{}", dir.join("copy").display());
    let arguments = [
        &["--insecure-policy", "copy", "--all", "--preserve-digests"],
        access,
        &[&source, &target],
    ]
    .concat();
    skopeo(&arguments);
}

#[test]
fn an_image_is_pushed_once_and_read_back_by_skopeo() {
    let server = DockerRegistry::start(Setup::default());
    let dir = tempfile::tempdir().expect("temporary directory");
    let repository = format!("{}/ci/dind", server.address());
    let push = image(dir.path(), LAYER_SIZE, &repository, &["1.2", "latest"]);
    let registry = client(options(), Credentials::none());

    assert_eq!(
        registry.resolve(&reference(&push, "1.2")).expect("asked"),
        None
    );
    let first = registry.push(&push).expect("pushed");
    assert_eq!((first.blobs.uploaded, first.blobs.present), (5, 0));
    assert_eq!((first.manifests, first.moved.len()), (3, 2));
    assert_eq!(first.digest, push.root.digest);

    let name = format!("docker://{repository}:latest");
    let raw = skopeo(&["inspect", "--tls-verify=false", "--raw", &name]);
    assert_eq!(raw, root_bytes(&push));
    for architecture in ["amd64", "arm64"] {
        let arch = format!("--override-arch={architecture}");
        let said = skopeo(&[&arch, "inspect", "--tls-verify=false", "--config", &name]);
        let config: serde_json::Value = serde_json::from_slice(&said).expect("JSON");
        assert_eq!(config["architecture"], architecture);
    }
    read_back(&push, "1.2", dir.path(), &["--src-tls-verify=false"]);

    let again = registry.push(&push).expect("pushed again");
    assert_eq!((again.blobs.uploaded, again.blobs.present), (0, 5));
    assert_eq!(
        (again.manifests, again.moved.len(), again.unmoved.len()),
        (0, 0, 2)
    );
}

#[test]
fn what_was_pushed_can_be_read() {
    let server = DockerRegistry::start(Setup::default());
    let dir = tempfile::tempdir().expect("temporary directory");
    let repository = format!("{}/ci/dind", server.address());
    let push = image(dir.path(), 1000, &repository, &["x"]);
    let registry = client(options(), Credentials::none());
    registry.push(&push).expect("pushed");

    let digest = registry.resolve(&reference(&push, "x")).expect("asked");
    assert_eq!(digest, Some(push.root.digest));
    let manifest = registry
        .fetch_manifest(&reference(&push, "x"))
        .expect("asked");
    let manifest = manifest.expect("found");
    assert_eq!(manifest.bytes, root_bytes(&push));
    assert_eq!(manifest.media_type, push.root.media_type);
    assert_eq!(
        registry
            .fetch_manifest(&reference(&push, "y"))
            .expect("asked"),
        None
    );

    let blob = &push.blobs[0];
    let fetch = |limit| registry.fetch_blob(&push.repository, &blob.digest, limit);
    let mut content = vec![0; blob.size as usize];
    std::os::unix::fs::FileExt::read_exact_at(&*blob.file, &mut content, 0).expect("layer");
    assert_eq!(fetch(blob.size).expect("asked"), Some(content));
    assert!(matches!(
        fetch(blob.size - 1),
        Err(RegistryError::TooLarge { .. })
    ));
    let absent = dindimg::digest::Digest::of(b"absent");
    let absent = registry.fetch_blob(&push.repository, &absent, 10);
    assert_eq!(absent.expect("asked"), None);
}

#[test]
fn an_interrupted_push_is_continued() {
    let server = DockerRegistry::start(Setup::default());
    // Enough for two of the three layers.
    let proxy = CuttingProxy::start(server.address(), (LAYER_SIZE * 5 / 2) as i64);
    let dir = tempfile::tempdir().expect("temporary directory");
    let repository = format!("{}/ci/dind", proxy.address());
    let push = image(dir.path(), LAYER_SIZE, &repository, &["1", "2"]);
    let registry = client(
        RegistryOptions {
            jobs: 1,
            attempts: 2,
            ..options()
        },
        Credentials::none(),
    );

    let error = registry.push(&push).expect_err("cut");
    assert!(
        matches!(error, RegistryError::Unavailable { .. }),
        "{error}"
    );
    proxy.heal();
    for tag in ["1", "2"] {
        assert_eq!(
            registry.resolve(&reference(&push, tag)).expect("asked"),
            None
        );
    }
    let resumed = registry.push(&push).expect("pushed");
    assert_eq!((resumed.blobs.present, resumed.blobs.uploaded), (2, 3));
    read_back(&push, "2", dir.path(), &["--src-tls-verify=false"]);
}

#[test]
fn a_connection_cut_in_a_blob_is_taken_up_again_within_the_push() {
    let server = DockerRegistry::start(Setup::default());
    let proxy = CuttingProxy::start(server.address(), (LAYER_SIZE / 2) as i64);
    let dir = tempfile::tempdir().expect("temporary directory");
    let push = image(
        dir.path(),
        LAYER_SIZE,
        &format!("{}/x", proxy.address()),
        &["1"],
    );
    let told = Arc::new(Counting::default());
    let options = RegistryOptions {
        attempts: 10,
        back_off: Duration::from_millis(50),
        ..options()
    };
    let registry = Registry::new(options, Credentials::none(), told.clone()).expect("a client");
    let pushed = std::thread::scope(|scope| {
        let pushing = scope.spawn(|| registry.push(&push));
        std::thread::sleep(Duration::from_millis(300));
        proxy.heal();
        pushing.join().expect("no panic")
    });
    let pushed = pushed.expect("pushed");
    assert_eq!(pushed.blobs.uploaded, 5);
    // What had to be sent twice is told once.
    assert_eq!(told.0.load(Ordering::SeqCst), pushed.blobs.uploaded_bytes);
}

#[test]
fn blobs_are_mounted_from_sibling_repositories() {
    let server = DockerRegistry::start(Setup::default());
    let dir = tempfile::tempdir().expect("temporary directory");
    let registry = client(options(), Credentials::none());
    let name = |path| format!("{}/{path}", server.address());
    let first = image(dir.path(), LAYER_SIZE, &name("ci/dind"), &["1"]);
    registry.push(&first).expect("pushed");

    let mut second = image(dir.path(), LAYER_SIZE, &name("release/dind"), &["1"]);
    second.mount_from = vec![
        "elsewhere.example/ci/dind".parse().expect("repository"),
        name("ci/absent").parse().expect("repository"),
        first.repository.clone(),
    ];
    let pushed = registry.push(&second).expect("pushed");
    assert_eq!((pushed.blobs.mounted, pushed.blobs.uploaded), (5, 0));
    read_back(&second, "1", dir.path(), &["--src-tls-verify=false"]);
}

#[test]
fn a_password_is_asked_for_and_given() {
    let server = DockerRegistry::start(Setup {
        password: true,
        tls: false,
    });
    let dir = tempfile::tempdir().expect("temporary directory");
    let repository = format!("{}/ci/dind", server.address());
    let push = image(dir.path(), LAYER_SIZE, &repository, &["1"]);

    let error = client(options(), Credentials::none()).push(&push);
    let error = error.expect_err("anonymous").to_string();
    assert!(
        error.contains("does not let an anonymous client push to ci/dind"),
        "{error}"
    );
    assert!(
        error.contains(&format!("docker login {}", server.address())),
        "{error}"
    );

    let error = client(options(), account(USER, "wrong-password")).push(&push);
    let error = error.expect_err("wrong password").to_string();
    assert!(
        error.contains("user `bob` (from the command line"),
        "{error}"
    );
    assert!(!error.contains("wrong-password"), "{error}");

    let config = serde_json::json!({ "auths": {
        server.address(): { "username": "nobody", "password": "x" },
        &repository: { "username": USER, "password": PASSWORD },
    }});
    std::fs::write(dir.path().join("config.json"), config.to_string()).expect("config");
    let sources = CredentialSources {
        docker_config_dir: Some(dir.path().to_owned()),
        ..CredentialSources::default()
    };
    let stored = Credentials::new(sources, Arc::new(NoHelpers));
    let pushed = client(options(), stored).push(&push).expect("pushed");
    assert_eq!(pushed.blobs.uploaded, 5);
    let creds = format!("--src-creds={USER}:{PASSWORD}");
    read_back(&push, "1", dir.path(), &["--src-tls-verify=false", &creds]);
}

#[test]
fn a_private_authority_must_be_named() {
    let server = DockerRegistry::start(Setup {
        password: true,
        tls: true,
    });
    let dir = tempfile::tempdir().expect("temporary directory");
    let repository = format!("{}/ci/dind", server.address());
    let push = image(dir.path(), LAYER_SIZE, &repository, &["1"]);

    let error = client(options(), account(USER, PASSWORD)).push(&push);
    let error = error.expect_err("unknown authority");
    assert!(matches!(error, RegistryError::Untrusted { .. }), "{error}");
    assert!(error.to_string().contains("--registry-ca"), "{error}");

    let plain = RegistryOptions {
        plain_http: PlainHttp::Always,
        ..options()
    };
    let error = client(plain, account(USER, PASSWORD)).push(&push);
    let error = error.expect_err("plain HTTP to a TLS port");
    assert!(
        matches!(error, RegistryError::NotRegistry { .. }),
        "{error}"
    );

    let trusting = RegistryOptions {
        ca_certificates: vec![server.dir().join("ca.pem")],
        ..options()
    };
    let pushed = client(trusting, account(USER, PASSWORD)).push(&push);
    assert_eq!(pushed.expect("pushed").blobs.uploaded, 5);
    let certificates = format!("--src-cert-dir={}", dir.path().display());
    std::fs::copy(server.dir().join("ca.pem"), dir.path().join("ca.crt")).expect("copied");
    let creds = format!("--src-creds={USER}:{PASSWORD}");
    read_back(&push, "1", dir.path(), &[&certificates, &creds]);
}

#[test]
fn a_certificate_file_must_hold_certificates() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, "hello").expect("file");
    for path in [path, dir.path().join("absent.pem")] {
        let options = RegistryOptions {
            ca_certificates: vec![path.clone()],
            ..options()
        };
        let error = Registry::new(options, Credentials::none(), Arc::new(Silent));
        let error = error.map(drop).expect_err("unusable").to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}
