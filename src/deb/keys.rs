//! The keys of Debian's own archive, so that a recipe that only names a suite is verified.
//!
//! The certificates are `recipes/keys/*.asc`, one file per primary key, cut down to what the key's
//! owner signed. `recipes/keys/README.md` says where they come from and how to renew them; an
//! integration test compares them with the installed `debian-archive-keyring` package.

use super::Fingerprint;

/// A key of Debian's archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveKey {
    /// Fingerprint of the primary key, as it is printed.
    pub fingerprint: &'static str,
    /// The user id of the key, without its address.
    pub description: &'static str,
    /// The armoured certificate.
    pub certificate: &'static str,
}

/// Which part of Debian's archive a suite is served from; each has its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchivePart {
    /// `/debian`: the suite, its updates and backports.
    Main,
    /// `/debian-security`.
    Security,
}

macro_rules! archive_key {
    ($fingerprint:literal, $description:literal) => {
        ArchiveKey {
            fingerprint: $fingerprint,
            description: $description,
            certificate: include_str!(concat!("../../recipes/keys/", $fingerprint, ".asc")),
        }
    };
}

const BUSTER_AUTOMATIC: ArchiveKey = archive_key!(
    "80D15823B7FD1561F9F7BCDDDC30D7C23CBBABEE",
    "Debian Archive Automatic Signing Key (10/buster)"
);
const BUSTER_SECURITY: ArchiveKey = archive_key!(
    "5E61B217265DA9807A23C5FF4DFAB270CAA96DFA",
    "Debian Security Archive Automatic Signing Key (10/buster)"
);
const BUSTER_RELEASE: ArchiveKey = archive_key!(
    "6D33866EDD8FFA41C0143AEDDCC9EFBF77E11517",
    "Debian Stable Release Key (10/buster)"
);
const BULLSEYE_AUTOMATIC: ArchiveKey = archive_key!(
    "1F89983E0081FDE018F3CC9673A4F27B8DD47936",
    "Debian Archive Automatic Signing Key (11/bullseye)"
);
const BULLSEYE_SECURITY: ArchiveKey = archive_key!(
    "AC530D520F2F3269F5E98313A48449044AAD5C5D",
    "Debian Security Archive Automatic Signing Key (11/bullseye)"
);
const BULLSEYE_RELEASE: ArchiveKey = archive_key!(
    "A4285295FC7B1A81600062A9605C66F00D6C9793",
    "Debian Stable Release Key (11/bullseye)"
);
const BOOKWORM_AUTOMATIC: ArchiveKey = archive_key!(
    "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
    "Debian Archive Automatic Signing Key (12/bookworm)"
);
const BOOKWORM_SECURITY: ArchiveKey = archive_key!(
    "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
    "Debian Security Archive Automatic Signing Key (12/bookworm)"
);
const BOOKWORM_RELEASE: ArchiveKey = archive_key!(
    "4D64FEC119C2029067D6E791F8D2585B8783D481",
    "Debian Stable Release Key (12/bookworm)"
);
const TRIXIE_AUTOMATIC: ArchiveKey = archive_key!(
    "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
    "Debian Archive Automatic Signing Key (13/trixie)"
);
const TRIXIE_SECURITY: ArchiveKey = archive_key!(
    "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
    "Debian Security Archive Automatic Signing Key (13/trixie)"
);
const TRIXIE_RELEASE: ArchiveKey = archive_key!(
    "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
    "Debian Stable Release Key (13/trixie)"
);

static ARCHIVE_KEYS: [ArchiveKey; 12] = [
    BUSTER_AUTOMATIC,
    BUSTER_SECURITY,
    BUSTER_RELEASE,
    BULLSEYE_AUTOMATIC,
    BULLSEYE_SECURITY,
    BULLSEYE_RELEASE,
    BOOKWORM_AUTOMATIC,
    BOOKWORM_SECURITY,
    BOOKWORM_RELEASE,
    TRIXIE_AUTOMATIC,
    TRIXIE_SECURITY,
    TRIXIE_RELEASE,
];

/// Every key of Debian's archive that is built in, oldest release first.
pub fn archive_keys() -> &'static [ArchiveKey] {
    &ARCHIVE_KEYS
}

/// The primary fingerprints to pin for a Debian suite when a recipe names none: the suite's own
/// automatic key and, for the main archive, its release key; both sign every point release, the
/// automatic one also signs updates and backports. `None` for suites that are not known.
///
/// `suite` is the codename, with or without an addition such as `-updates`. Suites that have no
/// release yet are signed with the automatic keys of the newest release. Role names that move to
/// another release (`stable`, `oldstable`) are not known here, because their keys move with them;
/// `testing` and `unstable` never have keys of their own.
pub fn default_fingerprints(suite: &str, part: ArchivePart) -> Option<Vec<Fingerprint>> {
    use ArchivePart::{Main, Security};
    let codename = suite.split(['-', '/']).next().unwrap_or(suite);
    let keys: &[ArchiveKey] = match (codename, part) {
        ("buster", Main) => &[BUSTER_AUTOMATIC, BUSTER_RELEASE],
        ("buster", Security) => &[BUSTER_SECURITY],
        ("bullseye", Main) => &[BULLSEYE_AUTOMATIC, BULLSEYE_RELEASE],
        ("bullseye", Security) => &[BULLSEYE_SECURITY],
        ("bookworm", Main) => &[BOOKWORM_AUTOMATIC, BOOKWORM_RELEASE],
        ("bookworm", Security) => &[BOOKWORM_SECURITY],
        ("trixie", Main) => &[TRIXIE_AUTOMATIC, TRIXIE_RELEASE],
        ("trixie" | "forky" | "testing", Security) => &[TRIXIE_SECURITY],
        ("forky" | "testing" | "sid" | "unstable", Main) => &[TRIXIE_AUTOMATIC],
        _ => return None,
    };
    keys.iter()
        .map(|key| key.fingerprint.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb::Keyring;

    #[test]
    fn each_file_holds_exactly_the_key_it_is_named_after() {
        for key in archive_keys() {
            let keyring =
                Keyring::from_certificates(&[(key.fingerprint, key.certificate.as_bytes())])
                    .expect(key.fingerprint);
            let held: Vec<String> = keyring.fingerprints().map(|f| f.to_string()).collect();
            assert_eq!(held, [key.fingerprint]);
            let comment = format!("Comment: {}\n", key.description);
            assert!(key.certificate.contains(&comment), "{}", key.fingerprint);
        }
    }

    #[test]
    fn every_default_is_a_built_in_key() {
        let suites = [
            "buster", "bullseye", "bookworm", "trixie", "forky", "testing",
        ];
        for suite in suites {
            for part in [ArchivePart::Main, ArchivePart::Security] {
                let fingerprints = default_fingerprints(suite, part).expect(suite);
                assert!(!fingerprints.is_empty());
                for fingerprint in fingerprints {
                    let name = fingerprint.to_string();
                    assert!(archive_keys().iter().any(|key| key.fingerprint == name));
                }
            }
        }
    }

    #[test]
    fn additions_to_a_codename_have_its_keys_and_unknown_suites_have_none() {
        let plain = default_fingerprints("bookworm", ArchivePart::Main);
        assert_eq!(
            default_fingerprints("bookworm-updates", ArchivePart::Main),
            plain
        );
        assert_eq!(
            default_fingerprints("buster/updates", ArchivePart::Security),
            default_fingerprints("buster", ArchivePart::Security)
        );
        for suite in ["stable", "noble", ""] {
            assert_eq!(default_fingerprints(suite, ArchivePart::Main), None);
        }
    }
}
