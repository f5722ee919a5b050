//! `[alpine]`: the branch that packages come from, where it is served and whose signatures count.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::digest::Digest;

use super::error::RecipeError;
use super::load::beside;
use super::merge::{Merge, merge_fields};
use super::source::Source;
use super::values::{MirrorUrl, RelativePath, Word};

/// What ends the name of a public key, as signatures name it.
const KEY_ENDING: &str = ".rsa.pub";

/// `[alpine]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawAlpine {
    /// Branch, `v3.22` or `edge`. A recipe of Alpine has it unless the one it extends does.
    #[schemars(extend("examples" = ["v3.22"]))]
    pub branch: Option<Word>,
    /// Mirrors of the distribution, tried in order; branch, repository and architecture follow.
    #[schemars(extend("examples" = [["https://mirror.example.com/alpine"]]))]
    pub mirrors: Option<Vec<MirrorUrl>>,
    /// Repositories of the branch.
    #[schemars(extend("default" = ["main", "community"], "examples" = [["main"]]))]
    pub repositories: Option<Vec<Word>>,
    /// The keys that may sign the branch; the distribution's own by default.
    pub keys: Option<Vec<RawAlpineKey>>,
    /// Further repositories.
    pub repository: Option<Vec<RawAlpineRepository>>,
}

merge_fields!(RawAlpine {
    branch,
    mirrors,
    repositories,
    keys,
    repository,
});

/// A public key, pinned by the digest of its file. It comes from an address or lies beside the
/// recipe.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawAlpineKey {
    /// Address of the key, `https://`, `http://` or `file://`.
    #[serde(default)]
    #[schemars(extend("examples" = ["https://keys.example.com/team@example.com-5f3c2a10.rsa.pub"]))]
    pub url: Option<MirrorUrl>,
    /// File of the key, relative to the recipe.
    #[serde(default)]
    #[schemars(extend("examples" = ["keys/team@example.com-5f3c2a10.rsa.pub"]))]
    pub file: Option<RelativePath>,
    /// The name by which signatures call it; the last part of its address or path by default.
    #[serde(default)]
    #[schemars(extend("examples" = ["team@example.com-5f3c2a10.rsa.pub"]))]
    pub name: Option<String>,
    /// SHA-256 of the file, 64 hex digits.
    #[schemars(with = "String", extend("examples" = [
        "d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d"
    ]))]
    pub sha256: Digest,
}

/// `[[alpine.repository]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawAlpineRepository {
    /// Name in the lock, in messages and in `[packages.pin]`.
    #[schemars(extend("examples" = ["team"]))]
    pub name: Word,
    /// Addresses of the repository, tried in order: directories of architectures are below.
    #[schemars(extend("examples" = [["https://mirror.example.com/team/v3.22"]]))]
    pub mirrors: Vec<MirrorUrl>,
    /// The keys that may sign it, and no other.
    pub keys: Vec<RawAlpineKey>,
    /// Whether its packages are taken only where `[packages.pin]` names it, as apk does with a
    /// repository that has a tag; in the image its tag is its name.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub tagged: Option<bool>,
}

/// `[alpine]`, complete.
#[derive(Clone, Debug)]
pub struct Alpine {
    /// The branch, a directory of the mirror: `v3.22`.
    pub branch: Word,
    /// Mirrors the recipe names; none means the default or configured ones.
    pub mirrors: Vec<MirrorUrl>,
    /// Repositories of the branch.
    pub repositories: Vec<Word>,
    /// Who may sign them; none means the distribution's own keys.
    pub keys: Option<Vec<AlpineKey>>,
    /// Further repositories.
    pub further: Vec<AlpineRepository>,
}

impl Alpine {
    /// The release, as tags and messages name it: `3.22` of the branch `v3.22`, or `edge`.
    pub fn release(&self) -> &str {
        let branch = self.branch.as_str();
        match branch.strip_prefix('v') {
            Some(number) if number.starts_with(|c: char| c.is_ascii_digit()) => number,
            _ => branch,
        }
    }
}

