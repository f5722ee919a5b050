//! Package files that lie, from a repository whose signatures are all in order.
//!
//! What a package may do to an image is the image's own affair: absolute links, links that lead in
//! a circle and setuid programs are ordinary content. What it may not do is leave the image, or
//! mean one thing to one reader and another to the next.

use std::process::Command;

use super::{PACKAGE, Scene, assert_says, harmless};
use crate::deb_builder::{Entry, ar, gzip, stanza, tar, zstd_zeros};
use crate::product::Run;

/// Bytes of address space, in the shell's unit of 1 KiB, that are plenty for a small build and too
/// few for what a bomb unpacks to.
const MEMORY: u64 = 3 << 20;

/// Builds with `MEMORY` and no more.
fn bounded(scene: &Scene) -> Run {
    let inner = scene.command();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ulimit -v {MEMORY}; exec \"$@\""), "sh"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(scene.place.path());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Run::of(shell.output().expect("the shell runs"))
}

/// The file is refused with `words` and nothing is made of it; when the owner has mended the
/// package, the next run succeeds on the same cache.
fn refused(scene: &Scene, file: Vec<u8>, code: i32, words: &[&str]) {
    scene
        .repository
        .publish_files(&[(stanza(PACKAGE, "1"), file)]);
    let said = bounded(scene).failed(code);
    assert_says(&said, words);
    assert_says(&said, &[PACKAGE]);
    assert!(!scene.path("image.oci").exists(), "{words:?}");
    scene.repository.publish(&[(PACKAGE, "2", &harmless())]);
    scene.digest();
    std::fs::remove_dir_all(scene.path("image.oci")).expect("removed");
}

fn refused_payloads(cases: Vec<(Vec<Entry>, &[&str])>) {
    let Some(scene) = Scene::empty() else { return };
    for (entries, words) in cases {
        let file = crate::deb_builder::deb(&stanza(PACKAGE, "1"), &tar(&entries));
        refused(&scene, file, 4, words);
    }
}

#[test]
fn names_that_leave_the_tree_are_refused() {
    refused_payloads(vec![
        (
            vec![Entry::file("../../etc/passwd", "x")],
            &["../../etc/passwd", "`..`"],
        ),
        (vec![Entry::file("./usr/../../x", "x")], &["`..`"]),
        (
            vec![
                Entry::long_name("a/".repeat(60) + "../x"),
                Entry::file("short", "x"),
            ],
            &["`..`"],
        ),
        (
            vec![Entry::pax(&[("path", b"/../x")]), Entry::file("short", "x")],
            &["`..`"],
        ),
    ]);
}

#[test]
fn hard_links_out_of_the_tree_or_to_other_packages_are_refused() {
    refused_payloads(vec![(
        vec![Entry::hardlink("./x", "../../../etc/shadow")],
        &["../../../etc/shadow", "`..`"],
    )]);
    let Some(scene) = Scene::empty() else { return };
    for target in ["/etc/shadow", "./x", "./usr/share/other/file"] {
        let hostile = tar(&[Entry::hardlink("./x", target)]);
        let other = tar(&[Entry::file("./usr/share/other/file", "of another package")]);
        let depends = stanza(PACKAGE, "1") + "Depends: another\n";
        let files = [
            ("another", stanza("another", "1"), other),
            (PACKAGE, depends, hostile),
        ]
        .map(|(_, stanza, payload)| {
            let file = crate::deb_builder::deb(&stanza, &payload);
            (stanza, file)
        });
        scene.repository.publish_files(&files);
        let said = scene.build().failed(3);
        assert_says(
            &said,
            &[PACKAGE, "hard link", "no regular file of the same package"],
        );
        scene.repository.publish(&[(PACKAGE, "2", &harmless())]);
        scene.digest();
    }
}

#[test]
fn devices_pipes_and_unknown_kinds_are_refused() {
    refused_payloads(vec![
        (
            vec![Entry::new(b'3', "./dev/mem")],
            &["dev/mem", "a device node"],
        ),
        (
            vec![Entry::new(b'4', "./dev/sda")],
            &["dev/sda", "a device node"],
        ),
        (vec![Entry::new(b'6', "./pipe")], &["pipe", "a named pipe"]),
        (
            vec![Entry::new(b'V', "./label")],
            &["label", "of an unknown kind"],
        ),
    ]);
}

