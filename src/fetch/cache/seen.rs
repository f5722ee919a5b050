//! The newest date seen of each repository: what makes serving an old, still valid Release
//! noticed (design: rollback).

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::locks::DownloadLock;
use super::{Cache, CacheError};
use crate::digest::Digest;
use crate::epoch::Epoch;

/// How long to sleep while another process records the same repository; it needs milliseconds.
const PATIENCE: Duration = Duration::from_millis(5);

impl Cache {
    /// The newest date that was recorded for `repository`.
    ///
    /// # Errors
    /// [`CacheError::Malformed`] when the record does not parse: it is left for the user to
    /// judge, since removing it is what an attacker would want.
    pub fn newest_seen(&self, repository: &str) -> Result<Option<Epoch>, CacheError> {
        let path = self.seen_path(repository);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CacheError::io("read", &path)(error)),
        };
        let date = text.split_once(' ').map_or(text.as_str(), |(date, _)| date);
        date.trim()
            .parse()
            .map(Some)
            .map_err(|error| CacheError::Malformed {
                path,
                problem: format!("{error}"),
                remedy: "delete it to forget the newest date seen",
            })
    }

    /// Records `date` for `repository`, unless a newer one is recorded.
    ///
    /// # Errors
    /// As [`Cache::newest_seen`], and [`CacheError::Io`] when the cache cannot be written.
    pub fn record_seen(&self, repository: &str, date: Epoch) -> Result<(), CacheError> {
        let path = self.seen_path(repository);
        if self
            .newest_seen(repository)?
            .is_some_and(|seen| seen >= date)
        {
            return Ok(());
        }
        let lock = self
            .layout
            .locks()
            .join(format!("seen-{}", Digest::of(repository).hex()));
        let _guard = loop {
            let taken = DownloadLock::take(lock.clone());
            match taken.map_err(CacheError::io("lock", &lock))? {
                Some(guard) => break guard,
                None => std::thread::sleep(PATIENCE),
            }
        };
        if self
            .newest_seen(repository)?
            .is_some_and(|seen| seen >= date)
        {
            return Ok(());
        }
        let mut pending = self.create()?;
        pending.append(format!("{date} {repository}\n").as_bytes())?;
        pending.synced()?.persist(&path).map(drop)
    }

    pub(super) fn seen_path(&self, repository: &str) -> PathBuf {
        self.layout.seen().join(Digest::of(repository).hex())
    }
}
