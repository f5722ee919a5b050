//! Real signed release files: Debian's live archive and the last one of Debian 10.

use dindimg::deb::keys::{ArchivePart, archive_keys, default_fingerprints};
use dindimg::deb::openpgp::{Reason, SigningTime, verify_detached, verify_inline};
use dindimg::deb::{
    Archive, Fingerprint, Freshness, IndexCompression, Keyring, Release, TrustError, freshness,
};
use dindimg::digest::Digest;
use dindimg::epoch::Epoch;

use crate::support::{fixture, now, skipped};

const MIRROR: &str = "http://deb.debian.org";

fn built_in() -> Keyring {
    let files: Vec<(&str, &[u8])> = archive_keys()
        .iter()
        .map(|key| (key.fingerprint, key.certificate.as_bytes()))
        .collect();
    Keyring::from_certificates(&files).expect("the built-in keys")
}

fn pinned(suite: &str, part: ArchivePart) -> Keyring {
    let fingerprints = default_fingerprints(suite, part).expect(suite);
    built_in().pin(&fingerprints).expect(suite)
}

fn epoch(text: &str) -> Epoch {
    text.parse().expect(text)
}

/// Fetches from Debian's mirror; `None`, and says so, if the network does not reach it.
fn fetch(path: &str) -> Option<Vec<u8>> {
    // Fails when another test came first, which is just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let address = format!("{MIRROR}/{path}");
    let result = runtime.block_on(async {
        let client = reqwest::Client::builder()
            .connect_timeout(std::time::Duration::from_secs(15))
            .timeout(std::time::Duration::from_secs(120))
            .build()?;
        let response = client.get(&address).send().await?;
        Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
    });
    match result {
        Ok((status, body)) => {
            assert!(status.is_success(), "{address}: {status}");
            Some(body.to_vec())
        }
        Err(e) => {
            skipped(&address, &e.to_string());
            None
        }
    }
}

fn verified_live(suite: &str, part: ArchivePart) -> Option<Release> {
    let directory = match part {
        ArchivePart::Main => "debian",
        ArchivePart::Security => "debian-security",
    };
    let file = format!("{directory}/dists/{suite}/InRelease");
    let bytes = fetch(&file)?;
    let keyring = pinned(suite, part);
    let verified = verify_inline(&file, &bytes, &keyring, SigningTime::Now(now()))
        .unwrap_or_else(|e| panic!("{e}"));
    Some(Release::parse(&verified.text).unwrap_or_else(|e| panic!("{file}: {e}")))
}

#[test]
fn every_live_suite_verifies_with_its_default_keys() {
    for codename in ["bullseye", "bookworm", "trixie", "forky"] {
        let suites = [
            (codename.to_owned(), ArchivePart::Main),
            (format!("{codename}-updates"), ArchivePart::Main),
            (format!("{codename}-security"), ArchivePart::Security),
        ];
        for (suite, part) in suites {
            let Some(release) = verified_live(&suite, part) else {
                return;
            };
            assert_eq!(release.name(), suite);
            assert!(release.acquire_by_hash, "{suite}");
            assert!(!release.separate_all, "{suite}");
            assert!(release.components.iter().any(|c| c == "main"), "{suite}");
            for architecture in ["amd64", "arm64"] {
                let index = release
                    .packages_index("main", architecture)
                    .unwrap_or_else(|| panic!("{suite}: no index of {architecture}"));
                assert_eq!(index.compression, IndexCompression::Xz, "{suite}");
            }
            // A mirror may lag behind the seven days that some suites are valid.
            let policy = Freshness {
                archive: Archive::Live,
                allow_expired: true,
            };
            let warnings = freshness::judge(&release, now(), policy, Some(release.date));
            assert!(warnings.is_ok(), "{suite}: {warnings:?}");
        }
    }
}

#[test]
fn indexes_lie_where_the_live_release_file_says() {
    for (suite, part, directory) in [
        ("bookworm-updates", ArchivePart::Main, "debian"),
        ("trixie-security", ArchivePart::Security, "debian-security"),
    ] {
        let Some(release) = verified_live(suite, part) else {
            return;
        };
        let index = release.packages_index("main", "amd64").expect(suite);
        let by_hash = index.by_hash_path.expect(suite);
        for path in [index.path, by_hash] {
            let Some(bytes) = fetch(&format!("{directory}/dists/{suite}/{path}")) else {
                return;
            };
            assert_eq!(bytes.len() as u64, index.entry.size, "{path}");
            assert_eq!(Digest::of(&bytes), index.entry.digest, "{path}");
        }
    }
}

#[test]
fn a_live_detached_signature_verifies() {
    let directory = "debian/dists/bookworm";
    let Some(release) = fetch(&format!("{directory}/Release")) else {
        return;
    };
    let Some(signature) = fetch(&format!("{directory}/Release.gpg")) else {
        return;
    };
    let keyring = pinned("bookworm", ArchivePart::Main);
    let at = SigningTime::Now(now());
    let verified = verify_detached("Release", &release, &signature, &keyring, at)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(verified.text.as_bytes(), release);
    assert_eq!(verified.signers, keyring.fingerprints().collect::<Vec<_>>());

    let mut changed = release;
    let last = changed.len() - 2;
    changed[last] ^= 1;
    let result = verify_detached("Release", &changed, &signature, &keyring, at);
    assert!(matches!(result, Err(TrustError::Bad { .. })), "{result:?}");
}

const BUSTER: &str = "debian/buster-InRelease";

