//! One OpenPGP certificate: which of its keys may sign, and when.
//!
//! The `pgp` crate verifies single signatures and has no opinion on expiry, revocation or weak
//! digests, so those rules are here (RFC 9580 sections 5.2 and 10.1). They are GnuPG's where the
//! two leave a choice, because archives are signed and tested with GnuPG:
//!
//! - the owner's newest word counts, whatever the time of judgement;
//! - a direct-key signature speaks about expiry or use only if it carries them. Debian's automatic
//!   keys have direct-key signatures newer than their user id that only name revokers: taking
//!   those as the newest word would make the keys immortal;
//! - a revocation without a harmless reason counts for all time, even when it is older than the
//!   newest self-signature, as those prepared in advance always are.
//!
//! Signatures by third parties, designated revokers included, have no effect.

use std::fmt;

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PublicKey, PublicSubkey, RevocationCode, Signature, SignatureType, SubpacketData,
};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails, PublicParams, Tag};

use super::Fingerprint;
use crate::epoch::Epoch;

/// Shortest RSA modulus accepted, in bits (NIST SP 800-131A; what APT's verifiers ask for).
const MIN_RSA_BITS: u16 = 2048;

/// Why a key may not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Its algorithm or size is too weak, or not one for signing.
    WeakKey,
    /// It was revoked before the time of judgement, or for a reason that counts for all time.
    Revoked,
    /// It expired at this time.
    Expired(Epoch),
    /// No valid self-signature with SHA-256 or better binds it to its certificate.
    Unbound,
    /// Its owner did not allow it to sign.
    NotForSigning,
    /// It did not exist yet when the signature was made.
    Younger,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeakKey => f.write_str("has an algorithm or size that is too weak"),
            Self::Revoked => f.write_str("was revoked by its owner"),
            Self::Expired(at) => write!(f, "expired at {at}"),
            Self::Unbound => f.write_str(
                "has no valid self-signature with SHA-256 or better for the signing key",
            ),
            Self::NotForSigning => f.write_str("may not sign data"),
            Self::Younger => f.write_str("is younger than the signature"),
        }
    }
}

/// A certificate reduced to what its owner said: every signature kept here was verified.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub fingerprint: Fingerprint,
    primary: PublicKey,
    /// Self-signatures that state expiry and use, from user ids and the key itself.
    statements: Vec<Signature>,
    revocations: Vec<Signature>,
    subkeys: Vec<Subkey>,
}

#[derive(Debug, Clone)]
struct Subkey {
    fingerprint: Fingerprint,
    key: PublicSubkey,
    bindings: Vec<Signature>,
    revocations: Vec<Signature>,
}

/// The primary key or a subkey of a certificate, by which a data signature may have been made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component<'a> {
    certificate: &'a Certificate,
    subkey: Option<&'a Subkey>,
}

impl Certificate {
    /// Verifies the self-signatures of `parsed` and forgets everything else; `None` for key
    /// versions without a fingerprint that can be pinned.
    pub fn new(parsed: SignedPublicKey) -> Option<Self> {
        let primary = parsed.primary_key;
        let fingerprint = Fingerprint::from_bytes(primary.fingerprint().as_bytes())?;
        let details = parsed.details;

        let revocations = details
            .revocation_signatures
            .into_iter()
            .filter(|s| s.typ() == Some(SignatureType::KeyRevocation))
            .filter(|s| s.verify_key(&primary).is_ok())
            .collect();
        let mut statements: Vec<Signature> = details
            .direct_signatures
            .into_iter()
            .filter(|s| s.typ() == Some(SignatureType::Key) && is_sound(s))
            .filter(|s| flags(s).is_some() || s.key_expiration_time().is_some())
            .filter(|s| s.verify_key(&primary).is_ok())
            .collect();
        for user in details.users {
            let (revoked, certified): (Vec<Signature>, Vec<Signature>) = user
                .signatures
                .into_iter()
                .filter(|s| {
                    s.verify_certification(&primary, Tag::UserId, &user.id)
                        .is_ok()
                })
                .partition(|s| s.typ() == Some(SignatureType::CertRevocation));
            let revoked_at = revoked.iter().filter_map(created).max();
            statements.extend(
                certified
                    .into_iter()
                    .filter(|s| is_sound(s) && created(s) > revoked_at),
            );
        }
        let subkeys = parsed
            .public_subkeys
            .into_iter()
            .filter_map(|subkey| Subkey::new(subkey, &primary))
            .collect();
        Some(Self {
            fingerprint,
            primary,
            statements,
            revocations,
            subkeys,
        })
    }

