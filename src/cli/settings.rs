//! The environment and the user's configuration file. They may set mirrors, the repository and
//! how registries are reached, never keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::epoch::Epoch;
use crate::family::Mirrors;
use crate::recipe::MirrorUrl;
use crate::registry::{CredentialSources, ReferenceError, Repository, Secret};

use super::args::{Common, RegistryAccess};

/// What is wrong with the configuration or the environment.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error("cannot read configuration {}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("configuration {}: {message}", path.display())]
    Syntax { path: PathBuf, message: String },
    #[error("{name}: {message}")]
    Variable { name: &'static str, message: String },
    #[error(
        "there is no home for the cache: set HOME or XDG_CACHE_HOME, or name it with --cache-dir"
    )]
    NoCache,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct File {
    repository: Option<String>,
    mirrors: FileMirrors,
    registry: FileRegistry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct FileMirrors {
    debian: Vec<MirrorUrl>,
    debian_security: Vec<MirrorUrl>,
    alpine: Vec<MirrorUrl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct FileRegistry {
    plain_http: Vec<String>,
    ca: Vec<PathBuf>,
}

/// The environment and the configuration, read once.
#[derive(Debug)]
pub(super) struct Settings {
    /// Mirrors in place of the defaults, for recipes that name none.
    pub mirrors: Mirrors,
    /// The repository unless a flag names one; before the recipe's.
    pub repository: Option<Repository>,
    /// Registries spoken to in plain HTTP.
    pub plain_http: Vec<String>,
    /// Authorities trusted for registries.
    pub registry_ca: Vec<PathBuf>,
    /// Where the cache is.
    pub cache: PathBuf,
    /// `SOURCE_DATE_EPOCH`.
    pub source_date_epoch: Option<Epoch>,
}

impl Settings {
    pub fn read(common: &Common) -> Result<Self, SettingsError> {
        let (path, named) = match &common.config {
            Some(path) => (Some(path.clone()), true),
            None => (
                home("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("dindimg/config.toml")),
                false,
            ),
        };
        let file = match path {
            Some(path) => read_file(&path, named)?,
            None => File::default(),
        };
        let named = match variable("DINDIMG_REPOSITORY") {
            Some(text) => Some((text, "DINDIMG_REPOSITORY")),
            None => file
                .repository
                .map(|text| (text, "`repository` of the configuration file")),
        };
        let repository = named
            .map(|(text, name)| {
                text.parse()
                    .map_err(|error: ReferenceError| SettingsError::Variable {
                        name,
                        message: error.to_string(),
                    })
            })
            .transpose()?;
        let cache = match &common.cache_dir {
            Some(directory) => directory.clone(),
            None => home("XDG_CACHE_HOME", ".cache")
                .ok_or(SettingsError::NoCache)?
                .join("dindimg"),
        };
        Ok(Self {
            mirrors: Mirrors {
                debian: mirrors("DINDIMG_DEBIAN_MIRROR", file.mirrors.debian)?,
                debian_security: mirrors(
                    "DINDIMG_DEBIAN_SECURITY_MIRROR",
                    file.mirrors.debian_security,
                )?,
                alpine: mirrors("DINDIMG_ALPINE_MIRROR", file.mirrors.alpine)?,
            },
            repository,
            plain_http: file.registry.plain_http,
            registry_ca: file.registry.ca,
            cache,
            source_date_epoch: source_date_epoch()?,
        })
    }
}

fn read_file(path: &Path, named: bool) -> Result<File, SettingsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| SettingsError::Syntax {
            path: path.to_owned(),
            message: error.to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => Ok(File::default()),
        Err(source) => Err(SettingsError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn home(name: &str, below: &str) -> Option<PathBuf> {
    variable(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(below)))
}

/// A list of mirrors, separated by blanks, in place of those of the configuration file.
fn mirrors(
    name: &'static str,
    configured: Vec<MirrorUrl>,
) -> Result<Vec<MirrorUrl>, SettingsError> {
    let Some(text) = variable(name) else {
        return Ok(configured);
    };
    text.split_whitespace()
        .map(|mirror| {
            mirror
                .parse()
                .map_err(|message| SettingsError::Variable { name, message })
        })
        .collect()
}

fn source_date_epoch() -> Result<Option<Epoch>, SettingsError> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    variable(NAME)
        .map(|text| {
            text.parse()
                .ok()
                .and_then(Epoch::from_seconds)
                .ok_or(SettingsError::Variable {
                    name: NAME,
                    message: format!("`{text}` is not a number of seconds since 1970"),
                })
        })
        .transpose()
}

/// Where credentials for registries may be.
pub(super) fn credential_sources(
    flags: &RegistryAccess,
    explicit_for: Option<&str>,
) -> Result<CredentialSources, SettingsError> {
    const PASSWORD: &str = "DINDIMG_REGISTRY_PASSWORD";
    let explicit = match flags.registry_username.clone() {
        Some(user) => {
            let password = variable(PASSWORD).ok_or_else(|| SettingsError::Variable {
                name: PASSWORD,
                message: format!("it is not set, and user `{user}` needs a password"),
            })?;
            Some((user, Secret::new(password)))
        }
        None => None,
    };
    let path = |name| variable(name).map(PathBuf::from);
    Ok(CredentialSources {
        explicit,
        explicit_for: explicit_for.map(str::to_owned),
        registry_auth_file: path("REGISTRY_AUTH_FILE"),
        docker_config_dir: path("DOCKER_CONFIG"),
        xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
        home: path("HOME"),
    })
}

/// The environment that engine clients run with: the user's own.
pub(super) fn engine_environment() -> BTreeMap<String, String> {
    // A variable that is not Unicode is nothing an engine's client would read.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
