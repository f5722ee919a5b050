//! No private key and no credential in any file, whoever brings it.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::Value;

use crate::tree::{Kind, Owner, Placed, TreePath};

use super::{Check, HardenError, Subject};

pub(super) const CHECK: Check = Check {
    key: "secrets",
    run,
};

/// Keys and credentials have a few kilobytes; what is larger is a program or an archive, and those
/// have the same words in them without holding one.
const SIZE_LIMIT: u64 = 1 << 20;

fn run(subject: &Subject<'_>) -> Result<Vec<String>, HardenError> {
    let allowed: BTreeSet<TreePath> = subject
        .hardening
        .secrets
        .iter()
        .map(|path| {
            let path = TreePath::parse(path.as_str()).map_err(crate::tree::TreeError::from)?;
            Ok(subject.tree.follow(&path)?)
        })
        .collect::<Result<_, HardenError>>()?;
    let entries: Vec<(&TreePath, &Placed)> = subject.tree.iter().collect();
    let findings = entries
        .into_par_iter()
        .map(|(path, placed)| {
            let Some(what) = secret_in(path, placed)? else {
                return Ok(None);
            };
            let owner = subject.owner(placed);
            let everybody = placed.node.meta.mode & 0o007 != 0;
            Ok(match (allowed.contains(path), everybody) {
                (false, _) => Some(format!(
                    "{path}{owner} holds {what}, which everyone who can pull the image can read: take it out and mount it at run time, or name it in `secrets`"
                )),
                (true, true) => Some(format!(
                    "{path}{owner} holds {what} and everybody in the image may read it: make its mode {:04o}",
                    placed.node.meta.mode & !0o007
                )),
                (true, false) => None,
            })
        })
        .collect::<Result<Vec<_>, HardenError>>()?;
    Ok(findings.into_iter().flatten().collect())
}

/// What secret an entry holds.
fn secret_in(path: &TreePath, placed: &Placed) -> Result<Option<&'static str>, HardenError> {
    let Kind::File(content) = &placed.node.kind else {
        return Ok(None);
    };
    if content.is_empty() || content.len() > SIZE_LIMIT {
        return Ok(None);
    }
    let bytes = content.read().map_err(|source| HardenError::Read {
        path: path.clone(),
        source,
    })?;
    if bytes.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    let own = placed.owner == Owner::Generated;
    Ok(bytes
        .utf8_chunks()
        .find_map(|chunk| secret(path.as_str(), chunk.valid(), own)))
}

/// What secret a text holds at `path`; `own` says that it is not a package's.
fn secret(path: &str, text: &str, own: bool) -> Option<&'static str> {
    if text.contains("PRIVATE KEY") && private_key(text) {
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

/// Whether a text has an armoured private key: header, data and footer on lines of their own (RFC
/// 7468; OpenPGP and OpenSSH alike). Programs and manuals have the header alone.
fn private_key(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let begins = line.starts_with("-----BEGIN ")
            && line.ends_with("-----")
            && line.contains("PRIVATE KEY");
        if !begins {
            continue;
        }
        // RFC 1421 and OpenPGP headers before the data: `Proc-Type: 4,ENCRYPTED`.
        let data = lines.find(|line| !line.is_empty() && !line.contains(": "));
        let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        if data.is_some_and(|data| data.len() >= 16 && data.chars().all(base64)) {
            return true;
        }
    }
    false
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

    const BODY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";

    #[test]
    fn keys_are_known_by_their_armour_and_data() {
        for kind in [
            "PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ] {
            let key = format!("text\n-----BEGIN {kind}-----\n{BODY}\n-----END {kind}-----\n");
            assert_eq!(
                secret("etc/x", &key, false),
                Some("a private key"),
                "{kind}"
            );
        }
        let headers = format!(
            "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-256-CBC,00\r\n\r\n{BODY}\r\n"
        );
        assert!(private_key(&headers));
        for harmless in [
            "-----BEGIN PRIVATE KEY-----",
            "looks for -----BEGIN PRIVATE KEY----- lines\nand more words there\n",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
        ] {
            assert_eq!(secret("etc/x", harmless, true), None, "{harmless}");
        }
        let public = format!("-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----\n");
        assert_eq!(secret("etc/x", &public, true), None);
    }

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
