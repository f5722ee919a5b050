//! Who we are to a registry: explicit credentials, and those that `docker login` and
//! `podman login` stored.
//!
//! Stored credentials are looked for where those programs keep them, the first file that knows the
//! repository wins:
//!
//! 1. the user name and password given on the command line or in the environment;
//! 2. `$REGISTRY_AUTH_FILE`;
//! 3. `config.json` in `$DOCKER_CONFIG`;
//! 4. `$XDG_RUNTIME_DIR/containers/auth.json` (containers-auth.json(5));
//! 5. `~/.config/containers/auth.json`;
//! 6. `~/.docker/config.json`.
//!
//! The environment itself is read by `cli`, which passes in [`CredentialSources`].

mod file;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reference::Repository;

#[cfg(fuzzing)]
pub(super) use file::login as parse_login;

/// A text that must never be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where credentials may come from; every field is what the environment or the command line said.
#[derive(Clone, Default, Debug)]
pub struct CredentialSources {
    /// Given outright, for the registry of every repository that is asked for.
    pub explicit: Option<(String, Secret)>,
    /// The one registry that those are for, where there are two.
    pub explicit_for: Option<String>,
    /// `$REGISTRY_AUTH_FILE`.
    pub registry_auth_file: Option<PathBuf>,
    /// `$DOCKER_CONFIG`.
    pub docker_config_dir: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
}

/// What a credential helper program printed.
#[derive(Clone, Debug)]
pub struct HelperOutput {
    /// Whether it ended with status 0.
    pub success: bool,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// Runs credential helpers; `cli` supplies it over the crate's process seam.
pub trait HelperRunner: Send + Sync {
    /// Runs `program get` with `server` on its standard input (docker-credential-helpers,
    /// "Development") and waits for it to end.
    fn get(&self, program: &str, server: &str) -> io::Result<HelperOutput>;
}

/// A [`HelperRunner`] for those who have none: every helper is said to be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHelpers;

impl HelperRunner for NoHelpers {
    fn get(&self, _: &str, _: &str) -> io::Result<HelperOutput> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Why stored credentials could not be read. Secrets are never part of the text.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A credentials file exists but cannot be read.
    #[error("cannot read the credentials in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A credentials file is not what `docker login` or `podman login` write.
    #[error("the credentials for {key} in {} are malformed: {reason}; log in again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The registry or repository concerned, or `every registry`.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A credential helper named by a file could not be run, or failed.
    #[error(
        "the credential helper {program}, named for {key} in {}, failed: {reason}",
        path.display()
    )]
    Helper {
        /// The file that names the helper.
        path: PathBuf,
        /// The registry or repository concerned.
        key: String,
        /// The program.
        program: String,
        /// What went wrong.
        reason: String,
    },
}

/// How to prove who we are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Login {
    /// Not at all.
    Anonymous,
    /// With a password.
    Password { user: String, password: Secret },
    /// With a long-lived token that the token service exchanges for short ones
    /// (`identitytoken`, OAuth 2.0 refresh token).
    Identity(Secret),
    /// With a token the registry itself takes (`registrytoken`).
    Bearer(Secret),
}

/// A login and where it was found, for messages.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    pub(super) login: Login,
    origin: String,
}

impl Credential {
    /// `user `bob` (from ~/.docker/config.json)`, never a secret.
    pub(super) fn describe(&self) -> String {
        match &self.login {
            Login::Anonymous => "an anonymous client".to_owned(),
            Login::Password { user, .. } => format!("user `{user}` (from {})", self.origin),
            Login::Identity(_) => format!("the identity token from {}", self.origin),
            Login::Bearer(_) => format!("the registry token from {}", self.origin),
        }
    }

    /// What may help after a refusal.
    pub(super) fn advice(&self, registry: &str) -> String {
        match &self.login {
            Login::Anonymous => format!(
                "log in with `docker login {registry}` or give a user name and password; \
                 looked in {}",
                self.origin
            ),
            _ => format!(
                "check that this account may do so, or log in anew with `docker login {registry}`"
            ),
        }
    }
}

/// Finds the credential for a repository.
#[derive(Clone)]
pub struct Credentials {
    sources: CredentialSources,
    helpers: Arc<dyn HelperRunner>,
}

impl Credentials {
    /// Nothing is read before it is needed.
    pub fn new(sources: CredentialSources, helpers: Arc<dyn HelperRunner>) -> Self {
        Self { sources, helpers }
    }

    /// No credentials for anything.
    pub fn none() -> Self {
        Self::new(CredentialSources::default(), Arc::new(NoHelpers))
    }

    /// The credential for `repository`: the most specific key of the first file that has one.
    pub(super) fn lookup(&self, repository: &Repository) -> Result<Credential, CredentialError> {
        let only = self.sources.explicit_for.as_deref();
        let theirs = only.is_none_or(|only| only == repository.registry());
        if let Some((user, password)) = self.sources.explicit.as_ref().filter(|_| theirs) {
            return Ok(Credential {
                login: Login::Password {
                    user: user.clone(),
                    password: password.clone(),
                },
                origin: "the command line or environment".to_owned(),
            });
        }
        let files = self.files();
        for (path, required) in &files {
            let Some(text) = read(path, *required)? else {
                continue;
            };
            if let Some(login) = file::login(path, &text, repository, self.helpers.as_ref())? {
                return Ok(Credential {
                    login,
                    origin: path.display().to_string(),
                });
            }
        }
        let looked: Vec<String> = files
            .iter()
            .map(|(path, _)| path.display().to_string())
            .collect();
        Ok(Credential {
            login: Login::Anonymous,
            origin: if looked.is_empty() {
                "no file, since none is configured".to_owned()
            } else {
                looked.join(", ")
            },
        })
    }

    /// The files in the order they count, and whether each must exist.
    fn files(&self) -> Vec<(PathBuf, bool)> {
        let sources = &self.sources;
        let below = |dir: &Option<PathBuf>, path: &str| dir.as_ref().map(|dir| dir.join(path));
        [
            (sources.registry_auth_file.clone(), true),
            (below(&sources.docker_config_dir, "config.json"), false),
            (
                below(&sources.xdg_runtime_dir, "containers/auth.json"),
                false,
            ),
            (below(&sources.home, ".config/containers/auth.json"), false),
            (below(&sources.home, ".docker/config.json"), false),
        ]
        .into_iter()
        .filter_map(|(path, required)| Some((path?, required)))
        .collect()
    }
}

fn read(path: &Path, required: bool) -> Result<Option<Vec<u8>>, CredentialError> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(None),
        Err(source) => Err(CredentialError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests;
