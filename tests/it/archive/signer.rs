//! Keys made for one test, and what is signed with them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dindimg::epoch::Epoch;
use pgp::composed::{ArmorOptions, KeyType, SignedKeyDetails, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PacketTrait as _, PubKeyInner, PublicKey, SecretKey, Signature, SignatureConfig,
    SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::types::{Duration, KeyDetails as _, KeyVersion, Password, SignedUser, Tag, Timestamp};

/// A signing key with its certificate.
pub struct Signer {
    secret: SecretKey,
    certificate: SignedPublicKey,
    digest: HashAlgorithm,
}

impl Signer {
    /// A key that was made at `born` and does not expire.
    pub fn born(born: Epoch) -> Self {
        Self::of(KeyType::Ed25519Legacy, born, None)
    }

    /// A key that may sign from `born` until `end`.
    pub fn between(born: Epoch, end: Epoch) -> Self {
        Self::of(KeyType::Ed25519Legacy, born, Some(end))
    }

    /// A key that signs with a digest of which collisions are known: SHA-1.
    pub fn weak(born: Epoch) -> Self {
        // Ed25519 has no signatures over so short a digest; RSA of old archives does.
        let signer = Self::of(KeyType::Rsa(2048), born, None);
        Self {
            digest: HashAlgorithm::Sha1,
            ..signer
        }
    }

    fn of(kind: KeyType, born: Epoch, end: Option<Epoch>) -> Self {
        let (public, secret) = kind.generate(rand::thread_rng()).expect("a key");
        let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), stamp(born), None, public);
        let public = PublicKey::from_inner(inner.expect("a key")).expect("a key packet");
        let secret = SecretKey::new(public, secret).expect("a key pair");
        let id = UserId::from_str(Default::default(), "Test Archive <archive@test.invalid>");
        let id = id.expect("a user id");
        let mut flags = KeyFlags::default();
        flags.set_sign(true);
        flags.set_certify(true);
        let mut says = vec![SubpacketData::KeyFlags(flags)];
        says.extend(end.map(|end| {
            let lifetime = u32::try_from(end.seconds() - born.seconds()).expect("a lifetime");
            SubpacketData::KeyExpirationTime(Duration::from_secs(lifetime))
        }));
        let certification = config(
            &secret,
            SignatureType::CertPositive,
            HashAlgorithm::Sha256,
            born,
            says,
        )
        .sign_certification(
            &secret,
            secret.public_key(),
            &Password::empty(),
            Tag::UserId,
            &id,
        )
        .expect("a certification");
        let users = vec![SignedUser::new(id, vec![certification])];
        let details = SignedKeyDetails::new(vec![], vec![], users, vec![]);
        let certificate = SignedPublicKey::new(secret.public_key().clone(), details, vec![]);
        Self {
            secret,
            certificate,
            digest: HashAlgorithm::Sha256,
        }
    }

    /// The fingerprint of the primary key, as recipes pin it.
    pub fn fingerprint(&self) -> String {
        hex::encode_upper(self.secret.fingerprint().as_bytes())
    }

    /// Writes the certificate to `FINGERPRINT.asc` in `directory` and gives the entry of `keys`
    /// that names it in a recipe of that directory.
    pub fn pin(&self, directory: &Path) -> String {
        let fingerprint = self.fingerprint();
        let armoured = self.certificate.to_armored_string(ArmorOptions::default());
        std::fs::write(
            directory.join(format!("{fingerprint}.asc")),
            armoured.expect("armour"),
        )
        .expect("a key file");
        format!("{{ file = \"{fingerprint}.asc\", fingerprint = \"{fingerprint}\" }}")
    }

    /// A signature over `data` made at `at`.
    fn sign(&self, kind: SignatureType, data: &[u8], at: Epoch) -> Signature {
        config(&self.secret, kind, self.digest, at, vec![])
            .sign(&self.secret, &Password::empty(), data)
            .expect("a signature")
    }
}

/// `text` clear-signed by all of `signers` (RFC 9580 section 7): an `InRelease` file.
pub fn clear_signed(text: &str, signers: &[&Signer], at: Epoch) -> String {
    // The end of the last line belongs to the armour, and the others are hashed as CR LF.
    let hashed = text.trim_end_matches('\n').replace('\n', "\r\n");
    let signatures = signers
        .iter()
        .map(|signer| signer.sign(SignatureType::Text, hashed.as_bytes(), at));
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}{}",
        armour(signatures)
    )
}

/// The signatures of `signers` over `text`: a `Release.gpg` file.
pub fn detached(text: &str, signers: &[&Signer], at: Epoch) -> String {
    let signatures = signers
        .iter()
        .map(|signer| signer.sign(SignatureType::Binary, text.as_bytes(), at));
    armour(signatures)
}

fn armour(signatures: impl Iterator<Item = Signature>) -> String {
    let mut packets = Vec::new();
    for signature in signatures {
        signature
            .to_writer_with_header(&mut packets)
            .expect("in memory");
    }
    let encoded = STANDARD.encode(&packets);
    let lines: Vec<&str> = (0..encoded.len())
        .step_by(64)
        .map(|at| &encoded[at..encoded.len().min(at + 64)])
        .collect();
    format!(
        "-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n",
        lines.join("\n")
    )
}

fn config(
    key: &SecretKey,
    kind: SignatureType,
    digest: HashAlgorithm,
    at: Epoch,
    says: Vec<SubpacketData>,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), digest);
    let head = [
        SubpacketData::SignatureCreationTime(stamp(at)),
        SubpacketData::IssuerFingerprint(key.fingerprint()),
    ];
    config.hashed_subpackets = head
        .into_iter()
        .chain(says)
        .map(|data| Subpacket::regular(data).expect("a small subpacket"))
        .collect();
    // gpgv looks for the key by this alone.
    let id = SubpacketData::IssuerKeyId(key.legacy_key_id());
    config.unhashed_subpackets = vec![Subpacket::regular(id).expect("a small subpacket")];
    config
}

fn stamp(at: Epoch) -> Timestamp {
    Timestamp::from_secs(u32::try_from(at.seconds()).expect("a time of this era"))
}