    /// Adds what another copy of the same certificate knows, its revocations above all.
    pub fn merge(&mut self, other: Self) {
        self.statements.extend(other.statements);
        self.revocations.extend(other.revocations);
        for theirs in other.subkeys {
            match self
                .subkeys
                .iter_mut()
                .find(|ours| ours.fingerprint == theirs.fingerprint)
            {
                Some(ours) => {
                    ours.bindings.extend(theirs.bindings);
                    ours.revocations.extend(theirs.revocations);
                }
                None => self.subkeys.push(theirs),
            }
        }
    }

    /// Fingerprints of the subkeys.
    pub fn subkeys(&self) -> impl Iterator<Item = Fingerprint> {
        self.subkeys.iter().map(|subkey| subkey.fingerprint)
    }

    /// The keys of this certificate that `signature` names as its issuer. The name is a hint that
    /// anyone may write: only [`Component::made`] tells who signed.
    pub fn named_by<'a>(&'a self, signature: &'a Signature) -> impl Iterator<Item = Component<'a>> {
        std::iter::once(None)
            .chain(self.subkeys.iter().map(Some))
            .map(|subkey| Component {
                certificate: self,
                subkey,
            })
            .filter(|component| component.is_named_by(signature))
    }
}

impl Subkey {
    fn new(parsed: SignedPublicSubKey, primary: &PublicKey) -> Option<Self> {
        let key = parsed.key;
        let fingerprint = Fingerprint::from_bytes(key.fingerprint().as_bytes())?;
        let (bindings, revocations) = parsed
            .signatures
            .into_iter()
            .filter(|s| s.verify_subkey_binding(primary, &key).is_ok())
            .partition(|s| s.typ() == Some(SignatureType::SubkeyBinding));
        Some(Self {
            fingerprint,
            key,
            bindings,
            revocations,
        })
    }

    /// A signing subkey must itself say that it belongs to the primary key (RFC 9580 section
    /// 10.1.5); else anyone could adopt a foreign key and its signatures.
    fn confirms(&self, binding: &Signature, primary: &PublicKey) -> bool {
        binding.embedded_signature().is_some_and(|back| {
            is_sound(back) && back.verify_primary_key_binding(&self.key, primary).is_ok()
        })
    }
}

impl Component<'_> {
    /// The fingerprint of the primary key, by which the certificate is pinned.
    pub fn primary(&self) -> Fingerprint {
        self.certificate.fingerprint
    }

    /// Whether this key made `signature` over `data`.
    pub fn made(&self, signature: &Signature, data: &[u8]) -> bool {
        match self.subkey {
            Some(subkey) => signature.verify(&subkey.key, data).is_ok(),
            None => signature.verify(&self.certificate.primary, data).is_ok(),
        }
    }

    /// Whether this key may sign: a signature made at `signed`, judged at `at` (both in seconds
    /// since the Unix epoch).
    pub fn judge(&self, signed: i64, at: i64) -> Result<(), Defect> {
        let certificate = self.certificate;
        let statement = judge_key(
            &certificate.primary,
            certificate.statements.iter(),
            &certificate.revocations,
            signed,
            at,
        )?;
        let Some(subkey) = self.subkey else {
            // Without flags, the algorithm decides (RFC 9580 section 5.2.3.29 leaves it open).
            return match flags(statement) {
                Some(flags) if !flags.sign() => Err(Defect::NotForSigning),
                _ => Ok(()),
            };
        };
        let binding = judge_key(
            &subkey.key,
            subkey.bindings.iter().filter(|s| is_sound(s)),
            &subkey.revocations,
            signed,
            at,
        )?;
        if !flags(binding).is_some_and(KeyFlags::sign) {
            return Err(Defect::NotForSigning);
        }
        if !subkey.confirms(binding, &certificate.primary) {
            return Err(Defect::Unbound);
        }
        Ok(())
    }

    fn is_named_by(&self, signature: &Signature) -> bool {
        let (fingerprint, id) = match self.subkey {
            Some(subkey) => (subkey.key.fingerprint(), subkey.key.legacy_key_id()),
            None => (
                self.certificate.primary.fingerprint(),
                self.certificate.primary.legacy_key_id(),
            ),
        };
        let fingerprints = signature.issuer_fingerprint();
        if fingerprints.is_empty() {
            signature.issuer_key_id().contains(&&id)
        } else {
            fingerprints.contains(&&fingerprint)
        }
    }
}

