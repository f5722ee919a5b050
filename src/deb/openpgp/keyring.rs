//! The certificates that verification may use.

use std::collections::BTreeMap;

use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::packet::Signature;

use super::certificate::{Certificate, Component};
use super::{Fingerprint, TrustError, armor};

/// Largest key file read, in bytes. Debian's keyring of all removed keys has 73 kB.
const MAX_KEY_FILE: usize = 8 << 20;

/// A set of OpenPGP certificates, each named by the fingerprint of its primary key.
///
/// What a caller trusts is what is in the keyring it passes: [`Keyring::pin`] cuts the material of
/// a key file down to the keys that were named.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    certificates: BTreeMap<Fingerprint, Certificate>,
}

impl Keyring {
    /// Reads key files, each a name for messages and the bytes: binary or armoured, with any
    /// number of certificates. Copies of the same certificate are merged.
    ///
    /// # Errors
    /// [`TrustError::Material`] if a file holds no certificate, a damaged one or a private key.
    pub fn from_certificates(files: &[(&str, &[u8])]) -> Result<Self, TrustError> {
        let mut keyring = Self::default();
        for (name, bytes) in files {
            keyring.add(bytes).map_err(|problem| TrustError::Material {
                name: (*name).to_owned(),
                problem,
            })?;
        }
        Ok(keyring)
    }

    /// Keeps only the certificates with the given primary fingerprints.
    ///
    /// # Errors
    /// [`TrustError::AbsentKey`] for the first fingerprint that no certificate has; it says so if
    /// a subkey has it.
    pub fn pin(&self, fingerprints: &[Fingerprint]) -> Result<Self, TrustError> {
        let certificates = fingerprints
            .iter()
            .map(|fingerprint| match self.certificates.get(fingerprint) {
                Some(certificate) => Ok((*fingerprint, certificate.clone())),
                None => Err(self.absent(*fingerprint)),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { certificates })
    }

    /// The primary fingerprints, in ascending order.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.certificates.keys().copied()
    }

    /// The keys that `signature` names as its issuer.
    pub(super) fn named_by<'a>(
        &'a self,
        signature: &'a Signature,
    ) -> impl Iterator<Item = Component<'a>> {
        self.certificates
            .values()
            .flat_map(|certificate| certificate.named_by(signature))
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() > MAX_KEY_FILE {
            return Err(format!("it is larger than {MAX_KEY_FILE} bytes"));
        }
        let mut count = 0;
        for packets in armor::certificate_packets(bytes)? {
            let parsed = SignedPublicKey::from_bytes_many(packets.as_slice())
                .map_err(|e| format!("it cannot be read ({e})"))?;
            for certificate in parsed {
                let certificate =
                    certificate.map_err(|e| format!("a certificate cannot be read ({e})"))?;
                let certificate =
                    Certificate::new(certificate).ok_or("a key is older than OpenPGP version 4")?;
                count += 1;
                match self.certificates.get_mut(&certificate.fingerprint) {
                    Some(known) => known.merge(certificate),
                    None => {
                        self.certificates
                            .insert(certificate.fingerprint, certificate);
                    }
                }
            }
        }
        if count == 0 {
            return Err("it holds no certificate".to_owned());
        }
        Ok(())
    }

    fn absent(&self, fingerprint: Fingerprint) -> TrustError {
        let owner = self
            .certificates
            .values()
            .find(|certificate| certificate.subkeys().any(|s| s == fingerprint));
        TrustError::AbsentKey {
            fingerprint,
            hint: owner.map_or_else(String::new, |certificate| {
                format!(
                    " (it is a subkey; pin its primary key {})",
                    certificate.fingerprint
                )
            }),
            present: self.fingerprints().collect(),
        }
    }
}
