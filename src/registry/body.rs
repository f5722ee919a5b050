//! The body of an upload: read from disk in pieces, hashed on the way, never sent whole unless it
//! is the content it claims to be.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use oci_client::errors::OciDistributionError;

use super::error::RegistryError;
use super::plan::{Blob, Source};
use super::retry::Trouble;
use crate::digest::{Digest, Hasher};
use crate::progress::{Reporter, TaskId};

/// How much is read at once, in bytes. Two pieces are in memory for each upload.
const PIECE: usize = 256 << 10;

/// The progress of a blob's upload across its attempts: a repeated byte is not told twice.
pub(super) struct Meter {
    reporter: Arc<dyn Reporter>,
    task: TaskId,
    told: AtomicU64,
}

impl Meter {
    pub(super) fn new(reporter: Arc<dyn Reporter>, task: TaskId) -> Self {
        Self {
            reporter,
            task,
            told: AtomicU64::new(0),
        }
    }

    fn reached(&self, position: u64) {
        let before = self.told.fetch_max(position, Ordering::Relaxed);
        if position > before {
            self.reporter.advance(self.task, position - before);
        }
    }
}

/// One attempt at sending a blob.
pub(super) struct Upload {
    /// Bytes handed to the transport.
    position: AtomicU64,
    /// Why the body ended early, if it did. The transport would report only a broken body.
    failure: Mutex<Option<RegistryError>>,
    meter: Arc<Meter>,
}

impl Upload {
    pub(super) fn new(meter: Arc<Meter>) -> Arc<Self> {
        Arc::new(Self {
            position: AtomicU64::new(0),
            failure: Mutex::new(None),
            meter,
        })
    }

    /// The body. The last piece is held back until the digest of all is known to be right: a body
    /// that is not the blob stays shorter than announced and is never committed.
    pub(super) fn body(
        self: &Arc<Self>,
        blob: &Blob,
    ) -> BoxStream<'static, Result<Bytes, OciDistributionError>> {
        let upload = self.clone();
        let file = match &blob.source {
            Source::File(file) => file.clone(),
            Source::Memory(bytes) => {
                // Its digest was checked when the push was planned.
                let whole = bytes.clone();
                return stream::once(async move {
                    upload.passed(&whole);
                    Ok(whole)
                })
                .boxed();
            }
        };
        let reading = Reading {
            upload,
            file,
            digest: blob.digest,
            size: blob.size,
            hasher: Hasher::new(),
            read: 0,
            held: None,
            ended: false,
        };
        stream::try_unfold(reading, |mut reading| async move {
            let piece = reading.next().await.map_err(|error| {
                let text = error.to_string();
                *reading.upload.failure() = Some(error);
                OciDistributionError::IoError(std::io::Error::other(text))
            })?;
            Ok(piece.map(|piece| {
                reading.upload.passed(&piece);
                (piece, reading)
            }))
        })
        .boxed()
    }

    fn passed(&self, piece: &Bytes) {
        let count = piece.len() as u64;
        let position = self.position.fetch_add(count, Ordering::Relaxed);
        self.meter.reached(position + count);
    }

    /// Waits for `transfer`, but not longer than `stall` without a byte passing.
    pub(super) async fn watch<T>(
        &self,
        stall: Duration,
        transfer: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let mut transfer = std::pin::pin!(transfer);
        let mut seen = self.position.load(Ordering::Relaxed);
        loop {
            if let Ok(outcome) = tokio::time::timeout(stall, &mut transfer).await {
                return match self.failure().take() {
                    Some(error) => Err(Trouble::Fatal(error)),
                    None => outcome,
                };
            }
            let position = self.position.load(Ordering::Relaxed);
            if position == seen {
                return Err(Trouble::Passing(format!(
                    "the upload stood still for {} s after {position} bytes",
                    stall.as_secs()
                )));
            }
            seen = position;
        }
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<RegistryError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A blob's file on its way out.
struct Reading {
    upload: Arc<Upload>,
    file: Arc<File>,
    digest: Digest,
    size: u64,
    hasher: Hasher,
    read: u64,
    held: Option<Bytes>,
    ended: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        while !self.ended {
            let piece = self.piece().await?;
            let ready = if piece.is_empty() {
                self.ended = true;
                self.verify()?;
                self.held.take()
            } else {
                self.hasher.update(&piece);
                self.read += piece.len() as u64;
                if self.read > self.size {
                    return Err(self.changed("it is longer".to_owned()));
                }
                self.held.replace(piece)
            };
            if ready.is_some() {
                return Ok(ready);
            }
        }
        Ok(None)
    }

    async fn piece(&mut self) -> Result<Bytes, RegistryError> {
        let unreadable = |source| RegistryError::Unreadable {
            digest: self.digest,
            source,
        };
        let (file, start) = (Arc::clone(&self.file), self.read);
        let read = tokio::task::spawn_blocking(move || read_at(&file, start));
        read.await
            .unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)))
            .map_err(unreadable)
    }

    fn verify(&mut self) -> Result<(), RegistryError> {
        let digest = std::mem::take(&mut self.hasher).finish();
        if digest == self.digest && self.read == self.size {
            return Ok(());
        }
        Err(self.changed(format!("found {digest} ({} bytes)", self.read)))
    }

    fn changed(&self, found: String) -> RegistryError {
        RegistryError::Changed {
            digest: self.digest,
            size: self.size,
            found,
        }
    }
}

