//! Verification of signed files against a keyring.

use std::collections::BTreeSet;

use pgp::packet::{Packet, PacketParser, Signature, SignatureType};

use super::armor;
use super::certificate::{created, demands_more, has_expired, is_strong_digest};
use super::{Fingerprint, Keyring, Reason, Rejected, TrustError};
use crate::deb::MAX_CLOCK_SKEW;
use crate::epoch::Epoch;

/// Largest signed file read, in bytes. Debian's largest has 0.2 MB.
const MAX_SIGNED_FILE: usize = 32 << 20;

/// Most signatures read from one file; each may cost a public-key operation. Debian has three.
const MAX_SIGNATURES: usize = 64;

/// The time at which keys are judged: whether they are expired or revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningTime {
    /// At the given time, normally the present.
    Now(Epoch),
    /// When each signature was made, by its own word. For archived suites, whose keys are expired:
    /// whoever holds an old key can backdate, so this trusts an old key for as long as it is
    /// pinned. A key revoked as compromised is refused even so.
    OfSignature,
}

/// Text that at least one key of the keyring signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The signed text and nothing else, lines ended by `\n`.
    pub text: String,
    /// Primary fingerprints of all valid signatures, ascending.
    pub signers: Vec<Fingerprint>,
    /// When the newest valid signature was made.
    pub signed_at: Epoch,
}

/// Verifies a clear-signed file such as `InRelease`; `file` names it in messages.
///
/// As in `apt` and `gpgv`, signatures by unknown keys are ignored and one valid signature
/// suffices, but a signature that names a key of the keyring and does not verify spoils all. A
/// valid signature that may not count (expired or revoked key, weak digest) is as good as absent.
///
/// # Errors
/// [`TrustError::Framing`] if the file is anything but one signed text, [`TrustError::Signature`]
/// if the signatures cannot be read, [`TrustError::Bad`] for a false signature,
/// [`TrustError::Untrusted`] if none counts.
pub fn verify_inline(
    file: &str,
    inrelease: &[u8],
    keyring: &Keyring,
    at: SigningTime,
) -> Result<Verified, TrustError> {
    let framing = |problem| TrustError::Framing {
        file: file.to_owned(),
        problem,
    };
    limit(inrelease).map_err(framing)?;
    let parts = armor::split_cleartext(inrelease).map_err(framing)?;
    let signatures = read_signatures(file, &parts.packets)?;
    let (signers, signed_at) = judge(file, parts.signed.as_bytes(), &signatures, keyring, at)?;
    Ok(Verified {
        text: parts.text,
        signers,
        signed_at,
    })
}

/// Verifies `Release` against the detached signature `Release.gpg`, armoured or binary, by the
/// rules of [`verify_inline`]; `file` names the signed file in messages.
///
/// # Errors
/// As [`verify_inline`]; [`TrustError::Framing`] also if the signed bytes are not plain text.
pub fn verify_detached(
    file: &str,
    release: &[u8],
    signature: &[u8],
    keyring: &Keyring,
    at: SigningTime,
) -> Result<Verified, TrustError> {
    let framing = |problem| TrustError::Framing {
        file: file.to_owned(),
        problem,
    };
    limit(release).map_err(framing)?;
    let text = str::from_utf8(release)
        .map_err(|e| framing(format!("byte {} is not UTF-8", e.valid_up_to())))?
        .replace("\r\n", "\n");
    // A text signature covers line ends in one form only: no other may be left to interpretation.
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err(framing("it holds a control character".to_owned()));
    }
    let packets = limit(signature)
        .and_then(|()| armor::signature_packets(signature))
        .map_err(|problem| TrustError::Signature {
            file: file.to_owned(),
            problem,
        })?;
    let signatures = read_signatures(file, &packets)?;
    let (signers, signed_at) = judge(file, release, &signatures, keyring, at)?;
    Ok(Verified {
        text,
        signers,
        signed_at,
    })
}

fn limit(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > MAX_SIGNED_FILE {
        return Err(format!("it is larger than {MAX_SIGNED_FILE} bytes"));
    }
    Ok(())
}

