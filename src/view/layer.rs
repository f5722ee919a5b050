//! The entries of one layer: a tar archive, compressed or not, of whoever made it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use md5::{Digest as _, Md5};
use sha1::Sha1;
use tar::{Archive, Entry, EntryType};

use crate::digest::{Hasher, Hashing};
use crate::harden;
use crate::oci::{Descriptor, ForeignBlobs, ForeignError};

use super::error::ViewError;
use super::file::{File, Kind, Secret};

/// The first bytes of gzip (RFC 1952) and of zstd (RFC 8878).
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Most entries of a layer: a whole distribution has a tenth of it.
const ENTRIES: usize = 4_000_000;
/// Most bytes that a layer unpacks to.
const UNPACKED: u64 = 64 << 30;
/// Most bytes of headers between two entries: long names and attributes, which are read whole.
const HEADERS: u64 = 16 << 20;
/// Most bytes of a layer that are kept: names, attributes and the content of files that somebody
/// asks about.
const MEMORY: u64 = 512 << 20;
/// Longest path, in bytes (`PATH_MAX` of Linux).
const PATH: usize = 4096;
/// Bytes read at once.
const BUFFER: usize = 256 << 10;
/// Largest file whose content is kept, in bytes, and largest database of packages.
const TEXT: u64 = 1 << 20;
const DATABASE: u64 = 64 << 20;
/// Where the files are that somebody asks about.
const KEPT: [&str; 3] = ["etc/", "usr/lib/os-release", "usr/etc/"];
/// The databases of packages.
const DATABASES: [&str; 4] = [
    "var/lib/dpkg/status",
    "var/lib/dpkg/diversions",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
];
/// dpkg's files about each package, and the endings of those that are read.
const INFO: &str = "var/lib/dpkg/info/";
const INFO_KINDS: [&str; 2] = [".list", ".md5sums"];
/// The start of names that take entries of lower layers away.
const WHITEOUT: &str = ".wh.";
/// Where keys of users are.
const AUTHORIZED: &str = "/.ssh/authorized_keys";
/// Before the names of extended attributes in PAX headers, as GNU tar and Docker write them.
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// One entry of a layer.
#[derive(Clone)]
pub(super) enum Item {
    /// A file, a directory, a link or a whiteout.
    Entry(String, File),
    /// Another name of a file, and the path that it is a name of.
    Name(String, String),
}

/// What a layer has.
#[derive(Clone, Default)]
pub(super) struct Content {
    /// Its entries in its order.
    pub items: Vec<Item>,
    /// Keys and credentials in it.
    pub secrets: Vec<Secret>,
    /// Bytes of its files.
    pub unpacked: u64,
    /// Bytes of it that are kept.
    memory: u64,
}

impl Content {
    /// Counts what is kept.
    fn keep(&mut self, bytes: usize) -> io::Result<()> {
        self.memory += bytes as u64;
        match self.memory > MEMORY {
            true => Err(damaged(format!(
                "its names, attributes and databases have more than {MEMORY} bytes"
            ))),
            false => Ok(()),
        }
    }
}

/// Ends a stream with an error when more is read from it than is allowed at the moment.
struct Bounded<'a, R> {
    inner: R,
    /// Bytes that may still be read, of the layer and of this part of it.
    whole: u64,
    part: &'a Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.whole.min(self.part.get());
        if left == 0 && !buffer.is_empty() {
            return Err(damaged("it unpacks to more than any layer has".to_owned()));
        }
        let wanted = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..wanted])?;
        self.whole -= read as u64;
        self.part.set(self.part.get() - read as u64);
        Ok(read)
    }
}

/// Reads the layer that `descriptor` points at.
pub(super) fn read(
    blobs: &dyn ForeignBlobs,
    descriptor: &Descriptor,
) -> Result<Content, ViewError> {
    let blob = blobs
        .layer(descriptor)
        .map_err(|source| ForeignError::Read {
            digest: descriptor.digest,
            source,
        })?;
    let wrong = |reason: String| ViewError::Layer {
        digest: descriptor.digest,
        reason,
    };
    let mut hashed = Hashing::new(blob.take(descriptor.size.saturating_add(1)));
    let content = unpack(&mut hashed).map_err(|error| wrong(error.to_string()))?;
    // What stands after the end of the archive is of the blob too.
    io::copy(&mut hashed, &mut io::sink()).map_err(|error| wrong(error.to_string()))?;
    let (_, found, size) = hashed.finish();
    if size != descriptor.size {
        return Err(wrong(format!(
            "it has {size} bytes, {} are expected",
            descriptor.size
        )));
    }
    if found != descriptor.digest {
        return Err(ForeignError::Altered {
            expected: descriptor.digest,
            found,
        }
        .into());
    }
    Ok(content)
}

