//! apk, what is written here, and the product's own readers are of one mind.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use dindimg::apk::{keys, package};

use super::peer::{Peer, said, unpack};
use super::{Algorithm, ApkPackage, Entry, Key, Repository, Signers, debian, rootfs};
use crate::archive::{closure, shared_cache};

const NAME: &str = "test@example.org-0123abcd.rsa.pub";

/// What the makers of the file system had apk install.
const WORLD: [&str; 5] = [
    "alpine-baselayout",
    "alpine-keys",
    "apk-tools",
    "busybox",
    "libc-utils",
];

fn sample() -> ApkPackage {
    ApkPackage::new("sample", "1.0-r0")
        .depends("busybox")
        .script(".post-install", "#!/bin/sh\nexit 0\n")
        .entry(Entry::executable("usr/bin/sample", "#!/bin/sh\n"))
        .entry(Entry::symlink("usr/bin/other", "sample"))
        .entry(Entry {
            mode: 0o755,
            ..Entry::hardlink("usr/bin/third", "usr/bin/sample")
        })
        .entry(Entry::file(
            format!("usr/share/{}/long", "x".repeat(120)),
            "y",
        ))
}

/// Whether the product takes a package by a key.
fn ours(bytes: &[u8], key: &Key) -> bool {
    let trusted = [keys::Key::parse(key.name(), &key.public()).expect("a key")];
    let mut reader = bytes;
    package::head(&mut reader).is_ok_and(|head| {
        keys::verify("it", &head.signed, &head.signatures, &trusted).is_ok()
            && head.payload(&mut reader, &mut Vec::new()).is_ok()
    })
}

#[test]
fn apk_takes_the_packages_that_are_sound_and_no_others() {
    let Some(archive) = Peer::archive() else {
        return;
    };
    let peer = Peer::new(&archive);
    let (key, impostor) = (Key::new(NAME), Key::new(NAME));
    let stranger = Key::of_size("big@example.org-89abcdef.rsa.pub", 4096);
    key.trust(&peer.path("."));
    let by = |key, algorithm| [(key, algorithm)];
    let signed = |signers: &Signers<'_>| sample().members().signed(signers);
    let (one, other) = ((&key, Algorithm::Sha1), (&stranger, Algorithm::Sha256));
    assert!(signed(&[one]) == signed(&[one]), "the same bytes each time");

    let mut cut = signed(&[one]);
    cut.truncate(cut.len() - 9);
    let lie = ApkPackage {
        datahash: Some("0".repeat(64)),
        ..sample()
    };
    let mut swapped = sample().members();
    swapped.data = ApkPackage::new("else", "1-r0").members().data;
    let cases = [
        ("SHA-1", signed(&[one]), "OK"),
        ("SHA-256", signed(&by(&key, Algorithm::Sha256)), "OK"),
        ("two keys", signed(&[one, other]), "OK"),
        ("two keys turned", signed(&[other, one]), "OK"),
        ("nobody", signed(&[]), "UNTRUSTED"),
        ("a stranger", signed(&[other]), "UNTRUSTED"),
        (
            "an impostor",
            signed(&by(&impostor, Algorithm::Sha1)),
            "BAD signature",
        ),
        (
            "wrong digest",
            lie.members().signed(&[one]),
            "BAD signature",
        ),
        ("other files", swapped.signed(&[one]), "BAD signature"),
        ("cut off", cut, "BAD archive"),
    ];
    for (what, bytes, expected) in cases {
        fs::write(peer.path("it.apk"), &bytes).expect("written");
        let words = said(&peer.apk(&["verify", "/it.apk"]));
        assert!(
            words.contains(&format!(" - {expected}\n")),
            "{what}: {words}"
        );
        assert_eq!(ours(&bytes, &key), expected == "OK", "{what}");
    }
}

