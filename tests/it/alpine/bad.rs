//! What a mirror of Alpine can do wrong: each is refused, and says what is wrong with what.

use std::fs;
use std::path::Path;

use dindimg::digest::Digest;

use super::room::{KEY, Room, says};
use crate::apk_repository::{Algorithm, ApkPackage, Entry, Key, Repository, Signers};

#[test]
fn an_index_by_another_key_is_refused_and_both_keys_are_named() {
    let room = Room::new();
    let other = Key::new("other@example.org-89abcdef.rsa.pub");
    room.publish_by(&[room.one()], &[(&other, Algorithm::Sha1)]);
    let said = room.lock().failed(4);
    says(
        &said,
        &[
            "APKINDEX.tar.gz of alpine/v3.22/main for x86_64",
            other.name(),
            KEY,
        ],
    );
}

#[test]
fn a_key_of_the_right_name_with_other_content_is_refused() {
    let room = Room::new();
    let impostor = Key::new(KEY);
    room.publish_by(&[room.one()], &[(&impostor, Algorithm::Sha256)]);
    let said = room.lock().failed(4);
    says(&said, &[KEY, "does not hold", "another key of that name"]);
}

#[test]
fn a_key_file_that_is_not_the_pinned_one_is_refused_before_anything_is_asked() {
    let room = Room::new();
    let recipe = room.recipe("\"one\"", "");
    room.write_key(&Key::new(KEY));
    let said = room.run("lock", &recipe).failed(2);
    says(
        &said,
        &[
            "key key.rsa.pub has sha256:",
            "the recipe pins sha256:",
            "it is another key",
        ],
    );
}

#[test]
fn a_key_at_an_address_counts_by_its_digest() {
    let room = Room::new();
    let address = format!("file://{}", room.path("key.rsa.pub").display());
    let recipe = room
        .recipe("\"one\"", "")
        .replace("file = \"key.rsa.pub\"", &format!("url = \"{address}\""));
    room.run("lock", &recipe).good();
    fs::remove_dir_all(room.path("cache")).expect("a cache");
    room.write_key(&Key::new(KEY));
    let said = room.run("lock", &recipe).failed(4);
    says(
        &said,
        &[
            &format!("key {KEY} of alpine/v3.22/main"),
            "wrong content: expected sha256:",
        ],
    );
}

#[test]
fn an_unsigned_or_changed_index_is_refused() {
    let room = Room::new();
    room.publish_by(&[room.one()], &[]);
    says(
        &room.lock().failed(4),
        &["APKINDEX.tar.gz", "is not signed"],
    );
    room.publish(&[room.one()]);
    room.change("APKINDEX.tar.gz", |bytes| {
        let last = bytes.len() - 9;
        bytes[last] ^= 1;
    });
    says(
        &room.lock().failed(4),
        &["the signature of APKINDEX.tar.gz", "does not hold"],
    );
}

#[test]
fn an_index_of_the_third_version_is_named() {
    let room = Room::new();
    room.change("APKINDEX.tar.gz", |bytes| *bytes = b"ADBd....".to_vec());
    says(&room.lock().failed(4), &["in the format of apk 3 (ADB)"]);
}

#[test]
fn a_package_that_is_changed_cut_off_or_another_one_is_refused_when_it_is_locked() {
    let name = "one-1.0-r0.apk";
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let room = Room::new();
        room.change(name, change);
        let lock = room.path("r.lock");
        let run = room.lock();
        assert!(!lock.exists());
        run
    };
    let flip = |from_end: usize| {
        move |bytes: &mut Vec<u8>| {
            let at = bytes.len() - from_end;
            bytes[at] ^= 1;
        }
    };
    // The checksum at the end of the payload's member.
    let said = changed(&flip(6)).failed(4);
    says(
        &said,
        &["one 1.0-r0 (x86_64)", "payload: corrupt gzip stream"],
    );
    let said = changed(&|bytes| bytes.truncate(bytes.len() - 4)).failed(4);
    says(&said, &["one 1.0-r0 (x86_64)", "wrong size"]);
    // As long as the right one, cut off and filled up.
    let said = changed(&|bytes| {
        let half = bytes.len() - 40;
        bytes[half..].fill(0);
    })
    .failed(4);
    says(&said, &["one 1.0-r0 (x86_64)", "payload"]);
}

