//! Reading a package's payload tar into entries, without unpacking it.
//!
//! What a package may carry is what dpkg unpacks: directories, files and links. Modes are kept,
//! setuid bits included, because packages such as `mount` need them. Refused is what would leave
//! the tree, what two readers of the archive could take for different things, and what has no
//! place in a package; see [`PayloadError`].

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tar::EntryType;

use super::extension::{Described, Extension};
use super::node::{Content, Kind, Meta, Node, Spool};
use super::path::{PathError, TreePath};

/// Most entries one package may have. Debian's largest, of documentation, have about 60,000.
pub const ENTRY_LIMIT: usize = 1_000_000;
/// Longest link target accepted, in bytes: Linux's `PATH_MAX`.
const TARGET_LIMIT: usize = 4096;

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The tar is damaged.
    #[error("damaged payload: {0}")]
    Io(#[from] io::Error),
    /// A path that could not exist or would leave the tree.
    #[error("refused payload entry: {0}")]
    Path(#[from] PathError),
    /// A name that is not UTF-8; image layers carry UTF-8 names only.
    #[error("payload entry {0:?} has a name that is not UTF-8")]
    NotUtf8(String),
    /// An entry that packages have no use for.
    #[error("payload entry {path:?} is {what}, which packages may not carry")]
    Refused {
        /// Its name, as the archive has it.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// What stands before an entry and describes it cannot be used.
    #[error("payload entry {path:?} has {problem}, which can be read in several ways")]
    Ambiguous {
        /// Its name, as the archive has it.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// More entries than any real package has.
    #[error("payload has more than {ENTRY_LIMIT} entries")]
    TooMany,
}

/// Bytes read at once: a header, and what describes it. Contents in between are passed over.
const HEADERS: usize = 4 << 10;

/// The entries of the decoded payload tar in `spool`, in its order; a directory that is there
/// several times only once. File contents stay in `spool`.
pub fn read_payload(spool: &Arc<Spool>) -> Result<Vec<(TreePath, Node)>, PayloadError> {
    let end = spool.length();
    let reader = io::BufReader::with_capacity(HEADERS, spool.reader());
    let mut archive = tar::Archive::new(reader);
    let mut entries = Vec::new();
    let mut seen = HashMap::new();
    let mut extension = Extension::default();
    for entry in archive.entries_with_seek()?.raw(true) {
        let mut entry = entry?;
        if extension.take(&mut entry)? {
            continue;
        }
        let described = std::mem::take(&mut extension).read();
        let name = name(&entry, &described)?;
        let described = described.map_err(|problem| ambiguous(&name, problem))?;
        let path = path(&name)?;
        let node = Reading {
            name: &name,
            entry: &entry,
            described,
            end,
        }
        .node(spool)?;
        if path.is_root() && !matches!(node.kind, Kind::Directory) {
            return Err(refused(&name, "in the place of the root directory"));
        }
        let directory = matches!(node.kind, Kind::Directory);
        match seen.insert(path.clone(), directory) {
            None => entries.push((path, node)),
            Some(true) if directory => {}
            Some(_) => return Err(refused(&name, "there twice")),
        }
        if entries.len() > ENTRY_LIMIT {
            return Err(PayloadError::TooMany);
        }
    }
    if extension.is_some() {
        return Err(ambiguous("", "a description of an entry that is not there"));
    }
    Ok(entries)
}

/// Attributes that a file may have: its capabilities, and what users set. Others belong to the
/// system it was made on; overlay file systems would take some of them for their own marks.
const XATTRS: &[&str] = &["security.capability", "user."];

pub(super) fn refused(path: &str, what: &'static str) -> PayloadError {
    PayloadError::Refused {
        path: path.to_owned(),
        what,
    }
}

pub(super) fn ambiguous(path: &str, problem: impl Into<String>) -> PayloadError {
    PayloadError::Ambiguous {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

/// The name of an entry, as the archive has it.
fn name<R: io::Read>(
    entry: &tar::Entry<'_, R>,
    described: &Result<Described, String>,
) -> Result<String, PayloadError> {
    match described.as_ref().ok().and_then(|d| d.name.as_deref()) {
        Some(name) => utf8(name),
        None => utf8(&entry.path_bytes()),
    }
}

/// The path that a name stands for.
fn path(name: &str) -> Result<TreePath, PayloadError> {
    if name.is_empty() {
        return Err(refused(name, "without a name"));
    }
    // dpkg refuses line breaks, which end a path in its lists; the others drive terminals.
    if name.contains(|c: char| c.is_control() && c != '\0') {
        return Err(refused(name, "named with a control character"));
    }
    Ok(TreePath::parse(name)?)
}

/// An entry while it is read.
struct Reading<'a, 'b, R: io::Read> {
    name: &'a str,
    entry: &'a tar::Entry<'b, R>,
    described: Described,
    /// Where the archive ends.
    end: u64,
}

impl<R: io::Read> Reading<'_, '_, R> {
    fn node(self, spool: &Arc<Spool>) -> Result<Node, PayloadError> {
        let kind = self.kind(spool)?;
        let header = self.entry.header();
        let id = |described: Option<u64>, own: io::Result<u64>| -> Result<u32, PayloadError> {
            let id = described.map_or(own, Ok)?;
            u32::try_from(id)
                .map_err(|_| refused(self.name, "owned by an id that does not fit 32 bits"))
        };
        let mtime = match self.described.mtime {
            Some(mtime) => mtime,
            None => i64::try_from(header.mtime()?).unwrap_or(i64::MAX),
        };
        let meta = Meta {
            mode: header.mode()? & 0o7777,
            uid: id(self.described.uid, header.uid())?,
            gid: id(self.described.gid, header.gid())?,
            mtime,
            xattrs: self.described.xattrs,
        };
        let foreign = |name: &String| {
            !XATTRS
                .iter()
                .any(|known| name == known || known.ends_with('.') && name.starts_with(known))
        };
        if meta.xattrs.keys().any(foreign) {
            return Err(refused(
                self.name,
                "marked with an attribute other than capabilities and `user.`",
            ));
        }
        Ok(Node { kind, meta })
    }

    fn kind(&self, spool: &Arc<Spool>) -> Result<Kind, PayloadError> {
        let refused = |what| Err(refused(self.name, what));
        let entry_type = self.entry.header().entry_type();
        let size = self.entry.header().entry_size()?;
        if self.described.size.is_some_and(|other| other != size) {
            return Err(ambiguous(self.name, "two different sizes"));
        }
        let kind = match entry_type {
            EntryType::Directory => Kind::Directory,
            EntryType::Regular | EntryType::Continuous if self.name.ends_with('/') => {
                // A directory in the form from before POSIX.
                Kind::Directory
            }
            EntryType::Regular | EntryType::Continuous => {
                let offset = self.entry.raw_file_position();
                if offset.checked_add(size).is_none_or(|last| last > self.end) {
                    return refused("cut off before its end");
                }
                return Ok(Kind::File(Content::Spooled {
                    spool: Arc::clone(spool),
                    offset,
                    length: size,
                }));
            }
            EntryType::Symlink => Kind::Symlink(self.target()?),
            EntryType::Link => Kind::Hardlink(path(&self.target()?)?),
            EntryType::Char | EntryType::Block => return refused("a device node"),
            EntryType::Fifo => return refused("a named pipe"),
            EntryType::GNUSparse => return refused("a sparse file"),
            EntryType::XGlobalHeader => return refused("a description of all further entries"),
            _ => return refused("of an unknown kind"),
        };
        if size != 0 {
            return refused("a directory or link with content");
        }
        Ok(kind)
    }

    fn target(&self) -> Result<String, PayloadError> {
        let own = || self.entry.header().link_name_bytes();
        let target = match &self.described.link {
            Some(link) => utf8(link)?,
            None => utf8(&own().unwrap_or_default())?,
        };
        let unusable = target.is_empty()
            || target.len() > TARGET_LIMIT
            || target.contains(|c: char| c.is_control());
        if unusable {
            return Err(refused(
                self.name,
                "a link whose target no system call accepts, or with a control character in it",
            ));
        }
        Ok(target)
    }
}

fn utf8(bytes: &[u8]) -> Result<String, PayloadError> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| PayloadError::NotUtf8(String::from_utf8_lossy(bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn payload(
        build: impl FnOnce(&mut tar::Builder<Vec<u8>>),
    ) -> Result<Vec<(TreePath, Node)>, PayloadError> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        let bytes = builder.into_inner().expect("in memory");
        let mut file = tempfile::tempfile().expect("temporary file");
        file.write_all(&bytes).expect("write");
        read_payload(&Arc::new(Spool::of(file).expect("a file")))
    }

    fn header(kind: EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o4755);
        header.set_mtime(7);
        header.set_uid(0);
        header.set_gid(0);
        header
    }

    #[test]
    fn contents_are_read_from_where_they_lie() {
        let long = format!("./usr/{}", "d/".repeat(120));
        let entries = payload(|b| {
            b.append_data(&mut header(EntryType::Regular, 3), "./a", &b"abc"[..])
                .expect("ok");
            b.append_data(
                &mut header(EntryType::Regular, 2),
                format!("{long}x"),
                &b"xy"[..],
            )
            .expect("ok");
            b.append_link(&mut header(EntryType::Symlink, 0), "./l", "../a")
                .expect("ok");
        })
        .expect("readable");
        let [(a, first), (deep, second), (_, link)] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert_eq!(
            (a.as_str(), first.meta.mode, first.meta.mtime),
            ("a", 0o4755, 7)
        );
        assert!(deep.as_str().len() > 200);
        let read = |node: &Node| match &node.kind {
            Kind::File(content) => content.read().expect("readable"),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (read(first), read(second)),
            (b"abc".to_vec(), b"xy".to_vec())
        );
        assert!(matches!(&link.kind, Kind::Symlink(target) if target == "../a"));
    }

    #[test]
    fn devices_and_traversals_are_refused() {
        for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
            assert!(
                payload(|b| {
                    b.append_data(&mut header(kind, 0), "dev/x", io::empty())
                        .expect("ok");
                })
                .is_err()
            );
        }
        let traversal = payload(|b| {
            let mut header = header(EntryType::Regular, 0);
            header.as_gnu_mut().expect("gnu").name[..8].copy_from_slice(b"../../ab");
            header.set_cksum();
            b.append(&header, io::empty()).expect("ok");
        });
        assert!(matches!(traversal, Err(PayloadError::Path(_))));
    }

    #[test]
    fn capabilities_keep_every_byte_and_foreign_attributes_are_refused() {
        // CAP_DAC_OVERRIDE and CAP_FOWNER together are a newline.
        let value = b"\x01\0\0\x02\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let attribute = |name: &str| {
            payload(|b| {
                b.append_pax_extensions([(format!("SCHILY.xattr.{name}").as_str(), &value[..])])
                    .expect("ok");
                b.append_data(&mut header(EntryType::Regular, 0), "x", io::empty())
                    .expect("ok");
            })
        };
        for name in ["security.capability", "user.note"] {
            let entries = attribute(name).expect(name);
            assert_eq!(entries[0].1.meta.xattrs[name], value);
        }
        for name in ["trusted.overlay.opaque", "security.selinux", "users"] {
            let error = attribute(name).expect_err(name);
            assert!(matches!(error, PayloadError::Refused { .. }), "{error}");
        }
    }

    #[test]
    fn a_time_and_an_owner_beyond_the_header_are_taken_from_its_description() {
        let entries = payload(|b| {
            let records = [("uid", &b"2097152"[..]), ("gid", b"7"), ("mtime", b"99.75")];
            b.append_pax_extensions(records).expect("ok");
            b.append_data(&mut header(EntryType::Regular, 0), "x", io::empty())
                .expect("ok");
        })
        .expect("readable");
        let meta = &entries[0].1.meta;
        assert_eq!((meta.uid, meta.gid, meta.mtime), (2_097_152, 7, 99));
    }
}
