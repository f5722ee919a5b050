//! The `.deb` reader (deb(5)): an `ar` archive of `debian-binary`, `control.tar.*` and
//! `data.tar.*`, in that order. The payload is decoded into a spool, never unpacked.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use liblzma::read::XzDecoder;

/// Most bytes a decoded control archive may have. The largest known, of `linux-image` packages
/// and `ca-certificates`, stay below 2 MiB.
pub const CONTROL_LIMIT: u64 = 16 << 20;
/// Most bytes a decoded payload may have. Debian's largest packages unpack to about 5 GiB.
pub const PAYLOAD_LIMIT: u64 = 8 << 30;
/// Most bytes one compressed byte may decode to, once [`RATIO_FLOOR`] is passed. xz reaches about
/// 7000 on zeros; real payloads stay below 100.
pub const RATIO_LIMIT: u64 = 1000;
/// Decoded bytes below which the ratio is not judged: small sparse files compress extremely well.
pub const RATIO_FLOOR: u64 = 64 << 20;
/// Memory an xz stream may ask for, in bytes: dpkg-deb's own limit follows `xz -9`, 65 MiB.
const XZ_MEMORY_LIMIT: u64 = 128 << 20;
/// Bytes decoded per step.
const STEP: usize = 128 << 10;

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
    #[error(
        "`{member}` decodes to more than {limit}; the package is refused as a decompression bomb"
    )]
    TooLarge {
        /// The member.
        member: String,
        /// The limit in words.
        limit: String,
    },
}

/// The control archive of a package.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Every file by its name: `control`, `md5sums`, `conffiles`, `postinst` and so on.
    pub files: BTreeMap<String, Vec<u8>>,
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
    let mut archive = ar::Archive::new(package);
    let mut control = None;
    let mut position = 0;
    while let Some(entry) = archive.next_entry() {
        let mut entry = entry.map_err(|source| io_error("archive", source))?;
        let name = String::from_utf8_lossy(entry.header().identifier())
            .trim_end_matches('/')
            .to_owned();
        let size = entry.header().size();
        match (position, name.as_str()) {
            (0, "debian-binary") => check_format(&mut entry)?,
            // deb(5): unknown members whose names start with an underscore are skipped.
            (_, name) if position > 0 && name.starts_with('_') => continue,
            (1, name) if name.starts_with("control.tar") => {
                control = Some(read_control(name, &mut entry, size)?);
            }
            (2, name) if name.starts_with("data.tar") => {
                decode(name, &mut entry, size, PAYLOAD_LIMIT, spool)?;
                return control.ok_or_else(|| DebError::Structure("no control archive".to_owned()));
            }
            _ => {
                return Err(DebError::Structure(format!(
                    "unexpected member `{name}` at position {position}"
                )));
            }
        }
        position += 1;
    }
    Err(DebError::Structure("it ends before its payload".to_owned()))
}

/// Reads only the control files of a `.deb`, without decoding its payload.
pub fn control(package: impl Read) -> Result<Control, DebError> {
    let mut archive = ar::Archive::new(package);
    while let Some(entry) = archive.next_entry() {
        let mut entry = entry.map_err(|source| io_error("archive", source))?;
        let name = String::from_utf8_lossy(entry.header().identifier())
            .trim_end_matches('/')
            .to_owned();
        let size = entry.header().size();
        if name == "debian-binary" {
            check_format(&mut entry)?;
        } else if name.starts_with("control.tar") {
            return read_control(&name, &mut entry, size);
        }
    }
    Err(DebError::Structure("no control archive".to_owned()))
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

fn read_control(name: &str, entry: &mut impl Read, size: u64) -> Result<Control, DebError> {
    let mut tar = Vec::new();
    decode(name, entry, size, CONTROL_LIMIT, &mut tar)?;
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(tar.as_slice());
    let fail = |source| io_error(name, source);
    for file in archive.entries().map_err(fail)? {
        let mut file = file.map_err(fail)?;
        if !file.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&file.path_bytes())
            .trim_start_matches("./")
            .to_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(fail)?;
        files.insert(path, content);
    }
    if files.contains_key("control") {
        Ok(Control { files })
    } else {
        Err(DebError::Structure(format!("{name} holds no control file")))
    }
}

/// Decodes one member by the extension of its name into `out`, within its limits.
fn decode(
    name: &str,
    member: &mut impl Read,
    size: u64,
    limit: u64,
    out: &mut impl Write,
) -> Result<(), DebError> {
    let fail = |source| io_error(name, source);
    let mut decoder: Box<dyn Read + '_> = match name.split_once(".tar").map(|(_, suffix)| suffix) {
        Some("") => Box::new(member),
        Some(".gz") => Box::new(flate2::read::MultiGzDecoder::new(member)),
        Some(".xz") => Box::new(XzDecoder::new_stream(
            member,
            liblzma::stream::Stream::new_stream_decoder(
                XZ_MEMORY_LIMIT,
                liblzma::stream::CONCATENATED,
            )
            .map_err(|error| fail(error.into()))?,
        )),
        Some(".zst") => Box::new(zstd::stream::read::Decoder::new(member).map_err(fail)?),
        _ => return Err(DebError::Compression(name.to_owned())),
    };
    let mut buffer = vec![0; STEP];
    let mut total = 0;
    loop {
        let n = decoder.read(&mut buffer).map_err(fail)?;
        if n == 0 {
            return Ok(());
        }
        total += n as u64;
        let too_large = |limit: String| DebError::TooLarge {
            member: name.to_owned(),
            limit,
        };
        if total > limit {
            return Err(too_large(format!("{limit} bytes")));
        }
        if total > RATIO_FLOOR && total / RATIO_LIMIT > size {
            return Err(too_large(format!("{RATIO_LIMIT} times its {size} bytes")));
        }
        out.write_all(&buffer[..n]).map_err(fail)?;
    }
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
        let mut builder = ar::Builder::new(Vec::new());
        for (name, content) in members {
            let header = ar::Header::new(name.as_bytes().to_vec(), content.len() as u64);
            builder.append(&header, *content).expect("in memory");
        }
        builder.into_inner().expect("in memory")
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
        let huge = zstd::encode_all(io::repeat(0).take(RATIO_FLOOR * 3), 1).expect("in memory");
        let control = tar_of(&[("./control", b"Package: x\n")]);
        let package = deb(&[FORMAT, ("control.tar", &control), ("data.tar.zst", &huge)]);
        let error = unpack(package.as_slice(), &mut io::sink()).expect_err("too large");
        assert!(error.to_string().contains("1000 times"), "{error}");
    }
}
