//! The first file system of a kernel: a cpio archive of the format newc, as
//! Documentation/driver-api/early-userspace/buffer-format.rst of the kernel describes it.

use std::io::{self, Read, Write};

/// Largest name of an entry with its final NUL: `PATH_MAX` of Linux, which the kernel's reader has.
const NAME_LIMIT: usize = 4096;

const FILE: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;

/// Whose an entry is, and what may be done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// Permissions, set-id bits included.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Owner {
    /// A program of root's.
    pub const PROGRAM: Self = Self {
        mode: 0o755,
        uid: 0,
        gid: 0,
    };
}

/// Writes an archive entry by entry; a directory before what is in it.
pub struct Newc<W> {
    out: W,
    inode: u32,
}

impl<W: Write> Newc<W> {
    /// An empty archive.
    pub fn new(out: W) -> Self {
        Self { out, inode: 0 }
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn directory(&mut self, name: &[u8], owner: Owner) -> io::Result<()> {
        let inode = self.next();
        self.header(inode, 1, name, DIRECTORY, owner, 0)
    }

    /// Adds what takes a name of lower layers away: the device 0, 0
    /// (Documentation/filesystems/overlayfs.rst of the kernel, "whiteouts and opaque directories").
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn whiteout(&mut self, name: &[u8]) -> io::Result<()> {
        let inode = self.next();
        let owner = Owner {
            mode: 0,
            uid: 0,
            gid: 0,
        };
        self.header(inode, 1, name, DEVICE, owner, 0)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn link(&mut self, name: &[u8], owner: Owner, target: &[u8]) -> io::Result<()> {
        let inode = self.next();
        self.header(inode, 1, name, LINK, owner, size(target.len() as u64)?)?;
        self.content(target, target.len() as u64)
    }

    /// Adds a file of `length` bytes and returns what further names of it are added by.
    ///
    /// # Errors
    /// When the archive cannot be written, or the content does not have that length.
    pub fn file(
        &mut self,
        name: &[u8],
        owner: Owner,
        content: impl Read,
        length: u64,
    ) -> io::Result<u32> {
        let inode = self.next();
        // Two names is what tells the kernel to remember the file.
        self.header(inode, 2, name, FILE, owner, size(length)?)?;
        self.content(content, length)?;
        Ok(inode)
    }

    /// Adds another name of a file.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn name(&mut self, name: &[u8], owner: Owner, inode: u32) -> io::Result<()> {
        self.header(inode, 2, name, FILE, owner, 0)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let owner = Owner {
            mode: 0,
            uid: 0,
            gid: 0,
        };
        self.header(0, 1, b"TRAILER!!!", 0, owner, 0)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn next(&mut self) -> u32 {
        self.inode += 1;
        self.inode
    }

    fn header(
        &mut self,
        inode: u32,
        links: u32,
        name: &[u8],
        kind: u32,
        owner: Owner,
        size: u32,
    ) -> io::Result<()> {
        let length = name.len() + 1;
        let Some(name_size) = u32::try_from(length).ok().filter(|_| length <= NAME_LIMIT) else {
            return Err(io::Error::other("a path longer than the kernel reads"));
        };
        let mode = kind | owner.mode;
        // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
        let fields = [
            inode, mode, owner.uid, owner.gid, links, 0, size, 0, 0, 0, 0, name_size, 0,
        ];
        self.out.write_all(b"070701")?;
        for field in fields {
            write!(self.out, "{field:08x}")?;
        }
        self.out.write_all(name)?;
        self.out.write_all(b"\0")?;
        // 110 bytes stand before the name.
        self.pad(110 + length as u64)
    }

    fn content(&mut self, content: impl Read, length: u64) -> io::Result<()> {
        if io::copy(&mut content.take(length), &mut self.out)? != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.pad(length)
    }

    fn pad(&mut self, length: u64) -> io::Result<()> {
        let missing = length.next_multiple_of(4) - length;
        self.out.write_all(&[0; 3][..missing as usize])
    }
}

fn size(length: u64) -> io::Result<u32> {
    u32::try_from(length).map_err(|_| io::Error::other("a file of 4 GiB or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_links_share_an_inode() {
        let mut archive = Newc::new(Vec::new());
        let owner = Owner::PROGRAM;
        archive.directory(b"d", owner).expect("written");
        let file = archive
            .file(b"d/a", owner, &b"12345"[..], 5)
            .expect("written");
        archive.name(b"d/b", owner, file).expect("written");
        archive.link(b"l", owner, b"d/a").expect("written");
        let bytes = archive.finish().expect("written");
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8(bytes).expect("ASCII");
        // Magic, inode and mode of each.
        for start in [
            "07070100000001000041ed",
            "07070100000002000081ed",
            "070701000000030000a1ed",
        ] {
            assert!(text.contains(start), "{start}");
        }
        assert_eq!(text.matches("07070100000002000081ed").count(), 2);
        let content = ["d/a", "\0\0\0", "12345", "\0\0\0", "070701"].concat();
        assert!(text.contains(&content), "{text:?}");
    }

    #[test]
    fn content_that_ends_early_is_an_error() {
        let mut archive = Newc::new(Vec::new());
        let short = archive.file(b"a", Owner::PROGRAM, &b"12"[..], 5);
        assert!(short.is_err());
    }
}
