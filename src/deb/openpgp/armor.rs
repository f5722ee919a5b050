//! The outer form of signed files and key files: which bytes are signed text, which are packets.
//!
//! Everything here is stricter than OpenPGP readers usually are, because the classic attacks on
//! clear-signed `InRelease` files (text before, after or between the signed parts that one reader
//! verifies and another one reads) need a reader that forgives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN_MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

/// A clear-signed file taken apart (RFC 9580 section 7).
#[derive(Debug)]
pub(super) struct Cleartext {
    /// The signed lines, unescaped, without trailing white space (which is not signed), each
    /// ended by `\n`.
    pub text: String,
    /// The bytes that were hashed: the same lines joined by CR LF, without a final line end.
    pub signed: String,
    /// The packets of the signature block.
    pub packets: Vec<u8>,
}

/// Splits a clear-signed file, or says which line breaks the form.
pub(super) fn split_cleartext(document: &[u8]) -> Result<Cleartext, String> {
    let document =
        str::from_utf8(document).map_err(|e| format!("byte {} is not UTF-8", e.valid_up_to()))?;
    let mut lines = document.split_inclusive('\n').zip(1usize..);
    let mut consumed = 0;

    let (first, _) = lines.next().ok_or("it is empty")?;
    if trimmed(first) != BEGIN_MESSAGE {
        return Err(format!("line 1 is not `{BEGIN_MESSAGE}`"));
    }
    consumed += first.len();
    loop {
        let (line, number) = lines.next().ok_or("it ends in the armour headers")?;
        consumed += line.len();
        match trimmed(line) {
            "" => break,
            header if header.starts_with("Hash: ") => {}
            _ => return Err(format!("line {number} is not a `Hash:` header")),
        }
    }

    let mut signed_lines = Vec::new();
    loop {
        let (line, number) = lines.next().ok_or("it has no signature block")?;
        let content = trimmed(line);
        if content == BEGIN_SIGNATURE {
            break;
        }
        consumed += line.len();
        if content == BEGIN_MESSAGE {
            return Err(format!("line {number} begins a second signed text"));
        }
        let content = match content.strip_prefix("- ") {
            Some(unescaped) => unescaped,
            None if content == "-" => "",
            None if content.starts_with('-') => {
                return Err(format!("line {number} begins with an unescaped dash"));
            }
            None => content,
        };
        if content.chars().any(|c| c.is_control() && c != '\t') {
            return Err(format!("line {number} holds a control character"));
        }
        signed_lines.push(content);
    }

    let blocks = blocks(&document[consumed..], "SIGNATURE", Outside::Refused)?;
    let [packets] = blocks.as_slice() else {
        return Err("it has more than one signature block".to_owned());
    };
    let mut text = signed_lines.join("\n");
    text.push('\n');
    Ok(Cleartext {
        text,
        signed: signed_lines.join("\r\n"),
        packets: packets.clone(),
    })
}

/// The packets of a detached signature: binary, or one or more armoured blocks and nothing else.
pub(super) fn signature_packets(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if is_binary(bytes) {
        return Ok(bytes.to_vec());
    }
    let text = str::from_utf8(bytes).map_err(|_| "neither packets nor armour".to_owned())?;
    Ok(blocks(text, "SIGNATURE", Outside::Refused)?.concat())
}

/// The packets of key material: binary, or armoured blocks among any other text.
pub(super) fn certificate_packets(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    if is_binary(bytes) {
        return Ok(vec![bytes.to_vec()]);
    }
    let text = str::from_utf8(bytes).map_err(|_| "neither packets nor armour".to_owned())?;
    if text.contains("-----BEGIN PGP PRIVATE KEY BLOCK-----") {
        return Err("it holds a private key".to_owned());
    }
    blocks(text, "PUBLIC KEY BLOCK", Outside::Skipped)
}

/// Every packet header has its high bit set (RFC 9580 section 4.2); armour is ASCII.
fn is_binary(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|b| b & 0x80 != 0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outside {
    Refused,
    Skipped,
}

/// Decodes every armoured block of the given kind in `text`; at least one must be there.
fn blocks(text: &str, kind: &str, outside: Outside) -> Result<Vec<Vec<u8>>, String> {
    let begin = format!("-----BEGIN PGP {kind}-----");
    let end = format!("-----END PGP {kind}-----");
    let mut decoded = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    for line in text.lines().map(trimmed) {
        match open.take() {
            None if line == begin => open = Some(Vec::new()),
            None if line.is_empty() || outside == Outside::Skipped => {}
            None => return Err(format!("there is text outside `{begin}`")),
            Some(_) if line == begin => return Err(format!("`{begin}` stands inside a block")),
            Some(inner) if line == end => decoded.push(dearmor(&inner)?),
            Some(mut inner) => {
                inner.push(line);
                open = Some(inner);
            }
        }
    }
    match open {
        Some(_) => Err(format!("`{end}` is missing")),
        None if decoded.is_empty() => Err(format!("there is no `{begin}`")),
        None => Ok(decoded),
    }
}

/// Decodes the lines between the armour's begin and end (RFC 9580 section 6.2): headers, an empty
/// line, base64, and perhaps a checksum, which section 6.1 says not to judge by.
fn dearmor(lines: &[&str]) -> Result<Vec<u8>, String> {
    let body: String = lines
        .iter()
        .skip_while(|line| !line.is_empty())
        .take_while(|line| !line.starts_with('='))
        .copied()
        .collect();
    STANDARD
        .decode(body)
        .map_err(|e| format!("the armour is damaged ({e})"))
}

/// A line without its end and without trailing white space, which clear-signing does not cover.
fn trimmed(line: &str) -> &str {
    line.trim_end_matches([' ', '\t', '\r', '\n'])
}