#[test]
fn the_last_release_file_of_buster_verifies_at_the_time_of_its_signatures() {
    let Some(bytes) = fixture(BUSTER) else { return };
    let keyring = pinned("buster", ArchivePart::Main);
    let verified = verify_inline(BUSTER, &bytes, &keyring, SigningTime::OfSignature)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(verified.signers, keyring.fingerprints().collect::<Vec<_>>());
    assert_eq!(verified.signers.len(), 2);

    let release = Release::parse(&verified.text).expect("parses");
    assert_eq!(release.name(), "buster");
    assert_eq!(release.suite.as_deref(), Some("oldoldstable"));
    assert_eq!(release.version.as_deref(), Some("10.13"));
    assert_eq!(release.date, epoch("2023-06-10T08:53:33Z"));
    assert_eq!(release.components, ["main", "contrib", "non-free"]);
    let index = release.packages_index("main", "arm64").expect("listed");
    assert_eq!(index.path, "main/binary-arm64/Packages.xz");

    let policy = Freshness {
        archive: Archive::Archived,
        allow_expired: false,
    };
    let judged = freshness::judge(&release, epoch("2040-01-01T00:00:00Z"), policy, None);
    assert_eq!(judged, Ok(vec![]));
}

/// `recipes/buster.toml` as it is shipped: its own settings verify this file and nothing else.
#[test]
fn the_buster_recipe_trusts_exactly_the_last_release_file() {
    let Some(bytes) = fixture(BUSTER) else { return };
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/buster.toml");
    let recipes = dindimg::recipe::load(&path).expect("the recipe");
    let recipe = recipes.default();
    let repositories = dindimg::family::of(recipe)
        .repositories(recipe, &Default::default())
        .expect("repositories");
    let main = &repositories[0];
    assert_eq!((main.suite.as_str(), main.archived), ("buster", true));
    assert_eq!(
        main.addresses("dists/buster/InRelease"),
        ["http://archive.debian.org/debian/dists/buster/InRelease"]
    );
    assert_eq!(
        repositories[2].suite, "buster/updates",
        "security suites were named so then"
    );
    let files: Vec<(&str, &[u8])> = main
        .certificates
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let pins: Vec<_> = main
        .fingerprints
        .iter()
        .map(|text| text.parse().expect("a fingerprint"))
        .collect();
    let keyring = Keyring::from_certificates(&files)
        .and_then(|all| all.pin(&pins))
        .expect("a keyring");
    verify_inline(BUSTER, &bytes, &keyring, SigningTime::OfSignature).expect("verifies");
    let mut changed = bytes.clone();
    let at = changed
        .windows(7)
        .position(|window| window == b"Version")
        .expect("a field");
    changed[at] ^= 1;
    verify_inline(BUSTER, &changed, &keyring, SigningTime::OfSignature)
        .expect_err("one byte changed");
}

#[test]
fn the_keys_of_buster_count_until_they_expire() {
    let Some(bytes) = fixture(BUSTER) else { return };
    let keyring = pinned("buster", ArchivePart::Main);
    let at = |time| verify_inline(BUSTER, &bytes, &keyring, SigningTime::Now(epoch(time)));
    assert!(at("2027-02-03T00:00:00Z").is_ok());
    let error = at("2027-04-13T00:00:00Z").expect_err("both keys have expired");
    let message = error.to_string();
    for part in [BUSTER, "2027-02-03", "2027-04-12", "archived = true"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_release_file_of_buster_is_refused_with_unrelated_keys_only() {
    let Some(bytes) = fixture(BUSTER) else { return };
    let keyring = pinned("trixie", ArchivePart::Main);
    match verify_inline(BUSTER, &bytes, &keyring, SigningTime::OfSignature) {
        Err(TrustError::Untrusted {
            signatures, pinned, ..
        }) => {
            let mut issuers: Vec<&str> = signatures.iter().map(|s| s.issuer.as_str()).collect();
            issuers.sort_unstable();
            assert_eq!(
                issuers,
                [
                    "0146DC6D4A0B2914BDED34DB648ACFD622F3D138",
                    "6D33866EDD8FFA41C0143AEDDCC9EFBF77E11517",
                    "A7236886F3CCCAAD148A27F80E98404D386FA1D9",
                ]
            );
            assert!(signatures.iter().all(|s| s.reason == Reason::NotPinned));
            assert_eq!(pinned, keyring.fingerprints().collect::<Vec<_>>());
        }
        other => panic!("{other:?}"),
    }
    let next: Fingerprint = "1F89983E0081FDE018F3CC9673A4F27B8DD47936"
        .parse()
        .expect("a fingerprint");
    let keyring = built_in().pin(&[next]).expect("built in");
    let verified = verify_inline(BUSTER, &bytes, &keyring, SigningTime::OfSignature);
    assert_eq!(
        verified.expect("signed by bullseye's key too").signers,
        [next]
    );
}

#[test]
fn the_release_file_of_buster_is_refused_with_any_byte_of_its_text_changed() {
    let Some(bytes) = fixture(BUSTER) else { return };
    let keyring = pinned("buster", ArchivePart::Main);
    let block = b"-----BEGIN PGP SIGNATURE-----";
    let end = bytes
        .windows(block.len())
        .position(|window| window == block)
        .expect("a signature block");
    for at in (0..end).step_by(2503).chain([end - 2]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let result = verify_inline(BUSTER, &changed, &keyring, SigningTime::OfSignature);
        assert!(result.is_err(), "byte {at}");
    }
}
