//! Which signatures by which keys count, and when.

use super::*;

#[test]
fn a_sound_signature_gives_the_text_the_primary_key_and_the_time() {
    let owner = Owner::sound(1);
    for signature in [
        owner.sign(),
        sign(&owner.subkey, SOUND_DATA, vec![]),
        sign_binary(
            &owner.primary,
            TEXT.trim_end().replace('\n', "\r\n").as_bytes(),
        ),
    ] {
        let verified = verify(&inline(&[signature]), &owner.keyring(), now(2)).expect("verifies");
        assert_eq!(verified.text, TEXT);
        assert_eq!(verified.signers, [owner.fingerprint()]);
        assert_eq!(verified.signed_at, epoch(BORN + DAY));
    }
}

#[test]
fn rsa_keys_of_2048_bits_count_and_shorter_ones_do_not() {
    for (bits, counts) in [(2048, true), (1024, false)] {
        let mut owner = Owner::new(2, pgp::composed::KeyType::Rsa(bits));
        owner.certify(SOUND);
        let result = verify(&inline(&[owner.sign()]), &owner.keyring(), now(2));
        if counts {
            assert_eq!(result.expect("verifies").signers, [owner.fingerprint()]);
        } else {
            let weak = Reason::Key(owner.fingerprint(), Defect::WeakKey);
            assert_eq!(reasons(result), [weak]);
        }
    }
}

#[test]
fn unknown_keys_among_the_signers_are_ignored() {
    let (pinned, stranger) = (Owner::sound(1), Owner::sound(2));
    let document = inline(&[stranger.sign(), pinned.sign(), stranger.sign()]);
    let verified = verify(&document, &pinned.keyring(), now(2)).expect("verifies");
    assert_eq!(verified.signers, [pinned.fingerprint()]);
}

#[test]
fn all_valid_signers_are_named_once_in_order_with_the_newest_time() {
    let (one, two) = (Owner::sound(1), Owner::sound(2));
    let keyring = Keyring::from_certificates(&[
        ("one", one.armoured().as_bytes()),
        ("two", two.armoured().as_bytes()),
    ])
    .expect("a keyring");
    let later = Says {
        at: BORN + 2 * DAY,
        ..SOUND_DATA
    };
    let document = inline(&[two.sign(), sign(&one.subkey, later, vec![]), one.sign()]);
    let verified = verify(&document, &keyring, now(3)).expect("verifies");
    let mut expected = vec![one.fingerprint(), two.fingerprint()];
    expected.sort();
    assert_eq!(verified.signers, expected);
    assert_eq!(verified.signed_at, epoch(later.at));
}

