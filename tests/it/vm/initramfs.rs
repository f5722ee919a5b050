//! The first file system of a kernel: a cpio archive of the format newc, as
//! Documentation/driver-api/early-userspace/buffer-format.rst of the kernel describes it.

use std::collections::{BTreeMap, BTreeSet};

/// Files of an initramfs by path without leading slash: permissions and content.
pub type Files = BTreeMap<String, (u32, Vec<u8>)>;

/// The archive of `files` and of every directory above them.
pub fn newc(files: &Files) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut inode = 1;
    let mut add = |name: &str, mode: u32, content: &[u8]| {
        entry(&mut archive, inode, name, mode, content);
        inode += 1;
    };
    let directories: BTreeSet<&str> = files.keys().flat_map(|path| above(path)).collect();
    for directory in directories {
        add(directory, 0o040_755, &[]);
    }
    for (path, (mode, content)) in files {
        add(path, 0o100_000 | mode, content);
    }
    add("TRAILER!!!", 0, &[]);
    archive
}

/// The directories above a path, which sort before what is in them.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn entry(archive: &mut Vec<u8>, inode: u32, name: &str, mode: u32, content: &[u8]) {
    let size = u32::try_from(content.len()).expect("a file below 4 GiB");
    let name_size = u32::try_from(name.len() + 1).expect("a short name");
    // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    let fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend_from_slice(content);
    pad(archive);
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}