/// Judges one key by the newest of its self-signatures, which is returned.
fn judge_key<'a>(
    key: &impl KeyDetails,
    statements: impl Iterator<Item = &'a Signature>,
    revocations: &[Signature],
    signed: i64,
    at: i64,
) -> Result<&'a Signature, Defect> {
    if !is_strong(key.public_params()) {
        return Err(Defect::WeakKey);
    }
    if revocations.iter().any(|r| counts_at(r, at)) {
        return Err(Defect::Revoked);
    }
    let born = i64::from(key.created_at().as_secs());
    let newest = statements
        .filter(|s| !has_expired(s, at))
        .max_by_key(|s| created(s))
        .ok_or(Defect::Unbound)?;
    let lifetime = newest
        .key_expiration_time()
        .map_or(0, |d| i64::from(d.as_secs()));
    if lifetime != 0 && born + lifetime <= at {
        // Two 32-bit numbers of seconds end before the year 2250.
        return Err(Defect::Expired(
            Epoch::from_seconds(born + lifetime).unwrap_or_default(),
        ));
    }
    if signed < born {
        return Err(Defect::Younger);
    }
    Ok(newest)
}

/// Whether a revocation counts at `at`: from its creation if the key was merely retired or
/// replaced, else for all time, since whoever stole a key can also backdate (RFC 9580 section
/// 5.2.3.31).
fn counts_at(revocation: &Signature, at: i64) -> bool {
    let harmless = matches!(
        revocation.revocation_reason_code(),
        Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired)
    );
    !harmless || created(revocation).is_none_or(|from| from <= at)
}

/// When a signature was made, in seconds since the Unix epoch, by its signed part.
pub(super) fn created(signature: &Signature) -> Option<i64> {
    signature.created().map(|t| i64::from(t.as_secs()))
}

/// Whether the lifetime that a signature gives itself is over.
pub(super) fn has_expired(signature: &Signature, at: i64) -> bool {
    let lifetime = signature
        .signature_expiration_time()
        .map_or(0, |d| i64::from(d.as_secs()));
    lifetime != 0 && created(signature).is_some_and(|from| from + lifetime <= at)
}

/// Whether the digest algorithm resists collisions.
pub(super) fn is_strong_digest(algorithm: Option<HashAlgorithm>) -> bool {
    matches!(
        algorithm,
        Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
    )
}

/// Whether a signature demands that its reader understand something that this one does not.
pub(super) fn demands_more(signature: &Signature) -> bool {
    signature.config().is_none_or(|config| {
        config.hashed_subpackets().any(|sub| {
            sub.is_critical
                && matches!(
                    sub.data,
                    SubpacketData::Notation(_)
                        | SubpacketData::Experimental(..)
                        | SubpacketData::Other(..)
                )
        })
    })
}

fn is_sound(signature: &Signature) -> bool {
    is_strong_digest(signature.hash_alg())
        && !demands_more(signature)
        && created(signature).is_some()
}

fn flags(signature: &Signature) -> Option<&KeyFlags> {
    signature
        .config()?
        .hashed_subpackets()
        .find_map(|sub| match &sub.data {
            SubpacketData::KeyFlags(flags) => Some(flags),
            _ => None,
        })
}

fn is_strong(params: &PublicParams) -> bool {
    match params {
        // The modulus is the first number, after its length in bits (RFC 9580 section 5.5.5.1).
        PublicParams::RSA(rsa) => rsa.to_bytes().is_ok_and(|bytes| {
            matches!(bytes[..], [high, low, ..] if u16::from_be_bytes([high, low]) >= MIN_RSA_BITS)
        }),
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => true,
        _ => false,
    }
}