fn read_signatures(file: &str, packets: &[u8]) -> Result<Vec<Signature>, TrustError> {
    let fail = |problem| TrustError::Signature {
        file: file.to_owned(),
        problem,
    };
    let mut signatures = Vec::new();
    for packet in PacketParser::new(packets) {
        match packet {
            Ok(Packet::Signature(signature)) => signatures.push(signature),
            Ok(_) => return Err(fail("it holds a packet that is no signature".to_owned())),
            Err(e) => return Err(fail(format!("a packet is damaged ({e})"))),
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(fail(format!(
                "it holds more than {MAX_SIGNATURES} signatures"
            )));
        }
    }
    Ok(signatures)
}

/// The signers and the time of the newest valid signature.
fn judge(
    file: &str,
    data: &[u8],
    signatures: &[Signature],
    keyring: &Keyring,
    at: SigningTime,
) -> Result<(Vec<Fingerprint>, Epoch), TrustError> {
    let mut signers = BTreeSet::new();
    let mut newest = None;
    let mut rejected = Vec::new();
    for signature in signatures {
        match judge_one(data, signature, keyring, at) {
            Outcome::Good(signer, signed) => {
                signers.insert(signer);
                newest = newest.max(Some(signed));
            }
            Outcome::Bad(key) => {
                return Err(TrustError::Bad {
                    file: file.to_owned(),
                    key,
                });
            }
            Outcome::Worthless(reason) => rejected.push(Rejected {
                issuer: issuer(signature),
                reason,
            }),
        }
    }
    match newest {
        Some(signed_at) => Ok((signers.into_iter().collect(), signed_at)),
        None => Err(TrustError::Untrusted {
            file: file.to_owned(),
            signatures: rejected,
            pinned: keyring.fingerprints().collect(),
        }),
    }
}

enum Outcome {
    Good(Fingerprint, Epoch),
    Bad(Fingerprint),
    Worthless(Reason),
}

fn judge_one(data: &[u8], signature: &Signature, keyring: &Keyring, at: SigningTime) -> Outcome {
    let mut named = keyring.named_by(signature).peekable();
    let Some(first) = named.peek().map(|component| component.primary()) else {
        return Outcome::Worthless(Reason::NotPinned);
    };
    if !matches!(
        signature.typ(),
        Some(SignatureType::Binary | SignatureType::Text)
    ) {
        return Outcome::Worthless(Reason::Unusable("not a signature over a document"));
    }
    if !is_strong_digest(signature.hash_alg()) {
        let name = signature
            .hash_alg()
            .map_or_else(|| "unknown".to_owned(), |digest| digest.to_string());
        return Outcome::Worthless(Reason::WeakDigest(name));
    }
    if demands_more(signature) {
        return Outcome::Worthless(Reason::Unusable("it has an unknown critical part"));
    }
    let Some(signed) = created(signature).and_then(Epoch::from_seconds) else {
        return Outcome::Worthless(Reason::Unusable("it has no time of creation"));
    };
    let Some(component) = named.find(|component| component.made(signature, data)) else {
        return Outcome::Bad(first);
    };

    let judged = match at {
        SigningTime::Now(now) => now.seconds(),
        SigningTime::OfSignature => signed.seconds(),
    };
    if signed.seconds() > judged.saturating_add(MAX_CLOCK_SKEW) {
        return Outcome::Worthless(Reason::Unusable("it was made in the future"));
    }
    if has_expired(signature, judged) {
        return Outcome::Worthless(Reason::Unusable("the signature has expired"));
    }
    match component.judge(signed.seconds(), judged) {
        Ok(()) => Outcome::Good(component.primary(), signed),
        Err(defect) => Outcome::Worthless(Reason::Key(component.primary(), defect)),
    }
}

/// The key that a signature names, as exactly as it does.
fn issuer(signature: &Signature) -> String {
    let fingerprint = signature
        .issuer_fingerprint()
        .first()
        .map(|f| hex::encode_upper(f.as_bytes()));
    let id = || {
        signature
            .issuer_key_id()
            .first()
            .map(|id| format!("key id {}", hex::encode_upper(id)))
    };
    fingerprint
        .or_else(id)
        .unwrap_or_else(|| "a key that it does not name".to_owned())
}
