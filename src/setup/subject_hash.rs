//! The file names under which OpenSSL looks certificates up: `openssl x509 -subject_hash`.

use sha1::{Digest as _, Sha1};

use crate::recipe::certificate::fields_from_validity;
use crate::recipe::der::{element, expect, tag};

/// The string types OpenSSL's canonical form converts to UTF-8 (`asn1_d2i` mask `ASN1_MASK_CANON`):
/// UTF8String, BMPString, UniversalString, PrintableString, T61String, IA5String, VisibleString.
const CANONICAL: &[u8] = &[tag::UTF8_STRING, 0x1e, 0x1c, 0x13, 0x14, 0x16, 0x1a];

/// The hash of a PEM certificate's subject, as eight hex digits; `None` if it is no certificate.
pub fn subject_hash(pem: &str) -> Option<String> {
    let der = der_of(pem)?;
    let subject = subject(&der)?;
    let canonical = canonical_name(subject)?;
    let digest = Sha1::digest(&canonical);
    let hash = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
    Some(format!("{hash:08x}"))
}

fn der_of(pem: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let text: String = body.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// The content of the subject Name of a certificate (RFC 5280, 4.1).
fn subject(der: &[u8]) -> Option<&[u8]> {
    let (_, _, fields) = element(fields_from_validity(der)?)?;
    expect(fields, tag::SEQUENCE).map(|(subject, _)| subject)
}

/// OpenSSL's canonical encoding: every set re-encoded with its strings as lower-case UTF-8, blanks
/// trimmed and collapsed; the outer sequence header left out (X509_NAME_hash_ex).
fn canonical_name(mut sets: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while !sets.is_empty() {
        let (mut attributes, rest) = expect(sets, tag::SET)?;
        sets = rest;
        let mut encoded = Vec::new();
        while !attributes.is_empty() {
            let (attribute, rest) = expect(attributes, tag::SEQUENCE)?;
            attributes = rest;
            let (_, _, value) = element(attribute)?;
            let identifier = &attribute[..attribute.len() - value.len()];
            let (kind, content, _) = element(value)?;
            let mut inner = identifier.to_vec();
            if CANONICAL.contains(&kind) {
                push(
                    &mut inner,
                    tag::UTF8_STRING,
                    &canonical_string(kind, content),
                );
            } else {
                inner.extend_from_slice(value);
            }
            let mut item = Vec::new();
            push(&mut item, tag::SEQUENCE, &inner);
            encoded.push(item);
        }
        // DER orders the members of a SET OF by their encodings (X.690, 11.6).
        encoded.sort();
        push(&mut out, tag::SET, &encoded.concat());
    }
    Some(out)
}

fn canonical_string(kind: u8, content: &[u8]) -> Vec<u8> {
    let utf8: Vec<u8> = match kind {
        0x1e => String::from_utf16_lossy(
            &content
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect::<Vec<_>>(),
        )
        .into_bytes(),
        0x1c => content
            .chunks_exact(4)
            .filter_map(|c| char::from_u32(u32::from_be_bytes([c[0], c[1], c[2], c[3]])))
            .collect::<String>()
            .into_bytes(),
        // T61String is read as ISO 8859-1.
        0x14 => content
            .iter()
            .map(|&byte| char::from(byte))
            .collect::<String>()
            .into_bytes(),
        _ => content.to_vec(),
    };
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    utf8.split(blank)
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join(&b' ')
}

fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let digits: Vec<u8> = length
            .to_be_bytes()
            .into_iter()
            .skip_while(|&digit| digit == 0)
            .collect();
        out.push(0x80 | digits.len() as u8);
        out.extend(digits);
    }
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_case_do_not_matter() {
        assert_eq!(canonical_string(0x13, b"  GTS   Root\tR1 "), b"gts root r1");
        assert_eq!(
            canonical_string(0x1e, &[0, b'A', 0x01, 0x50]),
            "aŐ".as_bytes()
        );
    }

    #[test]
    fn damaged_certificates_have_no_hash() {
        for text in [
            "",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        ] {
            assert_eq!(subject_hash(text), None);
        }
    }
}
