//! The recipe's free-form values: texts that have been checked once and are what their type says.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::epoch::Epoch;
use crate::platform::{Architecture, Platform};

/// Longest name of an image in an engine, in bytes: it becomes part of a file's name (`NAME_MAX`).
const NAME_LIMIT: usize = 200;
/// Longest tag (distribution-spec, "Pulling manifests").
const TAG_LIMIT: usize = 128;

/// Declares a checked text: `check` returns the text as it is kept, or what is wrong with it.
macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let check: fn(&str) -> Result<String, String> = $check;
                check(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        crate::text::serde_as_text!($name);

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }
        }
    };
}

text_value! {
    /// A suite, component or other plain word: letters, digits and `+ - . _ /`, no `..`.
    Word, |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-._/".contains(c);
        if text.is_empty() || !text.chars().all(plain) || text.starts_with('/')
            || text.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(format!("`{text}` is not a plain word (letters, digits and + - . _ /)"));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// `http://`, `https://` or `file://` address of a mirror, without a trailing slash.
    MirrorUrl, |text| {
        let url = url::Url::parse(text)
            .map_err(|error| format!("`{text}` is not an address of a mirror: {error}"))?;
        if !matches!(url.scheme(), "http" | "https" | "file") {
            return Err(format!("mirror `{text}` uses `{}`; use http, https or file", url.scheme()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("mirror `{text}` has a query or fragment"));
        }
        Ok(text.trim_end_matches('/').to_owned())
    }
}

text_value! {
    /// A path relative to the recipe that stays below the recipe's root.
    RelativePath, |text| {
        let path = std::path::Path::new(text);
        let normal = |part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir);
        if text.is_empty() || !path.components().all(normal) {
            return Err(format!(
                "`{text}` is not a path below the recipe's directory (no leading `/`, no `..`)"
            ));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// An OpenPGP fingerprint: 40 or 64 hex digits, blanks allowed, kept upper-case.
    FingerprintText, |text| {
        let digits: String = text.split_whitespace().collect::<String>().to_uppercase();
        if !matches!(digits.len(), 40 | 64) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("`{text}` is not a key fingerprint (40 or 64 hex digits)"));
        }
        Ok(digits)
    }
}

text_value! {
    /// Registry host and repository, `registry.example.com/ci/dind`, without tag or digest.
    RepositoryName, |text| {
        let (host, path) = text.split_once('/').ok_or_else(|| format!(
            "`{text}` names no registry; write it as `registry.example.com/ci/dind`"
        ))?;
        if !(host.contains(['.', ':']) || host == "localhost") {
            return Err(format!(
                "`{text}` does not start with a registry host; for Docker Hub write `docker.io/{text}`"
            ));
        }
        let component = |part: &str| !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !path.split('/').all(component) {
            return Err(format!(
                "`{path}` is not a repository name (lower-case letters, digits and . _ - between slashes; no tag)"
            ));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// Name of an image in an engine: a repository and a tag, `registry.example.com/team/app:1.2`.
    ImageName, |text| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"._/:-".contains(&b);
        let last = text.rsplit('/').next().unwrap_or_default();
        let tagged = last.split_once(':').is_some_and(|(name, tag)| {
            !name.is_empty() && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && !tag.contains(':')
        });
        let parts = text.split('/').all(|part| !part.is_empty());
        let long = text.len() > NAME_LIMIT || last.split_once(':').is_some_and(|(_, tag)| tag.len() > TAG_LIMIT);
        let upper = text[..text.len() - last.len()].bytes().chain(last.bytes().take_while(|b| *b != b':'))
            .any(|b| b.is_ascii_uppercase());
        if !tagged || !parts || long || upper || !text.bytes().all(legal) || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(format!(
                "`{text}` is not the name of an image with a tag, such as `registry.example.com/team/app:1.2`"
            ));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// Name of a variant: lower-case letters, digits and `. _ -`, as it ends tags and file names.
    VariantName, |text| {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.bytes().all(legal) {
            return Err(format!(
                "`{text}` is not a name of a variant (lower-case letters, digits and . _ -)"
            ));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// Paths of packages, as dpkg's `path-exclude` names them: absolute, with `*`, `?` and `[…]`,
    /// of which `*` matches `/` too.
    PathPattern, |text| {
        if !text.starts_with('/') {
            return Err(format!("`{text}` is not an absolute path; write it as `/usr/share/man/*`"));
        }
        if text.contains(['\\', '\n', '\r']) {
            return Err(format!("`{text}` holds a backslash or a line break"));
        }
        glob::Pattern::new(text).map_err(|error| {
            format!("`{text}` is not a pattern (`*`, `?` and `[…]`): {}", error.msg)
        })?;
        Ok(text.to_owned())
    }
}

text_value! {
    /// Codec and level of the layers, `gzip:5` or `zstd:3`.
    CompressionText, |text| Ok(text.to_owned())
}

pub(super) use text_value;

/// A stamp of the snapshot archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotStamp(pub Epoch);

impl<'de> Deserialize<'de> for SnapshotStamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Epoch::parse_snapshot(&String::deserialize(deserializer)?)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for SnapshotStamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SnapshotStamp".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{8}T[0-9]{6}Z$" })
    }
}

