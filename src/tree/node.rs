//! What stands at a path: kinds, metadata and content.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::path::TreePath;

/// One entry of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Owner, mode and times.
    pub meta: Meta,
}

/// Kinds of entries, as in POSIX `ustar`.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link and its literal target.
    Symlink(String),
    /// A further name of the regular file at the given path.
    Hardlink(TreePath),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// Metadata of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Permission, setuid, setgid and sticky bits (`0o7777`).
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Modification time, seconds since the Unix epoch.
    pub mtime: i64,
    /// Extended attributes by full name (`security.capability`).
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Meta {
    /// Owned by root, with `mode` and `mtime` and no extended attributes.
    pub fn root(mode: u32, mtime: i64) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
            mtime,
            xattrs: BTreeMap::new(),
        }
    }
}

/// Bytes that are read by their position.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Fills `buffer` with the bytes from `position` on; fails where they do not reach that far.
    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, position)
    }
}

/// What holds the decoded content of one package, and nobody writes any more.
#[derive(Debug)]
pub struct Spool {
    bytes: Box<dyn ReadAt>,
    length: u64,
}

impl Spool {
    /// The first `length` bytes of what is read by position.
    pub fn new(bytes: impl ReadAt + 'static, length: u64) -> Self {
        Self {
            bytes: Box::new(bytes),
            length,
        }
    }

    /// All of a file.
    ///
    /// # Errors
    /// When its length cannot be known.
    pub fn of(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self::new(file, length))
    }

    /// Number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The bytes in their order, or from anywhere.
    pub(super) fn reader(&self) -> impl io::Read + io::Seek + '_ {
        Seeking {
            spool: self,
            position: 0,
        }
    }
}

struct Seeking<'a> {
    spool: &'a Spool,
    position: u64,
}

impl io::Read for Seeking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.spool.length.saturating_sub(self.position);
        let count = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if count == 0 {
            // Also beyond the end, where the last padding of an archive would have been.
            return Ok(0);
        }
        let part = &mut buffer[..count];
        self.spool.bytes.read_exact_at(part, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl io::Seek for Seeking<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let to = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::Current(by) => self.position.checked_add_signed(by),
            io::SeekFrom::End(by) => self.spool.length.checked_add_signed(by),
        };
        self.position = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The bytes of a regular file: in memory, or a range of a [`Spool`].
#[derive(Clone)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// `length` bytes from `offset` on.
    Spooled {
        /// Where the bytes are.
        spool: Arc<Spool>,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
}

impl Content {
    /// Number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Spooled { length, .. } => *length,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` with the bytes from `position` on; fails where they do not reach that far.
    pub fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let end = position.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match self {
            Self::Bytes(bytes) => {
                let start = position as usize;
                buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
                Ok(())
            }
            Self::Spooled { spool, offset, .. } => {
                spool.bytes.read_exact_at(buffer, offset + position)
            }
        }
    }

    /// The bytes in their order.
    pub fn reader(&self) -> impl io::Read + '_ {
        Reader {
            content: self,
            position: 0,
        }
    }

    /// All bytes, for files known to be small.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len() as usize];
        self.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

struct Reader<'a> {
    content: &'a Content,
    position: u64,
}

impl io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.content.len() - self.position;
        let count = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let part = &mut buffer[..count];
        self.content.read_exact_at(part, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().into())
    }
}