#[test]
fn apk_makes_the_same_index_and_installs_by_it() {
    let Some(archive) = Peer::archive() else {
        return;
    };
    let peer = Peer::new(&archive);
    let (key, impostor) = (Key::new(NAME), Key::new(NAME));
    key.trust(&peer.path("."));
    let signers: &Signers<'_> = &[(&key, Algorithm::Sha1)];
    let mut repository = Repository::at(&peer.path("mirror"), "v3.19", "main");
    let packages = rootfs::packages(&archive);
    repository.publish(&packages, signers);
    for file in fs::read_dir(repository.directory()).expect("a repository") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|end| end == "apk") {
            assert!(ours(&fs::read(&path).expect("a package"), &key), "{path:?}");
        }
    }
    let files: Vec<String> = packages
        .iter()
        .map(|one| format!("/mirror/v3.19/main/x86_64/{}-{}.apk", one.name, one.version))
        .collect();
    let words = ["index", "--output", "/index.tar.gz"].into_iter();
    let words: Vec<&str> = words.chain(files.iter().map(String::as_str)).collect();
    let made = peer.apk(&words);
    assert!(made.status.success(), "{}", said(&made));
    let theirs = fs::read(peer.path("index.tar.gz")).expect("an index");
    let mut text = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(theirs.as_slice());
    decoder.read_to_end(&mut text).expect("an archive");
    let text = String::from_utf8_lossy(&text);
    for record in repository.records() {
        assert!(text.contains(record.as_str()), "{record}");
    }

    let install = |root: &str| {
        let repositories = ["/mirror/v3.19/main"];
        said(&peer.install(root, &[&key], &repositories, &["zlib"]))
    };
    assert!(install("sound").contains("exit status: 0"));
    repository.write_index(&[(&impostor, Algorithm::Sha256)]);
    let words = install("impostor");
    assert!(words.contains("BAD signature"), "{words}");
    repository.write_index(&[]);
    let words = install("unsigned");
    assert!(words.contains("UNTRUSTED signature"), "{words}");
    // The record of zlib with the identity of another package.
    let all = repository.records().join("\n");
    let identity = |name: &str| {
        let mut records = repository.records().iter();
        let record = records.find(|one| one.contains(&format!("\nP:{name}\n")));
        let line = record.expect("a record").lines().next();
        line.expect("a line").to_owned()
    };
    let mixed = all.replace(&identity("zlib"), "C:Q1tduNGDYV/KwvztK0sMium7UfSj0=");
    repository.write_text(mixed, signers);
    let words = install("mixed");
    assert!(words.contains("ERROR: zlib-1.3.1-r0: "), "{words}");
}

/// What there is of a path: mode, owners, and content or target.
type Found = (u32, u32, u32, Vec<u8>);

