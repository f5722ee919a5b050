//! Names of repositories and images, and their grammar.
//!
//! The grammar of repository names and tags is the one of the OCI distribution specification
//! (spec.md, "Pulling manifests"); which part of a text is the registry follows Docker's reading:
//! the first component is a host if it has a dot, a colon or an upper-case letter, or is
//! `localhost`; otherwise the registry is Docker Hub.
//!
//! The checks are ours because `oci-client` answers every violation with "invalid reference
//! format" and does not know bracketed IPv6 hosts.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::digest::Digest;

/// The registry of names that mention none.
const DOCKER_HUB: &str = "docker.io";
/// Where Docker Hub keeps names of a single component.
const DOCKER_HUB_OFFICIAL: &str = "library";
/// Longest tag (distribution-spec, `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`).
const LONGEST_TAG: usize = 128;
/// Longest `host/name` that common clients accept (distribution-spec, "Pulling manifests").
const LONGEST_NAME: usize = 255;

/// Why a text names no repository, tag or image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}: {reason}")]
pub struct ReferenceError {
    text: String,
    wanted: &'static str,
    reason: String,
}

/// A repository of a registry, `registry.example.com:5000/ci/dind`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Repository {
    registry: String,
    name: String,
}

/// A tag within a repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tag(String);

/// What picks one manifest of a repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Selector {
    /// Whatever the tag points at now.
    Tag(Tag),
    /// Exactly this content.
    Digest(Digest),
}

/// An image in a registry: `HOST/NAME:TAG` or `HOST/NAME@DIGEST`. Of a text with both, the digest
/// counts, because only it says which content is meant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reference {
    /// Where the image is.
    pub repository: Repository,
    /// Which image of the repository it is.
    pub selector: Selector,
}

impl Repository {
    /// The registry's host with its port, as written: `docker.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name within the registry, `library/debian`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host that answers for the registry: Docker Hub's is not the one in its name.
    pub(super) fn api_host(&self) -> String {
        self.tagged("latest").resolve_registry().to_owned()
    }

    /// `oci-client`'s form of this repository; its blob calls ignore the tag.
    pub(super) fn oci(&self) -> oci_client::Reference {
        self.tagged("latest")
    }

    /// Whether the registry is on this machine. Docker allows plain HTTP for these
    /// (`127.0.0.0/8` and `::1/128` are its built-in insecure registries).
    pub fn is_loopback(&self) -> bool {
        let host = split_port(&self.registry).0;
        host.eq_ignore_ascii_case("localhost")
            || host
                .parse::<Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback())
            || bracketed(host).is_some_and(|address| address.is_loopback())
    }

    fn tagged(&self, tag: &str) -> oci_client::Reference {
        oci_client::Reference::with_tag(self.registry.clone(), self.name.clone(), tag.to_owned())
    }
}

impl Tag {
    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = match self.selector {
            Selector::Tag(_) => ':',
            Selector::Digest(_) => '@',
        };
        write!(f, "{}{separator}{}", self.repository, self.selector)
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason: String| ReferenceError {
            text: text.to_owned(),
            wanted: "a repository (`registry.example.com/ci/dind`)",
            reason,
        };
        if text.is_empty() {
            return Err(fail("it is empty".to_owned()));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(fail(format!("leave out `{scheme}://`")));
        }
        if text.contains('@') {
            return Err(fail("a digest does not belong here".to_owned()));
        }
        let (registry, name) = match text.split_once('/') {
            Some((first, rest)) if is_host(first) => (first, rest.to_owned()),
            Some(_) => (DOCKER_HUB, text.to_owned()),
            None => (DOCKER_HUB, format!("{DOCKER_HUB_OFFICIAL}/{text}")),
        };
        let name = match registry {
            DOCKER_HUB if !name.contains('/') => format!("{DOCKER_HUB_OFFICIAL}/{name}"),
            _ => name,
        };
        check_host(registry).map_err(fail)?;
        if let Some((_, tag)) = name.split_once(':') {
            return Err(fail(format!("the tag `{tag}` does not belong here")));
        }
        for component in name.split('/') {
            check_component(component).map_err(fail)?;
        }
        if registry.len() + 1 + name.len() > LONGEST_NAME {
            return Err(fail(format!("it is longer than {LONGEST_NAME} characters")));
        }
        Ok(Self {
            registry: registry.to_owned(),
            name,
        })
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason: &str| ReferenceError {
            text: text.to_owned(),
            wanted: "a tag",
            reason: reason.to_owned(),
        };
        if text.is_empty() {
            return Err(fail("it is empty"));
        }
        if text.len() > LONGEST_TAG {
            return Err(fail("it is longer than 128 characters"));
        }
        if text.starts_with(['.', '-']) {
            return Err(fail("it starts with `.` or `-`"));
        }
        match text
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-'))
        {
            Some(c) => Err(fail(&format!(
                "`{c}` is not allowed; allowed are letters, digits, `_`, `.` and `-`"
            ))),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
            None => (name, None),
        };
        let tag = tag.unwrap_or("latest").parse()?;
        let selector = match digest {
            Some(digest) if digest.starts_with("sha256:") => {
                Selector::Digest(digest.parse().map_err(|_| ReferenceError {
                    text: text.to_owned(),
                    wanted: "an image",
                    reason: format!("`{digest}` is not a SHA-256 digest"),
                })?)
            }
            Some(digest) => {
                return Err(ReferenceError {
                    text: text.to_owned(),
                    wanted: "an image",
                    reason: format!("`{digest}` is not `sha256:` and 64 hex digits"),
                });
            }
            None => Selector::Tag(tag),
        };
        Ok(Self {
            repository: name.parse()?,
            selector,
        })
    }
}

fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase)
}

/// Host and port of `HOST[:PORT]`; a bracketed IPv6 address keeps its brackets.
fn split_port(registry: &str) -> (&str, Option<&str>) {
    match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    }
}

fn bracketed(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn check_host(registry: &str) -> Result<(), String> {
    let (host, port) = split_port(registry);
    if let Some(port) = port
        && (!port.bytes().all(|b| b.is_ascii_digit()) || port.parse::<u16>().is_err())
    {
        return Err(format!("`{port}` is not a port number"));
    }
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if bracketed(host).is_some() || host.split('.').all(label) {
        Ok(())
    } else {
        Err(format!("`{host}` is not a host name"))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution-spec, "Pulling manifests").
fn check_component(component: &str) -> Result<(), String> {
    if component.is_empty() {
        return Err("a component of its name is empty".to_owned());
    }
    if component.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!(
            "`{component}` has upper-case letters; use `{}`",
            component.to_ascii_lowercase()
        ));
    }
    let word = |b: char| b.is_ascii_lowercase() || b.is_ascii_digit();
    if let Some(c) = component
        .chars()
        .find(|&c| !word(c) && !matches!(c, '.' | '_' | '-'))
    {
        return Err(format!("`{c}` is not allowed in a name"));
    }
    if !component.starts_with(word) || !component.ends_with(word) {
        return Err(format!(
            "`{component}` must start and end with a letter or digit"
        ));
    }
    let separators = component.split(word).filter(|s| !s.is_empty());
    for separator in separators {
        let dashes = separator.bytes().all(|b| b == b'-');
        if !dashes && !matches!(separator, "." | "_" | "__") {
            return Err(format!(
                "`{separator}` is not allowed between the letters of `{component}`; allowed are `.`, `_`, `__` and dashes"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_name_their_registry() {
        for (text, registry, name) in [
            (
                "registry.example.com/ci/dind",
                "registry.example.com",
                "ci/dind",
            ),
            ("localhost:5000/dind", "localhost:5000", "dind"),
            ("localhost/dind", "localhost", "dind"),
            ("[::1]:5000/ci/dind", "[::1]:5000", "ci/dind"),
            ("Registry/dind", "Registry", "dind"),
            ("ci/dind", "docker.io", "ci/dind"),
            ("docker.io/dind", "docker.io", "library/dind"),
            ("dind", "docker.io", "library/dind"),
            ("h:1/a__b/c--d.e", "h:1", "a__b/c--d.e"),
        ] {
            let repository: Repository = text.parse().expect(text);
            assert_eq!((repository.registry(), repository.name()), (registry, name));
        }
    }

    #[test]
    fn violations_say_what_is_wrong() {
        for (text, reason) in [
            ("", "it is empty"),
            ("https://r.example/x", "leave out `https://`"),
            ("r.example/x:1", "the tag `1` does not belong here"),
            ("dind:1", "the tag `1` does not belong here"),
            ("r.example/Ci/x", "`Ci` has upper-case letters; use `ci`"),
            ("r.example/a..b", "`..` is not allowed between"),
            ("r.example/a___b", "`___` is not allowed between"),
            ("r.example/-a", "must start and end with a letter or digit"),
            ("r.example/a b", "` ` is not allowed in a name"),
            ("r.example/", "a component of its name is empty"),
            ("r.example//x", "a component of its name is empty"),
            ("r.example:x/a", "`x` is not a port number"),
            ("r.example:70000/a", "`70000` is not a port number"),
            ("-r.example/a", "`-r.example` is not a host name"),
            ("r.example/a@sha256:00", "a digest does not belong here"),
        ] {
            let error = text.parse::<Repository>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(
            format!("r.example/{}", "a".repeat(300))
                .parse::<Repository>()
                .is_err()
        );
    }

    #[test]
    fn tags_follow_the_grammar() {
        for text in ["1", "20.10.24-bookworm", "_x", "A.b-c_d"] {
            assert_eq!(text.parse::<Tag>().expect(text).as_str(), text);
        }
        for text in ["", ".x", "-x", "a+b", "a/b", "ä", &"x".repeat(129)] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }

    #[test]
    fn images_carry_a_tag_or_a_digest() {
        let digest = Digest::of(b"");
        for (text, printed) in [
            ("h:1/a", "h:1/a:latest".to_owned()),
            ("h:1/a:b", "h:1/a:b".to_owned()),
            ("debian", "docker.io/library/debian:latest".to_owned()),
            (&format!("h:1/a@{digest}"), format!("h:1/a@{digest}")),
            (&format!("h:1/a:b@{digest}"), format!("h:1/a@{digest}")),
        ] {
            assert_eq!(text.parse::<Reference>().expect(text).to_string(), printed);
        }
        for text in ["h:1/a:", "h:1/a@sha512:00", "h:1/a@sha256:00", ":x"] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, expected) in [
            ("localhost:5000/a", true),
            ("127.0.0.1:5000/a", true),
            ("127.9.9.9/a", true),
            ("[::1]:5000/a", true),
            ("10.0.0.1:5000/a", false),
            ("localhost.example.com/a", false),
            ("[::2]:5000/a", false),
        ] {
            let repository: Repository = text.parse().expect(text);
            assert_eq!(repository.is_loopback(), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_parses_prints_and_parses_again(text in "[a-zA-Z0-9.:/_@\\[\\]-]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                proptest::prop_assert_eq!(reference.to_string().parse(), Ok(reference));
            }
        }
    }
}
