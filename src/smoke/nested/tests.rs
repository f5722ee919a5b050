use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read as _;

use super::*;

/// A root file system in memory.
struct Fake(BTreeMap<String, Vec<u8>>);

impl Files for Fake {
    type Error = Infallible;

    fn first(&mut self, candidates: &[String]) -> Result<Option<(String, Vec<u8>)>, Infallible> {
        let found = candidates.iter().find(|path| self.0.contains_key(*path));
        Ok(found.map(|path| (path.clone(), self.0[path].clone())))
    }
}

/// A minimal 64-bit ELF file: a `PT_LOAD` over the whole file, `PT_INTERP` and `PT_DYNAMIC` as
/// asked for (ELF-64 object file format 1.5).
fn elf(
    machine: u16,
    interpreter: Option<&str>,
    needed: &[&str],
    run_path: Option<&str>,
) -> Vec<u8> {
    let mut strings = vec![0_u8];
    let mut intern = |text: &str| {
        let at = strings.len() as u64;
        strings.extend(text.bytes().chain([0]));
        at
    };
    let mut dynamic: Vec<(u64, u64)> = needed.iter().map(|name| (1, intern(name))).collect();
    dynamic.extend(run_path.map(|path| (29, intern(path))));
    let interp = interpreter.map(|path| (intern(path), path.len() as u64 + 1));
    let headers = 64 + 56 * 3;
    let dynamic_at = headers + strings.len().next_multiple_of(8);
    dynamic.extend([(5, headers as u64), (10, strings.len() as u64), (0, 0)]);
    let size = dynamic_at + dynamic.len() * 16;

    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend(3_u16.to_le_bytes());
    out.extend(machine.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(0_u64.to_le_bytes());
    out.extend(64_u64.to_le_bytes());
    out.extend(0_u64.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 3, 0, 0, 0] {
        out.extend(half.to_le_bytes());
    }
    let mut segment = |kind: u32, at: u64, length: u64| {
        out.extend(kind.to_le_bytes());
        out.extend(4_u32.to_le_bytes());
        for word in [at, at, at, length, length, 8] {
            out.extend(word.to_le_bytes());
        }
    };
    segment(1, 0, size as u64);
    match interp {
        Some((at, length)) => segment(3, headers as u64 + at, length),
        None => segment(0, 0, 0),
    }
    segment(2, dynamic_at as u64, dynamic.len() as u64 * 16);
    out.extend(&strings);
    out.resize(dynamic_at, 0);
    for (tag, value) in dynamic {
        out.extend(tag.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
    out
}

const X86: u16 = 62;
const ARM: u16 = 183;

fn root(files: &[(&str, Vec<u8>)]) -> Fake {
    Fake(
        files
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), bytes.clone()))
            .collect(),
    )
}

fn paths(rootfs: &Rootfs) -> Vec<&str> {
    rootfs.files.keys().map(String::as_str).collect()
}

#[test]
fn glibc_tools_bring_loader_and_libraries_from_the_multiarch_directory() {
    let loader = "/lib/ld-linux-aarch64.so.1";
    let tool = elf(ARM, Some(loader), &["libc.so.6"], None);
    let libc = elf(ARM, Some(loader), &["ld-linux-aarch64.so.1"], None);
    let mut fake = root(&[
        ("/bin/sh", tool.clone()),
        ("/usr/bin/cat", tool.clone()),
        ("/bin/sleep", tool.clone()),
        ("/usr/bin/timeout", tool.clone()),
        ("/usr/bin/openssl", tool),
        ("/lib/aarch64-linux-gnu/libresolv.so.2", libc.clone()),
        ("/lib/aarch64-linux-gnu/libc.so.6", libc),
        (loader, elf(ARM, None, &[], None)),
        ("/bin/unrelated", vec![]),
    ]);
    let rootfs = collect(&mut fake).expect("complete");
    assert_eq!(rootfs.architecture, "arm64");
    assert_eq!(
        paths(&rootfs),
        [
            "/bin/sh",
            "/bin/sleep",
            "/lib/aarch64-linux-gnu/libc.so.6",
            "/lib/aarch64-linux-gnu/libresolv.so.2",
            loader,
            "/usr/bin/cat",
            "/usr/bin/openssl",
            "/usr/bin/timeout"
        ]
    );
    assert!(rootfs.speaks());
}

