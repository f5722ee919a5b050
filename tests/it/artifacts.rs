//! `[[artifact]]`: what a recipe takes from elsewhere, pinned by digest.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dindimg::digest::Digest;
use dindimg::oci::{BlobSource as _, Layout};

use crate::alpine::room::{Room, says};
use crate::deb_builder;

/// A download in the room of a test.
fn download(room: &Room, name: &str, bytes: &[u8]) -> String {
    let path = room.path(name);
    fs::write(&path, bytes).expect("written");
    format!(
        "{{ url = \"file://{}\", sha256 = \"{}\" }}",
        path.display(),
        Digest::of(bytes).hex()
    )
}

/// An archive as a project publishes it: with owners of its own, a link and a further name.
fn archive() -> Vec<u8> {
    let entries = [
        deb_builder::Entry::directory("tool/"),
        deb_builder::Entry::file("tool/run", "#!/bin/sh\n").with_mode(0o4775),
        deb_builder::Entry::file("tool/notes.txt", "text").with_mode(0o600),
        deb_builder::Entry::symlink("tool/alias", "run"),
        deb_builder::Entry::hardlink("tool/again", "tool/run"),
        deb_builder::Entry::file("README", "not wanted"),
    ];
    deb_builder::tar(&entries)
}

fn recipe(room: &Room, artifact: &str) -> String {
    room.recipe("\"one\"", "") + artifact
}

/// Every entry of the image: mode, and content or target.
fn tree(layout: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    use std::io::Read as _;
    let layout = Layout::open(layout).expect("a layout");
    let set = layout.image_set(layout.find(None).expect("one image"));
    let mut found = BTreeMap::new();
    for layer in &set.expect("an image").images()[0].layers {
        let blob = layout.open(&layer.digest).expect("a blob");
        let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(blob));
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mode = entry.header().mode().expect("a mode");
            assert_eq!(entry.header().uid().expect("an owner"), 0, "{path}");
            let mut content = Vec::new();
            match entry.link_name_bytes() {
                Some(target) => content.extend_from_slice(&target),
                None => drop(entry.read_to_end(&mut content).expect("content")),
            }
            found.insert(path.trim_end_matches('/').to_owned(), (mode, content));
        }
    }
    found
}

#[test]
fn a_download_is_placed_whole_or_in_parts_and_the_lock_says_what_it_was() {
    let room = Room::new();
    let plugin = download(&room, "plugin", b"\x7fELF plugin");
    let bundle = download(&room, "bundle.tgz", &deb_builder::gzip(&archive()));
    let text = recipe(
        &room,
        &format!(
            "[[artifact]]\nname = \"plugin\"\nversion = \"1.2\"\npath = \"/usr/local/bin/plugin\"\nfiles.\"linux/amd64\" = {plugin}\n\
             [[artifact]]\nname = \"bundle\"\nextract = {{ \"tool/*\" = \"/opt/tool\", README = \"/usr/share/notes\" }}\nfiles.\"linux/amd64\" = {bundle}\n"
        ),
    );
    room.run("build", &text).good();
    let found = tree(&room.path("out"));
    let at = |path: &str| {
        let (mode, content) = &found[path];
        (*mode, String::from_utf8_lossy(content).into_owned())
    };
    assert_eq!(
        at("usr/local/bin/plugin"),
        (0o755, "\x7fELF plugin".to_owned())
    );
    assert_eq!(at("opt/tool/run"), (0o755, "#!/bin/sh\n".to_owned()));
    assert_eq!(at("opt/tool/again"), (0o755, "#!/bin/sh\n".to_owned()));
    assert_eq!(at("opt/tool/notes.txt"), (0o644, "text".to_owned()));
    assert_eq!(at("opt/tool/alias").1, "run");
    assert_eq!(at("usr/share/notes").1, "not wanted");
    let lock = fs::read_to_string(room.path("r.lock")).expect("a lock");
    let lock = dindimg::lock::parse(&lock).expect("a lock");
    let [bundle, plugin] = &lock.downloads[..] else {
        panic!("{:?}", lock.downloads);
    };
    assert_eq!(
        (plugin.name.as_str(), plugin.version.as_deref(), plugin.size),
        ("plugin", Some("1.2"), 11)
    );
    assert_eq!(bundle.sha256, Digest::of(deb_builder::gzip(&archive())));

    // From the cache alone, and the same.
    let digest = || {
        Layout::open(&room.path("out"))
            .expect("a layout")
            .find(None)
            .expect("one")
            .digest
    };
    let first = digest();
    fs::remove_file(room.path("plugin")).expect("removed");
    fs::remove_dir_all(room.path("out")).expect("removed");
    room.run("build", &text).good();
    assert_eq!(digest(), first);
}

#[test]
fn a_download_that_is_not_the_pinned_one_is_refused() {
    let room = Room::new();
    let file = download(&room, "plugin", b"one");
    fs::write(room.path("plugin"), "two").expect("written");
    let text = recipe(
        &room,
        &format!(
            "[[artifact]]\nname = \"plugin\"\npath = \"/x\"\nfiles.\"linux/amd64\" = {file}\n"
        ),
    );
    let said = room.run("lock", &text).failed(4);
    says(
        &said,
        &["artifact plugin", "wrong content: expected sha256:"],
    );
    assert!(!room.path("r.lock").exists());
}

#[test]
fn what_cannot_be_placed_says_why() {
    let room = Room::new();
    let plain = download(&room, "plain", b"no archive");
    let tar = download(&room, "tar", &archive());
    for (rest, file, code, expected) in [
        (
            "extract = { \"x/*\" = \"/x\" }",
            &plain,
            2,
            "it is no tar archive",
        ),
        (
            "extract = { \"other/*\" = \"/x\" }",
            &tar,
            2,
            "there is no `other/*` in it",
        ),
        (
            "extract = { \"../x\" = \"/x\" }",
            &tar,
            2,
            "is no path in an archive",
        ),
        (
            "path = \"/usr/share/one\"",
            &plain,
            3,
            "one 1.0-r0 and artifact a both ship /usr/share/one",
        ),
        (
            "path = \"/etc/passwd\"",
            &plain,
            2,
            "is written from [users] and [groups]",
        ),
        (
            "path = \"/x\"\nextract = { a = \"/a\" }",
            &plain,
            2,
            "either `path`",
        ),
    ] {
        let text = recipe(
            &room,
            &format!("[[artifact]]\nname = \"a\"\n{rest}\nfiles.\"linux/amd64\" = {file}\n"),
        );
        let said = room.run("build", &text).failed(code);
        says(&said, &["artifact", expected]);
    }
    let other =
        format!("[[artifact]]\nname = \"a\"\npath = \"/x\"\nfiles.\"linux/arm64\" = {plain}\n");
    let said = room.run("build", &recipe(&room, &other)).failed(2);
    says(
        &said,
        &["r.toml", "artifact `a` has no file for linux/amd64"],
    );
}