impl JsonSchema for Platform {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Platform".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<String> = Architecture::ALL
            .into_iter()
            .map(|architecture| Platform { architecture }.to_string())
            .collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// A package to install, `git` or `git=1:2.39.5-0+deb12u2`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PackageName {
    /// The package.
    pub name: String,
    /// The one version accepted, as the distribution writes it.
    pub version: Option<String>,
}

impl FromStr for PackageName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('=') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-._".contains(&b);
        if name.len() < 2
            || !name.bytes().all(legal)
            || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            return Err(format!(
                "`{text}` is not a package name (lower-case letters, digits and + - . _)"
            ));
        }
        if version
            .is_some_and(|version| version.is_empty() || version.contains(char::is_whitespace))
        {
            return Err(format!("`{text}` names no version after `=`"));
        }
        Ok(Self {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}={version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

crate::text::serde_as_text!(PackageName);

impl JsonSchema for PackageName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PackageName".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9+._-]+(=.+)?$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<T: FromStr>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_ok(), "{text}");
        }
    }

    fn refuses<T: FromStr>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_that_fit_are_kept_and_others_are_refused() {
        accepts::<Word>(&["bookworm", "buster/updates", "non-free-firmware"]);
        refuses::<Word>(&["", "../etc", "/abs", "a b", "a//b"]);
        accepts::<MirrorUrl>(&["http://deb.debian.org/debian/", "file:///srv/mirror"]);
        refuses::<MirrorUrl>(&["deb.debian.org", "ftp://x/y", "http://x/?q=1"]);
        accepts::<RelativePath>(&["keys/a.asc", "./b.toml"]);
        refuses::<RelativePath>(&["", "/etc/passwd", "../x", "a/../../b"]);
        accepts::<RepositoryName>(&["localhost:5000/ci/docker", "ghcr.io/team/dind"]);
        refuses::<RepositoryName>(&["dind", "team/dind", "ghcr.io/Team/dind", "ghcr.io/a:b"]);
        accepts::<ImageName>(&[
            "app:1",
            "localhost:5000/team/app:x",
            "a.example/b/c:1.2-RC_3",
        ]);
        refuses::<ImageName>(&[
            "app",
            "localhost:5000/app",
            "Team/app:1",
            "a//b:1",
            "app:",
            "app:1:2",
            "app@sha256:00:1",
            &format!("app:{}", "x".repeat(TAG_LIMIT + 1)),
        ]);
        accepts::<PackageName>(&["git", "g++", "git=1:2.39.5-0+deb12u2"]);
        refuses::<PackageName>(&["", "x", "Git", "git=", "-a"]);
        refuses::<FingerprintText>(&["0xABCD", "zz"]);
    }
}
