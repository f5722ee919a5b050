//! `APKINDEX.tar.gz`, written as `apk index` and abuild-sign write it.

use std::fmt::Write as _;

use super::key::{Signers, signature};
use super::package::{ApkPackage, Entry, Members, Tar, gzip, tar};

/// The record of a package in an index, in the order of apk's fields.
pub fn record(package: &ApkPackage, members: &Members, file_size: usize, arch: &str) -> String {
    let mut text = String::new();
    let mut field = |letter: char, value: &str| {
        // Three fields are there without a value too.
        if !value.is_empty() || "TUL".contains(letter) {
            writeln!(text, "{letter}:{value}").expect("in memory");
        }
    };
    let priority = package.provider_priority.map(|value| value.to_string());
    field('C', &members.identity());
    field('P', &package.name);
    field('V', &package.version);
    field('A', arch);
    field('S', &file_size.to_string());
    field('I', &package.size().to_string());
    field('T', &package.description);
    field('U', &package.url);
    field('L', &package.licence);
    field('o', &package.origin);
    field('m', &package.maintainer);
    field('t', &package.builddate.to_string());
    field('c', &package.commit);
    field('k', &priority.unwrap_or_default());
    field('D', &package.depends.join(" "));
    field('p', &package.provides.join(" "));
    field('i', &package.install_if.join(" "));
    text
}

/// An index of these records.
pub fn index(records: &[String], description: &str, signers: &Signers<'_>, time: u64) -> Vec<u8> {
    let mut text = String::new();
    for record in records {
        text.push_str(record);
        text.push('\n');
    }
    of_text(text.into_bytes(), description, signers, time)
}

/// An index with any text.
pub fn of_text(text: Vec<u8>, description: &str, signers: &Signers<'_>, time: u64) -> Vec<u8> {
    let files = [
        Entry::file("DESCRIPTION", description),
        Entry::file("APKINDEX", text),
    ];
    let content = gzip(&tar(&files, time, Tar::Whole));
    [signature(&content, signers, time), content].concat()
}
