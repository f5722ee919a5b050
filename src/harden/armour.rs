//! Private keys in texts: by their armour (RFC 7468; OpenPGP and OpenSSH alike).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where every armour begins.
const BEGIN: &str = "-----BEGIN ";
/// Where its header ends.
const DASHES: &str = "-----";
/// What the header of a private key says, with more words before or after.
const PRIVATE: &str = "PRIVATE KEY";
/// Longest label of a header: `ENCRYPTED PRIVATE KEY` and its like.
const LABEL_LIMIT: usize = 64;
/// Fewest characters of a key's first line; what stands for a key in manuals is shorter.
const DATA: usize = 16;
/// What base64 makes of [`BEGIN`] but its last byte, which shares a character with the next one.
const ENCODED_BEGIN: &str = "LS0tLS1CRUdJTi";
/// Characters of base64 that hold the header and the first of the data.
const ENCODED_HEAD: usize = 128;

/// Whether a package's text has an armoured private key: header, data and footer on lines of their
/// own. Programs and manuals have the header alone.
pub(super) fn private_key(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let begins = line.starts_with(BEGIN) && line.ends_with(DASHES) && line.contains(PRIVATE);
        if !begins {
            continue;
        }
        let data = lines.find(|line| is_data(line));
        if data.is_some_and(|data| data.len() >= DATA && data.chars().all(is_base64)) {
            return true;
        }
    }
    false
}

/// Whether a text of the recipe's own has a private key in any form that programs read it back
/// from: a field of JSON or a quoted string, whose lines end in `\n`; a text of several lines in
/// quotes; a single line; base64 of the armour, as in Kubernetes' files.
pub(super) fn private_key_anywhere(text: &str) -> bool {
    let encoded = text
        .match_indices(ENCODED_BEGIN)
        .any(|(at, _)| decodes_to_key(&text[at..]));
    if encoded || !text.contains(PRIVATE) {
        return encoded;
    }
    let lines = text.replace("\\r", "").replace("\\n", "\n");
    lines
        .match_indices(BEGIN)
        .any(|(at, mark)| opens_key(&lines[at + mark.len()..]))
}

/// Whether what follows [`BEGIN`] is the rest of a private key's header, and data.
fn opens_key(rest: &str) -> bool {
    let Some((label, body)) = rest.split_once(DASHES) else {
        return false;
    };
    if label.len() > LABEL_LIMIT || label.contains('\n') || !label.contains(PRIVATE) {
        return false;
    }
    let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '+');
    body.lines()
        .map(|line| line.trim_matches(quotes))
        .find(|line| is_data(line))
        .is_some_and(|line| line.chars().take_while(|c| is_base64(*c)).count() >= DATA)
}

fn decodes_to_key(text: &str) -> bool {
    let run: Vec<u8> = text
        .bytes()
        .take(ENCODED_HEAD)
        .take_while(|byte| is_base64(char::from(*byte)) && *byte != b'=')
        .collect();
    let whole = run.len() - run.len() % 4;
    STANDARD.decode(&run[..whole]).is_ok_and(|bytes| {
        let head = String::from_utf8_lossy(&bytes);
        head.strip_prefix(BEGIN)
            .and_then(|rest| rest.split_once(DASHES))
            .is_some_and(|(label, _)| label.contains(PRIVATE))
    })
}

/// Whether a line is data: not empty, nor a header before it (RFC 1421, OpenPGP), such as
/// `Proc-Type: 4,ENCRYPTED`.
fn is_data(line: &str) -> bool {
    !line.is_empty() && !line.contains(": ")
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
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
            assert!(private_key(&key) && private_key_anywhere(&key), "{kind}");
        }
        let headers = format!(
            "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-256-CBC,00\r\n\r\n{BODY}\r\n"
        );
        assert!(private_key(&headers) && private_key_anywhere(&headers));
        for harmless in [
            "-----BEGIN PRIVATE KEY-----",
            "looks for -----BEGIN PRIVATE KEY----- lines\nand more words there\n",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(!private_key(harmless), "{harmless}");
            assert!(!private_key_anywhere(harmless), "{harmless}");
        }
        let public = format!("-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----\n");
        assert!(!private_key(&public) && !private_key_anywhere(&public));
    }

    #[test]
    fn keys_in_json_in_quotes_on_one_line_and_in_base64_are_seen() {
        let key = format!("-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n");
        let json = serde_json::json!({"type": "service_account", "private_key": key}).to_string();
        let encoded = STANDARD.encode(&key);
        for text in [
            json,
            format!("key = \"\"\"{key}\"\"\"\n"),
            format!("KEY='{}'", key.replace('\n', " ")),
            format!("key = \"{}\" +\n", key.replace('\n', "\\n\" +\n  \"")),
            format!("users:\n- user: {{client-key-data: {encoded}}}\n"),
            format!("tls.key: |\n  {}\n  {}\n", &encoded[..76], &encoded[76..]),
        ] {
            assert!(private_key_anywhere(&text), "{text}");
        }
        let public = STANDARD.encode(key.replace("PRIVATE KEY", "CERTIFICATE"));
        for harmless in [
            format!("certificate-authority-data: {public}"),
            "client-key-data: LS0tLS1CRUdJTi...".to_owned(),
            "a service account has \"private_key\": \"-----BEGIN PRIVATE KEY-----\\n...\""
                .to_owned(),
        ] {
            assert!(!private_key_anywhere(&harmless), "{harmless}");
        }
    }
}
