//! Documents that change under their address. One file holds the digest of all that follows, a
//! line of JSON with what a conditional request needs, and the document.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layout::{Bucket, make_directory};
use super::{Cache, CacheError, Difference, altered};
use crate::digest::Digest;

/// What a server said about the version it sent, to be shown when asking again
/// (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::fetch) struct Validators {
    /// The `ETag` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// A stored document.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::fetch) struct Stored {
    pub validators: Validators,
    pub bytes: Vec<u8>,
}

impl Cache {
    /// The document last stored for `url`, verified.
    ///
    /// # Errors
    /// [`CacheError::Altered`] or [`CacheError::Malformed`]; the entry is removed then.
    pub(in crate::fetch) fn document(&self, url: &str) -> Result<Option<Stored>, CacheError> {
        let path = self.document_path(url);
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CacheError::io("read", &path)(error)),
        };
        let parsed = cut_line(&content)
            .and_then(|(line, rest)| Some((std::str::from_utf8(line).ok()?.parse().ok()?, rest)));
        let Some((expected, rest)) = parsed else {
            return Err(self.malformed_document(path, "its first line is not a digest".into()));
        };
        let difference = Difference {
            expected,
            expected_size: None,
            found: Digest::of(rest),
            found_size: rest.len() as u64,
        };
        if !difference.is_none() {
            return Err(altered(path, difference));
        }
        let (line, bytes) = cut_line(rest).unwrap_or((rest, &[]));
        match serde_json::from_slice(line) {
            Ok(validators) => Ok(Some(Stored {
                validators,
                bytes: bytes.to_vec(),
            })),
            Err(error) => Err(self.malformed_document(path, error.to_string())),
        }
    }

    /// Stores a document for `url` in place of the one before.
    ///
    /// # Errors
    /// [`CacheError::Io`] when the cache cannot be written.
    pub(in crate::fetch) fn put_document(
        &self,
        url: &str,
        stored: &Stored,
    ) -> Result<(), CacheError> {
        let mut rest =
            serde_json::to_vec(&stored.validators).expect("a map of strings is always JSON");
        rest.push(b'\n');
        rest.extend_from_slice(&stored.bytes);
        let mut pending = self.create()?;
        pending.append(format!("{}\n", Digest::of(&rest)).as_bytes())?;
        pending.append(&rest)?;
        make_directory(&self.layout.shard(Bucket::Index, &Digest::of(url)))?;
        pending
            .synced()?
            .persist(&self.document_path(url))
            .map(drop)
    }

    fn document_path(&self, url: &str) -> PathBuf {
        self.layout.entry(Bucket::Index, &Digest::of(url))
    }

    fn malformed_document(&self, path: PathBuf, problem: String) -> CacheError {
        let remedy = match fs::remove_file(&path) {
            Ok(()) => "it was removed, the next run gets it again",
            Err(_) => "it could not be removed: delete it and run again",
        };
        CacheError::Malformed {
            path,
            problem,
            remedy,
        }
    }
}

fn cut_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}