fn tree(root: &Path) -> BTreeMap<String, Found> {
    fn walk(root: &Path, below: &Path, found: &mut BTreeMap<String, Found>) {
        for entry in fs::read_dir(below).expect("a directory") {
            let path = entry.expect("an entry").path();
            let data = fs::symlink_metadata(&path).expect("an entry");
            let content = if data.is_symlink() {
                let target = fs::read_link(&path).expect("a target");
                target.into_os_string().into_encoded_bytes()
            } else if data.is_file() {
                fs::read(&path).expect("a file")
            } else {
                Vec::new()
            };
            let name = path.strip_prefix(root).expect("below it");
            let is = (data.mode(), data.uid(), data.gid(), content);
            found.insert(name.display().to_string(), is);
            if data.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// What differs between Alpine's own file system and a new one, and why. apk's own files are
/// compared by themselves.
const DIFFERENCES: &[&str] = &[
    // Copied from a package that is not installed.
    "etc/alpine-release",
    "etc/issue",
    "etc/os-release",
    "etc/secfixes.d",
    "etc/secfixes.d/alpine",
    // Written after the installation.
    "etc/apk/repositories",
    "etc/shadow",
    // The key that is trusted here.
    "etc/apk/keys/test@example.org-0123abcd.rsa.pub",
    // Made by apk before its package is there, with permissions of its own.
    "lib/apk/exec",
];

#[test]
fn apk_makes_alpines_own_file_system_of_the_packages_that_were_made_again() {
    let Some(archive) = Peer::archive() else {
        return;
    };
    let peer = Peer::new(&archive);
    let key = Key::new(NAME);
    let mut repository = Repository::at(&peer.path("mirror"), "v3.19", "main");
    repository.publish(&rootfs::packages(&archive), &[(&key, Algorithm::Sha1)]);
    let made = peer.install("new", &[&key], &["/mirror/v3.19/main"], &WORLD);
    assert!(made.status.success(), "{}", said(&made));
    unpack(&archive, &peer.path("shipped"));
    let (shipped, new) = (tree(&peer.path("shipped")), tree(&peer.path("new")));
    let database = "lib/apk/db/";
    let differing: Vec<&String> = shipped
        .keys()
        .chain(new.keys())
        .filter(|path| shipped.get(*path) != new.get(*path))
        // What is below it is not in an archive that came from a container.
        .filter(|path| !path.starts_with("dev/") && !path.starts_with(database))
        .filter(|path| !DIFFERENCES.contains(&path.as_str()))
        .collect();
    assert!(differing.is_empty(), "{differing:?}");

    // Packages have other identities and sizes here; nothing else differs.
    let content =
        |tree: &BTreeMap<String, Found>, name: &str| tree[&format!("{database}{name}")].3.clone();
    let installed = |tree: &BTreeMap<String, Found>| {
        let text = String::from_utf8(content(tree, "installed")).expect("UTF-8");
        let lines = text.lines().filter(|line| !line.starts_with(['C', 'S']));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(installed(&shipped), installed(&new));
    let triggers = |tree: &BTreeMap<String, Found>| {
        let text = String::from_utf8(content(tree, "triggers")).expect("UTF-8");
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(_, paths)| paths.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(triggers(&shipped), triggers(&new));
    let scripts = |tree: &BTreeMap<String, Found>| {
        let bytes = content(tree, "scripts.tar");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().expect("an archive").map(|entry| {
            let mut entry = entry.expect("an entry");
            let path = String::from_utf8(entry.path_bytes().into_owned()).expect("UTF-8");
            let (package, rest) = path.split_once(".Q1").expect("an identity");
            let kind = rest.rsplit('.').next().expect("a kind");
            let name = format!("{package} {kind}");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("a script");
            (name, entry.header().mtime().expect("a time"), text)
        });
        entries.collect::<Vec<_>>()
    };
    assert_eq!(scripts(&shipped), scripts(&new));
}

/// What an image with Docker inside is made of, and commands that show that it runs.
const PACKAGES: &str = "docker docker-engine docker-cli containerd containerd-ctr runc tini \
    iptables iptables-legacy openssl e2fsprogs e2fsprogs-extra xz pigz kmod iproute2 procps-ng jq \
    util-linux-misc mount umount losetup setpriv flock blkid ca-certificates openrc";

const COMMANDS: [&str; 20] = [
    "dockerd --version",
    "docker --version",
    "docker-init --version",
    "containerd --version",
    "ctr --version",
    "runc --version",
    "tini --version",
    "iptables --version",
    "iptables-legacy --version",
    "ip6tables-legacy --version",
    "openssl version",
    "mkfs.ext4 -V",
    "xz --version",
    "unpigz --version",
    "modprobe --version",
    "ip -V",
    "jq --version",
    "mount --version",
    "setpriv --version",
    "getent group docker",
];

#[test]
fn programs_of_debian_run_under_alpines_names() {
    let Some(archive) = Peer::archive() else {
        return;
    };
    let peer = Peer::new(&archive);
    let recipe = "schema = 1\nprofile = \"dind\"\n[image]\nplatforms = [\"linux/amd64\"]\n\
                  [debian]\nsuite = \"bookworm\"\n";
    let cache = shared_cache();
    let debs: Vec<PathBuf> = closure("apk-repository", &[("source.toml", recipe.to_owned())])
        .iter()
        .filter(|package| debian::sources().contains(package.name()))
        .map(|package| {
            package.write(&peer.path("debian"), &cache);
            peer.path("debian").join(&package.path)
        })
        .collect();
    let key = Key::new(NAME);
    let signers: &Signers<'_> = &[(&key, Algorithm::Sha1)];
    let mirror = peer.path("mirror");
    Repository::at(&mirror, "v3.19", "main").publish(&rootfs::packages(&archive), signers);
    let mut community = Repository::at(&mirror, "v3.19", "community");
    community.publish(&debian::packages(&debs), signers);
    assert!(community.address().is_dir());
    let wanted: Vec<&str> = WORLD
        .into_iter()
        .chain(PACKAGES.split_whitespace())
        .collect();
    let repositories = ["/mirror/v3.19/main", "/mirror/v3.19/community"];
    let made = peer.install("new", &[&key], &repositories, &wanted);
    assert!(made.status.success(), "{}", said(&made));
    assert!(
        said(&made).contains("Installing docker-openrc"),
        "{}",
        said(&made)
    );
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').collect();
        let ran = peer.run_in("new", &words);
        assert!(ran.status.success(), "{command}: {}", said(&ran));
    }
}
