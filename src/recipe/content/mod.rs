//! A recipe's own content: files, users, groups and certificate authorities, read and checked.

pub(super) mod at;
mod authorities;
mod files;
pub(super) mod raw;
mod read;
mod reserved;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::digest::Digest;
use crate::epoch::Epoch;

pub use files::Found;
pub(super) use read::{Tables, check_image, read};
pub use reserved::reserved;
pub use values::{
    AccountField, AccountName, AccountRef, FileMode, ImagePath, OwnerText, RegistryHost,
};

/// Who a rootless daemon runs as, by name and number: those of docker:dind-rootless.
const DAEMON_USER: &str = "rootless";
/// See [`DAEMON_USER`].
pub const DAEMON_UID: u32 = 1000;

/// Everything of its own that a recipe puts into the image.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Content {
    /// Files, directories and links, by path. Serialised with digests in place of bytes, so that
    /// the whole can be told from another.
    pub files: BTreeMap<ImagePath, File>,
    /// Certificates every program trusts: files of `/usr/local/share/ca-certificates`.
    pub authorities: BTreeMap<ImagePath, File>,
    /// Users by name.
    pub users: BTreeMap<AccountName, User>,
    /// Groups by name.
    pub groups: BTreeMap<AccountName, Group>,
    /// When the certificates end: the file beside the recipe and the last second of its first to
    /// end.
    pub ends: BTreeMap<String, Epoch>,
}

impl Content {
    /// Adds the user whose daemon it is in the profile `rootless`, as docker:dind-rootless has it,
    /// unless the recipe has one of that name.
    ///
    /// # Errors
    /// When the recipe's user of that name cannot run it.
    pub(super) fn add_daemon_user(&mut self) -> Result<(), String> {
        let name: AccountName = DAEMON_USER.parse()?;
        let user = self.users.entry(name).or_insert_with(|| User {
            uid: Some(DAEMON_UID),
            comment: "Docker daemon".to_owned(),
            subordinate_ids: true,
            ..User::default()
        });
        match user.uid == Some(DAEMON_UID) && user.subordinate_ids && user.home.is_none() {
            true => Ok(()),
            false => Err(format!(
                "[users.{DAEMON_USER}] is who the daemon of the profile `rootless` runs as: `uid` {DAEMON_UID}, `subordinate-ids` true and the default `home`; name your own user otherwise"
            )),
        }
    }

    /// Whether the recipe has none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.authorities.is_empty()
            && self.users.is_empty()
            && self.groups.is_empty()
    }

    /// What should be told of the content at the time `now`: certificates that have ended, private
    /// keys in files.
    pub fn warnings(&self, now: Epoch) -> Vec<String> {
        let ended = self
            .ends
            .iter()
            .filter(|(_, end)| **end < now)
            .map(|(file, end)| format!("{file}: a certificate of it ended at {end}"));
        let keys = self
            .files
            .iter()
            .filter(|(_, file)| file.holds_private_key())
            .map(|(path, _)| {
                format!(
                    "{path} holds a private key, which everyone who can pull the image can read"
                )
            });
        ended.chain(keys).collect()
    }
}

/// One entry of the image.
#[derive(Clone, Debug, Serialize)]
pub struct File {
    /// What it is.
    pub entry: Entry,
    /// Who owns it.
    pub owner: OwnerText,
    /// Its permissions; of no meaning for a link.
    pub mode: FileMode,
    /// Whether it may take the place of what the image has without it.
    pub replace: bool,
}

/// What a recipe can put at a path.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// A file.
    File(Bytes),
    /// A file that is rendered when the image is built.
    Template {
        /// Its name beside the recipe.
        name: String,
        /// The template.
        bytes: Bytes,
    },
    /// A file with a certificate.
    Certificate(Bytes),
    /// A symbolic link and its target.
    Link(String),
    /// A directory. One that is there takes owner and mode only if they are `named`.
    Directory {
        /// Whether the recipe names owner or mode.
        named: bool,
    },
}

impl File {
    fn holds_private_key(&self) -> bool {
        let marker = b"PRIVATE KEY-----";
        match &self.entry {
            Entry::File(bytes) => {
                bytes.content.starts_with(b"-----BEGIN ")
                    && bytes.content.windows(marker.len()).any(|at| at == marker)
            }
            _ => false,
        }
    }
}

/// Bytes that were read once, with the digest of what was read.
#[derive(Clone)]
pub struct Bytes {
    content: Arc<[u8]>,
    digest: Digest,
}

impl Bytes {
    /// Takes bytes and their digest.
    pub fn new(content: impl Into<Arc<[u8]>>) -> Self {
        let content = content.into();
        Self {
            digest: Digest::of(&content),
            content,
        }
    }

    /// The bytes.
    pub fn content(&self) -> &Arc<[u8]> {
        &self.content
    }

    /// Their digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, {}", self.content.len(), self.digest)
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.digest.serialize(serializer)
    }
}

/// A user that the recipe adds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct User {
    /// Number; the first free one where there is none.
    pub uid: Option<u32>,
    /// First group.
    pub group: FirstGroup,
    /// Further groups, in the order given.
    pub groups: Vec<AccountName>,
    /// Home directory; `None` for the default.
    pub home: Option<ImagePath>,
    /// Login shell; `None` for the default.
    pub shell: Option<ImagePath>,
    /// Name for people.
    pub comment: String,
    /// Whether this is a system user.
    pub system: bool,
    /// Whether the user gets subordinate ids.
    pub subordinate_ids: bool,
}

/// The first group of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum FirstGroup {
    /// One of the user's own name; the number, or the user's where that is free.
    Own(Option<u32>),
    /// One that is there.
    Named(AccountName),
}

impl Default for FirstGroup {
    fn default() -> Self {
        Self::Own(None)
    }
}

/// A group that the recipe adds, or gives a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Number; the first free one where there is none.
    pub gid: Option<u32>,
    /// Whether this is a system group.
    pub system: bool,
}

#[cfg(test)]
mod tests;
