//! The `.deb` reader (deb(5)): an `ar` archive of `debian-binary`, `control.tar.*` and
//! `data.tar.*`, in that order. The payload is decoded into a spool, never unpacked.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::ar::Members;
use super::decompress::{DecompressError, decompress};
use super::release::IndexCompression as Codec;

/// Most bytes a decoded control archive may have. The largest known, of `linux-image` packages
/// and `ca-certificates`, stay below 2 MiB.
pub const CONTROL_LIMIT: u64 = 16 << 20;
/// Most bytes a decoded payload may have. Debian's largest packages unpack to about 5 GiB.
pub const PAYLOAD_LIMIT: u64 = 8 << 30;
/// Why a `.deb` cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// Reading the archive or a stream inside of it failed.
    #[error("{member}: {source}")]
    Io {
        /// The member, or `archive` for the outer structure.
        member: String,
        /// Why.
        source: io::Error,
    },
    /// Not the members dpkg expects, or not in their order.
    #[error("not a Debian package: {0}")]
    Structure(String),
    /// A stream is compressed in a way that dpkg does not use.
    #[error("`{0}` has a compression this version cannot read (gz, xz, zst or none)")]
    Compression(String),
    /// A stream decodes to more than is plausible.
    #[error("`{member}`: {source}; the package is refused")]
    TooLarge {
        /// The member.
        member: String,
        /// The limit.
        source: DecompressError,
    },
}

/// The control archive of a package.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Every file by its name: `control`, `md5sums`, `conffiles`, `postinst` and so on.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What Alpine's package manager knows the package by, in its notation; dpkg has no such thing.
    pub identity: Option<String>,
}

impl Control {
    /// A control file as text; `None` if the package has none of that name or it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(name)?).ok()
    }

    /// A field of the `control` stanza, its continuation lines joined by blanks.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut lines = self.text("control")?.lines();
        let first = lines.by_ref().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })?;
        Some(
            lines
                .take_while(|line| line.starts_with([' ', '\t']))
                .fold(first, |joined, line| joined + " " + line.trim()),
        )
    }
}

/// Reads a `.deb` from `package`, writes its decoded payload tar to `spool` and returns its
/// control files.
pub fn unpack(package: impl Read, spool: &mut impl Write) -> Result<Control, DebError> {
    let (mut members, control) = up_to_control(package)?;
    while let Some(member) = members.next()? {
        match member.name.as_str() {
            name if is_skipped(name) => {}
            name if name.starts_with("data.tar") => {
                decode(name, &mut members, PAYLOAD_LIMIT, spool)?;
                return Ok(control);
            }
            name => return Err(unexpected(name)),
        }
    }
    Err(DebError::Structure("it ends before its payload".to_owned()))
}

/// Reads only the control files of a `.deb`, without decoding its payload.
pub fn control(package: impl Read) -> Result<Control, DebError> {
    up_to_control(package).map(|(_, control)| control)
}

/// Reads the format and the control archive; the rest follows in the members given back.
fn up_to_control<R: Read>(package: R) -> Result<(Members<R>, Control), DebError> {
    let mut members = Members::open(package)?;
    match members.next()? {
        Some(member) if member.name == "debian-binary" => check_format(&mut members)?,
        Some(member) => return Err(unexpected(&member.name)),
        None => return Err(DebError::Structure("it is empty".to_owned())),
    }
    while let Some(member) = members.next()? {
        match member.name.as_str() {
            name if is_skipped(name) => {}
            name if name.starts_with("control.tar") => {
                let control = read_control(name, &mut members)?;
                return Ok((members, control));
            }
            name => return Err(unexpected(name)),
        }
    }
    Err(DebError::Structure("no control archive".to_owned()))
}

/// deb(5): unknown members whose names start with an underscore are skipped.
fn is_skipped(name: &str) -> bool {
    name.starts_with('_')
}

fn unexpected(name: &str) -> DebError {
    DebError::Structure(format!(
        "unexpected member {name:?}; dpkg expects debian-binary, control.tar and data.tar"
    ))
}

fn io_error(member: &str, source: io::Error) -> DebError {
    DebError::Io {
        member: member.to_owned(),
        source,
    }
}

fn check_format(entry: &mut impl Read) -> Result<(), DebError> {
    let mut text = String::new();
    entry
        .take(64)
        .read_to_string(&mut text)
        .map_err(|source| io_error("debian-binary", source))?;
    if text.starts_with("2.") {
        Ok(())
    } else {
        Err(DebError::Structure(format!(
            "format version {:?}, expected 2.0",
            text.trim_end()
        )))
    }
}

