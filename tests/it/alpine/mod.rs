//! Alpine's real data: its index, a package, the order of versions, and the choices of apk itself.

mod bad;
mod image;
mod mirror;
mod oracle;
pub mod room;

use std::collections::BTreeSet;
use std::io::BufReader;

use dindimg::apk::index::{self, PackageRecord};
use dindimg::apk::keys::{self, Key, TrustError};
use dindimg::apk::members;
use dindimg::apk::package;
use dindimg::apk::provider::{Request, Universe};
use dindimg::apk::version::Version;

use crate::support::{fixture, skipped};
use oracle::Oracle;

const INDEX: &str = "alpine/APKINDEX-v3.17-main-aarch64.tar.gz";
const PACKAGE: &str = "alpine/alpine-baselayout-3.2.0-r23.aarch64.apk";

/// Decoded bytes of an index; the real one has 3 MB.
const LIMIT: u64 = 64 << 20;

/// Alpine's keys, by the digits of their names.
const SIGNER: &str = "616ae350";
const OTHERS: [&str; 4] = ["4a6a0840", "5261cecb", "58199dcc", "6165ee59"];

/// The name of a key's file.
fn name(digits: &str) -> String {
    format!("alpine-devel@lists.alpinelinux.org-{digits}.rsa.pub")
}

fn key(digits: &str) -> Option<Key> {
    key_as(digits, &name(digits))
}

/// A key under any name.
fn key_as(digits: &str, called: &str) -> Option<Key> {
    let file = fixture(&format!("alpine/keys/{}", name(digits)))?;
    Some(Key::parse(called, &file).expect("a key"))
}

fn records(file: &[u8]) -> Vec<PackageRecord> {
    let signed = members::split(file).expect("members");
    let archive = members::decode("index", signed.content, LIMIT).expect("an archive");
    let mut archive = tar::Archive::new(archive.as_slice());
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        if entry.path_bytes().as_ref() == b"APKINDEX" {
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut text).expect("a text");
            return index::parse(&text).expect("an index");
        }
    }
    panic!("no APKINDEX");
}

#[test]
fn the_real_index_verifies_with_its_key_and_no_other_and_every_record_is_read() {
    let Some(file) = fixture(INDEX) else { return };
    let signed = members::split(&file).expect("members");
    let check =
        |trusted: &[Key]| keys::verify("the index", signed.content, &signed.signatures, trusted);
    let signer = key(SIGNER).expect("the signer's key");
    assert_eq!(
        check(std::slice::from_ref(&signer)),
        Ok(vec![signer.name.clone()])
    );
    for digits in OTHERS {
        let other = key(digits).expect("a key");
        let refused = check(std::slice::from_ref(&other));
        assert!(
            matches!(refused, Err(TrustError::Unknown { .. })),
            "{refused:?}"
        );
        // A key of the right name that is another one.
        let impostor = key_as(digits, &signer.name).expect("a key");
        let refused = check(&[impostor]);
        assert!(
            matches!(refused, Err(TrustError::Bad { .. })),
            "{refused:?}"
        );
    }
    let records = records(&file);
    assert_eq!(records.len(), 5004);
    let malformed = records.iter().filter(|record| {
        [&record.depends, &record.provides, &record.install_if]
            .iter()
            .any(|field| dindimg::apk::relation::parse(field).is_err())
    });
    assert_eq!(malformed.count(), 0);
}

#[test]
fn a_changed_byte_of_the_real_index_is_refused() {
    let Some(file) = fixture(INDEX) else { return };
    let signer = key(SIGNER).expect("the signer's key");
    let step = file.len() / 40;
    for at in (0..file.len()).step_by(step) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        let trusted = members::split(&changed).is_ok_and(|signed| {
            let trusted = [signer.clone()];
            // The header of a gzip member has bytes that say nothing, as the time; what they are
            // part of is signed all the same.
            keys::verify("the index", signed.content, &signed.signatures, &trusted).is_ok()
                && signed.content == &file[file.len() - signed.content.len()..]
                && at >= file.len() - signed.content.len()
        });
        assert!(!trusted, "byte {at}");
    }
}