#[test]
fn a_payload_that_its_control_files_do_not_know_is_refused() {
    let room = Room::new();
    let lie = ApkPackage {
        datahash: Some("0".repeat(64)),
        ..room.one()
    };
    room.publish(&[lie]);
    says(
        &room.lock().failed(4),
        &["one 1.0-r0", "its .PKGINFO says 0000"],
    );
}

#[test]
fn a_file_that_is_not_the_package_of_the_index_is_refused() {
    let room = Room::new();
    let signers: &Signers<'_> = &[(&room.key, Algorithm::Sha256)];
    let mut repository = room.repository();
    repository.publish(&[room.one()], signers);
    let record = repository.records()[0].clone();
    let (_, rest) = record.split_once('\n').expect("an identity");
    let other = "Q1tduNGDYV/KwvztK0sMium7UfSj0=";
    repository.write_text(format!("C:{other}\n{rest}\n"), signers);
    let said = room.lock().failed(4);
    says(
        &said,
        &["one 1.0-r0", "it is not the package of the index", other],
    );
}

#[test]
fn an_index_older_than_the_lock_is_refused() {
    let room = Room::new();
    let newer = ApkPackage {
        builddate: 1_750_000_000,
        ..room.one()
    };
    room.publish(&[newer]);
    room.lock().good();
    room.publish(&[room.one()]);
    // Neither with the memory of the cache nor without it.
    says(
        &room.lock().failed(4),
        &["alpine/v3.22/main went back in time", "2025-06-15"],
    );
    fs::remove_dir_all(room.path("cache")).expect("a cache");
    says(
        &room.lock().failed(4),
        &["alpine/v3.22/main went back in time", "2025-06-15"],
    );
}

#[test]
fn an_architecture_is_not_refused_for_what_another_was_seen_to_have() {
    let room = Room::new();
    let arm = |builddate| ApkPackage {
        arch: "aarch64".to_owned(),
        builddate,
        ..room.one()
    };
    let publish = |builddate| {
        let signers: &Signers<'_> = &[(&room.key, Algorithm::Sha256)];
        room.repository()
            .of("aarch64")
            .publish(&[arm(builddate)], signers);
    };
    publish(1_750_000_000);
    let platforms = |words: &str| {
        let image = format!("[image]\nplatforms = [{words}]\n[alpine]");
        let recipe = room.recipe("\"one\"", "").replace("[alpine]", &image);
        let run = room.run("lock", &recipe);
        fs::remove_file(room.path("r.lock")).ok();
        run
    };
    platforms("\"linux/amd64\", \"linux/arm64\"").good();
    platforms("\"linux/amd64\"").good();
    publish(1_740_000_000);
    platforms("\"linux/amd64\"").good();
    says(
        &platforms("\"linux/amd64\", \"linux/arm64\"").failed(4),
        &["alpine/v3.22/main went back in time", "2025-06-15"],
    );
}

#[test]
fn two_packages_of_one_file_need_a_word_about_it() {
    let room = Room::new();
    let two = |replaces: &str| ApkPackage {
        replaces: replaces.split_whitespace().map(str::to_owned).collect(),
        ..ApkPackage::new("two", "1.0-r0").entry(Entry::file("usr/share/one", "two"))
    };
    let recipe = room.recipe("\"one\", \"two\"", "");
    room.publish(&[room.one(), two("")]);
    let said = room.run("build", &recipe).failed(3);
    says(
        &said,
        &[
            "one 1.0-r0 and two 1.0-r0 both ship /usr/share/one",
            "replaces =",
        ],
    );
    room.publish(&[room.one(), two("one")]);
    fs::remove_file(room.path("r.lock")).expect("a lock");
    room.run("build", &recipe).good();
}

