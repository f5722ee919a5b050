//! No private key and no credential in any file that is not public anyway, nor in the texts of the
//! image's configuration.

use rayon::prelude::*;
use serde_json::Value;

use crate::tree::{Content, Kind, Placed, TreePath};

use super::armour::{private_key, private_key_anywhere};
use super::mend::OTHERS;
use super::named::named;
use super::{Check, HardenError, Origin, Subject};

pub(super) const CHECK: Check = Check {
    key: "secrets",
    run,
};

/// Keys and credentials have a few kilobytes; what is larger is a program or an archive, and those
/// have the same words in them without holding one.
pub const SECRET_LIMIT: u64 = 1 << 20;
/// How programs begin (elf(5)).
const ELF: &[u8; 4] = b"\x7fELF";

fn run(subject: &Subject<'_>) -> Result<Vec<String>, HardenError> {
    let allowed = named(subject.tree, &subject.hardening.secrets)?;
    let entries: Vec<(&TreePath, &Placed)> = subject.tree.iter().collect();
    let findings = entries
        .into_par_iter()
        .map(|(path, placed)| {
            let Kind::File(content) = &placed.node.kind else {
                return Ok(None);
            };
            let origin = subject.origin(path, placed);
            if let Origin::Package(Some(package)) = origin
                && package.published
            {
                return Ok(None);
            }
            let own = matches!(origin, Origin::Own);
            let mode = placed.node.meta.mode;
            // A package's files have been mended, or are as it has them.
            if allowed.contains(path) && (!own || mode & OTHERS == 0) {
                return Ok(None);
            }
            let Some(what) = secret_in_content(path, content, own)? else {
                return Ok(None);
            };
            let (owner, remedy) = match origin {
                Origin::Own => (String::new(), "take it out and mount it at run time"),
                Origin::Package(package) => (
                    package.map_or_else(String::new, |package| {
                        format!(" of package {}", package.name)
                    }),
                    "leave it out with `exclude-paths`",
                ),
            };
            Ok(Some(if allowed.contains(path) {
                format!(
                    "{path} holds {what} and everybody in the image may read it: make its mode {:04o}",
                    mode & !OTHERS
                )
            } else {
                format!(
                    "{path}{owner} holds {what}, which everyone who can pull the image can read: {remedy}, or name it in `secrets`"
                )
            }))
        })
        .collect::<Result<Vec<_>, HardenError>>()?;
    Ok(findings
        .into_iter()
        .flatten()
        .chain(texts(subject))
        .collect())
}

/// What the image's configuration says for everybody to read.
fn texts(subject: &Subject<'_>) -> Vec<String> {
    let recipe = subject.recipe;
    [("env", &recipe.env), ("labels", &recipe.labels)]
        .into_iter()
        .flat_map(|(table, texts)| texts.iter().map(move |(name, text)| (table, name, text)))
        .filter_map(|(table, name, text)| {
            let what = secret(name, text, true)?;
            Some(format!(
                "[{table}] `{name}` holds {what}, which everyone who can pull the image can read: give it at run time"
            ))
        })
        .collect()
}

/// What secret a file holds; `own` says that it is not a package's.
fn secret_in_content(
    path: &TreePath,
    content: &Content,
    own: bool,
) -> Result<Option<&'static str>, HardenError> {
    if content.is_empty() || content.len() > SECRET_LIMIT {
        return Ok(None);
    }
    let fail = |source| HardenError::Read {
        path: path.clone(),
        source,
    };
    let mut start = [0; ELF.len()];
    if content.len() >= start.len() as u64 {
        content.read_exact_at(&mut start, 0).map_err(fail)?;
        if start == *ELF {
            return Ok(None);
        }
    }
    let bytes = content.read().map_err(fail)?;
    Ok(bytes
        .utf8_chunks()
        .find_map(|chunk| secret(path.as_str(), chunk.valid(), own)))
}

/// What secret a file of unknown origin holds: a private key in any form, credentials of a client,
/// an address with a password. Programs are not searched, nor what is larger than [`SECRET_LIMIT`].
pub fn secret_in(path: &str, bytes: &[u8]) -> Option<&'static str> {
    if bytes.len() as u64 > SECRET_LIMIT || bytes.starts_with(ELF) {
        return None;
    }
    let mut texts = bytes.utf8_chunks().map(|chunk| chunk.valid());
    texts.find_map(|text| secret(path, text, true))
}

