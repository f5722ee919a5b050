//! The `.apk` reader, version 2 of the format: signatures, control files and payload, three gzip
//! members. The payload is decoded into a spool, never unpacked.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use super::checksum::Checksum;
use super::keys::Signature;
use super::members::{MemberError, at_end, files, member, signatures};
use crate::deb::archive::{CONTROL_LIMIT, PAYLOAD_LIMIT};
use crate::digest::Hasher;

/// The control file in which a package describes itself.
pub const INFO: &str = ".PKGINFO";

/// What a package says of itself (`.PKGINFO`) and its scripts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// The control files by name: `.PKGINFO`, `.pre-install`, `.trigger`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The fields of `.PKGINFO`, in their order; some are there several times.
    pub fields: Vec<(String, String)>,
}

impl Control {
    /// The value of a field; the first where there are several.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(key, _)| key == name)?;
        Some(value)
    }

    /// Every value of a field.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(key, _)| key == name);
        fields.map(|(_, value)| value.as_str())
    }
}

/// What a package file begins with: everything but its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The signatures of the control member.
    pub signatures: Vec<Signature>,
    /// The control member as it is compressed: what is signed, and what the index identifies.
    pub signed: Vec<u8>,
    /// Its files.
    pub control: Control,
}

/// Why a package is refused.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It is not of the format.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// It has no description of itself, or one that cannot be read.
    #[error("its .PKGINFO {0}")]
    Info(String),
    /// It is another package than the index says.
    #[error(
        "it is not the package of the index, whose control files have {expected}; these have {found}"
    )]
    Identity {
        /// The checksum of the index.
        expected: String,
        /// Its own.
        found: String,
    },
    /// Its payload is not what its control files say.
    #[error(
        "its files are not those that it was made with: SHA-256 {found}, and its .PKGINFO says {expected}"
    )]
    Payload {
        /// Of `.PKGINFO`.
        expected: String,
        /// Of the payload.
        found: String,
    },
}

/// Reads everything before the payload.
///
/// # Errors
/// [`PackageError`] where it is not of the format.
pub fn head(package: &mut impl BufRead) -> Result<Head, PackageError> {
    let mut signed = Vec::new();
    let mut bytes = Vec::new();
    let mut next = |signed: &mut Vec<u8>, bytes: &mut Vec<u8>| {
        let tee = &mut |part: &[u8]| signed.extend_from_slice(part);
        member(package, "control", CONTROL_LIMIT, bytes, tee)
    };
    next(&mut signed, &mut bytes)?;
    let mut found = files("control", &bytes)?;
    let by = signatures(&found);
    if !by.is_empty() {
        signed.clear();
        bytes.clear();
        next(&mut signed, &mut bytes)?;
        found = files("control", &bytes)?;
    }
    let files: BTreeMap<String, Vec<u8>> = found.into_iter().collect();
    let info = files.get(INFO).ok_or_else(|| {
        PackageError::Info("is not where it should be, in the second member".to_owned())
    })?;
    let fields = fields(info)?;
    Ok(Head {
        signatures: by,
        signed,
        control: Control { files, fields },
    })
}

impl Head {
    /// Proves that the package is the one that an index names.
    ///
    /// # Errors
    /// [`PackageError::Identity`].
    pub fn identify(&self, expected: &Checksum) -> Result<(), PackageError> {
        if expected.is_of(&self.signed) {
            return Ok(());
        }
        Err(PackageError::Identity {
            expected: expected.to_string(),
            found: Checksum::sha1(&self.signed).to_string(),
        })
    }

    /// Decodes the payload, which follows, to `spool`, and proves that it is the package's own.
    ///
    /// # Errors
    /// [`PackageError`]; `spool` then holds a beginning of it.
    pub fn payload(
        &self,
        package: &mut impl BufRead,
        spool: &mut impl Write,
    ) -> Result<(), PackageError> {
        let mut hasher = Hasher::new();
        let expected = self.control.field("datahash").unwrap_or_default();
        let empty = at_end(package).map_err(MemberError::io("payload"))?;
        // A package without files has no third member either, and says nothing of it.
        if !(empty && expected.is_empty()) {
            let tee = &mut |part: &[u8]| hasher.update(part);
            member(package, "payload", PAYLOAD_LIMIT, spool, tee)?;
        }
        if !at_end(package).map_err(MemberError::io("payload"))? {
            let form = MemberError::Form("something follows its payload".to_owned());
            return Err(form.into());
        }
        let found = hasher.finish().hex();
        if !empty && found != expected {
            return Err(PackageError::Payload {
                expected: expected.to_owned(),
                found,
            });
        }
        Ok(())
    }
}