/// A public key and the digest that pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlpineKey {
    /// The name by which signatures call it.
    pub name: String,
    /// Where it is.
    pub source: KeySource,
    /// Digest of its file.
    pub sha256: Digest,
}

/// Where a public key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An address, asked when repositories are opened.
    Url(String),
    /// A file beside the recipe: its bytes.
    File(Vec<u8>),
}

/// A repository beyond those of the branch.
#[derive(Clone, Debug)]
pub struct AlpineRepository {
    /// Name in the lock.
    pub name: Word,
    /// Addresses in order.
    pub mirrors: Vec<MirrorUrl>,
    /// Who may sign it.
    pub keys: Vec<AlpineKey>,
    /// Whether its packages are taken only where a pin names it.
    pub tagged: bool,
}

impl RawAlpineRepository {
    /// The repository, its keys read from beside `at`.
    pub(super) fn finish(
        &self,
        at: &Path,
        source: &dyn Source,
    ) -> Result<AlpineRepository, RecipeError> {
        if self.mirrors.is_empty() {
            return Err(RecipeError::whole(
                at,
                format!("[[alpine.repository]] `{}` has no mirror", self.name),
            ));
        }
        Ok(AlpineRepository {
            name: self.name.clone(),
            mirrors: self.mirrors.clone(),
            keys: read_keys(at, &self.keys, source)?,
            tagged: self.tagged.unwrap_or(false),
        })
    }
}

/// The keys a file names: at least one, no name twice.
pub(super) fn read_keys(
    at: &Path,
    keys: &[RawAlpineKey],
    source: &dyn Source,
) -> Result<Vec<AlpineKey>, RecipeError> {
    if keys.is_empty() {
        return Err(RecipeError::whole(
            at,
            "`keys` is empty, so nothing could be verified; name at least one key or leave it out",
        ));
    }
    let mut read: Vec<AlpineKey> = Vec::new();
    for raw in keys {
        let key = read_key(at, raw, source)?;
        if read.iter().any(|known| known.name == key.name) {
            return Err(RecipeError::whole(
                at,
                format!(
                    "two keys are called `{}`, and signatures name keys; give one another `name`",
                    key.name
                ),
            ));
        }
        read.push(key);
    }
    Ok(read)
}

fn read_key(at: &Path, raw: &RawAlpineKey, source: &dyn Source) -> Result<AlpineKey, RecipeError> {
    let whole = |message: String| RecipeError::whole(at, message);
    let (place, from) = match (&raw.url, &raw.file) {
        (Some(url), None) => (url.as_str(), KeySource::Url(url.to_string())),
        (None, Some(file)) => {
            let path = beside(at, file);
            let bytes = source
                .read(&path)
                .map_err(|source| RecipeError::Read { path, source })?;
            let found = Digest::of(&bytes);
            if found != raw.sha256 {
                return Err(whole(format!(
                    "key {file} has {found}, and the recipe pins {}; it is another key",
                    raw.sha256
                )));
            }
            (file.as_str(), KeySource::File(bytes))
        }
        _ => {
            return Err(whole(
                "a key has either `url` or `file`, beside `sha256`".to_owned(),
            ));
        }
    };
    let name = match &raw.name {
        Some(name) => name.as_str(),
        None => place.rsplit('/').next().unwrap_or_default(),
    };
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"+-._@".contains(&b);
    let stem = name.strip_suffix(KEY_ENDING).unwrap_or_default();
    if stem.is_empty() || !stem.bytes().all(legal) || stem.starts_with('.') {
        return Err(whole(format!(
            "`{name}` is no name of a key, as signatures have it: letters, digits and + - . _ @, then `{KEY_ENDING}`; say it with `name`"
        )));
    }
    Ok(AlpineKey {
        name: name.to_owned(),
        source: from,
        sha256: raw.sha256,
    })
}