#[test]
fn entries_that_are_there_twice_are_refused() {
    refused_payloads(vec![
        (
            vec![Entry::file("./a", "one"), Entry::file("a", "two")],
            &["there twice"],
        ),
        (
            vec![Entry::file("./a", "one"), Entry::symlink("./a", "b")],
            &["there twice"],
        ),
        (
            vec![Entry::directory("./a/"), Entry::file("./a", "x")],
            &["there twice"],
        ),
    ]);
}

#[test]
fn names_that_no_list_or_terminal_can_hold_are_refused() {
    refused_payloads(vec![
        (
            vec![Entry::file(b"./caf\xe9", "latin-1")],
            &["not UTF-8", "caf"],
        ),
        (vec![Entry::symlink("./link", b"caf\xe9")], &["not UTF-8"]),
        (
            vec![Entry::file("./a\n/etc/shadow", "x")],
            &["control character", "a\\n/etc/shadow"],
        ),
        (
            vec![Entry::file("./\x1b[2Jx", "x")],
            &["control character", "\\u{1b}[2Jx"],
        ),
    ]);
}

#[test]
fn names_longer_than_the_system_takes_are_refused() {
    refused_payloads(vec![
        (
            vec![Entry::long_name("n".repeat(256)), Entry::file("short", "x")],
            &["256 bytes", "longer than 255"],
        ),
        (
            vec![
                Entry::long_name("d/".repeat(3000)),
                Entry::file("short", "x"),
            ],
            &["longer than 4096"],
        ),
        (
            vec![
                Entry::pax(&[("path", &b"d/".repeat(3000))]),
                Entry::file("short", "x"),
            ],
            &["longer than 4096"],
        ),
        (
            vec![
                Entry::pax(&[("linkpath", &[b'l'; 5000])]),
                Entry::symlink("l", "x"),
            ],
            &["a link whose target no system call accepts"],
        ),
        // A name of 60 MB in a package of 60 kB: refused before it is held in memory.
        (
            vec![
                Entry::long_name(vec![b'n'; 60 << 20]),
                Entry::file("short", "x"),
            ],
            &["described by more than a megabyte"],
        ),
    ]);
}

#[test]
fn sizes_that_lie_are_refused() {
    let ten_gigabytes = 10 << 30;
    refused_payloads(vec![
        // Eleven octal digits hold less than 8 GiB; the content is not there at all.
        (
            vec![Entry::file("./big", "x").announcing(ten_gigabytes >> 1)],
            &["big", "cut off before its end"],
        ),
        (
            vec![Entry::directory("./d").announcing(ten_gigabytes >> 1)],
            &["\"./d\"", "with content"],
        ),
        (
            vec![Entry::symlink("./l", "x").announcing(1)],
            &["\"./l\"", "with content"],
        ),
        (
            vec![
                Entry::pax(&[("size", b"10737418240")]),
                Entry::file("./two", "x"),
            ],
            &["two", "two different sizes"],
        ),
    ]);
}

#[test]
fn sparse_files_are_refused_in_every_form() {
    let map = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"10737418240"),
    ];
    refused_payloads(vec![
        (vec![Entry::new(b'S', "./old")], &["old", "a sparse file"]),
        (
            vec![Entry::pax(&map), Entry::file("./new", "1\n0\n1\n")],
            &["new", "map of holes"],
        ),
    ]);
}

#[test]
fn descriptions_that_can_be_read_in_several_ways_are_refused() {
    let plain = || Entry::file("./x", "x");
    let raw = |content: &[u8]| Entry {
        content: content.to_vec(),
        ..Entry::pax(&[])
    };
    refused_payloads(vec![
        (vec![raw(b"99 path=y\n"), plain()], &["length is wrong"]),
        (vec![raw(b"path=y\n"), plain()], &["length is wrong"]),
        (
            vec![Entry::pax(&[("path", b"y"), ("path", b"z")]), plain()],
            &["two PAX records `path`"],
        ),
        (
            vec![
                Entry::long_name("y"),
                Entry::pax(&[("path", b"z")]),
                plain(),
            ],
            &["two names"],
        ),
        (
            vec![Entry::pax(&[]), Entry::pax(&[]), plain()],
            &["two descriptions"],
        ),
        (vec![Entry::long_name("y")], &["an entry that is not there"]),
        (
            vec![Entry::new(b'g', "global"), plain()],
            &["a description of all further entries"],
        ),
        (
            vec![Entry::pax(&[("uid", b"4294967296")]), plain()],
            &["does not fit 32 bits"],
        ),
        (
            vec![
                Entry::pax(&[("SCHILY.xattr.trusted.overlay.opaque", b"y")]),
                plain(),
            ],
            &["attribute"],
        ),
    ]);
}