/// Reads the control files. As in dpkg there are plain files only; a name that is there twice, or
/// a script that is a link, would leave open which content counts.
fn read_control(name: &str, entry: &mut impl Read) -> Result<Control, DebError> {
    let mut tar = Vec::new();
    decode(name, entry, CONTROL_LIMIT, &mut tar)?;
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(tar.as_slice());
    let fail = |source| io_error(name, source);
    let refuse = |path: &str, what: &str| {
        Err(DebError::Structure(format!(
            "{name} holds {path:?}, {what}"
        )))
    };
    for file in archive.entries().map_err(fail)? {
        let mut file = file.map_err(fail)?;
        let path = String::from_utf8_lossy(&file.path_bytes())
            .trim_start_matches("./")
            .to_owned();
        if file.header().entry_type().is_dir() && matches!(path.as_str(), "" | ".") {
            continue;
        }
        if path.is_empty() || path == ".." || path.contains(['/', '\0', '\n']) {
            return refuse(&path, "which is no name of a control file");
        }
        if !file.header().entry_type().is_file() {
            return refuse(&path, "which is no plain file");
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(fail)?;
        if content.len() as u64 != file.size() {
            return refuse(&path, "which is cut off before its end");
        }
        if files.insert(path.clone(), content).is_some() {
            return refuse(&path, "twice");
        }
    }
    if files.contains_key("control") {
        Ok(Control {
            files,
            identity: None,
        })
    } else {
        Err(DebError::Structure(format!("{name} holds no control file")))
    }
}

/// Decodes one member by the extension of its name into `out`, within its limits.
fn decode(
    name: &str,
    member: &mut impl Read,
    limit: u64,
    out: &mut impl Write,
) -> Result<(), DebError> {
    let codec = match name.split_once(".tar").map(|(_, suffix)| suffix) {
        Some("") => Codec::None,
        Some(".gz") => Codec::Gzip,
        Some(".xz") => Codec::Xz,
        Some(".zst") => Codec::Zstd,
        _ => return Err(DebError::Compression(name.to_owned())),
    };
    decompress(codec, member, limit, out).map_err(|error| match error {
        DecompressError::Io(source) => io_error(name, source),
        source => DebError::TooLarge {
            member: name.to_owned(),
            source,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, *content)
                .expect("in memory");
        }
        builder.into_inner().expect("in memory")
    }

    fn deb(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = b"!<arch>\n".to_vec();
        for (name, content) in members {
            let size = content.len();
            let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644);
            archive.extend(header.into_bytes());
            archive.extend_from_slice(content);
            archive.extend(b"\n".iter().take(size % 2));
        }
        archive
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        liblzma::read::XzEncoder::new(bytes, 1)
            .read_to_end(&mut out)
            .expect("in memory");
        out
    }

    const FORMAT: (&str, &[u8]) = ("debian-binary", b"2.0\n");

    #[test]
    fn every_compression_dpkg_uses_is_read() {
        let control = tar_of(&[
            ("./control", b"Package: x\n"),
            ("./postinst", b"#!/bin/sh\n"),
        ]);
        let data = tar_of(&[("./usr/bin/x", b"content")]);
        type Encode = fn(&[u8]) -> Vec<u8>;
        let encoders: [(&str, Encode); 4] = [
            ("", <[u8]>::to_vec),
            (".gz", gzip),
            (".xz", xz),
            (".zst", |b| zstd::encode_all(b, 1).expect("in memory")),
        ];
        for (suffix, encode) in encoders {
            let package = deb(&[
                FORMAT,
                (&format!("control.tar{suffix}"), &encode(&control)),
                (&format!("data.tar{suffix}"), &encode(&data)),
            ]);
            let mut spool = Vec::new();
            let read = unpack(package.as_slice(), &mut spool).expect(suffix);
            assert_eq!(spool, data, "{suffix}");
            assert_eq!(read.text("control"), Some("Package: x\n"));
            assert_eq!(read.files.len(), 2);
        }
    }

    #[test]
    fn members_out_of_order_missing_or_foreign_are_refused() {
        let control = tar_of(&[("./control", b"Package: x\n")]);
        let cases: [&[(&str, &[u8])]; 5] = [
            &[],
            &[FORMAT],
            &[FORMAT, ("data.tar", b"")],
            &[("control.tar", &control), FORMAT],
            &[FORMAT, ("control.tar.lz4", b"")],
        ];
        for members in cases {
            assert!(
                unpack(deb(members).as_slice(), &mut io::sink()).is_err(),
                "{members:?}"
            );
        }
        assert!(unpack(&b"not an archive"[..], &mut io::sink()).is_err());
    }

    #[test]
    fn a_bomb_in_a_small_file_is_refused() {
        let zeros = vec![0; (CONTROL_LIMIT + 1) as usize];
        let package = deb(&[FORMAT, ("control.tar.xz", &xz(&zeros))]);
        let error = unpack(package.as_slice(), &mut io::sink()).expect_err("too large");
        assert!(matches!(error, DebError::TooLarge { .. }), "{error}");
        let huge = zstd::encode_all(io::repeat(0).take(3 * (64 << 20)), 1).expect("in memory");
        let control = tar_of(&[("./control", b"Package: x\n")]);
        let package = deb(&[FORMAT, ("control.tar", &control), ("data.tar.zst", &huge)]);
        let error = unpack(package.as_slice(), &mut io::sink()).expect_err("too large");
        assert!(error.to_string().contains("1000 times"), "{error}");
    }
}
