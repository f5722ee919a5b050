use super::*;

/// Base64 of `bob:sesame`.
const BOB: &str = "Ym9iOnNlc2FtZQ==";

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("has a parent")).expect("directories");
            std::fs::write(path, text).expect("file");
        }
        Self { dir }
    }

    fn lookup(&self, repository: &str) -> Result<Credential, CredentialError> {
        let root = self.dir.path();
        let sources = CredentialSources {
            docker_config_dir: Some(root.join("docker")),
            xdg_runtime_dir: Some(root.join("run")),
            home: Some(root.join("home")),
            ..CredentialSources::default()
        };
        Credentials::new(sources, Arc::new(Helper)).lookup(&repository.parse().expect("repository"))
    }

    fn user(&self, repository: &str) -> Option<String> {
        match self.lookup(repository).expect("no error").login {
            Login::Password { user, .. } => Some(user),
            Login::Anonymous => None,
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// Knows `known.example`, has a token for `token.example`, and nothing else.
struct Helper;

impl HelperRunner for Helper {
    fn get(&self, program: &str, server: &str) -> io::Result<HelperOutput> {
        let (success, stdout) = match (program, server) {
            ("docker-credential-missing", _) => return Err(io::ErrorKind::NotFound.into()),
            ("docker-credential-broken", _) => (false, "vault is sealed"),
            ("docker-credential-odd", _) => (true, "hello"),
            (_, "known.example") => (true, r#"{"Username":"helped","Secret":"s"}"#),
            (_, "https://index.docker.io/v1/") => (true, r#"{"Username":"hub","Secret":"s"}"#),
            (_, "token.example") => (true, r#"{"Username":"<token>","Secret":"refresh"}"#),
            _ => (false, "credentials not found in native keychain\n"),
        };
        Ok(HelperOutput {
            success,
            stdout: stdout.into(),
            stderr: Vec::new(),
        })
    }
}

fn auths(entries: &[(&str, &str)]) -> String {
    let entries: serde_json::Map<_, _> = entries
        .iter()
        .map(|(key, user)| {
            let entry = serde_json::json!({ "username": user, "password": "p" });
            ((*key).to_owned(), entry)
        })
        .collect();
    serde_json::json!({ "auths": entries }).to_string()
}

#[test]
fn the_longest_key_wins() {
    let stored = auths(&[
        ("r.example", "host"),
        ("r.example/ci", "namespace"),
        ("r.example/ci/dind", "repository"),
        ("https://old.example/v1/", "old"),
        ("https://index.docker.io/v1/", "hub"),
    ]);
    let fixture = Fixture::new(&[("run/containers/auth.json", &stored)]);
    for (repository, user) in [
        ("r.example/ci/dind", Some("repository")),
        ("r.example/ci/dind/deep", Some("repository")),
        ("r.example/ci/other", Some("namespace")),
        ("r.example/cinema", Some("host")),
        ("old.example/x", Some("old")),
        ("debian", Some("hub")),
        ("other.example/x", None),
        ("r.example:5000/x", None),
    ] {
        assert_eq!(fixture.user(repository).as_deref(), user, "{repository}");
    }
}

#[test]
fn the_first_file_that_knows_the_repository_counts() {
    let fixture = Fixture::new(&[
        ("docker/config.json", &auths(&[("a.example", "docker")])),
        (
            "run/containers/auth.json",
            &auths(&[("a.example", "run"), ("b.example", "run")]),
        ),
        (
            "home/.config/containers/auth.json",
            &auths(&[("c.example", "config")]),
        ),
        (
            "home/.docker/config.json",
            &auths(&[("c.example", "home"), ("d.example", "home")]),
        ),
    ]);
    for (repository, user) in [
        ("a.example/x", "docker"),
        ("b.example/x", "run"),
        ("c.example/x", "config"),
        ("d.example/x", "home"),
    ] {
        assert_eq!(fixture.user(repository).as_deref(), Some(user));
    }
}

#[test]
fn explicit_credentials_come_before_every_file() {
    let sources = CredentialSources {
        explicit: Some(("me".to_owned(), Secret::new("p"))),
        registry_auth_file: Some("/nonexistent".into()),
        ..CredentialSources::default()
    };
    let repository = "r.example/x".parse().expect("repository");
    let credential = Credentials::new(sources, Arc::new(NoHelpers))
        .lookup(&repository)
        .expect("no file is read");
    assert_eq!(
        credential.describe(),
        "user `me` (from the command line or environment)"
    );
}

#[test]
fn explicit_credentials_of_one_registry_are_not_told_to_another() {
    let sources = CredentialSources {
        explicit: Some(("me".to_owned(), Secret::new("p"))),
        explicit_for: Some("r.example".to_owned()),
        ..CredentialSources::default()
    };
    let credentials = Credentials::new(sources, Arc::new(NoHelpers));
    let lookup = |repository: &str| {
        let repository = repository.parse().expect("repository");
        credentials.lookup(&repository).expect("no file is read")
    };
    assert!(matches!(
        lookup("r.example/x").login,
        Login::Password { .. }
    ));
    assert!(matches!(lookup("other.example/x").login, Login::Anonymous));
}

#[test]
fn a_named_file_must_exist() {
    let sources = CredentialSources {
        registry_auth_file: Some("/nonexistent/auth.json".into()),
        ..CredentialSources::default()
    };
    let repository = "r.example/x".parse().expect("repository");
    let error = Credentials::new(sources, Arc::new(NoHelpers))
        .lookup(&repository)
        .expect_err("missing");
    assert!(
        error.to_string().contains("/nonexistent/auth.json"),
        "{error}"
    );
}

#[test]
fn entries_are_decoded_in_every_form() {
    let stored = format!(
        r#"{{"auths": {{
            "a.example": {{"auth": "{BOB}"}},
            "b.example": {{"auth": "{BOB}", "identitytoken": "refresh"}},
            "c.example": {{"registrytoken": "bearer"}},
            "d.example": {{}},
            "e.example": {{"auth": ""}}
        }}, "HttpHeaders": {{"x": "y"}}}}"#
    );
    let fixture = Fixture::new(&[("docker/config.json", &stored)]);
    let login = |repository| fixture.lookup(repository).expect("reads").login;
    assert_eq!(
        login("a.example/x"),
        Login::Password {
            user: "bob".to_owned(),
            password: Secret::new("sesame")
        }
    );
    assert_eq!(
        login("b.example/x"),
        Login::Identity(Secret::new("refresh"))
    );
    assert_eq!(login("c.example/x"), Login::Bearer(Secret::new("bearer")));
    assert_eq!(login("d.example/x"), Login::Anonymous);
    assert_eq!(login("e.example/x"), Login::Anonymous);
}

#[test]
fn helpers_are_asked_for_their_registries() {
    let fixture = Fixture::new(&[(
        "docker/config.json",
        r#"{"auths": {"known.example": {}, "plain.example": {"username": "u", "password": "p"}},
            "credsStore": "store",
            "credHelpers": {"token.example": "h", "m.example": "missing", "o.example": "odd",
                            "b.example": "broken", "p.example": "../evil"}}"#,
    )]);
    assert_eq!(fixture.user("known.example/x").as_deref(), Some("helped"));
    assert_eq!(fixture.user("plain.example/x").as_deref(), Some("u"));
    assert_eq!(fixture.user("debian").as_deref(), Some("hub"));
    assert_eq!(fixture.user("unknown.example/x"), None);
    assert_eq!(
        fixture.lookup("token.example/x").expect("reads").login,
        Login::Identity(Secret::new("refresh"))
    );
    for (repository, reason) in [
        ("m.example/x", "not installed"),
        ("b.example/x", "vault is sealed"),
        ("o.example/x", "did not print"),
        ("p.example/x", "its name may hold only"),
    ] {
        let error = fixture
            .lookup(repository)
            .expect_err(repository)
            .to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("config.json"), "{error}");
    }
}

#[test]
fn malformed_files_are_named_without_their_secrets() {
    for (text, reason) in [
        (
            r#"{"auths": {"r.example": {"auth": "c2VjcmV0"}}}"#,
            "base64 of `user:password`",
        ),
        (
            r#"{"auths": {"r.example": {"auth": "*secret*"}}}"#,
            "base64 of `user:password`",
        ),
        (r#"{"auths": {"r.example": "secret"}}"#, "line 1"),
        ("{", "line 1"),
        (
            &format!(
                r#"{{"auths": {{"r.example": {{"auth": "{BOB}", "username": "x", "password": "secret"}}}}}}"#
            ),
            "differ",
        ),
    ] {
        let fixture = Fixture::new(&[("docker/config.json", text)]);
        let error = fixture.lookup("r.example/x").expect_err(text).to_string();
        assert!(
            error.contains(reason) && error.contains("docker/config.json"),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn secrets_do_not_show() {
    let login = Login::Password {
        user: "u".to_owned(),
        password: Secret::new("sesame"),
    };
    assert!(!format!("{login:?}").contains("sesame"));
}
