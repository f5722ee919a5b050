//! Values of a recipe's own content: paths in the image, owners, modes, names of accounts and hosts.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::super::values::text_value;

/// Longest path in an image, in bytes: Linux's `PATH_MAX` with its closing NUL.
const PATH_LIMIT: usize = 4095;
/// Longest name of an account, in characters: `LOGIN_NAME_MAX` of useradd(8).
const NAME_LIMIT: usize = 32;
/// Every bit chmod(2) knows.
const MODE_BITS: u32 = 0o7777;

text_value! {
    /// An absolute path in the image, without `.`, `..` or doubled slashes; `/` is its root.
    ImagePath, |text| {
        if !text.starts_with('/') {
            return Err(format!("`{text}` is not an absolute path; paths in the image start with `/`"));
        }
        if text.chars().any(char::is_control) {
            return Err(format!("path {text:?} holds a control character"));
        }
        let mut path = String::new();
        for name in text.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if name == ".." {
                return Err(format!("path `{text}` has a `..`; write the path it means"));
            }
            path.push('/');
            path.push_str(name);
        }
        if path.len() > PATH_LIMIT {
            return Err(format!("the path has {} bytes, more than the {PATH_LIMIT} Linux can open", path.len()));
        }
        if path.is_empty() {
            path.push('/');
        }
        Ok(path)
    }
}

impl ImagePath {
    /// The path of `rest`, which has no leading slash, below this one.
    pub(super) fn join(&self, rest: &str) -> Result<Self, String> {
        format!("{}/{rest}", self.as_str()).parse()
    }
}

text_value! {
    /// Name of a user or group: a lower-case letter or `_`, then lower-case letters, digits, `-`
    /// and `_` (useradd(8), CAVEATS).
    AccountName, |text| {
        let first = |c: char| c.is_ascii_lowercase() || c == '_';
        let other = |c: char| first(c) || c.is_ascii_digit() || c == '-';
        if !text.starts_with(first) || !text.chars().all(other) {
            return Err(format!(
                "`{text}` is not a name for an account (a lower-case letter, then lower-case letters, digits, - and _)"
            ));
        }
        if text.len() > NAME_LIMIT {
            return Err(format!("`{text}` is longer than the {NAME_LIMIT} characters of an account's name"));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// Host of a registry with its port where that is not 443, `registry.corp:5000`: the name of a
    /// directory below `/etc/docker/certs.d`.
    RegistryHost, |text| {
        let (host, port) = text.split_once(':').unwrap_or((text, "443"));
        let label = |label: &str| !label.is_empty() && !label.starts_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !host.split('.').all(label) || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(format!("`{text}` is not the host of a registry; write it as `registry.corp` or `registry.corp:5000`"));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// Text of a field of `/etc/passwd`: no colon, no control character.
    AccountField, |text| {
        if text.contains(':') || text.chars().any(char::is_control) {
            return Err(format!("{text:?} holds a colon or control character, which passwd(5) cannot carry"));
        }
        Ok(text.to_owned())
    }
}

/// A user or group, by name or number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountRef {
    /// A name of the image's `/etc/passwd` or `/etc/group`.
    Name(AccountName),
    /// A number, known there or not.
    Id(u32),
}

impl FromStr for AccountRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return account_id(text).map(Self::Id);
        }
        text.parse().map(Self::Name)
    }
}

impl fmt::Display for AccountRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

fn account_id(text: &str) -> Result<u32, String> {
    text.parse::<u32>()
        .ok()
        // (uid_t) -1 means "unchanged" to chown(2).
        .filter(|id| *id != u32::MAX)
        .ok_or_else(|| format!("`{text}` is not the id of a user or group"))
}

/// Who owns a file: `user`, `user:group`, names or numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnerText {
    /// The user.
    pub user: AccountRef,
    /// The group; the user's own where none is named.
    pub group: Option<AccountRef>,
}

impl OwnerText {
    /// root, and its group.
    pub fn root() -> Self {
        let root = || AccountRef::Name(AccountName("root".to_owned()));
        Self {
            user: root(),
            group: Some(root()),
        }
    }
}

impl FromStr for OwnerText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group.parse()?)),
            None => (text, None),
        };
        Ok(Self {
            user: user.parse()?,
            group,
        })
    }
}

impl fmt::Display for OwnerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{}:{group}", self.user),
            None => self.user.fmt(f),
        }
    }
}

crate::text::serde_as_text!(OwnerText);

impl JsonSchema for OwnerText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Owner".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9_][a-z0-9_-]*(:[a-z0-9_][a-z0-9_-]*)?$" })
    }
}

/// Permission bits, written in octal as chmod(1) takes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileMode(pub u32);

impl FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let octal = (3..=5).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
        u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| octal && *mode <= MODE_BITS)
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is not a mode; write three or four octal digits, \"0644\"")
            })
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

crate::text::serde_as_text!(FileMode);

impl JsonSchema for FileMode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FileMode".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0?[0-7]{3,4}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_owners_and_modes_are_kept_in_one_form() {
        let path: ImagePath = "//etc/./motd/".parse().expect("a path");
        assert_eq!(path.as_str(), "/etc/motd");
        assert_eq!("/".parse::<ImagePath>().expect("root").as_str(), "/");
        assert_eq!(
            "755".parse::<FileMode>().expect("a mode").to_string(),
            "0755"
        );
        let owner: OwnerText = "ci:docker".parse().expect("an owner");
        assert_eq!(owner.to_string(), "ci:docker");
        let owner: OwnerText = "1000".parse().expect("an owner");
        assert_eq!((owner.user, owner.group), (AccountRef::Id(1000), None));
    }

    #[test]
    fn what_no_image_could_hold_is_refused() {
        let long = format!("/{}", "a/".repeat(2100));
        for text in ["etc/motd", "", "/etc/../root", "/a\nb", long.as_str()] {
            assert!(text.parse::<ImagePath>().is_err(), "{text:?}");
        }
        for text in ["0999", "rwx", "7", "17777", "-644", "+0644"] {
            assert!(text.parse::<FileMode>().is_err(), "{text}");
        }
        let long = "a".repeat(33);
        for text in ["", "Docker", "1a", "-x", "a b", "a:b", "é", long.as_str()] {
            assert!(text.parse::<AccountName>().is_err(), "{text}");
        }
        for text in ["ci:", ":ci", "ci:a:b", "4294967295", "12x"] {
            assert!(text.parse::<OwnerText>().is_err(), "{text}");
        }
        for text in ["", "a/b", "..", "a:b", "a:0", "a:5000:1", "https://a"] {
            assert!(text.parse::<RegistryHost>().is_err(), "{text}");
        }
        assert!("localhost:5000".parse::<RegistryHost>().is_ok());
    }
}
