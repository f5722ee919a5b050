//! Reading a package's payload tar into entries, without unpacking it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use tar::EntryType;

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
    #[error("payload entry {path} is {what}, which packages may not carry")]
    Refused {
        /// Its path.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// More entries than any real package has.
    #[error("payload has more than {ENTRY_LIMIT} entries")]
    TooMany,
}

/// The entries of the decoded payload tar in `file`, in its order. File contents stay in `file`.
pub fn read_payload(file: File) -> Result<Vec<(TreePath, Node)>, PayloadError> {
    let reader = file.try_clone()?;
    let end = file.metadata()?.len();
    let spool = Arc::new(Spool::new(file));
    let mut archive = tar::Archive::new(io::BufReader::with_capacity(64 << 10, reader));
    let mut entries = Vec::new();
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        let name = utf8(&entry.path_bytes())?;
        let path = TreePath::parse(&name)?;
        let xattrs = xattrs(&mut entry)?;
        let header = entry.header();
        let target = || -> Result<String, PayloadError> {
            let bytes = entry.link_name_bytes().ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{path} is a link to nothing"),
                )
            })?;
            let target = utf8(&bytes)?;
            let unusable =
                target.is_empty() || target.len() > TARGET_LIMIT || target.contains('\0');
            if unusable {
                return Err(PayloadError::Refused {
                    path: path.to_string(),
                    what: "a link whose target no system call accepts",
                });
            }
            Ok(target)
        };
        let kind = match header.entry_type() {
            EntryType::Directory => Kind::Directory,
            EntryType::Regular | EntryType::Continuous
                if entry
                    .raw_file_position()
                    .checked_add(entry.size())
                    .is_none_or(|last| last > end) =>
            {
                return Err(PayloadError::Refused {
                    path: path.to_string(),
                    what: "cut off before its end",
                });
            }
            EntryType::Regular | EntryType::Continuous => Kind::File(Content::Spooled {
                spool: Arc::clone(&spool),
                offset: entry.raw_file_position(),
                length: entry.size(),
            }),
            EntryType::Symlink => Kind::Symlink(target()?),
            EntryType::Link => Kind::Hardlink(TreePath::parse(&target()?)?),
            EntryType::Char | EntryType::Block => {
                return Err(PayloadError::Refused {
                    path: path.to_string(),
                    what: "a device node",
                });
            }
            EntryType::Fifo => {
                return Err(PayloadError::Refused {
                    path: path.to_string(),
                    what: "a named pipe",
                });
            }
            EntryType::GNUSparse => {
                return Err(PayloadError::Refused {
                    path: path.to_string(),
                    what: "a sparse file",
                });
            }
            _ => {
                return Err(PayloadError::Refused {
                    path: path.to_string(),
                    what: "of an unknown kind",
                });
            }
        };
        let id = |value: io::Result<u64>| -> Result<u32, PayloadError> {
            u32::try_from(value?).map_err(|_| PayloadError::Refused {
                path: path.to_string(),
                what: "owned by an id that does not fit 32 bits",
            })
        };
        let meta = Meta {
            mode: header.mode()? & 0o7777,
            uid: id(header.uid())?,
            gid: id(header.gid())?,
            mtime: i64::try_from(header.mtime()?).unwrap_or(i64::MAX),
            xattrs,
        };
        entries.push((path, Node { kind, meta }));
        if entries.len() > ENTRY_LIMIT {
            return Err(PayloadError::TooMany);
        }
    }
    Ok(entries)
}

fn utf8(bytes: &[u8]) -> Result<String, PayloadError> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| PayloadError::NotUtf8(String::from_utf8_lossy(bytes).into_owned()))
}

/// Extended attributes from the `SCHILY.xattr.` PAX records that GNU tar and dpkg-deb write.
fn xattrs<R: io::Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            if let Some(name) = extension
                .key()
                .ok()
                .and_then(|k| k.strip_prefix("SCHILY.xattr."))
            {
                found.insert(name.to_owned(), extension.value_bytes().to_vec());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn payload(
        build: impl FnOnce(&mut tar::Builder<Vec<u8>>),
    ) -> Result<Vec<(TreePath, Node)>, PayloadError> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        let bytes = builder.into_inner().expect("in memory");
        let mut file = tempfile::tempfile().expect("temporary file");
        file.write_all(&bytes).expect("write");
        file.rewind().expect("rewind");
        read_payload(file)
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
}
