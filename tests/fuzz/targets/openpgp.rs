//! Clear-signed files, detached signatures and key files.
#![no_main]

use std::sync::LazyLock;

use dindimg::deb::openpgp::{Fingerprint, Keyring, SigningTime, verify_detached, verify_inline};
use dindimg::epoch::Epoch;
use libfuzzer_sys::fuzz_target;

/// A key of nobody's, and a text that it signed.
const CERTIFICATE: &[u8] = include_bytes!("../seeds/openpgp/certificate.asc");
const SIGNED: &[u8] = include_bytes!("../seeds/openpgp/InRelease");

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| {
    Keyring::from_certificates(&[("certificate", CERTIFICATE)]).expect("a key file")
});
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let now = Epoch::from_seconds(4_000_000_000).expect("in range");
    let verified = verify_inline("InRelease", SIGNED, &KEYRING, SigningTime::OfSignature);
    let _ = verify_inline("InRelease", SIGNED, &KEYRING, SigningTime::Now(now));
    verified.expect("the seed is sound").text
});

fuzz_target!(|data: &[u8]| {
    let at = SigningTime::OfSignature;
    if let Ok(verified) = verify_inline("InRelease", data, &KEYRING, at) {
        assert_eq!(verified.text, *TEXT, "nobody else holds the key");
    }
    if let Ok(verified) = verify_detached("Release", TEXT.as_bytes(), data, &KEYRING, at) {
        assert_eq!(verified.text, *TEXT);
    }
    if let Ok(keyring) = Keyring::from_certificates(&[("file", data)]) {
        for fingerprint in keyring.fingerprints() {
            assert_eq!(
                fingerprint.to_string().parse::<Fingerprint>().ok(),
                Some(fingerprint)
            );
        }
        let _ = verify_inline("InRelease", SIGNED, &keyring, at);
    }
});
