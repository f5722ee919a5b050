//! Keys of ECDSA over P-256 with SHA-256, what cosign makes and every verifier has.
//!
//! Signatures are deterministic (RFC 6979): signing again gives the same bytes, so that what is
//! published already is not published again.

use crypto_secretbox::aead::{Aead, KeyInit};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use p256::SecretKey;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey as Secret, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey, LineEnding};
use pkcs8::der::SecretDocument;
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo, pkcs5};
use rustls::pki_types::pem::{PemObject, SectionKind};
use serde::Deserialize;

use crate::digest::Digest;

/// Labels of keys that cosign encrypts, today's and that of version 1.
const SIGSTORE: [&str; 2] = [
    "ENCRYPTED SIGSTORE PRIVATE KEY",
    "ENCRYPTED COSIGN PRIVATE KEY",
];
/// Most memory that unlocking a key may take, in bytes: scrypt takes 128 N r.
const MEMORY_LIMIT: u64 = 1 << 30;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key in the text.
    #[error("it has no PEM of a {0} key")]
    Absent(&'static str),
    /// A key of another kind.
    #[error("it is no key of ECDSA over P-256: {0}")]
    Kind(String),
    /// Encrypted, and nobody says how to decrypt it.
    #[error("it is encrypted; put its password into $COSIGN_PASSWORD")]
    Locked,
    /// The password is another one, or the key is damaged.
    #[error("its password is not that of $COSIGN_PASSWORD, or it is damaged")]
    Password,
    /// The encryption is none that is known.
    #[error("its encryption cannot be understood: {0}")]
    Encryption(String),
}

/// Why something cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot sign: {0}")]
pub struct SignError(pub String);

/// Somebody who signs.
pub trait Signer {
    /// The signature of a message, in DER (RFC 3279, 2.2.3).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
    /// The key that the signature is verified with.
    fn public(&self) -> &PublicKey;
    /// Whether it signs the same message with the same bytes each time.
    fn repeats(&self) -> bool;
}

/// A private key.
pub struct SigningKey {
    secret: Secret,
    public: PublicKey,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl SigningKey {
    /// Reads a private key in PEM: PKCS #8, with a password or without, SEC 1, or as cosign
    /// encrypts it.
    pub fn read(pem: &str, password: Option<&[u8]>) -> Result<Self, KeyError> {
        let kind = |error: &dyn std::fmt::Display| KeyError::Kind(error.to_string());
        // What stands before the key, such as the parameters that `openssl ecparam` writes, is not it.
        let part = |label: &str| block(pem, label);
        let secret = if SIGSTORE.iter().any(|label| pem.contains(label)) {
            let der = unlock(pem, password.ok_or(KeyError::Locked)?)?;
            SecretKey::from_pkcs8_der(&der).map_err(|error| kind(&error))?
        } else if let Some(pem) = part("ENCRYPTED PRIVATE KEY") {
            let der = decrypt(pem, password.ok_or(KeyError::Locked)?)?;
            SecretKey::from_pkcs8_der(der.as_bytes()).map_err(|error| kind(&error))?
        } else if let Some(pem) = part("PRIVATE KEY") {
            SecretKey::from_pkcs8_pem(pem).map_err(|error| kind(&error))?
        } else if let Some(pem) = part("EC PRIVATE KEY") {
            SecretKey::from_sec1_pem(pem).map_err(|error| kind(&error))?
        } else {
            return Err(KeyError::Absent("private"));
        };
        let secret = Secret::from(secret);
        let public = PublicKey(*secret.verifying_key());
        Ok(Self { secret, public })
    }
}

impl Signer for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature: Signature = self
            .secret
            .try_sign(message)
            .map_err(|error| SignError(error.to_string()))?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn repeats(&self) -> bool {
        true
    }
}

impl PublicKey {
    /// Reads a public key in PEM (RFC 7468, 13).
    pub fn read(pem: &str) -> Result<Self, KeyError> {
        let pem = block(pem, "PUBLIC KEY").ok_or(KeyError::Absent("public"))?;
        VerifyingKey::from_public_key_pem(pem)
            .map(Self)
            .map_err(|error| KeyError::Kind(error.to_string()))
    }

    /// Whether a signature in DER is this key's.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|one| self.0.verify(message, &one).is_ok())
    }

    /// The key in PEM.
    pub fn pem(&self) -> String {
        // An encoding into memory of a key that is one.
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// What it is known by: SHA-256 of its SubjectPublicKeyInfo.
    pub fn id(&self) -> Vec<u8> {
        let der = self.0.to_public_key_der();
        let digest = der.map(|der| Digest::of(der.as_bytes()).hex());
        digest
            .ok()
            .and_then(|digits| hex::decode(digits).ok())
            .unwrap_or_default()
    }
}

/// The block of PEM with this label, whatever stands around it (RFC 7468, 2).
fn block<'a>(pem: &'a str, label: &str) -> Option<&'a str> {
    let start = pem.find(&format!("-----BEGIN {label}-----"))?;
    let end = format!("-----END {label}-----");
    let length = pem[start..].find(&end)? + end.len();
    Some(&pem[start..start + length])
}

