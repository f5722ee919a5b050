//! Package files of any content, written byte for byte: what no packaging tool would make.

use std::io::Write as _;

/// Unit of a tar archive in bytes.
const BLOCK: usize = 512;

/// One entry of a tar archive. Nothing is checked: names, sizes and kinds are what they are told.
#[derive(Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    /// The type byte: `0` file, `1` hard link, `2` symbolic link, `5` directory and so on.
    pub kind: u8,
    pub link: Vec<u8>,
    pub mode: u32,
    /// The size in the header, where it is not that of the content.
    pub announced: Option<u64>,
    pub content: Vec<u8>,
}

impl Entry {
    pub fn new(kind: u8, name: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            kind,
            link: Vec::new(),
            mode: 0o755,
            announced: None,
            content: Vec::new(),
        }
    }

    pub fn file(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        Self {
            content: content.as_ref().to_vec(),
            mode: 0o644,
            ..Self::new(b'0', name)
        }
    }

    pub fn directory(name: impl AsRef<[u8]>) -> Self {
        Self::new(b'5', name)
    }

    pub fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self {
            link: target.as_ref().to_vec(),
            ..Self::new(b'2', name)
        }
    }

    pub fn hardlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self {
            link: target.as_ref().to_vec(),
            ..Self::new(b'1', name)
        }
    }

    /// A PAX header with these records, for the entry that follows.
    pub fn pax(records: &[(&str, &[u8])]) -> Self {
        let mut content = Vec::new();
        for (keyword, value) in records {
            let rest = keyword.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            content.extend(format!("{length} {keyword}=").into_bytes());
            content.extend_from_slice(value);
            content.push(b'\n');
        }
        Self {
            content,
            ..Self::new(b'x', "././@PaxHeader")
        }
    }

    /// GNU tar's long name for the entry that follows.
    pub fn long_name(name: impl AsRef<[u8]>) -> Self {
        Self {
            content: [name.as_ref(), b"\0"].concat(),
            ..Self::new(b'L', "././@LongLink")
        }
    }

    pub fn announcing(self, size: u64) -> Self {
        Self {
            announced: Some(size),
            ..self
        }
    }

    pub fn with_mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut header = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name[..self.name.len().min(100)]);
        put(100, format!("{:07o}", self.mode).as_bytes());
        put(108, b"0000000");
        put(116, b"0000000");
        let size = self.announced.unwrap_or(self.content.len() as u64);
        put(124, format!("{size:011o}").as_bytes());
        put(136, b"00000000000");
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, &self.link[..self.link.len().min(100)]);
        put(257, b"ustar  \0");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.content);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
}

/// A tar archive of these entries.
pub fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        entry.write(&mut out);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

/// An `ar` archive of these members.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let size = content.len();
        out.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644).into_bytes(),
        );
        out.extend_from_slice(content);
        out.extend(b"\n".iter().take(size % 2));
    }
    out
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// The stanza of a package without dependencies.
pub fn stanza(package: &str, version: &str) -> String {
    format!(
        "Package: {package}\nVersion: {version}\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.com>\nDescription: {package}\n"
    )
}

/// A package with this stanza and payload.
pub fn deb(stanza: &str, payload: &[u8]) -> Vec<u8> {
    let control = tar(&[Entry::directory("./"), Entry::file("./control", stanza)]);
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &gzip(&control)),
        ("data.tar.gz", &gzip(payload)),
    ])
}

/// `size` zeros in a zstd frame, without making them: blocks that repeat one byte (RFC 8878,
/// 3.1.1.2), four bytes for each 128 KiB.
pub fn zstd_zeros(size: u64) -> Vec<u8> {
    const BLOCK: u64 = 128 << 10;
    // Magic number, no content size, a window of 128 KiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let blocks = size.div_ceil(BLOCK);
    for number in 1..=blocks {
        let last = u64::from(number == blocks);
        let header = last | 1 << 1 | BLOCK << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}
