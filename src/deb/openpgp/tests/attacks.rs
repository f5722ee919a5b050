//! Files made to be read differently than they were signed.

use proptest::prelude::*;

use super::*;

fn refused_for(document: &str, owner: &Owner, words: &str) {
    match verify(document, &owner.keyring(), now(2)) {
        Err(TrustError::Framing { problem, .. }) => {
            assert!(problem.contains(words), "{problem}");
        }
        other => panic!("expected `{words}`: {other:?}"),
    }
}

#[test]
fn any_changed_letter_of_the_text_is_a_bad_signature() {
    let owner = Owner::sound(1);
    let document = inline(&[owner.sign()]);
    let changed = document.replace("stable", "stab1e");
    let result = verify(&changed, &owner.keyring(), now(2));
    assert_eq!(
        result,
        Err(TrustError::Bad {
            file: "InRelease".to_owned(),
            key: owner.fingerprint()
        })
    );
}

#[test]
fn a_bad_signature_by_one_pinned_key_spoils_a_good_one_by_another() {
    let (good, bad) = (Owner::sound(1), Owner::sound(2));
    let keyring = Keyring::from_certificates(&[
        ("good", good.armoured().as_bytes()),
        ("bad", bad.armoured().as_bytes()),
    ])
    .expect("a keyring");
    let forged = sign_binary(&bad.primary, b"another text");
    for signatures in [[good.sign(), forged.clone()], [forged.clone(), good.sign()]] {
        let result = verify(&inline(&signatures), &keyring, now(2));
        assert!(matches!(result, Err(TrustError::Bad { key, .. }) if key == bad.fingerprint()));
    }
    assert!(
        verify(&inline(&[forged, good.sign()]), &good.keyring(), now(2)).is_ok(),
        "not pinned, not heard"
    );
}

#[test]
fn a_signature_that_only_claims_a_pinned_issuer_is_bad() {
    let (pinned, stranger) = (Owner::sound(1), Owner::sound(2));
    let mut config = config(&stranger.primary, SignatureType::Text, SOUND_DATA, vec![]);
    config.hashed_subpackets[1] = Subpacket::regular(SubpacketData::IssuerFingerprint(
        pinned.primary.fingerprint(),
    ))
    .expect("a subpacket");
    let data = TEXT.trim_end().replace('\n', "\r\n");
    let claim = config
        .sign(&stranger.primary, &Password::empty(), data.as_bytes())
        .expect("a signature");
    let result = verify(&inline(&[claim]), &pinned.keyring(), now(2));
    assert!(matches!(result, Err(TrustError::Bad { .. })), "{result:?}");
}

#[test]
fn text_before_or_after_the_signed_part_is_refused() {
    let owner = Owner::sound(1);
    let document = inline(&[owner.sign()]);
    let evil = "Origin: Evil\n";
    refused_for(&format!("{evil}{document}"), &owner, "line 1");
    refused_for(&format!("\n{document}"), &owner, "line 1");
    refused_for(&format!("{document}{evil}"), &owner, "outside");
    refused_for(&format!("{document}\n{evil}"), &owner, "outside");
    assert!(
        verify(&format!("{document}\n\n"), &owner.keyring(), now(2)).is_ok(),
        "empty lines at the end say nothing"
    );
}

#[test]
fn text_among_the_armour_headers_is_refused() {
    let owner = Owner::sound(1);
    let document = inline(&[owner.sign()]);
    for header in ["Origin: Evil\n", " Hash: SHA256\n", "Comment: x\n"] {
        let injected = document.replace("Hash: SHA256\n", &format!("Hash: SHA256\n{header}"));
        refused_for(&injected, &owner, "line 3");
    }
    let without = document.replace("Hash: SHA256\n", "");
    assert!(verify(&without, &owner.keyring(), now(2)).is_ok());
}

#[test]
fn several_signed_texts_or_signature_blocks_are_refused() {
    let owner = Owner::sound(1);
    let document = inline(&[owner.sign()]);
    refused_for(&format!("{document}{document}"), &owner, "outside");
    let block = armoured_signatures(&[owner.sign()]);
    refused_for(&format!("{document}{block}"), &owner, "more than one");
    let nested = document.replace(
        "Suite: stable\n",
        "-----BEGIN PGP SIGNED MESSAGE-----\nSuite: stable\n",
    );
    refused_for(&nested, &owner, "second signed text");
}

