//! The certificates that Java trusts, as the program of ca-certificates-java leaves them: a keystore of
//! the form JKS (OpenJDK, `sun.security.provider.JavaKeyStore`).

use sha1::{Digest as _, Sha1};

use crate::epoch::Epoch;

/// The package whose program writes it.
pub(super) const PACKAGE: &str = "ca-certificates-java";
/// Where it is.
pub(super) const STORE: &str = "etc/ssl/certs/java/cacerts";

/// What a keystore begins with, and the version of its form.
const HEAD: [u8; 8] = [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2];
/// The kind of an entry that is a trusted certificate.
const TRUSTED: [u8; 4] = [0, 0, 0, 2];
/// The password that everybody knows; it keeps nothing secret, and damage from going unnoticed.
const PASSWORD: &str = "changeit";
/// What is hashed between password and content.
const PHRASE: &[u8] = b"Mighty Aphrodite";

/// The keystore of certificates by the names of their files, each in DER; entries are as old as the
/// image.
pub(super) fn keystore(certificates: &[(&str, &[u8])], epoch: Epoch) -> Vec<u8> {
    let mut store = HEAD.to_vec();
    let number = |store: &mut Vec<u8>, count: usize| {
        store.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    };
    let text = |store: &mut Vec<u8>, text: &str| {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        store.extend_from_slice(&length.to_be_bytes());
        store.extend_from_slice(text.as_bytes());
    };
    number(&mut store, certificates.len());
    for (name, der) in certificates {
        store.extend_from_slice(&TRUSTED);
        text(&mut store, &format!("debian:{}", name.to_lowercase()));
        store.extend_from_slice(&(epoch.seconds() * 1000).to_be_bytes());
        text(&mut store, "X.509");
        number(&mut store, der.len());
        store.extend_from_slice(der);
    }
    let mut hasher = Sha1::new();
    for unit in PASSWORD.encode_utf16() {
        hasher.update(unit.to_be_bytes());
    }
    hasher.update(PHRASE);
    hasher.update(&store);
    store.extend_from_slice(&hasher.finalize());
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form that keytool reads; the digest was computed by another program.
    #[test]
    fn a_keystore_has_an_entry_for_each_certificate_and_the_digest_of_all() {
        let epoch = Epoch::from_seconds(1).expect("in range");
        let store = keystore(&[("A_Root.pem", b"der"), ("b.pem", b"")], epoch);
        let (content, digest) = store.split_at(store.len() - 20);
        assert_eq!(
            content[..12],
            [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 2]
        );
        let entry = [
            &[0, 0, 0, 2, 0, 17][..],
            b"debian:a_root.pem",
            &1000u64.to_be_bytes(),
            &[0, 5],
            b"X.509",
            &[0, 0, 0, 3],
            b"der",
        ]
        .concat();
        assert_eq!(content[12..12 + entry.len()], entry);
        assert!(content.ends_with(b"X.509\0\0\0\0"));
        assert_eq!(
            hex::encode(digest),
            "37799b0554bfeedaf083ea1641dab6df6aab8c3b"
        );
    }
}
