//! One credentials file, `config.json` of Docker or `auth.json` of podman.
//!
//! `docker_credential` decodes an entry; which entry counts is decided here, because that crate
//! knows only one key per registry (podman also stores `registry/namespace`), starts helper
//! programs itself, and does not read `registrytoken`.

use std::collections::BTreeMap;
use std::path::Path;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use serde::{Deserialize, Serialize};

use super::{CredentialError, HelperRunner, Login, Secret};
use crate::registry::reference::Repository;

/// The name `docker login` stores Docker Hub's credentials under.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// What helpers print when they know nothing of a server (docker-credential-helpers,
/// `credentials.NewErrCredentialsNotFound`).
const HELPER_NOT_FOUND: &str = "credentials not found";
/// The user name by which a helper marks its secret as an identity token (docker login,
/// "Credential helper protocol").
const HELPER_TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: String,
}

#[derive(Deserialize, Serialize, Default)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identitytoken: Option<String>,
    #[serde(skip_serializing)]
    registrytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// The login `text`, the content of `path`, has for `repository`. A helper named for the registry
/// counts before a stored entry, and that before the store for everything, as in Docker.
pub(in crate::registry) fn login(
    path: &Path,
    text: &[u8],
    repository: &Repository,
    helpers: &dyn HelperRunner,
) -> Result<Option<Login>, CredentialError> {
    let malformed = |key: &str, reason: String| CredentialError::Malformed {
        path: path.to_owned(),
        key: key.to_owned(),
        reason,
    };
    let file: File = serde_json::from_slice(text)
        // The position alone: the message of a type error quotes the text, which may be a secret.
        .map_err(|e| malformed("every registry", format!("line {}", e.line())))?;
    let keys = keys(repository);
    for key in &keys {
        if let Some(helper) = file.cred_helpers.get(key).filter(|name| !name.is_empty()) {
            return ask(path, key, helper, key, helpers);
        }
    }
    for (stored, entry) in keys.iter().flat_map(|key| {
        file.auths
            .iter()
            .filter(move |(stored, _)| normalized(stored) == normalized(key))
    }) {
        if let Some(token) = entry.registrytoken.as_deref().filter(|t| !t.is_empty()) {
            return Ok(Some(Login::Bearer(Secret::new(token))));
        }
        if let Some(login) = decode(entry).map_err(|reason| malformed(stored, reason))? {
            return Ok(Some(login));
        }
    }
    if file.creds_store.is_empty() {
        return Ok(None);
    }
    let server = match repository.registry() {
        "docker.io" => DOCKER_HUB_KEY,
        registry => registry,
    };
    ask(
        path,
        repository.registry(),
        &file.creds_store,
        server,
        helpers,
    )
}

/// The keys a repository's credentials may be stored under, most specific first.
fn keys(repository: &Repository) -> Vec<String> {
    let mut keys = vec![repository.to_string()];
    while let Some((shorter, _)) = keys.last().and_then(|key| key.rsplit_once('/')) {
        keys.push(shorter.to_owned());
    }
    if repository.registry() == "docker.io" {
        keys.push(DOCKER_HUB_KEY.to_owned());
    }
    keys
}

/// Stored keys may be URLs of old (`https://registry.example.com/v1/`); Docker Hub has many names.
fn normalized(key: &str) -> &str {
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| key.strip_prefix(scheme));
    let key = match host {
        Some(rest) => {
            let rest = rest.trim_end_matches('/');
            rest.strip_suffix("/v1")
                .or_else(|| rest.strip_suffix("/v2"))
                .unwrap_or(rest)
        }
        None => key,
    };
    match key {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    }
}

/// `Ok(None)` for the empty entry that `docker login` leaves when a store holds the secret.
fn decode(entry: &Entry) -> Result<Option<Login>, String> {
    let given = |text: &Option<String>| text.as_deref().is_some_and(|t| !t.is_empty());
    if !(given(&entry.auth) || given(&entry.password) || given(&entry.identitytoken)) {
        return Ok(None);
    }
    let entry = Entry {
        auth: entry.auth.clone().filter(|t| !t.is_empty()),
        username: entry.username.clone().filter(|t| !t.is_empty()),
        password: entry.password.clone().filter(|t| !t.is_empty()),
        identitytoken: entry.identitytoken.clone().filter(|t| !t.is_empty()),
        registrytoken: None,
    };
    let single = serde_json::json!({ "auths": { "key": entry } }).to_string();
    match docker_credential::get_credential_from_reader(single.as_bytes(), "key") {
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Login::Identity(Secret::new(token)))),
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Login::Password {
            user,
            password: Secret::new(password),
        })),
        Err(CredentialRetrievalError::CredentialMismatchError) => {
            Err("`auth` and `username`, `password` differ".to_owned())
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => {
            Err("the user name is missing".to_owned())
        }
        Err(_) => Err("`auth` is not the base64 of `user:password`".to_owned()),
    }
}

fn ask(
    path: &Path,
    key: &str,
    helper: &str,
    server: &str,
    helpers: &dyn HelperRunner,
) -> Result<Option<Login>, CredentialError> {
    let program = format!("docker-credential-{helper}");
    let fail = |reason: String| CredentialError::Helper {
        path: path.to_owned(),
        key: key.to_owned(),
        program: program.clone(),
        reason,
    };
    if !helper
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    {
        return Err(fail(
            "its name may hold only letters, digits, `-`, `_` and `.`".to_owned(),
        ));
    }
    let output = helpers.get(&program, server).map_err(|e| {
        fail(match e.kind() {
            std::io::ErrorKind::NotFound => "it is not installed, or not in PATH".to_owned(),
            _ => e.to_string(),
        })
    })?;
    if !output.success {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        return if said.contains(HELPER_NOT_FOUND) {
            Ok(None)
        } else {
            Err(fail(said.trim().chars().take(300).collect()))
        };
    }
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout)
        .map_err(|_| fail("it did not print `{\"Username\": …, \"Secret\": …}`".to_owned()))?;
    let secret = Secret::new(answer.secret);
    Ok(Some(if answer.username == HELPER_TOKEN_USER {
        Login::Identity(secret)
    } else {
        Login::Password {
            user: answer.username,
            password: secret,
        }
    }))
}
