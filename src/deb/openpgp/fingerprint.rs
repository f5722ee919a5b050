//! OpenPGP fingerprints: the only name by which a key is trusted.

use std::fmt;
use std::str::FromStr;

/// The fingerprint of an OpenPGP key, printed as upper-case hex digits.
///
/// Version 4 keys have 20 bytes (SHA-1), version 6 keys 32 bytes (SHA-256), RFC 9580 section
/// 5.5.4. Key ids, the last 8 bytes of a version 4 fingerprint, do not parse: keys that share an
/// id can be made at will.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Repr);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    V4([u8; 20]),
    V6([u8; 32]),
}

/// Why a text is not a [`Fingerprint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a key fingerprint (40 or 64 hex digits; `gpg --show-keys --with-fingerprint FILE` prints it)"
)]
pub struct FingerprintParseError(String);

impl Fingerprint {
    /// From the raw bytes; `None` unless there are 20 or 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let repr = match bytes.len() {
            20 => Repr::V4(bytes.try_into().ok()?),
            32 => Repr::V6(bytes.try_into().ok()?),
            _ => return None,
        };
        Some(Self(repr))
    }

    /// The raw bytes, 20 or 32 of them.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::V4(bytes) => bytes,
            Repr::V6(bytes) => bytes,
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.as_bytes()))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintParseError;

    /// Takes either case and the groups of four that `gpg` prints.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: String = text.chars().filter(|c| *c != ' ').collect();
        hex::decode(&digits)
            .ok()
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or_else(|| FingerprintParseError(text.to_owned()))
    }
}

crate::text::serde_as_text!(Fingerprint);

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKWORM: &str = "4D64FEC119C2029067D6E791F8D2585B8783D481";

    #[test]
    fn any_way_of_writing_a_fingerprint_prints_the_same() {
        for text in [
            BOOKWORM,
            &BOOKWORM.to_lowercase(),
            "4D64 FEC1 19C2 0290 67D6  E791 F8D2 585B 8783 D481",
        ] {
            let parsed: Fingerprint = text.parse().expect(text);
            assert_eq!(parsed.to_string(), BOOKWORM);
        }
        let v6 = "AB".repeat(32);
        assert_eq!(
            v6.parse::<Fingerprint>().map(|f| f.to_string()),
            Ok(v6.clone())
        );
    }

    #[test]
    fn key_ids_and_other_texts_are_refused() {
        for text in ["", "8783D481", "F8D2585B8783D481", &BOOKWORM[1..], "xyz"] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }

    #[test]
    fn serde_uses_the_printed_form() {
        let parsed: Fingerprint = BOOKWORM.parse().expect("parses");
        let json = serde_json::to_string(&parsed).expect("serializes");
        assert_eq!(json, format!("\"{BOOKWORM}\""));
        assert_eq!(
            serde_json::from_str::<Fingerprint>(&json).expect("deserializes"),
            parsed
        );
    }
}