#[test]
fn the_real_package_is_the_one_that_its_checksum_names() {
    let Some(file) = fixture(PACKAGE) else { return };
    let signer = key(SIGNER).expect("the signer's key");
    let mut reader = BufReader::new(file.as_slice());
    let head = package::head(&mut reader).expect("a package");
    let checked = keys::verify("it", &head.signed, &head.signatures, &[signer]);
    assert!(checked.is_ok(), "{checked:?}");
    let named = "Q1LLq2qDNrS/qRnhxQ3hsY/sHbQnc="
        .parse()
        .expect("a checksum");
    head.identify(&named).expect("the package");
    let other = "Q1tduNGDYV/KwvztK0sMium7UfSj0="
        .parse()
        .expect("a checksum");
    let refused = head.identify(&other).expect_err("another package");
    assert!(
        refused
            .to_string()
            .contains("Q1LLq2qDNrS/qRnhxQ3hsY/sHbQnc="),
        "{refused}"
    );
    assert_eq!(head.control.field("pkgname"), Some("alpine-baselayout"));
    let scripts: Vec<&str> = head.control.files.keys().map(String::as_str).collect();
    assert_eq!(
        scripts,
        [
            ".PKGINFO",
            ".post-install",
            ".post-upgrade",
            ".pre-install",
            ".pre-upgrade"
        ]
    );
    let mut spool = Vec::new();
    head.payload(&mut reader, &mut spool).expect("its files");
    let mut archive = tar::Archive::new(spool.as_slice());
    assert!(archive.entries().expect("entries").count() > 40);
    // The last member is the payload.
    let mut changed = file.clone();
    let at = changed.len() - 4000;
    changed[at] ^= 1;
    let mut reader = BufReader::new(changed.as_slice());
    let head = package::head(&mut reader).expect("a package");
    assert!(head.payload(&mut reader, &mut Vec::new()).is_err());
    let mut cut = BufReader::new(&file[..file.len() - 10]);
    let head = package::head(&mut cut).expect("a package");
    assert!(head.payload(&mut cut, &mut Vec::new()).is_err());
}

#[test]
fn every_pair_of_alpine_versions_is_in_order() {
    let Some(pairs) = fixture("versions/alpine-pairs.txt") else {
        return;
    };
    let text = String::from_utf8(pairs).expect("UTF-8");
    let mut count = 0;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split(' ').collect();
        let [a, sign, b] = words[..] else {
            panic!("{line}");
        };
        let [one, other]: [Version; 2] = [a, b].map(|text| text.parse().expect(text));
        let found = match one.cmp(&other) {
            std::cmp::Ordering::Less => "<",
            std::cmp::Ordering::Equal => "=",
            std::cmp::Ordering::Greater => ">",
        };
        assert_eq!(found, sign, "{line}");
        count += 1;
    }
    assert_eq!(count, 6990);
}

/// Where the answers differ, and why ours stands.
const DIFFERENCES: &[(&str, &str)] = &[];

/// Requests beside the single packages: what images are made of, and what meets in one image.
const TOGETHER: &[&str] = &[
    "alpine-base iptables openssl e2fsprogs",
    "alpine-base docs",
    "bash docs openrc",
    "busybox openrc chrony",
    "git openssh docs",
    "python3 py3-pip",
    "nginx openrc logrotate",
    "musl-dev gcc make",
    "postgresql15 openrc",
    "!busybox-binsh dash",
    "alpine-base !openrc",
    "openssl>3 ca-certificates",
    "openssl<1",
    "iptables~1.8",
    "cmd:ls cmd:bash",
    "so:libssl.so.3",
    "no-such-package",
];

#[test]
fn our_choices_are_those_of_apk_for_hundreds_of_requests() {
    let (Some(file), Some(root)) = (fixture(INDEX), Oracle::root()) else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        skipped("apk's own choices", "chroot needs root");
        return;
    }
    let oracle = Oracle::new(&root, &file, "aarch64");
    let records = records(&file);
    let names: BTreeSet<String> = records.iter().map(|one| one.name.to_string()).collect();
    let mut universe = Universe::new();
    universe.add_index(0, None, records);
    // Another one of the names each time would find more, and fail at random.
    let every: usize =
        std::env::var("DINDIMG_TEST_EVERY").map_or(20, |text| text.parse().expect("a number"));
    let single = names.iter().step_by(every).map(String::as_str);
    let requests: Vec<&str> = single.chain(TOGETHER.iter().copied()).collect();
    assert!(requests.len() >= 200, "{}", requests.len());
    let mut wrong = Vec::new();
    for request in &requests {
        let theirs = oracle.choice(request);
        let asked = Request {
            origin: "the request".to_owned(),
            architecture: "aarch64".to_owned(),
            include: request
                .split(' ')
                .map(|word| word.parse().expect("a dependency"))
                .collect(),
            ..Request::default()
        };
        let ours: Option<BTreeSet<String>> = universe.solve(&asked).ok().map(|selection| {
            let chosen = selection.packages.iter();
            chosen
                .map(|one| format!("{} {}", one.record.name, one.record.version))
                .collect()
        });
        let known = DIFFERENCES.iter().any(|(of, _)| of == request);
        if (ours != theirs) != known {
            let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
            let more: Vec<_> = ours.difference(&theirs).collect();
            let less: Vec<_> = theirs.difference(&ours).collect();
            wrong.push(format!(
                "{request}: ours alone {more:?}, apk alone {less:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        requests.len(),
        wrong.join("\n")
    );
}