#[test]
fn ordinary_oddities_are_kept_as_they_are() {
    let Some(scene) = Scene::empty() else { return };
    // A capability set whose bytes hold a newline.
    let capability =
        b"\x01\x00\x00\x02\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let long = format!("./{}deep", "directory/".repeat(30));
    let payload = tar(&[
        Entry::directory("./usr/"),
        Entry::directory("./usr/"),
        Entry::file("./usr/su", "x").with_mode(0o4755),
        Entry::symlink("./absolute", "/etc/passwd"),
        Entry::symlink("./outside", "../../../../etc/passwd"),
        Entry::symlink("./loop", "loop"),
        Entry::long_name(&long),
        Entry::file("short", "x"),
        Entry::pax(&[("SCHILY.xattr.security.capability", capability)]),
        Entry::file("./usr/capable", "x"),
    ]);
    scene.repository.publish(&[(PACKAGE, "1", &payload)]);
    scene.digest();
    let layout = dindimg::oci::Layout::open(&scene.path("image.oci")).expect("a layout");
    let set = layout
        .image_set(layout.find(None).expect("one image"))
        .expect("readable");
    let mut found = std::collections::BTreeMap::new();
    for layer in set.layers().values() {
        use dindimg::oci::BlobSource as _;
        let blob = layout.open(&layer.digest).expect("a layer");
        let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(blob));
        for entry in archive.entries().expect("a tar") {
            let entry = entry.expect("readable");
            let path = String::from_utf8(entry.path_bytes().into_owned()).expect("UTF-8");
            let link = entry
                .link_name_bytes()
                .map(|link| String::from_utf8(link.into_owned()).expect("UTF-8"));
            found.insert(path, (entry.header().mode().expect("a mode"), link));
        }
    }
    let link = |path: &str| found[path].1.clone().expect("a link");
    assert_eq!(
        found["usr/su"].0, 0o4755,
        "setuid programs stay what they are"
    );
    assert_eq!(
        link("absolute"),
        "/etc/passwd",
        "not followed by anybody here"
    );
    assert_eq!(link("outside"), "../../../../etc/passwd");
    assert_eq!(link("loop"), "loop");
    assert!(found.contains_key(&long[2..]));
    assert!(found.contains_key("usr/capable"));
}

#[test]
fn files_below_a_link_that_loops_have_no_place() {
    let Some(scene) = Scene::empty() else { return };
    for target in ["loop", "./loop", "/loop", "back/../loop"] {
        let payload = tar(&[
            Entry::directory("./back/"),
            Entry::symlink("./loop", target),
            Entry::file("./loop/file", "x"),
        ]);
        scene.repository.publish(&[(PACKAGE, "1", &payload)]);
        let said = scene.build().failed(3);
        assert_says(&said, &[PACKAGE, "/loop", "links"]);
        scene.repository.publish(&[(PACKAGE, "2", &harmless())]);
        scene.digest();
    }
}

#[test]
fn files_below_a_link_that_climbs_stay_in_the_tree() {
    let Some(scene) = Scene::empty() else { return };
    let outside = scene.path("outside");
    let climbing = format!("../../../../../../..{}", scene.place.path().display());
    let payload = tar(&[
        Entry::symlink("./up", &climbing),
        Entry::file("./up/outside", "x"),
    ]);
    scene.repository.publish(&[(PACKAGE, "1", &payload)]);
    scene.digest();
    assert!(!outside.exists(), "nothing is ever unpacked here");
}