#[test]
fn what_does_not_exist_is_answered_with_what_does() {
    let room = Room::new();
    let lock = |packages: &str, more: &str| room.run("lock", &room.recipe(packages, more));
    says(
        &lock("\"ohne\"", "").failed(3),
        &["there is no package `ohne` for x86_64"],
    );
    says(
        &lock("\"one=2.0-r0\"", "").failed(3),
        &["package `one=2.0-r0` is not available; available: 1.0-r0"],
    );
    says(&lock("\"one=x y\"", "").failed(2), &["names no version"]);
    let arm = room.recipe("\"one\"", "").replace(
        "[alpine]",
        "[image]\nplatforms = [\"linux/arm64\"]\n[alpine]",
    );
    says(
        &room.run("lock", &arm).failed(2),
        &["repository `alpine/v3.22/main` has no APKINDEX.tar.gz for aarch64"],
    );
    let pinned = format!(
        "{}[packages.pin]\none = \"elsewhere\"\n",
        room.recipe("\"one\"", "")
    );
    says(
        &room.run("lock", &pinned).failed(2),
        &["names repository `elsewhere`"],
    );
}

#[test]
fn a_script_that_no_rule_stands_for_fails_the_lock_until_it_is_acknowledged() {
    let room = Room::new();
    let odd = room.one().script(".post-install", "#!/bin/sh\nrm -rf /x\n");
    room.publish(&[odd]);
    says(&room.lock().failed(2), &["one 1.0-r0 (.post-install)"]);
    let recipe = room.recipe("\"one\"", "").replace(
        "[packages]\n",
        "[packages]\nacknowledge-scripts = [\"one\"]\n",
    );
    room.run("build", &recipe).good();
}

/// The recipe's own repository beside the branch: its packages come only by a pin.
#[test]
fn a_tagged_repository_gives_only_what_is_pinned_to_it() {
    let room = Room::new();
    let team = Key::new("team@example.org-5f3c2a10.rsa.pub");
    let newer = |name: &str| {
        ApkPackage::new(name, "2.0-r0").entry(Entry::file(format!("usr/share/{name}2"), "2"))
    };
    Repository::at(&room.path("team"), "v3.22", "all")
        .publish(&[newer("one"), newer("two")], &[(&team, Algorithm::Sha1)]);
    fs::write(room.path("team.rsa.pub"), team.public()).expect("a key");
    let repository = format!(
        "[[alpine.repository]]\nname = \"team\"\ntagged = true\nmirrors = [\"file://{}\"]\n\
         keys = [{{ file = \"team.rsa.pub\", name = \"{}\", sha256 = \"{}\" }}]",
        room.path("team/v3.22/all").display(),
        team.name(),
        Digest::of(team.public()).hex()
    );
    let recipe = room.recipe("\"one\", \"two\"", &repository);
    says(&room.run("lock", &recipe).failed(3), &["two"]);
    let recipe = format!("{recipe}[packages.pin]\ntwo = \"team\"\n");
    room.run("build", &recipe).good();
    let lock = fs::read_to_string(room.path("r.lock")).expect("a lock");
    let lock = dindimg::lock::parse(&lock).expect("a lock");
    let from = |name: &str| {
        let package = lock.packages.iter().find(|one| one.name == name);
        let package = package.expect(name);
        (package.version.clone(), package.repository.clone())
    };
    assert_eq!(
        from("one"),
        ("1.0-r0".to_owned(), "alpine/v3.22/main".to_owned())
    );
    assert_eq!(from("two"), ("2.0-r0".to_owned(), "team".to_owned()));
    assert_eq!(world(&room.path("out")), "one\ntwo@team\n");
}

/// What the image says was asked for.
fn world(layout: &Path) -> String {
    use dindimg::oci::{BlobSource as _, Layout};
    use std::io::Read as _;
    let layout = Layout::open(layout).expect("a layout");
    let set = layout.image_set(layout.find(None).expect("one image"));
    for layer in &set.expect("an image").images()[0].layers {
        let blob = layout.open(&layer.digest).expect("a blob");
        let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(blob));
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            if entry.path().expect("a path").ends_with("etc/apk/world") {
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("text");
                return text;
            }
        }
    }
    panic!("no world");
}