#[test]
fn only_strangers_are_not_enough_and_the_message_names_all_keys() {
    let (pinned, stranger) = (Owner::sound(1), Owner::sound(2));
    let result = verify(&inline(&[stranger.sign()]), &pinned.keyring(), now(2));
    let message = result.clone().expect_err("refused").to_string();
    assert_eq!(reasons(result), [Reason::NotPinned]);
    let (theirs, ours) = (stranger.fingerprint(), pinned.fingerprint());
    for part in [
        "InRelease",
        &theirs.to_string(),
        &ours.to_string(),
        "`keys`",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn weak_digests_are_refused_by_name() {
    let mut owner = Owner::new(1, pgp::composed::KeyType::Rsa(2048));
    owner.certify(SOUND);
    for (digest, name) in [
        (HashAlgorithm::Sha1, "SHA1"),
        (HashAlgorithm::Md5, "MD5"),
        (HashAlgorithm::Sha224, "SHA224"),
    ] {
        let says = Says {
            digest,
            ..SOUND_DATA
        };
        let weak = sign(&owner.primary, says, vec![]);
        let result = verify(
            &inline(std::slice::from_ref(&weak)),
            &owner.keyring(),
            now(2),
        );
        assert!(
            result
                .clone()
                .expect_err("refused")
                .to_string()
                .contains(name)
        );
        assert_eq!(reasons(result), [Reason::WeakDigest(name.to_owned())]);
        let both = inline(&[weak, owner.sign()]);
        assert!(verify(&both, &owner.keyring(), now(2)).is_ok());
    }
    for digest in [HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
        let says = Says {
            digest,
            ..SOUND_DATA
        };
        let strong = inline(&[sign(&owner.primary, says, vec![])]);
        assert!(verify(&strong, &owner.keyring(), now(2)).is_ok());
    }
}

#[test]
fn an_expired_key_counts_at_the_time_of_its_signature_only() {
    let owner = Owner::sound(1);
    for signature in [owner.sign(), sign(&owner.subkey, SOUND_DATA, vec![])] {
        let document = inline(&[signature]);
        assert!(verify(&document, &owner.keyring(), now(364)).is_ok());
        let expired = Defect::Expired(epoch(BORN + 365 * DAY));
        let result = verify(&document, &owner.keyring(), now(365));
        assert!(
            result
                .clone()
                .expect_err("refused")
                .to_string()
                .contains("archived")
        );
        assert_eq!(reasons(result), [Reason::Key(owner.fingerprint(), expired)]);
        assert!(verify(&document, &owner.keyring(), SigningTime::OfSignature).is_ok());
    }
}

#[test]
fn a_key_renewed_by_its_owner_counts_again() {
    let mut owner = Owner::sound(1);
    let renewed = Says {
        at: BORN + 300 * DAY,
        lifetime: Some(1000 * DAY),
        ..SOUND
    };
    owner.certify(renewed);
    assert!(verify(&inline(&[owner.sign()]), &owner.keyring(), now(400)).is_ok());
}

#[test]
fn copies_of_a_certificate_are_merged() {
    let old = Owner::sound(1);
    let mut new = Owner::sound(1);
    new.certify(Says {
        at: BORN + 300 * DAY,
        lifetime: None,
        ..SOUND
    });
    let both = new.armoured() + "\nand the old one\n" + &old.armoured();
    let keyring = Keyring::from_certificates(&[("both", both.as_bytes())]).expect("a keyring");
    assert_eq!(keyring.fingerprints().count(), 1);
    assert!(verify(&inline(&[old.sign()]), &keyring, now(400)).is_ok());
}

#[test]
fn a_direct_signature_without_expiry_does_not_make_the_key_immortal() {
    let mut owner = Owner::sound(1);
    let silent = vec![SubpacketData::Revocable(false)];
    owner.direct(SignatureType::Key, BORN + 10, silent);
    let result = verify(&inline(&[owner.sign()]), &owner.keyring(), now(365));
    let expired = Defect::Expired(epoch(BORN + 365 * DAY));
    assert_eq!(reasons(result), [Reason::Key(owner.fingerprint(), expired)]);
}

#[test]
fn a_direct_signature_with_expiry_counts() {
    let mut owner = Owner::sound(1);
    let shorter = Says {
        lifetime: Some(30 * DAY),
        ..SOUND
    };
    owner.direct(SignatureType::Key, BORN + 10, statement(shorter));
    let result = verify(&inline(&[owner.sign()]), &owner.keyring(), now(31));
    let expired = Defect::Expired(epoch(BORN + 30 * DAY));
    assert_eq!(reasons(result), [Reason::Key(owner.fingerprint(), expired)]);
}

#[test]
fn a_revocation_prepared_before_the_newest_self_signature_counts() {
    let mut owner = Owner::sound(1);
    owner.revoke(BORN, RevocationCode::NoReason);
    owner.certify(Says {
        at: BORN + DAY,
        ..SOUND
    });
    let document = inline(&[owner.sign()]);
    for at in [now(2), SigningTime::OfSignature] {
        let result = verify(&document, &owner.keyring(), at);
        assert_eq!(
            reasons(result),
            [Reason::Key(owner.fingerprint(), Defect::Revoked)]
        );
    }
}

#[test]
fn a_retired_key_counts_for_what_it_signed_before() {
    let mut owner = Owner::sound(1);
    owner.revoke(BORN + 10 * DAY, RevocationCode::KeyRetired);
    let document = inline(&[owner.sign()]);
    let result = verify(&document, &owner.keyring(), now(11));
    assert_eq!(
        reasons(result),
        [Reason::Key(owner.fingerprint(), Defect::Revoked)]
    );
    assert!(verify(&document, &owner.keyring(), SigningTime::OfSignature).is_ok());
}

#[test]
fn a_revoked_subkey_does_not_sign_but_its_primary_key_does() {
    let mut owner = Owner::sound(1);
    owner.bind_with(SignatureType::SubkeyRevocation, SOUND, vec![]);
    let result = verify(
        &inline(&[sign(&owner.subkey, SOUND_DATA, vec![])]),
        &owner.keyring(),
        now(2),
    );
    assert_eq!(
        reasons(result),
        [Reason::Key(owner.fingerprint(), Defect::Revoked)]
    );
    assert!(verify(&inline(&[owner.sign()]), &owner.keyring(), now(2)).is_ok());
}

#[test]
fn a_subkey_that_does_not_confirm_its_primary_key_does_not_sign() {
    let mut owner = Owner::new(1, pgp::composed::KeyType::Ed25519Legacy);
    owner.certify(SOUND);
    owner.bind_with(SignatureType::SubkeyBinding, SOUND, statement(SOUND));
    let document = inline(&[sign(&owner.subkey, SOUND_DATA, vec![])]);
    assert_eq!(
        reasons(verify(&document, &owner.keyring(), now(2))),
        [Reason::Key(owner.fingerprint(), Defect::Unbound)]
    );
}

#[test]
fn a_key_bound_by_weak_digests_only_does_not_sign() {
    let weak = Says {
        digest: HashAlgorithm::Sha1,
        ..SOUND
    };
    let mut owner = Owner::new(1, pgp::composed::KeyType::Rsa(2048));
    owner.certify(weak);
    owner.bind(weak);
    assert_eq!(
        reasons(verify(&inline(&[owner.sign()]), &owner.keyring(), now(2))),
        [Reason::Key(owner.fingerprint(), Defect::Unbound)]
    );
}

#[test]
fn a_key_that_may_not_sign_does_not_count() {
    let silent = Says {
        sign: false,
        ..SOUND
    };
    let mut owner = Owner::new(1, pgp::composed::KeyType::Ed25519Legacy);
    owner.certify(silent);
    owner.bind(SOUND);
    let unfit = Reason::Key(owner.fingerprint(), Defect::NotForSigning);
    assert_eq!(
        reasons(verify(&inline(&[owner.sign()]), &owner.keyring(), now(2))),
        [unfit]
    );
    let by_subkey = inline(&[sign(&owner.subkey, SOUND_DATA, vec![])]);
    assert!(verify(&by_subkey, &owner.keyring(), now(2)).is_ok());
}

#[test]
fn signatures_from_before_the_key_or_from_the_future_do_not_count() {
    let owner = Owner::sound(1);
    let signed_at = |at| inline(&[sign(&owner.primary, Says { at, ..SOUND }, vec![])]);
    assert_eq!(
        reasons(verify(&signed_at(BORN - 1), &owner.keyring(), now(2))),
        [Reason::Key(owner.fingerprint(), Defect::Younger)]
    );
    assert!(verify(&signed_at(BORN + 2 * DAY + 300), &owner.keyring(), now(2)).is_ok());
    assert_eq!(
        reasons(verify(
            &signed_at(BORN + 2 * DAY + 301),
            &owner.keyring(),
            now(2)
        )),
        [Reason::Unusable("it was made in the future")]
    );
}

#[test]
fn an_expired_signature_does_not_count() {
    let owner = Owner::sound(1);
    let brief = vec![SubpacketData::SignatureExpirationTime(Duration::from_secs(
        DAY,
    ))];
    let document = inline(&[sign(&owner.primary, SOUND_DATA, brief)]);
    assert!(verify(&document, &owner.keyring(), now(1)).is_ok());
    assert_eq!(
        reasons(verify(&document, &owner.keyring(), now(2))),
        [Reason::Unusable("the signature has expired")]
    );
}

#[test]
fn a_signature_with_an_unknown_critical_part_does_not_count() {
    let owner = Owner::sound(1);
    let notation = SubpacketData::Notation(Notation {
        readable: true,
        name: "only-for@example.com".into(),
        value: "something else".into(),
    });
    let mut config = config(&owner.primary, SignatureType::Text, SOUND_DATA, vec![]);
    config
        .hashed_subpackets
        .push(Subpacket::critical(notation).expect("a subpacket"));
    let data = TEXT.trim_end().replace('\n', "\r\n");
    let signature = config
        .sign(&owner.primary, &Password::empty(), data.as_bytes())
        .expect("a signature");
    assert_eq!(
        reasons(verify(&inline(&[signature]), &owner.keyring(), now(2))),
        [Reason::Unusable("it has an unknown critical part")]
    );
}

#[test]
fn detached_signatures_count_armoured_or_binary_in_one_block_or_several() {
    let (one, two) = (Owner::sound(1), Owner::sound(2));
    let by = |owner: &Owner| sign_binary(&owner.primary, TEXT.as_bytes());
    let as_text = config(&one.primary, SignatureType::Text, SOUND_DATA, vec![])
        .sign(&one.primary, &Password::empty(), TEXT.as_bytes())
        .expect("a signature");
    for signature in [
        packets(&[by(&one)]),
        packets(&[by(&two), by(&one)]),
        packets(&[as_text]),
        armoured_signatures(&[by(&two), by(&one)]).into_bytes(),
        (armoured_signatures(&[by(&two)]) + &armoured_signatures(&[by(&one)])).into_bytes(),
    ] {
        let verified = verify_detached(
            "Release",
            TEXT.as_bytes(),
            &signature,
            &one.keyring(),
            now(2),
        )
        .expect("verifies");
        assert_eq!(verified.text, TEXT);
        assert_eq!(verified.signers, [one.fingerprint()]);
    }
    let changed = TEXT.replace("stable", "stabl3");
    let result = verify_detached(
        "Release",
        changed.as_bytes(),
        &packets(&[by(&one)]),
        &one.keyring(),
        now(2),
    );
    assert!(matches!(result, Err(TrustError::Bad { .. })), "{result:?}");
}

#[test]
fn pinning_keeps_the_named_keys_and_says_what_is_absent() {
    let (one, two) = (Owner::sound(1), Owner::sound(2));
    let mut material = Vec::new();
    for owner in [&one, &two] {
        owner.public().to_writer(&mut material).expect("memory");
    }
    let keyring = Keyring::from_certificates(&[("both.gpg", &material)]).expect("a keyring");
    assert_eq!(keyring.fingerprints().count(), 2);

    let pinned = keyring.pin(&[one.fingerprint()]).expect("present");
    assert_eq!(
        pinned.fingerprints().collect::<Vec<_>>(),
        [one.fingerprint()]
    );
    assert!(verify(&inline(&[one.sign()]), &pinned, now(2)).is_ok());
    assert!(verify(&inline(&[two.sign()]), &pinned, now(2)).is_err());

    let absent = pinned.pin(&[two.fingerprint()]).expect_err("absent");
    assert!(absent.to_string().contains(&two.fingerprint().to_string()));
    let subkey = keyring
        .pin(&[two.subkey_fingerprint()])
        .expect_err("absent");
    let hint = format!("pin its primary key {}", two.fingerprint());
    assert!(subkey.to_string().contains(&hint), "{subkey}");
}

#[test]
fn key_files_without_a_whole_certificate_are_refused_by_name() {
    let armoured = Owner::sound(1).armoured();
    let half = &armoured[..armoured.len() / 2];
    for bytes in [
        &b""[..],
        b"not a key",
        b"\xff\xff\xff\xff",
        half.as_bytes(),
        b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n-----END PGP PRIVATE KEY BLOCK-----\n",
        armoured_signatures(&[Owner::sound(1).sign()]).as_bytes(),
    ] {
        let error = Keyring::from_certificates(&[("repo.asc", bytes)]).expect_err("refused");
        assert!(error.to_string().contains("repo.asc"), "{error}");
    }
}