/// The lines `KEY = VALUE` of `.PKGINFO`.
///
/// # Errors
/// [`PackageError::Info`] for text that is not of this form.
pub fn fields(info: &[u8]) -> Result<Vec<(String, String)>, PackageError> {
    let text =
        std::str::from_utf8(info).map_err(|_| PackageError::Info("is not UTF-8".to_owned()))?;
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_once('=') {
            Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
            None => Err(PackageError::Info(format!("has the line `{line}`"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write as _};

    use super::*;
    use crate::digest::Digest;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    /// An archive without the blocks at its end, as members that are not the last have it.
    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            let added = builder.append_data(&mut header, name, *content);
            added.expect("in memory");
        }
        let mut bytes = builder.into_inner().expect("in memory");
        bytes.truncate(bytes.len() - 1024);
        bytes
    }

    fn package(info: &str, payload: &[u8]) -> Vec<u8> {
        let data = gzip(payload);
        let info = format!("{info}datahash = {}\n", Digest::of(&data).hex());
        let control = archive(&[
            (".PKGINFO", info.as_bytes()),
            (".pre-install", b"#!/bin/sh\n"),
        ]);
        [gzip(&control), data].concat()
    }

    const INFO: &str =
        "# made by hand\npkgname = a\npkgver = 1-r0\ndepend = b\ndepend = so:c.so.1\n";

    fn read(bytes: &[u8]) -> Result<(Head, Vec<u8>), PackageError> {
        let mut reader = bytes;
        let head = head(&mut reader)?;
        let mut spool = Vec::new();
        head.payload(&mut reader, &mut spool)?;
        Ok((head, spool))
    }

    #[test]
    fn a_package_is_read_with_and_without_signatures() {
        let unsigned = package(INFO, b"payload");
        let signature = gzip(&archive(&[(".SIGN.RSA.key.rsa.pub", b"bytes")]));
        for (bytes, signatures) in [
            (unsigned.clone(), 0),
            ([signature, unsigned.clone()].concat(), 1),
        ] {
            let (head, spool) = read(&bytes).expect("a package");
            assert_eq!(spool, b"payload");
            assert_eq!(head.signatures.len(), signatures);
            assert_eq!(head.control.field("pkgname"), Some("a"));
            let depends: Vec<&str> = head.control.values("depend").collect();
            assert_eq!(depends, ["b", "so:c.so.1"]);
            assert!(head.control.files.contains_key(".pre-install"));
            let own = Checksum::sha1(&head.signed);
            assert!(head.identify(&own).is_ok() && unsigned.starts_with(&head.signed));
        }
    }

    #[test]
    fn what_is_not_a_package_or_not_the_one_is_refused() {
        let whole = package(INFO, b"payload");
        let mut other = package(INFO, b"payload");
        other.truncate(other.len() - gzip(b"payload").len());
        other.extend(gzip(b"changed"));
        let cut = whole[..whole.len() - 9].to_vec();
        let more = [whole.clone(), gzip(b"more")].concat();
        let nothing = gzip(&archive(&[("a", b"")]));
        for (bytes, expected) in [
            (Vec::new(), "it ends before its control"),
            (b"ADB.adb".to_vec(), "the format of apk 3 (ADB)"),
            (b"not gzip at all".to_vec(), "control: "),
            (nothing, "its .PKGINFO is not where it should be"),
            (
                package("a line\n", b""),
                "its .PKGINFO has the line `a line`",
            ),
            (other, "its files are not those that it was made with"),
            (cut, "payload: "),
            (more, "something follows its payload"),
        ] {
            let error = read(&bytes).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_bomb_in_a_small_file_is_refused() {
        let zeros = vec![0; (CONTROL_LIMIT + 1) as usize];
        let error = read(&gzip(&zeros)).expect_err("too large").to_string();
        assert!(error.contains("more than 16777216 bytes"), "{error}");
        let bytes = package(INFO, &vec![0; 100 << 20]);
        let mut reader = bytes.as_slice();
        let head = head(&mut reader).expect("a package");
        let refused = head.payload(&mut reader, &mut io::sink());
        // Deflate holds at most 1032 bytes in one.
        let said = refused.expect_err("a bomb").to_string();
        assert!(said.contains("1000 times"), "{said}");
    }
}
