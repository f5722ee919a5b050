//! Trust and freshness end to end: what the program does with archives whose signatures, dates or
//! indexes are not as they should be, and with those that only look wrong.

use std::process::Command;

use crate::archive::{
    DAY, Deb, Digests, Indexes, Package, Place, Signed, Signer, Suite, address, from_now,
    sound_key, tamper,
};
use crate::peers::require;
use crate::product::Run;

#[test]
fn a_suite_verifies_in_every_form_in_which_archives_are_published() {
    let place = Place::new();
    let forms: [(&str, Suite); 6] = [
        ("Debian's own", place.suite("1.0")),
        ("by hash alone", place.suite("1.0").by_hash()),
        ("gzip alone", place.suite("1.0").indexes(Indexes::Gzip)),
        ("plain alone", place.suite("1.0").indexes(Indexes::Plain)),
        ("detached", place.suite("1.0").signed(Signed::Detached)),
        ("without end", place.suite("1.0").valid_until(None)),
    ];
    for (form, suite) in &forms {
        place.forget();
        place.publish(suite);
        let run = place.run(&["lock", "t.toml", "--update"]);
        assert_eq!(run.code, Some(0), "{form}: {}", run.stderr);
        let lock = place.lock();
        assert_eq!(lock.packages[0].name, "one", "{form}");
        assert_eq!(lock.repositories[0].signers, [place.key.fingerprint()]);
    }
}