#[test]
fn unescaped_dashes_and_control_characters_are_refused() {
    let owner = Owner::sound(1);
    let document = inline(&[owner.sign()]);
    for line in ["-----BEGIN PGP MESSAGE-----", "-dash", "--"] {
        let injected = document.replace("Suite:", &format!("{line}\nSuite:"));
        refused_for(&injected, &owner, "unescaped dash");
    }
    for hidden in ["\0", "\r", "\x1b", "\u{85}"] {
        let injected = document.replace("Suite: ", &format!("Suite:{hidden} "));
        refused_for(&injected, &owner, "control character");
    }
}

#[test]
fn what_a_signature_does_not_cover_is_not_in_the_text() {
    let owner = Owner::sound(1);
    let document = inline(&[owner.sign()]);
    for harmless in [
        document.replace('\n', "\r\n"),
        document.replace("stable\n", "stable \t\n"),
    ] {
        let verified = verify(&harmless, &owner.keyring(), now(2)).expect("verifies");
        assert_eq!(verified.text, TEXT);
    }
}

#[test]
fn files_cut_short_are_refused() {
    let owner = Owner::sound(1);
    let document = inline(&[owner.sign()]);
    let whole = document.trim_end().len();
    for end in 0..whole {
        let result = verify(&document[..end], &owner.keyring(), now(2));
        assert!(result.is_err(), "cut at {end}: {result:?}");
    }
}

#[test]
fn other_packets_among_the_signatures_are_refused() {
    let owner = Owner::sound(1);
    let mut bytes = packets(&[owner.sign()]);
    owner.public().to_writer(&mut bytes).expect("memory");
    let result = verify_detached("Release", TEXT.as_bytes(), &bytes, &owner.keyring(), now(2));
    assert!(
        matches!(result, Err(TrustError::Signature { .. })),
        "{result:?}"
    );
}

#[test]
fn too_many_signatures_are_refused() {
    let owner = Owner::sound(1);
    let many = vec![owner.sign(); 65];
    let result = verify(&inline(&many), &owner.keyring(), now(2));
    assert!(
        matches!(result, Err(TrustError::Signature { .. })),
        "{result:?}"
    );
}

#[test]
fn a_file_without_signature_packets_is_refused() {
    let owner = Owner::sound(1);
    assert!(verify(&inline(&[]), &owner.keyring(), now(2)).is_err());
    for signature in [&b""[..], b"\n", b"\xc2", b"\x88\x00"] {
        let result = verify_detached(
            "Release",
            TEXT.as_bytes(),
            signature,
            &owner.keyring(),
            now(2),
        );
        assert!(result.is_err(), "{signature:?}: {result:?}");
    }
}

/// One change to a file: bytes overwritten, removed or inserted.
#[derive(Debug, Clone)]
struct Change {
    at: prop::sample::Index,
    remove: usize,
    insert: Vec<u8>,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (
        any::<prop::sample::Index>(),
        0..20usize,
        prop::collection::vec(any::<u8>(), 0..20),
    )
        .prop_map(|(at, remove, insert)| Change { at, remove, insert });
    prop::collection::vec(change, 1..4)
}

fn apply(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let at = change.at.index(bytes.len() + 1);
        let end = (at + change.remove).min(bytes.len());
        bytes.splice(at..end, change.insert.iter().copied());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_mangled_file_never_panics_nor_gives_another_text(changes in changes()) {
        let owner = Owner::sound(1);
        let mangled = apply(inline(&[owner.sign()]).into_bytes(), &changes);
        if let Ok(verified) = verify_inline("InRelease", &mangled, &owner.keyring(), now(2)) {
            prop_assert_eq!(verified.text, TEXT);
        }
    }

    #[test]
    fn mangled_signature_packets_never_panic(changes in changes()) {
        let owner = Owner::sound(1);
        let mangled = apply(packets(&[sign_binary(&owner.primary, TEXT.as_bytes())]), &changes);
        let _ = verify_detached("Release", TEXT.as_bytes(), &mangled, &owner.keyring(), now(2));
    }

    #[test]
    fn mangled_key_files_never_panic(changes in changes()) {
        let owner = Owner::sound(1);
        let mut material = Vec::new();
        owner.public().to_writer(&mut material).expect("memory");
        if let Ok(keyring) = Keyring::from_certificates(&[("k", &apply(material, &changes))]) {
            let _ = verify(&inline(&[owner.sign()]), &keyring, now(2));
        }
    }
}
