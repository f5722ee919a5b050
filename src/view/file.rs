//! An entry of an image's root file system.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::Digest;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What it is.
    pub kind: Kind,
    /// Permissions with the set-id and sticky bits.
    pub mode: u32,
    /// Number of its owner.
    pub uid: u64,
    /// Number of its group.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Extended attributes.
    pub attributes: BTreeMap<String, Vec<u8>>,
    /// The layer that it is of, counted from the base.
    pub layer: usize,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    Regular {
        /// Its bytes.
        size: u64,
        /// Its content.
        sha256: Digest,
        /// The MD5 of its content, which dpkg's databases have.
        md5: [u8; 16],
        /// The SHA-1 of its content, which apk's database has.
        sha1: [u8; 20],
        /// The content, of files that somebody asks about.
        text: Option<Arc<[u8]>>,
        /// The path of the file that it is another name of.
        name_of: Option<String>,
    },
    /// A symbolic link with its target as it is written.
    Link(String),
    /// A device, a pipe or a socket, in a word.
    Special(&'static str),
}

impl File {
    /// Bytes of the content; zero for another name of a file.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::Regular {
                size,
                name_of: None,
                ..
            } => *size,
            _ => 0,
        }
    }

    /// Whether there is anything in it, by whatever name.
    pub fn has_content(&self) -> bool {
        matches!(self.kind, Kind::Regular { size, .. } if size > 0)
    }

    /// Whether it is a file with content.
    pub fn is_regular(&self) -> bool {
        matches!(self.kind, Kind::Regular { .. })
    }
}

/// A key or a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The path in its layer.
    pub path: String,
    /// The layer, counted from the base.
    pub layer: usize,
    /// What it is, in words.
    pub what: &'static str,
}
