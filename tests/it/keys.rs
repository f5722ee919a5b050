//! The built-in archive keys against the keyring package of the Debian release this runs on.

use std::path::Path;

use dindimg::deb::keys::archive_keys;
use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::packet::Signature;
use pgp::types::KeyDetails as _;

use crate::support::skipped;

/// `.pgp` since debian-archive-keyring 2025.1, `.gpg` before.
const KEYRINGS: [[&str; 2]; 2] = [
    [
        "/usr/share/keyrings/debian-archive-keyring.pgp",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    ],
    [
        "/usr/share/keyrings/debian-archive-removed-keys.pgp",
        "/usr/share/keyrings/debian-archive-removed-keys.gpg",
    ],
];

/// Every certificate of the installed package, as far as it can be read: the removed keys include
/// some of twenty years ago.
fn installed() -> Option<Vec<SignedPublicKey>> {
    let mut certificates = Vec::new();
    for names in KEYRINGS {
        let path = names.into_iter().find(|path| Path::new(path).exists())?;
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let parsed = SignedPublicKey::from_bytes_many(bytes.as_slice())
            .unwrap_or_else(|e| panic!("{path}: {e}"));
        certificates.extend(parsed.filter_map(Result::ok));
    }
    Some(certificates)
}

/// The certificate without what other keys signed.
fn own_words(mut certificate: SignedPublicKey) -> SignedPublicKey {
    let primary = certificate.primary_key.legacy_key_id();
    let own = |s: &Signature| s.issuer_key_id().contains(&&primary);
    let details = &mut certificate.details;
    details.direct_signatures.retain(own);
    details.revocation_signatures.retain(own);
    for user in &mut details.users {
        user.signatures.retain(own);
    }
    certificate
}

#[test]
fn the_built_in_certificates_are_those_of_the_keyring_package() {
    let Some(installed) = installed() else {
        skipped(
            "comparison of the built-in archive keys",
            "the package debian-archive-keyring is not installed",
        );
        return;
    };
    for key in archive_keys() {
        let (ours, _) = SignedPublicKey::from_string(key.certificate).expect(key.fingerprint);
        let Some(theirs) = installed
            .iter()
            .find(|c| c.primary_key.fingerprint() == ours.primary_key.fingerprint())
        else {
            // Keyring packages of older releases do not know the keys of newer ones.
            skipped(key.description, "not in the installed keyring package");
            continue;
        };
        assert!(
            own_words(theirs.clone()) == ours,
            "{}: recipes/keys differs from the installed package; renew it as its README says",
            key.fingerprint
        );
    }
}
