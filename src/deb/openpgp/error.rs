//! What can go wrong between the bytes of a signed file and the text a caller may trust.

use std::fmt;

use super::{Defect, Fingerprint};

/// Why key material or a signed file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A key file holds something other than complete OpenPGP certificates.
    #[error(
        "key file {name}: {problem}; export the repository's public key again (`gpg --export --armor FINGERPRINT`)"
    )]
    Material {
        /// The name the caller gave the key file.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A fingerprint was pinned, but no certificate of that key was given.
    #[error(
        "no certificate for the pinned key {fingerprint}{hint}; the key files hold {}",
        list(present)
    )]
    AbsentKey {
        /// The pinned fingerprint.
        fingerprint: Fingerprint,
        /// Where to look instead, when the fingerprint is that of a subkey; else empty.
        hint: String,
        /// The primary fingerprints that the material does hold.
        present: Vec<Fingerprint>,
    },
    /// The file is not exactly one signed text.
    #[error(
        "{file} is not one clear-signed text: {problem}; nothing outside the signature is read, so the file is refused as a whole"
    )]
    Framing {
        /// The signed file.
        file: String,
        /// What breaks the form, with its line where one can be named.
        problem: String,
    },
    /// The signature packets cannot be read.
    #[error(
        "the signature of {file} cannot be read: {problem}; fetch it again or use another mirror"
    )]
    Signature {
        /// The signed file.
        file: String,
        /// What is wrong with the packets.
        problem: String,
    },
    /// There is nothing to verify the file by.
    #[error(
        "{file} is not signed: there is no InRelease, and no Release.gpg beside it; nothing it says can be trusted, use another mirror"
    )]
    Unsigned {
        /// The file.
        file: String,
    },
    /// A pinned key did not sign these bytes, although the signature names it.
    #[error(
        "BAD signature: {file} is not what {key} signed; it was changed or cut after signing, fetch it again or use another mirror"
    )]
    Bad {
        /// The signed file.
        file: String,
        /// Primary fingerprint of the pinned key that the signature names.
        key: Fingerprint,
    },
    /// No signature counts.
    #[error(
        "{file}: no valid signature by a pinned key{}; pinned: {}; {}",
        found(signatures),
        list(pinned),
        advice(signatures)
    )]
    Untrusted {
        /// The signed file.
        file: String,
        /// Every signature found and why it does not count.
        signatures: Vec<Rejected>,
        /// The primary fingerprints of the keyring.
        pinned: Vec<Fingerprint>,
    },
}

/// A signature that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Fingerprint (or key id, when the signature holds no more) of the key that it names.
    pub issuer: String,
    /// Why it does not count.
    pub reason: Reason,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Made by a key that is not pinned.
    NotPinned,
    /// Its digest algorithm (named) is not one of SHA-256, SHA-384 and SHA-512.
    WeakDigest(String),
    /// It is valid, but the key may not sign at the time of judgement.
    Key(Fingerprint, Defect),
    /// The signature itself is unusable: wrong type, no creation time, from the future, expired.
    Unusable(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPinned => f.write_str("key not pinned"),
            Self::WeakDigest(name) => {
                write!(
                    f,
                    "digest {name} refused, SHA-256, SHA-384 or SHA-512 needed"
                )
            }
            Self::Key(primary, defect) => write!(f, "pinned key {primary} {defect}"),
            Self::Unusable(why) => f.write_str(why),
        }
    }
}

fn list(fingerprints: &[Fingerprint]) -> String {
    if fingerprints.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = fingerprints.iter().map(Fingerprint::to_string).collect();
    names.join(", ")
}

fn found(signatures: &[Rejected]) -> String {
    if signatures.is_empty() {
        return " (it holds no signature)".to_owned();
    }
    let each: Vec<String> = signatures
        .iter()
        .map(|s| format!("{} ({})", s.issuer, s.reason))
        .collect();
    format!("; signed by {}", each.join(", "))
}

/// The most helpful thing to do about the first reason that points anywhere.
fn advice(signatures: &[Rejected]) -> &'static str {
    let reasons = || signatures.iter().map(|s| &s.reason);
    if signatures.is_empty() {
        "use a mirror that serves signed files"
    } else if reasons().any(|r| matches!(r, Reason::Key(_, Defect::Expired(_)))) {
        "get the renewed key from the repository, or set `archived = true` if the suite is archived"
    } else if reasons().any(|r| matches!(r, Reason::Key(..))) {
        "get the repository's current key and pin it"
    } else if reasons().any(|r| matches!(r, Reason::WeakDigest(_))) {
        "ask the repository to sign with SHA-256 or better"
    } else if reasons().any(|r| matches!(r, Reason::Unusable(_))) {
        "check this machine's clock, then ask the repository to sign again"
    } else {
        "if you trust a key that signed it, add its certificate and its primary fingerprint to `keys`"
    }
}