/// The key inside of PKCS #8's own encryption (RFC 5958, 3), of whatever kind it is.
fn decrypt(pem: &str, password: &[u8]) -> Result<SecretDocument, KeyError> {
    let unclear = |error: &dyn std::fmt::Display| KeyError::Encryption(error.to_string());
    let (_, sealed) = SecretDocument::from_pem(pem).map_err(|error| unclear(&error))?;
    let sealed =
        EncryptedPrivateKeyInfo::try_from(sealed.as_bytes()).map_err(|error| unclear(&error))?;
    let opened = sealed.decrypt(password).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            reason @ (pkcs5::Error::AlgorithmParametersInvalid { .. }
            | pkcs5::Error::NoPbes1CryptSupport
            | pkcs5::Error::UnsupportedAlgorithm { .. }),
        ) => unclear(&reason),
        _ => KeyError::Password,
    })?;
    // A wrong password sometimes ends in a padding that looks right; what is inside then is no key.
    match PrivateKeyInfo::try_from(opened.as_bytes()) {
        Ok(_) => Ok(opened),
        Err(_) => Err(KeyError::Password),
    }
}

/// A key as cosign encrypts it (go-securesystemslib, encrypted): JSON inside of PEM.
#[derive(Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The text inside of PEM, whatever its label.
struct Inside(Vec<u8>);

impl PemObject for Inside {
    fn from_pem(_: SectionKind, der: Vec<u8>) -> Option<Self> {
        Some(Self(der))
    }
}

fn unlock(pem: &str, password: &[u8]) -> Result<Vec<u8>, KeyError> {
    let fail = |message: &str| KeyError::Encryption(message.to_owned());
    // The labels are none that a reader of PEM knows.
    let known = SIGSTORE.iter().fold(pem.to_owned(), |text, label| {
        text.replace(label, "PRIVATE KEY")
    });
    let Inside(text) =
        Inside::from_pem_slice(known.as_bytes()).map_err(|error| fail(&error.to_string()))?;
    let sealed: Sealed = serde_json::from_slice(&text).map_err(|error| fail(&error.to_string()))?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(fail("it is neither scrypt nor nacl/secretbox"));
    }
    let decode = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(text)
    };
    let bytes = |text: &str| decode(text).map_err(|error| fail(&error.to_string()));
    let Params { n, r, p } = sealed.kdf.params;
    let memory = n.saturating_mul(u64::from(r)).saturating_mul(128);
    if !n.is_power_of_two() || memory > MEMORY_LIMIT || p > 64 {
        return Err(fail("its scrypt parameters are out of bounds"));
    }
    let parameters = scrypt::Params::new(n.trailing_zeros() as u8, r, p, 32)
        .map_err(|error| fail(&error.to_string()))?;
    let mut key = [0; 32];
    scrypt::scrypt(password, &bytes(&sealed.kdf.salt)?, &parameters, &mut key)
        .map_err(|error| fail(&error.to_string()))?;
    let nonce = bytes(&sealed.cipher.nonce)?;
    if nonce.len() != Nonce::default().len() {
        return Err(fail("its nonce has another length"));
    }
    XSalsa20Poly1305::new(&key.into())
        .decrypt(
            Nonce::from_slice(&nonce),
            bytes(&sealed.ciphertext)?.as_slice(),
        )
        .map_err(|_| KeyError::Password)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key of `openssl genpkey`, for tests alone.
    pub const PEM: &str = include_str!("testdata/key.pem");

    #[test]
    fn a_signature_is_the_same_each_time_and_holds_for_its_message_alone() {
        let key = SigningKey::read(PEM, None).expect("a key");
        let signature = key.sign(b"a").expect("signed");
        assert_eq!(key.sign(b"a").expect("signed"), signature);
        let public = PublicKey::read(&key.public().pem()).expect("its public key");
        assert!(public.verify(b"a", &signature));
        assert!(!public.verify(b"b", &signature));
        assert!(!public.verify(b"a", &signature[1..]));
        assert_eq!(public.id().len(), 32);
    }

    #[test]
    fn a_key_of_cosign_is_unlocked_by_its_password_alone() {
        let pem = include_str!("testdata/cosign.key");
        let public = include_str!("testdata/cosign.pub");
        assert_eq!(SigningKey::read(pem, None).err(), Some(KeyError::Locked));
        let wrong = SigningKey::read(pem, Some(b"wrong")).err();
        assert_eq!(wrong, Some(KeyError::Password));
        let key = SigningKey::read(pem, Some(b"sesame")).expect("a key");
        assert_eq!(
            key.public(),
            &PublicKey::read(public).expect("its public key")
        );
    }

    #[test]
    fn an_encrypted_key_of_another_kind_is_not_taken_for_a_wrong_password() {
        let encrypted = include_str!("testdata/p384-encrypted.pem");
        let right = SigningKey::read(encrypted, Some(b"sesame")).err();
        assert!(matches!(right, Some(KeyError::Kind(_))), "{right:?}");
        let wrong = SigningKey::read(encrypted, Some(b"wrong")).err();
        assert_eq!(wrong, Some(KeyError::Password));
        let own = include_str!("testdata/p256-encrypted.pem");
        assert!(SigningKey::read(own, Some(b"sesame")).is_ok());
        assert_eq!(SigningKey::read(own, None).err(), Some(KeyError::Locked));
    }

    #[test]
    fn parameters_before_the_key_are_passed_over() {
        let with = include_str!("testdata/ecparam.pem");
        assert!(with.starts_with("-----BEGIN EC PARAMETERS-----"));
        assert!(SigningKey::read(with, None).is_ok());
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        let none = SigningKey::read("nothing", None).err();
        assert_eq!(none, Some(KeyError::Absent("private")));
        assert!(PublicKey::read(PEM).is_err());
        let damaged = PEM.replace("MIG", "MIH");
        assert!(matches!(
            SigningKey::read(&damaged, None),
            Err(KeyError::Kind(_))
        ));
    }
}