fn unpack(blob: impl Read) -> io::Result<Content> {
    let mut blob = BufReader::with_capacity(BUFFER, blob);
    let start = blob.fill_buf()?.to_vec();
    let decoded: Box<dyn Read + '_> = if start.starts_with(&GZIP) {
        Box::new(MultiGzDecoder::new(blob))
    } else if start.starts_with(&ZSTD) {
        Box::new(zstd::Decoder::with_buffer(blob)?)
    } else {
        Box::new(blob)
    };
    let part = Cell::new(HEADERS);
    let mut archive = Archive::new(Bounded {
        inner: decoded,
        whole: UNPACKED,
        part: &part,
    });
    let mut content = Content::default();
    for (count, entry) in archive.entries()?.enumerate() {
        if count >= ENTRIES {
            return Err(damaged(format!("it has more than {ENTRIES} entries")));
        }
        part.set(u64::MAX);
        one(&mut content, entry?)?;
        part.set(HEADERS);
    }
    part.set(u64::MAX);
    // The decoder's own checks stand at the end of its stream.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(content)
}

fn one(content: &mut Content, mut entry: Entry<'_, impl Read>) -> io::Result<()> {
    let kind = entry.header().entry_type();
    if kind == EntryType::XGlobalHeader {
        // Remarks of whoever packed it; engines pass over them.
        return Ok(());
    }
    let path = path(&entry.path_bytes())?;
    let target = entry
        .link_name_bytes()
        .map(|name| String::from_utf8_lossy(&name).into_owned());
    content.keep(path.len() + target.as_ref().map_or(0, String::len))?;
    if target.as_ref().is_some_and(|target| target.len() > PATH) {
        return Err(damaged(format!("{path} leads to what no path can be")));
    }
    let mut attributes = BTreeMap::new();
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            let key = extension
                .key()
                .ok()
                .and_then(|key| key.strip_prefix(ATTRIBUTE));
            if let Some(name) = key {
                let value = extension.value_bytes().to_vec();
                content.keep(name.len() + value.len())?;
                attributes.insert(name.to_owned(), value);
            }
        }
    }
    let header = entry.header();
    let (mode, mtime) = (header.mode()? & 0o7777, header.mtime()?);
    let (uid, gid) = (header.uid()?, header.gid()?);
    if path.is_empty() {
        return Ok(());
    }
    let name = path.rsplit('/').next().unwrap_or(&path);
    let kind = match kind {
        // Whatever it is, it takes away what it names.
        _ if name.starts_with(WHITEOUT) => Kind::Special("a whiteout"),
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Link(target.unwrap_or_default()),
        EntryType::Link => {
            let target = self::path(target.unwrap_or_default().as_bytes())?;
            content.items.push(Item::Name(path, target));
            return Ok(());
        }
        EntryType::Char => Kind::Special("a character device"),
        EntryType::Block => Kind::Special("a block device"),
        EntryType::Fifo => Kind::Special("a pipe"),
        EntryType::Regular | EntryType::Continuous => {
            let (kind, secret) = regular(&path, &mut entry)?;
            if let Kind::Regular {
                text: Some(text), ..
            } = &kind
            {
                content.keep(text.len())?;
            }
            content.secrets.extend(secret.map(|what| Secret {
                path: path.clone(),
                layer: 0,
                what,
            }));
            kind
        }
        other => {
            return Err(damaged(format!(
                "{path} is of a type that no image has ({})",
                other.as_byte()
            )));
        }
    };
    let file = File {
        kind,
        mode,
        uid,
        gid,
        mtime,
        attributes,
        layer: 0,
    };
    content.unpacked += file.size();
    content.items.push(Item::Entry(path, file));
    Ok(())
}

/// A file, and what secret it holds.
fn regular(
    path: &str,
    entry: &mut Entry<'_, impl Read>,
) -> io::Result<(Kind, Option<&'static str>)> {
    let announced = entry.size();
    let of_package = path.starts_with(INFO) && INFO_KINDS.iter().any(|end| path.ends_with(end));
    let database = of_package || DATABASES.iter().any(|one| path.starts_with(one));
    let limit = if database { DATABASE } else { TEXT };
    let whole = announced <= limit.max(harden::SECRET_LIMIT);
    let mut bytes = Vec::new();
    let (mut sha256, mut md5, mut sha1) = (Hasher::new(), Md5::new(), Sha1::new());
    let mut size = 0;
    let mut buffer = vec![0; BUFFER.min(usize::try_from(announced).unwrap_or(BUFFER).max(1))];
    loop {
        let read = match entry.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let part = &buffer[..read];
        sha256.update(part);
        md5.update(part);
        sha1.update(part);
        size += read as u64;
        if whole {
            bytes.extend_from_slice(part);
        }
    }
    let secret = whole.then(|| harden::secret_in(path, &bytes)).flatten();
    let kept = database
        || path.ends_with(AUTHORIZED)
        || KEPT.iter().any(|one| path.starts_with(one)) && announced <= TEXT;
    let text = (whole && kept).then(|| bytes.into());
    let kind = Kind::Regular {
        size,
        sha256: sha256.finish(),
        md5: md5.finalize().into(),
        sha1: sha1.finalize().into(),
        text,
        name_of: None,
    };
    Ok((kind, secret))
}

/// The path of an entry without what leads to the root.
fn path(bytes: &[u8]) -> io::Result<String> {
    let path = String::from_utf8_lossy(bytes);
    if path.len() > PATH {
        return Err(damaged("it has a path that no file can have".to_owned()));
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err(damaged(format!("{path} leads out of the image")));
    }
    Ok(parts.join("/"))
}

fn damaged(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
