//! The form of signed files: gzip members one after the other, of which the first has signatures
//! of what follows (apk-tools, `src/package.c`; the Alpine wiki's "Apk spec").

use std::io::{self, BufRead, Read, Write};

use flate2::bufread::GzDecoder;

use super::keys::Signature;
use crate::deb::decompress::{RATIO_FLOOR, RATIO_LIMIT};

/// Most bytes of a member of signatures, decoded.
const SIGNATURES_LIMIT: u64 = 1 << 20;

/// What the names of signatures begin with.
const SIGN: &str = ".SIGN.";

/// What a file of the third version of the format begins with (apk-tools 3, `adb.h`): its blocks
/// as they are, or compressed in one of two ways.
const ADB: [&[u8]; 3] = [b"ADB.", b"ADBd", b"ADBc"];

/// Why a file is not of the form.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// Reading failed, or a member is damaged or cut off.
    #[error("{what}: {source}")]
    Io {
        /// Which member.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It is of the third version.
    #[error(
        "it is in the format of apk 3 (ADB), which this version does not read; Alpine's repositories still serve version 2 (APKINDEX.tar.gz)"
    )]
    Adb,
    /// Something that is not as the form wants it.
    #[error("{0}")]
    Form(String),
    /// A member decodes to more than is plausible.
    #[error("{what} decodes to more than {limit} bytes; it is refused")]
    TooLarge {
        /// Which member.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A member decodes to more than its compressed bytes can honestly hold.
    #[error(
        "{what} decodes to more than {RATIO_LIMIT} times its compressed bytes: a decompression bomb"
    )]
    Ratio {
        /// Which member.
        what: &'static str,
    },
}

impl MemberError {
    pub(super) fn io(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// Passes on what is read and shows it to `tee`.
struct Watched<'a, R> {
    inner: &'a mut R,
    tee: &'a mut dyn FnMut(&[u8]),
    count: u64,
}

impl<R: BufRead> Read for Watched<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(out.len());
        out[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Watched<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed was filled before, so that this neither reads nor fails.
        if let Ok(available) = self.inner.fill_buf() {
            (self.tee)(&available[..amount.min(available.len())]);
        }
        self.inner.consume(amount);
        self.count += amount as u64;
    }
}

/// Decodes the next gzip member of `input` into `out`, no byte further; `tee` is shown its
/// compressed bytes.
///
/// # Errors
/// [`MemberError`]; `out` then holds a beginning of the content.
pub(super) fn member(
    input: &mut impl BufRead,
    what: &'static str,
    limit: u64,
    out: &mut impl Write,
    tee: &mut dyn FnMut(&[u8]),
) -> Result<(), MemberError> {
    let fail = MemberError::io(what);
    let magic = input.fill_buf().map_err(&fail)?;
    if ADB.iter().any(|adb| magic.starts_with(adb)) {
        return Err(MemberError::Adb);
    }
    if magic.is_empty() {
        return Err(MemberError::Form(format!("it ends before its {what}")));
    }
    let watched = Watched {
        inner: input,
        tee,
        count: 0,
    };
    let mut decoder = GzDecoder::new(watched);
    let mut buffer = vec![0; 128 << 10];
    let mut total = 0;
    loop {
        let read = decoder.read(&mut buffer).map_err(&fail)?;
        if read == 0 {
            return Ok(());
        }
        total += read as u64;
        if total > limit {
            return Err(MemberError::TooLarge { what, limit });
        }
        if total > RATIO_FLOOR && total / RATIO_LIMIT > decoder.get_ref().count {
            return Err(MemberError::Ratio { what });
        }
        out.write_all(&buffer[..read]).map_err(&fail)?;
    }
}

/// Whether nothing follows.
pub(super) fn at_end(input: &mut impl BufRead) -> io::Result<bool> {
    Ok(input.fill_buf()?.is_empty())
}

/// Every plain file of an archive that has no blocks of zeros at its end, by its name.
pub(super) fn files(
    what: &'static str,
    archive: &[u8],
) -> Result<Vec<(String, Vec<u8>)>, MemberError> {
    let fail = MemberError::io(what);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in tar::Archive::new(archive).entries().map_err(&fail)? {
        let mut entry = entry.map_err(&fail)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(&fail)?;
        if content.len() as u64 != entry.size() {
            return Err(MemberError::Form(format!("{what}: {name} is cut off")));
        }
        if files.iter().any(|(other, _)| *other == name) {
            return Err(MemberError::Form(format!("{what}: {name} is there twice")));
        }
        files.push((name, content));
    }
    Ok(files)
}

/// The signatures in the files of a first member; none where it has anything else.
pub(super) fn signatures(files: &[(String, Vec<u8>)]) -> Vec<Signature> {
    let all = files.iter().all(|(name, _)| name.starts_with(SIGN));
    let files = files.iter().filter(|_| all);
    files
        .map(|(name, bytes)| Signature {
            name: name.clone(),
            bytes: bytes.clone(),
        })
        .collect()
}

/// A file whose first member may have signatures of everything behind it.
pub struct Signed<'b> {
    /// The signatures.
    pub signatures: Vec<Signature>,
    /// What they are of, compressed as it is.
    pub content: &'b [u8],
}

/// Splits a whole file into its signatures and what they are of.
///
/// # Errors
/// [`MemberError`] where it is not of the form.
pub fn split(file: &[u8]) -> Result<Signed<'_>, MemberError> {
    let mut rest = file;
    let mut first = Vec::new();
    let what = "signature";
    // An unsigned one begins with its content, which may be larger than signatures are.
    let decoded = member(&mut rest, what, SIGNATURES_LIMIT, &mut first, &mut |_| ());
    let signatures = match decoded {
        Err(MemberError::TooLarge { .. }) => Vec::new(),
        decoded => {
            decoded?;
            signatures(&files(what, &first)?)
        }
    };
    let content = if signatures.is_empty() { file } else { rest };
    Ok(Signed {
        signatures,
        content,
    })
}

/// The decoded bytes of a whole file of one member.
///
/// # Errors
/// [`MemberError`] where it is larger than `limit` or something follows it.
pub fn decode(what: &'static str, content: &[u8], limit: u64) -> Result<Vec<u8>, MemberError> {
    let mut rest = content;
    let mut decoded = Vec::new();
    member(&mut rest, what, limit, &mut decoded, &mut |_| ())?;
    if !rest.is_empty() {
        return Err(MemberError::Form(format!("something follows the {what}")));
    }
    Ok(decoded)
}
