//! Docker credential helpers: `docker-credential-NAME get` with the server on standard input.
//!
//! The protocol is that of docker-credential-helpers: the answer is JSON on standard output; "no
//! such entry" is exit code 1 with a fixed sentence, also on standard output.

use std::time::Duration;

use serde::Deserialize;

use super::{Command, Input, Interrupt, ProcessError};

/// Helpers may ask the user to unlock a key store.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What helpers print when they know nothing of the server
/// (docker-credential-helpers, `credentials/error.go`).
const NOT_FOUND: &str = "credentials not found in native keychain";

/// A user name of this value means that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// What a helper knows of a server. The secret has no `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Name and password for basic authentication.
    Basic {
        /// The user's name.
        username: String,
        /// The password or access token.
        secret: String,
    },
    /// An OAuth2 refresh token.
    IdentityToken(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { username, .. } => write!(f, "Basic({username:?}, …)"),
            Self::IdentityToken(_) => write!(f, "IdentityToken(…)"),
        }
    }
}

/// Why a helper gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The name in the configuration could name another program.
    #[error("`{0}` is not a credential helper's name: letters, digits, `.`, `_` and `-` only")]
    Name(String),
    /// The helper is missing or failed.
    #[error("credential helper `{name}` has no answer for {server}")]
    Helper {
        /// The name in the configuration.
        name: String,
        /// The registry asked for.
        server: String,
        /// What went wrong; standard output is not part of it, it may hold the secret.
        source: ProcessError,
    },
    /// The helper's answer is not what the protocol says.
    #[error("credential helper `{name}` answered for {server} with something else than its JSON")]
    Answer {
        /// The name in the configuration.
        name: String,
        /// The registry asked for.
        server: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks `docker-credential-NAME` for the credential of `server`; `None` when it has none.
///
/// # Errors
/// See [`CredentialError`].
pub fn credential_helper(
    name: &str,
    server: &str,
    interrupt: &Interrupt,
) -> Result<Option<Credential>, CredentialError> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(harmless) {
        return Err(CredentialError::Name(name.to_owned()));
    }
    let program = format!("docker-credential-{name}");
    let command = Command::new(&program).interrupt(interrupt).install(format!(
        "`{program}`, or remove it from credHelpers and credsStore in the Docker configuration"
    ));
    ask(command, name, server)
}

/// The protocol itself, apart from finding the program.
pub(super) fn ask(
    command: Command,
    name: &str,
    server: &str,
) -> Result<Option<Credential>, CredentialError> {
    let helper = |source| CredentialError::Helper {
        name: name.to_owned(),
        server: server.to_owned(),
        source,
    };
    let output = command
        .arg("get")
        .input(Input::Bytes(server.as_bytes().to_vec()))
        .timeout(TIMEOUT)
        .output()
        .map_err(helper)?;
    if !output.status.success() {
        if output.text().trim() == NOT_FOUND {
            return Ok(None);
        }
        return Err(helper(ProcessError::failed(&output)));
    }
    let answer: Answer =
        serde_json::from_slice(&output.stdout).map_err(|_| CredentialError::Answer {
            name: name.to_owned(),
            server: server.to_owned(),
        })?;
    Ok(Some(if answer.username == TOKEN_USER {
        Credential::IdentityToken(answer.secret)
    } else {
        Credential::Basic {
            username: answer.username,
            secret: answer.secret,
        }
    }))
}
