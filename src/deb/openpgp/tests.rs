//! Keys and signatures made for the test, so that every rule has a case that breaks only it.

use pgp::composed::{ArmorOptions, SignedKeyDetails, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, Notation, PacketTrait as _, PubKeyInner, PublicKey, PublicSubkey, RevocationCode,
    SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    UserId,
};
use pgp::ser::Serialize as _;
use pgp::types::{
    Duration, KeyDetails as _, KeyVersion, Password, SignedUser, SigningKey, Tag, Timestamp,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::epoch::Epoch;

mod attacks;
mod rules;

/// 2026-01-01: when the keys of these tests are made.
const BORN: u32 = 1_767_225_600;
const DAY: u32 = 86_400;
const TEXT: &str = "Origin: Test\n- dashed\nSuite: stable\n";

/// A primary key with one signing subkey and everything its owner said about them.
struct Owner {
    primary: SecretKey,
    subkey: SecretSubkey,
    details: SignedKeyDetails,
    bindings: Vec<Signature>,
}

/// What a self-signature says.
#[derive(Clone, Copy)]
struct Says {
    at: u32,
    lifetime: Option<u32>,
    sign: bool,
    digest: HashAlgorithm,
}

const SOUND: Says = Says {
    at: BORN,
    lifetime: Some(365 * DAY),
    sign: true,
    digest: HashAlgorithm::Sha256,
};

fn now(days: u32) -> SigningTime {
    SigningTime::Now(epoch(BORN + days * DAY))
}

fn epoch(seconds: u32) -> Epoch {
    Epoch::from_seconds(i64::from(seconds)).expect("a year that prints")
}

fn config(
    key: &impl SigningKey,
    kind: SignatureType,
    says: Says,
    more: Vec<SubpacketData>,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), says.digest);
    let mut data = vec![
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(says.at)),
        SubpacketData::IssuerFingerprint(key.fingerprint()),
    ];
    data.extend(more);
    config.hashed_subpackets = data
        .into_iter()
        .map(|data| Subpacket::regular(data).expect("a small subpacket"))
        .collect();
    config
}

fn statement(says: Says) -> Vec<SubpacketData> {
    let mut flags = KeyFlags::default();
    flags.set_sign(says.sign);
    let mut data = vec![SubpacketData::KeyFlags(flags)];
    data.extend(
        says.lifetime
            .map(|lifetime| SubpacketData::KeyExpirationTime(Duration::from_secs(lifetime))),
    );
    data
}