/// At most [`PIECE`] bytes from `start` on; nothing at the end.
fn read_at(file: &File, start: u64) -> std::io::Result<Bytes> {
    let mut piece = vec![0; PIECE];
    let mut filled = 0;
    while filled < PIECE {
        match file.read_at(&mut piece[filled..], start + filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    piece.truncate(filled);
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::progress::Silent;

    fn send(content: &[u8], digest: Digest, size: u64) -> (Vec<u8>, Option<RegistryError>) {
        let mut file = tempfile::tempfile().expect("temporary file");
        file.write_all(content).expect("written");
        let blob = Blob {
            digest,
            size,
            source: Source::File(Arc::new(file)),
        };
        let upload = Upload::new(Arc::new(Meter::new(Arc::new(Silent), TaskId(0))));
        let mut sent = Vec::new();
        tokio::runtime::Runtime::new()
            .expect("runtime")
            .block_on(async {
                let mut body = upload.body(&blob);
                while let Some(Ok(piece)) = body.next().await {
                    sent.extend_from_slice(&piece);
                }
            });
        let failure = upload.failure().take();
        (sent, failure)
    }

    #[test]
    fn a_true_file_is_sent_whole() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let content = vec![7; size];
            let (sent, failure) = send(&content, Digest::of(&content), size as u64);
            assert_eq!(sent, content);
            assert!(failure.is_none());
        }
    }

    #[test]
    fn a_changed_file_is_never_sent_whole() {
        let content = vec![7; 2 * PIECE];
        for (digest, size) in [
            (Digest::of(b"other"), content.len()),
            (Digest::of(&content), content.len() + 1),
            (Digest::of(&content), content.len() - 1),
        ] {
            let (sent, failure) = send(&content, digest, size as u64);
            assert!(sent.len() < size);
            assert!(matches!(failure, Some(RegistryError::Changed { .. })));
        }
    }

    #[test]
    fn a_transfer_that_stands_still_is_ended() {
        let upload = Upload::new(Arc::new(Meter::new(Arc::new(Silent), TaskId(0))));
        let stalled = tokio::runtime::Runtime::new()
            .expect("runtime")
            .block_on(upload.watch(
                Duration::from_millis(5),
                std::future::pending::<Result<(), _>>(),
            ));
        assert!(matches!(stalled, Err(Trouble::Passing(_))));
    }
}
