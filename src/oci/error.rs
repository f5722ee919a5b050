//! What can go wrong with images, layouts and archives.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::platform::Platform;

/// Why an image could not be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// An image set needs at least one image.
    #[error("no image was built, so there is nothing to write")]
    NoImages,
    /// Two images of a set are for one platform.
    #[error("two images for {0} cannot stand in one index")]
    DuplicatePlatform(Platform),
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted, `write` for example.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// The output's directory does not exist.
    #[error("cannot write {}: the directory {} does not exist; create it first", target.display(), parent.display())]
    NoParent {
        /// The output.
        target: PathBuf,
        /// The missing directory.
        parent: PathBuf,
    },
    /// Something else stands where an output should go.
    #[error("{} exists and is not {kind}; it is left alone: choose another path or remove it", path.display())]
    Occupied {
        /// The output.
        path: PathBuf,
        /// What would have been replaced.
        kind: &'static str,
    },
    /// The file or directory is no image layout.
    #[error("{} is not an OCI image layout: {reason}", path.display())]
    NotALayout {
        /// The file or directory.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A blob could not be read from where it is kept.
    #[error("cannot read blob {digest}")]
    Blob {
        /// The blob.
        digest: Digest,
        /// The failure.
        source: io::Error,
    },
    /// A blob is not what its digest says.
    #[error(
        "blob {expected} ({expected_size} bytes) is damaged: found {found} ({found_size} bytes)"
    )]
    Damaged {
        /// Digest by its descriptor.
        expected: Digest,
        /// Bytes by its descriptor.
        expected_size: u64,
        /// Digest of what was read.
        found: Digest,
        /// Bytes of what was read.
        found_size: u64,
    },
    /// A document cannot be parsed.
    #[error("{what} is not valid")]
    Document {
        /// `index.json`, or the kind of document and its digest.
        what: String,
        /// The failure.
        source: serde_json::Error,
    },
    /// A document is larger than any honest one.
    #[error("{what} has {size} bytes, more than the {limit} accepted")]
    TooLarge {
        /// `index.json`, or the kind of document and its digest.
        what: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A document is well formed and says what cannot be used here.
    #[error("{what}: {reason}")]
    Unsupported {
        /// The kind of document and its digest.
        what: String,
        /// What cannot be used.
        reason: String,
    },
    /// A layout has no entry of that name.
    #[error("{} has no image named `{name}`; it has {known}", path.display())]
    NoSuchName {
        /// The layout.
        path: PathBuf,
        /// The wanted name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A layout holds several images and none was named.
    #[error("{} holds several images; name one of {known}", path.display())]
    Ambiguous {
        /// The layout.
        path: PathBuf,
        /// The names there are.
        known: String,
    },
    /// The name cannot be a reference name (image-spec, annotations.md) or image tag.
    #[error(
        "`{0}` cannot name an image: use letters, digits and `-._:@+/`, starting with a letter, digit or `_`"
    )]
    Name(String),
    /// A docker archive holds one platform.
    #[error(
        "a docker-archive holds one platform, and these are {platforms}; choose one with --platform, or write oci-archive"
    )]
    SeveralPlatforms {
        /// The platforms.
        platforms: String,
    },
}

impl OciError {
    /// For `map_err`: what was attempted on which path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