/// 10 GB of content in packages of a few kilobytes to a few hundred.
#[test]
fn decompression_bombs_are_cut_off() {
    let Some(scene) = Scene::empty() else { return };
    let size = 10 << 30;
    let control = gzip(&tar(&[Entry::file("./control", stanza(PACKAGE, "1"))]));
    let xz = |bytes: u64| {
        let mut out = Vec::new();
        let zeros = std::io::Read::take(std::io::repeat(0), bytes);
        let mut encoder = liblzma::read::XzEncoder::new(zeros, 0);
        std::io::Read::read_to_end(&mut encoder, &mut out).expect("in memory");
        out
    };
    let format = ("debian-binary", &b"2.0\n"[..]);
    let bomb = zstd_zeros(size);
    assert!(bomb.len() < 400_000);
    refused(
        &scene,
        ar(&[
            format,
            ("control.tar.gz", &control),
            ("data.tar.zst", &bomb),
        ]),
        4,
        &["data.tar.zst", "decompression bomb"],
    );
    refused(
        &scene,
        ar(&[
            format,
            ("control.tar.gz", &control),
            ("data.tar.xz", &xz(128 << 20)),
        ]),
        4,
        &["data.tar.xz", "decompression bomb"],
    );
    refused(
        &scene,
        ar(&[format, ("control.tar.zst", &bomb)]),
        4,
        &["control.tar.zst", "more than 16777216 bytes"],
    );
    let gzipped = gzip(&vec![0; 32 << 20]);
    refused(
        &scene,
        ar(&[format, ("control.tar.gz", &gzipped)]),
        4,
        &["control.tar.gz", "more than 16777216 bytes"],
    );
    // The size in the archive's header is the file's own word, and counts for nothing.
    let mut lying = ar(&[
        format,
        ("control.tar.gz", &control),
        ("data.tar.zst", &bomb),
    ]);
    let honest = format!("{:<10}`\n", bomb.len()).into_bytes();
    let at = lying
        .windows(honest.len())
        .rposition(|window| window == honest)
        .expect("the header");
    lying[at..at + 10].copy_from_slice(b"9999999999");
    refused(&scene, lying, 4, &["data.tar.zst", "decompression bomb"]);
}

#[test]
fn an_index_that_is_a_bomb_is_cut_off() {
    let Some(scene) = Scene::empty() else { return };
    scene
        .repository
        .publish_index(".zst", &zstd_zeros(10 << 30));
    let said = bounded(&scene).failed(4);
    assert_says(
        &said,
        &[
            "Packages of debian/bookworm main amd64",
            "decompression bomb",
        ],
    );
    scene.repository.publish(&[(PACKAGE, "1", &harmless())]);
    scene.digest();
}

#[test]
fn control_archives_that_leave_open_what_counts_are_refused() {
    let Some(scene) = Scene::empty() else { return };
    let own = || Entry::file("./control", stanza(PACKAGE, "1"));
    for (entries, words) in [
        (vec![own(), own()], "twice"),
        (
            vec![own(), Entry::symlink("./postinst", "/bin/sh")],
            "no plain file",
        ),
        (
            vec![own(), Entry::hardlink("./postinst", "control")],
            "no plain file",
        ),
        (
            vec![own(), Entry::file("./../../etc/passwd", "x")],
            "no name of a control file",
        ),
        (vec![Entry::file("./md5sums", "")], "no control file"),
    ] {
        let file = ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", &gzip(&tar(&entries))),
            ("data.tar.gz", &gzip(&harmless())),
        ]);
        refused(&scene, file, 4, &["control.tar.gz", words]);
    }
}

#[test]
fn archives_that_are_no_packages_are_refused() {
    let Some(scene) = Scene::empty() else { return };
    let member = |name: &str, size: &str| {
        format!(
            "!<arch>\n{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
            0, 0, 0, 644
        )
        .into_bytes()
    };
    for (file, words) in [
        (b"no archive at all".to_vec(), "no `ar` archive"),
        (b"!<arch>\n".to_vec(), "it is empty"),
        // Names that `ar(1)` keeps in tables: read as they are, they are no member of a package.
        (member("/123", "0"), "unexpected member"),
        (member("//", "9999999999"), "unexpected member"),
        (member("#1/9999999999", "9999999999"), "unexpected member"),
        (
            member("debian-binary", "9999999999"),
            "before its member does",
        ),
        (member("debian-binary", "-1"), "no number"),
    ] {
        refused(&scene, file, 4, &[words]);
    }
}

#[test]
fn a_file_that_holds_another_package_is_refused() {
    let Some(scene) = Scene::empty() else { return };
    let file = crate::deb_builder::deb(&stanza("impostor", "1"), &harmless());
    refused(
        &scene,
        file,
        4,
        &["impostor", "the repository is inconsistent"],
    );
}