/// What secret a text holds at `path`; `own` says that it is not a package's.
fn secret(path: &str, text: &str, own: bool) -> Option<&'static str> {
    let key = if own {
        private_key_anywhere
    } else {
        private_key
    };
    if key(text) {
        return Some("a private key");
    }
    if text.starts_with("PuTTY-User-Key-File-") && text.contains("Private-Lines:") {
        return Some("a private key");
    }
    if credential_file(path, text) {
        return Some("credentials");
    }
    (own && password_in_address(text)).then_some("an address with a password")
}

/// Files that clients keep credentials in, by their names, with one in them.
fn credential_file(path: &str, text: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let lines = || {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
    };
    let has_word = |wanted: &str| {
        lines().any(|line| {
            line.split(|c: char| c.is_whitespace() || matches!(c, '=' | ':'))
                .any(|word| word == wanted)
        })
    };
    match name {
        "config.json" | "auth.json" | ".dockercfg" => registry_credentials(text),
        ".netrc" | "_netrc" | "auth.conf" => has_word("password"),
        ".git-credentials" | ".pgpass" => lines().next().is_some(),
        ".npmrc" | ".yarnrc" => text.contains("_authToken=") || text.contains("_password="),
        ".pypirc" => has_word("password"),
        "credentials" if directory.ends_with("/.aws") => has_word("aws_secret_access_key"),
        _ if directory == "etc/apt/auth.conf.d" => has_word("password"),
        _ => false,
    }
}

/// Whether a file of containers-auth.json(5) or Docker's client names more than helpers.
fn registry_credentials(text: &str) -> bool {
    let Ok(Value::Object(top)) = serde_json::from_str(text) else {
        return false;
    };
    let registries = match top.get("auths") {
        Some(Value::Object(auths)) => auths.clone(),
        _ => top,
    };
    registries.values().any(|entry| {
        ["auth", "password", "identitytoken", "registrytoken"]
            .iter()
            .any(|key| matches!(entry.get(key), Some(Value::String(text)) if !text.is_empty()))
    })
}

/// Whether a text has `scheme://user:password@host` with real words in it.
fn password_in_address(text: &str) -> bool {
    // What stands for another text in scripts, templates and manuals, or ends an address.
    let plain = |c: char| !c.is_whitespace() && !"/@:*$<>{}[]()|\\\"'`%".contains(c);
    text.match_indices("://").any(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let user = rest.trim_start_matches(plain);
        let Some(password) = user.strip_prefix(':') else {
            return false;
        };
        let host = password.trim_start_matches(plain);
        user.len() < rest.len() && host.len() < password.len() && host.starts_with('@')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_the_files_that_clients_keep_them_in() {
        for (path, text, found) in [
            (
                "root/.docker/config.json",
                r#"{"auths":{"r.example":{"auth":"dTpw"}}}"#,
                true,
            ),
            (
                "root/.docker/config.json",
                r#"{"auths":{"r.example":{}},"credsStore":"pass"}"#,
                false,
            ),
            ("root/.dockercfg", r#"{"r.example":{"auth":"dTpw"}}"#, true),
            ("etc/docker/daemon.json", r#"{"debug":true}"#, false),
            ("root/.netrc", "machine x login y password z\n", true),
            ("root/.netrc", "# password\n", false),
            (
                "etc/apt/auth.conf.d/corp.conf",
                "machine x password z",
                true,
            ),
            ("root/.git-credentials", "https://x.example\n", true),
            ("root/.npmrc", "//r.example/:_authToken=abc", true),
            ("root/.aws/credentials", "aws_secret_access_key = x", true),
            ("usr/share/doc/credentials", "aws_secret_access_key", false),
        ] {
            assert_eq!(credential_file(path, text), found, "{path}: {text}");
        }
    }

    #[test]
    fn addresses_with_a_password_are_seen_in_what_is_the_images_own() {
        assert!(password_in_address(
            "deb https://u:s3cret@mirror.example/debian x main"
        ));
        for harmless in [
            "https://mirror.example:8080/a@b",
            "http://$user:$password@host",
            "http://user:<password>@host",
            "case $1 in *://*@*) ;;",
            "ssh://git@host:22/x",
        ] {
            assert!(!password_in_address(harmless), "{harmless}");
        }
        let text = "https://u:s3cret@x";
        assert_eq!(secret("etc/x", text, false), None);
        assert_eq!(
            secret("etc/x", text, true),
            Some("an address with a password")
        );
    }
}
