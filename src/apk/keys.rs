//! Keys that repositories and packages are signed by: RSA, by the name of their file (apk-keys(5)).

use std::fmt;

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;

use crate::digest::Digest;
use crate::recipe::der::{element, expect, tag};

/// What the names of signatures of each algorithm begin with, the better one first: RSA with
/// PKCS #1 1.5 padding over SHA-256 or SHA-1. Alpine signs with the latter to this day.
const ALGORITHMS: [(&str, &RsaParameters); 2] = [
    (".SIGN.RSA256.", &RSA_PKCS1_2048_8192_SHA256),
    (".SIGN.RSA.", &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
];

/// The object identifier of RSA keys, 1.2.840.113549.1.1.1 (RFC 8017, appendix C).
const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The name signatures call it by: `alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub`.
    pub name: String,
    /// SHA-256 of its file, by which recipes pin it.
    pub digest: Digest,
    /// The key as PKCS #1 has it.
    der: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.digest)
    }
}

/// A signature: the name of its entry, `.SIGN.RSA.KEY`, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why something is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A key file that is none.
    #[error("key {name}: not an RSA public key in PEM (-----BEGIN PUBLIC KEY-----)")]
    Key {
        /// Its name.
        name: String,
    },
    /// There is no signature.
    #[error("{subject} is not signed")]
    Unsigned {
        /// What should be.
        subject: String,
    },
    /// No signature is by a key that is trusted.
    #[error("{subject} is signed by {}, and trusted are only {}", list(.signers), list(.trusted))]
    Unknown {
        /// What is signed.
        subject: String,
        /// Names of the keys that signed it.
        signers: Vec<String>,
        /// Names of the keys that are trusted.
        trusted: Vec<String>,
    },
    /// A signature by the name of a trusted key that does not hold.
    #[error(
        "the signature of {subject} by {key} does not hold: it was changed on its way, or signed by another key of that name"
    )]
    Bad {
        /// What is signed.
        subject: String,
        /// The name of the key.
        key: String,
    },
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

impl Key {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`TrustError::Key`].
    pub fn parse(name: &str, file: &[u8]) -> Result<Self, TrustError> {
        let wrong = || TrustError::Key {
            name: name.to_owned(),
        };
        let info = SubjectPublicKeyInfoDer::from_pem_slice(file).map_err(|_| wrong())?;
        Ok(Self {
            name: name.to_owned(),
            digest: Digest::of(file),
            der: rsa(&info).ok_or_else(wrong)?.to_vec(),
        })
    }
}

/// The key inside a `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7).
fn rsa(info: &[u8]) -> Option<&[u8]> {
    let (info, _) = expect(info, tag::SEQUENCE)?;
    let (algorithm, rest) = expect(info, tag::SEQUENCE)?;
    let (oid, _) = expect(algorithm, tag::OBJECT_IDENTIFIER)?;
    if oid != RSA {
        return None;
    }
    let (bits, _) = expect(rest, tag::BIT_STRING)?;
    // The first byte counts the bits of the last one that are not used.
    let key = bits.strip_prefix(&[0])?;
    element(key).map(|_| key)
}

/// Proves that `signed` is signed by one of `trusted`: the names of those by which it is.
///
/// Signatures of other keys, and of algorithms that are not known, are passed over, as in apk.
///
/// # Errors
/// [`TrustError`] where none counts, or one by a trusted name does not hold.
pub fn verify(
    subject: &str,
    signed: &[u8],
    signatures: &[Signature],
    trusted: &[Key],
) -> Result<Vec<String>, TrustError> {
    if signatures.is_empty() {
        return Err(TrustError::Unsigned {
            subject: subject.to_owned(),
        });
    }
    let mut signers = Vec::new();
    let mut valid = Vec::new();
    for (name, parameters, bytes) in signatures.iter().filter_map(known) {
        signers.push(name.to_owned());
        let Some(key) = trusted.iter().find(|key| key.name == name) else {
            continue;
        };
        UnparsedPublicKey::new(parameters, &key.der)
            .verify(signed, bytes)
            .map_err(|_| TrustError::Bad {
                subject: subject.to_owned(),
                key: name.to_owned(),
            })?;
        valid.push(name.to_owned());
    }
    if valid.is_empty() {
        return Err(TrustError::Unknown {
            subject: subject.to_owned(),
            signers,
            trusted: trusted.iter().map(|key| key.name.clone()).collect(),
        });
    }
    valid.sort();
    valid.dedup();
    Ok(valid)
}

/// The name of a signature's key, its algorithm and its bytes; none of an unknown algorithm.
fn known(signature: &Signature) -> Option<(&str, &'static RsaParameters, &[u8])> {
    ALGORITHMS.iter().find_map(|(prefix, parameters)| {
        let name = signature.name.strip_prefix(prefix)?;
        Some((name, *parameters, signature.bytes.as_slice()))
    })
}