impl Owner {
    fn new(seed: u64, kind: pgp::composed::KeyType) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (public, secret) = kind.generate(&mut rng).expect("a primary key");
        let inner = |public| {
            let born = Timestamp::from_secs(BORN);
            PubKeyInner::new(KeyVersion::V4, kind.to_alg(), born, None, public).expect("a key")
        };
        let public = PublicKey::from_inner(inner(public)).expect("a key packet");
        let primary = SecretKey::new(public, secret).expect("a key pair");
        let (public, secret) = kind.generate(&mut rng).expect("a subkey");
        let public = PublicSubkey::from_inner(inner(public)).expect("a key packet");
        let subkey = SecretSubkey::new(public, secret).expect("a key pair");
        Self {
            primary,
            subkey,
            details: SignedKeyDetails::new(vec![], vec![], vec![], vec![]),
            bindings: vec![],
        }
    }

    /// A key that may sign for a year, with a subkey that may too.
    fn sound(seed: u64) -> Self {
        let mut owner = Self::new(seed, pgp::composed::KeyType::Ed25519Legacy);
        owner.certify(SOUND);
        owner.bind(SOUND);
        owner
    }

    /// The owner certifies the user id.
    fn certify(&mut self, says: Says) {
        let id = UserId::from_str(Default::default(), "Test Archive").expect("a user id");
        let signature = config(
            &self.primary,
            SignatureType::CertPositive,
            says,
            statement(says),
        )
        .sign_certification(
            &self.primary,
            self.primary.public_key(),
            &Password::empty(),
            Tag::UserId,
            &id,
        )
        .expect("a certification");
        match self.details.users.first_mut() {
            Some(user) => user.signatures.push(signature),
            None => self
                .details
                .users
                .push(SignedUser::new(id, vec![signature])),
        }
    }

    /// The owner signs the key itself.
    fn direct(&mut self, kind: SignatureType, at: u32, data: Vec<SubpacketData>) {
        let signature = config(&self.primary, kind, Says { at, ..SOUND }, data)
            .sign_key(&self.primary, &Password::empty(), self.primary.public_key())
            .expect("a direct signature");
        if kind == SignatureType::KeyRevocation {
            self.details.revocation_signatures.push(signature);
        } else {
            self.details.direct_signatures.push(signature);
        }
    }

    fn revoke(&mut self, at: u32, reason: RevocationCode) {
        let data = vec![SubpacketData::RevocationReason(reason, Default::default())];
        self.direct(SignatureType::KeyRevocation, at, data);
    }

    /// The owner binds the subkey, which confirms it.
    fn bind(&mut self, says: Says) {
        let back = config(&self.subkey, SignatureType::KeyBinding, says, vec![])
            .sign_primary_key_binding(
                &self.subkey,
                self.subkey.public_key(),
                &Password::empty(),
                self.primary.public_key(),
            )
            .expect("a confirmation");
        let mut data = statement(says);
        data.push(SubpacketData::EmbeddedSignature(Box::new(back)));
        self.bind_with(SignatureType::SubkeyBinding, says, data);
    }

    fn bind_with(&mut self, kind: SignatureType, says: Says, data: Vec<SubpacketData>) {
        let signature = config(&self.primary, kind, says, data)
            .sign_subkey_binding(
                &self.primary,
                self.primary.public_key(),
                &Password::empty(),
                self.subkey.public_key(),
            )
            .expect("a binding");
        self.bindings.push(signature);
    }

    fn public(&self) -> SignedPublicKey {
        SignedPublicKey::new(
            self.primary.public_key().clone(),
            self.details.clone(),
            vec![SignedPublicSubKey::new(
                self.subkey.public_key().clone(),
                self.bindings.clone(),
            )],
        )
    }

    fn armoured(&self) -> String {
        self.public()
            .to_armored_string(ArmorOptions::default())
            .expect("armour")
    }

    fn keyring(&self) -> Keyring {
        Keyring::from_certificates(&[("test.asc", self.armoured().as_bytes())]).expect("a keyring")
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from_bytes(self.primary.fingerprint().as_bytes()).expect("a fingerprint")
    }

    fn subkey_fingerprint(&self) -> Fingerprint {
        Fingerprint::from_bytes(self.subkey.fingerprint().as_bytes()).expect("a fingerprint")
    }

    /// A signature by the primary key over [`TEXT`], one day after the key was made.
    fn sign(&self) -> Signature {
        sign(&self.primary, SOUND_DATA, vec![])
    }
}

/// What a sound data signature says: made one day after the key.
const SOUND_DATA: Says = Says {
    at: BORN + DAY,
    ..SOUND
};

/// A text signature over [`TEXT`] as it is hashed in an inline-signed file.
fn sign(key: &impl SigningKey, says: Says, more: Vec<SubpacketData>) -> Signature {
    config(key, SignatureType::Text, says, more)
        .sign(
            key,
            &Password::empty(),
            TEXT.trim_end().replace('\n', "\r\n").as_bytes(),
        )
        .expect("a signature")
}

/// A binary signature over `data`.
fn sign_binary(key: &impl SigningKey, data: &[u8]) -> Signature {
    config(key, SignatureType::Binary, SOUND_DATA, vec![])
        .sign(key, &Password::empty(), data)
        .expect("a signature")
}

fn packets(signatures: &[Signature]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for signature in signatures {
        signature
            .to_writer_with_header(&mut bytes)
            .expect("writing to memory");
    }
    bytes
}

fn armoured_signatures(signatures: &[Signature]) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(packets(signatures));
    format!("-----BEGIN PGP SIGNATURE-----\n\n{encoded}\n-----END PGP SIGNATURE-----\n")
}

/// [`TEXT`] clear-signed, its one line that begins with a dash escaped.
fn inline(signatures: &[Signature]) -> String {
    let escaped = TEXT.replace("\n- ", "\n- - ");
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{escaped}{}",
        armoured_signatures(signatures)
    )
}

fn verify(document: &str, keyring: &Keyring, at: SigningTime) -> Result<Verified, TrustError> {
    verify_inline("InRelease", document.as_bytes(), keyring, at)
}

/// The reasons for which the signatures of a file did not count.
fn reasons(result: Result<Verified, TrustError>) -> Vec<Reason> {
    match result {
        Err(TrustError::Untrusted { signatures, .. }) => {
            signatures.into_iter().map(|s| s.reason).collect()
        }
        other => panic!("expected no valid signature: {other:?}"),
    }
}