#[test]
fn musl_tools_need_their_loader_only() {
    let loader = "/lib/ld-musl-x86_64.so.1";
    let busybox = elf(X86, Some(loader), &["libc.musl-x86_64.so.1"], None);
    let libc = elf(X86, None, &[], None);
    let mut fake = root(&[
        ("/bin/sh", busybox.clone()),
        ("/bin/cat", busybox.clone()),
        ("/bin/sleep", busybox.clone()),
        ("/bin/timeout", busybox),
        (loader, libc.clone()),
        ("/lib/libc.musl-x86_64.so.1", libc),
    ]);
    let rootfs = collect(&mut fake).expect("complete");
    assert_eq!(rootfs.architecture, "amd64");
    assert_eq!(rootfs.files.len(), 6);
    assert!(
        !rootfs.speaks(),
        "without openssl there is still a nested image"
    );
}

#[test]
fn a_run_path_comes_before_the_defaults() {
    let tool = elf(X86, None, &["libx.so.1"], Some("$ORIGIN/../lib:/opt/lib"));
    let library = elf(X86, None, &[], None);
    let mut fake = root(&[
        ("/bin/sh", tool),
        ("/bin/cat", library.clone()),
        ("/bin/sleep", library.clone()),
        ("/bin/timeout", library.clone()),
        ("/opt/lib/libx.so.1", library.clone()),
        ("/usr/lib/libx.so.1", library),
    ]);
    let rootfs = collect(&mut fake).expect("complete");
    assert!(rootfs.files.contains_key("/opt/lib/libx.so.1"));
    assert!(!rootfs.files.contains_key("/usr/lib/libx.so.1"));
}

#[test]
fn what_is_missing_or_foreign_is_named() {
    let error = collect(&mut root(&[])).expect_err("no shell");
    assert_eq!(
        error.to_string(),
        "the image has no sh in /bin/sh, /usr/bin/sh, /sbin/sh, /usr/sbin/sh, needed for the nested container"
    );
    let tool = elf(X86, None, &["libgone.so.9"], None);
    let library = elf(X86, None, &[], None);
    let error = collect(&mut root(&[
        ("/bin/sh", tool),
        ("/bin/cat", library.clone()),
        ("/bin/sleep", library.clone()),
        ("/bin/timeout", library),
    ]))
    .expect_err("no library");
    let text = error.to_string();
    assert!(
        text.contains("libgone.so.9") && text.contains("loaded by /bin/sh"),
        "{text}"
    );
    for (bytes, reason) in [
        (b"#!/bin/dash\n".to_vec(), "it is not an ELF file"),
        (b"\x7fELF".to_vec(), "its ELF structure is damaged"),
        (
            elf(8, None, &[], None),
            "it is for machine type 8, neither x86-64 nor 64-bit ARM",
        ),
    ] {
        let error = collect(&mut root(&[("/bin/sh", bytes)])).expect_err(reason);
        let source = std::error::Error::source(&error).expect("cause");
        assert_eq!(source.to_string(), reason);
    }
}

#[test]
fn the_archive_names_its_image_and_its_layer_matches_the_config() {
    let rootfs = Rootfs {
        architecture: "amd64",
        files: BTreeMap::from([("/usr/bin/sh".to_owned(), b"shell".to_vec())]),
    };
    let bytes = docker_archive(&rootfs, IMAGE).expect("fits");
    assert_eq!(bytes, docker_archive(&rootfs, IMAGE).expect("fits"));
    let mut members = BTreeMap::new();
    for entry in tar::Archive::new(&bytes[..]).entries().expect("a tar") {
        let mut entry = entry.expect("a member");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        let path = entry.path().expect("a path").display().to_string();
        members.insert(path, content);
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&members["manifest.json"]).expect("JSON");
    assert_eq!(manifest[0]["RepoTags"][0], IMAGE);
    let config = manifest[0]["Config"].as_str().expect("a name");
    let config: serde_json::Value = serde_json::from_slice(&members[config]).expect("JSON");
    let layer = &members["layer.tar"];
    assert_eq!(
        config["rootfs"]["diff_ids"][0],
        crate::digest::Digest::of(layer).to_string()
    );
    let names: Vec<_> = tar::Archive::new(&layer[..])
        .entries()
        .expect("a tar")
        .map(|entry| {
            let entry = entry.expect("a member");
            let mode = entry.header().mode().expect("a mode");
            format!("{} {mode:o}", entry.path().expect("a path").display())
        })
        .collect();
    assert_eq!(
        names.join(", "),
        "dev/ 755, etc/ 755, proc/ 755, sys/ 755, tmp/ 1777, usr/ 755, usr/bin/ 755, usr/bin/sh 755"
    );
}