#[test]
fn an_expired_release_is_refused_by_its_dates_until_it_is_accepted_and_the_lock_says_so() {
    let place = Place::new();
    let (date, end) = (from_now(-9 * DAY), from_now(-2 * DAY));
    place.publish(&place.suite("1.0").date(date).valid_until(end));
    let said = place.run(&["lock", "t.toml"]).failed(4);
    for part in [
        format!("Date {date}"),
        format!("Valid-Until {end}"),
        "--allow-expired".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert!(!place.at("t.lock").exists());

    let warning =
        format!("Release of test has expired and was accepted: Date {date}, Valid-Until {end}");
    let run = place.run(&["lock", "t.toml", "--allow-expired"]).good();
    assert!(run.stderr.contains(&warning), "{}", run.stderr);
    assert_eq!(place.lock().repositories[0].warnings, [warning.as_str()]);
    let run = place.run(&["build", "t.toml", "--locked"]).good();
    assert!(run.stderr.contains(&warning), "{}", run.stderr);

    std::fs::remove_file(place.at("t.lock")).expect("lock");
    place.recipe("check-valid-until = false");
    let run = place.run(&["lock", "t.toml"]).good();
    assert!(run.stderr.contains(&warning), "{}", run.stderr);
    assert_eq!(place.lock().repositories[0].warnings, [warning]);
}

#[test]
fn a_mirror_that_is_frozen_is_good_until_its_release_expires() {
    let Some(faketime) = require(&["faketime"], "faketime") else {
        return;
    };
    let place = Place::new();
    place.publish(&place.suite("1.0"));
    let after = |days: &str| {
        let mut command = Command::new(&faketime);
        command
            .args(["-f", days, env!("CARGO_BIN_EXE_dindimg")])
            .args(["lock", "t.toml"])
            .env("DINDIMG_CACHE_DIR", place.at("cache"))
            .current_dir(place.root());
        Run::of(command.output().expect("faketime runs"))
    };
    after("+6d").good();
    let said = after("+8d").failed(4);
    assert!(
        said.contains("has expired") && said.contains("Valid-Until"),
        "{said}"
    );
}

#[test]
fn a_release_older_than_the_lock_or_than_what_was_seen_is_refused_by_both_dates() {
    let place = Place::new();
    let (old, new) = (from_now(-3 * DAY), from_now(-DAY));
    let older = place.suite("1.0").date(old);
    let newer = place.suite("2.0").date(new);
    let refused = |arguments: &[&str]| {
        let said = place.run(arguments).failed(4);
        assert!(
            said.contains("went back in time")
                && said.contains(&format!("Date {old}"))
                && said.contains(&new.to_string()),
            "{said}"
        );
    };
    place.publish(&newer);
    place.run(&["lock", "t.toml"]).good();
    let before = std::fs::read(place.at("t.lock")).expect("lock");

    place.publish(&older);
    // Known to the lock alone.
    place.forget();
    refused(&["lock", "t.toml", "--update"]);
    refused(&["lock", "t.toml", "--update", "--allow-expired"]);
    refused(&["build", "t.toml", "--update"]);
    let after = std::fs::read(place.at("t.lock")).expect("lock");
    assert_eq!(before, after, "a refused archive leaves the lock as it was");

    // Known to the cache alone.
    place.publish(&newer);
    place.run(&["lock", "t.toml"]).good();
    std::fs::remove_file(place.at("t.lock")).expect("lock");
    place.publish(&older);
    refused(&["lock", "t.toml"]);

    // Back where it was, everything is well again.
    place.publish(&newer);
    place.run(&["lock", "t.toml"]).good();
    assert_eq!(place.lock().packages[0].version, "2.0");
}

#[test]
fn other_keys_make_another_repository_whose_past_does_not_count() {
    let mut place = Place::new();
    place.publish(&place.suite("2.0").date(from_now(-DAY)));
    place.run(&["lock", "t.toml"]).good();
    std::fs::remove_file(place.at("t.lock")).expect("lock");
    place.key = sound_key();
    place.recipe("");
    place.publish(&place.suite("1.0").date(from_now(-3 * DAY)));
    place.run(&["lock", "t.toml"]).good();
}

#[test]
fn an_unsigned_suite_is_refused_as_such() {
    let place = Place::new();
    for signed in [Signed::Not, Signed::Bare] {
        place.publish(&place.suite("1.0").signed(signed));
        let said = place.run(&["lock", "t.toml"]).failed(4);
        let (file, why) = match signed {
            Signed::Bare => ("dists/test/Release", "is not signed"),
            _ => ("dists/test/InRelease", "is not one clear-signed text"),
        };
        assert!(said.contains(file) && said.contains(why), "{said}");
        assert!(!place.at("t.lock").exists());
    }
    place.suite("1.0").publish(&place.archive(), &[]);
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(
        said.contains("it holds no signature") && said.contains("serves signed files"),
        "{said}"
    );
}

#[test]
fn a_signature_by_another_key_is_refused_and_both_keys_are_named() {
    let place = Place::new();
    let stranger = sound_key();
    place.suite("1.0").publish(&place.archive(), &[&stranger]);
    let said = place.run(&["lock", "t.toml"]).failed(4);
    for part in [
        stranger.fingerprint(),
        place.key.fingerprint(),
        "key not pinned".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    // Beside a pinned one a stranger's signature does no harm, and is not recorded.
    place
        .suite("1.0")
        .publish(&place.archive(), &[&stranger, &place.key]);
    place.run(&["lock", "t.toml"]).good();
    assert_eq!(
        place.lock().repositories[0].signers,
        [place.key.fingerprint()]
    );
}

#[test]
fn a_pinned_fingerprint_whose_certificate_is_another_key_is_refused() {
    let place = Place::new();
    place.publish(&place.suite("1.0"));
    let other = sound_key();
    other.pin(place.root());
    let path = place.at("t.toml");
    let text = std::fs::read_to_string(&path).expect("recipe").replace(
        &format!("fingerprint = \"{}\"", place.key.fingerprint()),
        &format!("fingerprint = \"{}\"", other.fingerprint()),
    );
    std::fs::write(&path, text).expect("recipe");
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(
        said.contains("no certificate for the pinned key") && said.contains(&other.fingerprint()),
        "{said}"
    );
}

#[test]
fn what_was_changed_after_signing_is_refused_by_the_name_of_the_key() {
    let place = Place::new();
    place.publish(&place.suite("1.0"));
    for (path, signed) in [
        ("dists/test/InRelease", Signed::Both),
        ("dists/test/Release", Signed::Detached),
    ] {
        place.publish(&place.suite("1.0").signed(signed));
        tamper(&place.archive(), path, |bytes| {
            let at = bytes.windows(5).position(|w| w == b"Label");
            bytes[at.expect("a field") + 7] ^= 1;
        });
        let said = place.run(&["lock", "t.toml"]).failed(4);
        assert!(
            said.contains("BAD signature") && said.contains(&place.key.fingerprint()),
            "{said}"
        );
    }
}

#[test]
fn weak_digests_prove_nothing_in_a_release_or_in_a_signature() {
    let place = Place::new();
    place.publish(&place.suite("1.0").digests(Digests::Weak));
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(said.contains("no `SHA256` section"), "{said}");

    let place = Place::with(Signer::weak(from_now(-365 * DAY)));
    place.publish(&place.suite("1.0"));
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(said.contains("digest SHA1 refused"), "{said}");
}

#[test]
fn indexes_and_packages_are_held_to_the_digests_above_them() {
    let place = Place::new();
    place.publish(&place.suite("1.0"));
    let flip = |bytes: &mut Vec<u8>| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    };
    let index = "dists/test/main/binary-amd64/Packages.xz";
    tamper(&place.archive(), index, flip);
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(
        said.contains("Packages of debian/test main amd64") && said.contains("wrong content"),
        "{said}"
    );
    tamper(&place.archive(), index, flip);

    let package = place.suite("1.0");
    place.publish(&package);
    tamper(&place.archive(), "pool/main/o/one/one_1.0_all.deb", flip);
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(said.contains("one 1.0 (all)"), "{said}");
    place.publish(&package);
    place.run(&["build", "t.toml"]).good();
}

#[test]
fn an_archived_suite_is_judged_when_it_was_signed_with_a_key_that_has_expired_since() {
    let year = 365 * DAY;
    let place = Place::with(Signer::between(from_now(-6 * year), from_now(-2 * year)));
    let date = from_now(-3 * year);
    let last = place
        .suite("1.0")
        .date(date)
        .valid_until(from_now(-3 * year + 7 * DAY));
    place.publish(&last);
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(
        said.contains("expired at") && said.contains("archived = true"),
        "{said}"
    );
    // Expired keys are no matter of dates that a flag may let pass.
    place.run(&["lock", "t.toml", "--allow-expired"]).failed(4);

    place.recipe("archived = true");
    let run = place.run(&["lock", "t.toml"]).good();
    assert!(!run.stderr.contains("expired"), "{}", run.stderr);
    let locked = &place.lock().repositories[0];
    assert_eq!(locked.warnings, Vec::<String>::new());
    assert_eq!(locked.date, date);

    // Signed when the key had expired already: nothing but a backdated clock would do that.
    place.publish(&place.suite("1.0").date(from_now(-year)));
    place.forget();
    let said = place.run(&["lock", "t.toml", "--update"]).failed(4);
    assert!(said.contains("expired at"), "{said}");
}

#[test]
fn the_environment_says_where_a_mirror_is_and_never_whom_to_trust() {
    let place = Place::new();
    let mirror = address(&place.archive());
    let suite = |name: &str| {
        Suite::named(name)
            .packages([Package::built(&Deb::new("one", "1.0"))])
            .publish(&place.archive(), &[&place.key]);
    };
    for name in ["buster", "buster-updates", "buster/updates"] {
        suite(name);
    }
    let lock = |keys: &str| {
        std::fs::write(
            place.at("t.toml"),
            format!(
                "schema = 1\n[debian]\nsuite = \"buster\"\narchived = true\n{keys}\n[packages]\ninclude = [\"one\"]\n"
            ),
        )
        .expect("recipe written");
        let mut lock = place.command(&["lock", "t.toml"]);
        lock.env("DINDIMG_DEBIAN_MIRROR", &mirror)
            .env("DINDIMG_DEBIAN_SECURITY_MIRROR", &mirror);
        Run::of(lock.output().expect("the binary runs"))
    };
    let said = lock("").failed(4);
    assert!(
        said.contains("key not pinned")
            && said.contains("80D15823B7FD1561F9F7BCDDDC30D7C23CBBABEE"),
        "buster's own keys are asked for: {said}"
    );
    lock(&format!("keys = [{}]", place.key.pin(place.root()))).good();
    let lock = place.lock();
    let names: Vec<&str> = lock.repositories.iter().map(|r| r.suite.as_str()).collect();
    assert_eq!(names, ["buster", "buster-updates", "buster/updates"]);
}

/// Two packages that ship one path with different content.
fn rivals(place: &Place, winner: Deb) {
    let loser = Deb::new("loser", "1.0").file("usr/share/rival", b"loser\n");
    let suite = Suite::named("test").packages([&loser, &winner].map(Package::built));
    place.publish(&suite);
}

fn winner() -> Deb {
    Deb::new("winner", "1.0").file("usr/share/rival", b"winner\n")
}

/// The content of a path in the image that was just built.
fn built_file(place: &Place, name: &str) -> Vec<u8> {
    let umoci = require(&["umoci"], "umoci").expect("umoci");
    let bundle = place.at("bundle");
    let _ = std::fs::remove_dir_all(&bundle);
    let run = Command::new(umoci)
        .args(["unpack", "--rootless", "--image"])
        .arg(format!("{}:image", place.at("t.oci").display()))
        .arg(&bundle)
        .output()
        .expect("umoci runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    std::fs::read(bundle.join("rootfs").join(name)).expect("file of the image")
}

#[test]
fn two_packages_with_one_path_conflict_until_a_package_or_the_recipe_says_who_replaces_whom() {
    let place = Place::new();
    let both = "include = [\"loser\", \"winner\"]";
    let build = || place.run(&["build", "t.toml", "--tag", "image"]);
    place.packages("", both);
    rivals(&place, winner());
    let said = build().failed(3);
    for part in ["usr/share/rival", "loser", "winner", "replaces"] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let replaces = "[packages.replaces]\nwinner = [\"loser\"]";
    place.packages("", &format!("{both}\n{replaces}"));
    build().good();
    assert_eq!(built_file(&place, "usr/share/rival"), b"winner\n");

    // As dpkg does when the package declares it itself, for the versions it names.
    place.packages("", both);
    place.forget();
    rivals(&place, winner().field("Replaces", "loser (<< 2)"));
    place.run(&["lock", "t.toml", "--update"]).good();
    build().good();
    assert_eq!(built_file(&place, "usr/share/rival"), b"winner\n");
    place.forget();
    rivals(&place, winner().field("Replaces", "loser (<< 1)"));
    place.run(&["lock", "t.toml", "--update"]).good();
    build().failed(3);
}

#[test]
fn an_archive_over_http_is_asked_for_its_indexes_by_digest_first() {
    let place = Place::new();
    place.publish(&place.suite("1.0").by_hash());
    let root = place.archive();
    let server = crate::archive::serve(&root);
    let path = place.at("t.toml");
    let text = std::fs::read_to_string(&path)
        .expect("recipe")
        .replace(&address(&root), &server.url(""));
    std::fs::write(&path, text).expect("recipe");
    place.run(&["build", "t.toml"]).good();
    let asked: Vec<String> = server.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(asked[0], "/dists/test/InRelease");
    assert!(
        asked[1].starts_with("/dists/test/main/binary-amd64/by-hash/SHA256/"),
        "{asked:?}"
    );
    assert_eq!(asked[2], "/pool/main/o/one/one_1.0_all.deb");
    assert_eq!(asked.len(), 3, "nothing is asked for twice: {asked:?}");
}
