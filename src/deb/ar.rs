//! The `ar` archive around a package (deb(5)): members in a row, each behind a header of 60 bytes
//! of text. The extended names of `ar(1)` have no place in a package and are not read: their
//! tables would be sized by the file's own word.

use std::io::{self, Read};

use super::archive::DebError;

/// What every archive begins with.
const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Bytes of a member's header.
const HEADER: usize = 60;
/// Where in the header the name is.
const NAME: std::ops::Range<usize> = 0..16;
/// Where in the header the size is.
const SIZE: std::ops::Range<usize> = 48..58;
/// How a header ends.
const HEADER_END: &[u8; 2] = b"`\n";

/// The members of an archive, in its order. Reads as the content of the current one.
pub(super) struct Members<R> {
    archive: R,
    /// Bytes of the current member that are not read yet.
    left: u64,
    /// Whether a byte of padding follows it: members begin at even offsets.
    padded: bool,
}

/// A member whose content can be read.
pub(super) struct Member {
    /// Its name, without padding and the slash that some writers end it with.
    pub name: String,
}

impl<R: Read> Members<R> {
    /// Reads the beginning of an archive.
    pub fn open(mut archive: R) -> Result<Self, DebError> {
        let mut magic = [0; MAGIC.len()];
        archive.read_exact(&mut magic).map_err(damaged)?;
        if &magic != MAGIC {
            return Err(DebError::Structure("it is no `ar` archive".to_owned()));
        }
        Ok(Self {
            archive,
            left: 0,
            padded: false,
        })
    }

    /// Goes to the next member, past what is unread of the current one; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Member>, DebError> {
        io::copy(self, &mut io::sink()).map_err(damaged)?;
        if self.padded {
            let mut padding = [0];
            // The padding behind the last member may be missing.
            self.archive.read(&mut padding).map_err(damaged)?;
        }
        let mut header = [0; HEADER];
        let first = self.archive.read(&mut header).map_err(damaged)?;
        if first == 0 {
            return Ok(None);
        }
        self.archive
            .read_exact(&mut header[first..])
            .map_err(damaged)?;
        let bad = |what: &str| DebError::Structure(format!("a member with {what}"));
        if !header.ends_with(HEADER_END) {
            return Err(bad("a damaged header"));
        }
        let name = str::from_utf8(&header[NAME]).map_err(|_| bad("a name that is not text"))?;
        let name = name.trim_end_matches(' ');
        let name = name.strip_suffix('/').unwrap_or(name);
        let size = str::from_utf8(&header[SIZE])
            .ok()
            .map(|text| text.trim_end_matches(' '))
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| bad("a size that is no number"))?;
        self.left = size;
        self.padded = size % 2 == 1;
        Ok(Some(Member {
            name: name.to_owned(),
        }))
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let n = self.archive.read(&mut buffer[..most])?;
        if n == 0 {
            let text = format!(
                "the archive ends {} bytes before its member does",
                self.left
            );
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

fn damaged(source: io::Error) -> DebError {
    DebError::Io {
        member: "archive".to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, size: &str) -> Vec<u8> {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644).into_bytes()
    }

    fn archive(members: &[(&str, &str, &[u8])]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (name, size, content) in members {
            bytes.extend(header(name, size));
            bytes.extend_from_slice(content);
        }
        bytes
    }

    /// Names and contents, or the words of the error.
    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut members = Members::open(bytes).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        while let Some(member) = members.next().map_err(|error| error.to_string())? {
            let mut content = Vec::new();
            members
                .read_to_end(&mut content)
                .map_err(|error| error.to_string())?;
            found.push((member.name, content));
        }
        Ok(found)
    }

    #[test]
    fn members_come_in_order_with_and_without_slash_and_padding() {
        let bytes = archive(&[("a", "3", b"abc\n"), ("b/", "2", b"xy"), ("c", "1", b"z")]);
        let member = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
        assert_eq!(
            read(&bytes).expect("readable"),
            [member("a", b"abc"), member("b", b"xy"), member("c", b"z")]
        );
    }

    #[test]
    fn an_unread_member_is_passed_over() {
        let bytes = archive(&[("a", "3", b"abc\n"), ("b", "2", b"xy")]);
        let mut members = Members::open(bytes.as_slice()).expect("an archive");
        members.next().expect("readable").expect("a");
        assert_eq!(members.next().expect("readable").expect("b").name, "b");
    }

    #[test]
    fn sizes_that_lie_and_damaged_headers_are_refused() {
        for (bytes, expected) in [
            (
                archive(&[("a", "9999999999", b"abc")]),
                "ends 9999999996 bytes before",
            ),
            (archive(&[("a", "-1", b"")]), "size that is no number"),
            (archive(&[("a", "", b"")]), "size that is no number"),
            (archive(&[("a", "+3", b"abc\n")]), "size that is no number"),
            (b"!<arch>\nshort".to_vec(), "failed to fill"),
            (b"!<arch>".to_vec(), "failed to fill"),
            (b"no archive".to_vec(), "no `ar` archive"),
            (
                [MAGIC.as_slice(), &[b' '; HEADER]].concat(),
                "damaged header",
            ),
        ] {
            let error = read(&bytes).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }

    /// Names longer than the field are written beside the members, in tables that a reader would
    /// have to make room for as large as the file says.
    #[test]
    fn tables_of_extended_names_are_members_like_others() {
        for name in ["//", "/123", "#1/9999999999", "/SYM64/"] {
            let found = read(&archive(&[(name, "0", b"")])).expect("readable");
            assert_eq!(found[0].1, b"", "{name}");
        }
    }
}
