//! The body of an upload: read from disk in pieces, hashed on the way, never sent whole unless it
//! is the content it claims to be.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use oci_client::client::SizedStream;
use oci_client::errors::{DigestError, OciDistributionError};

use super::answer::chain;
use super::error::RegistryError;
use super::plan::Blob;
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

/// What the bytes of a blob come from in one attempt.
pub(super) enum Inlet {
    Memory(Bytes),
    File(Arc<File>),
    /// Another registry, by host and port, and what it sends.
    Registry(String, SizedStream),
}

/// One attempt at sending a blob.
pub(super) struct Upload {
    /// Bytes handed to the transport.
    position: AtomicU64,
    /// Why the body ended early, if it did. The transport would report only a broken body.
    failure: Mutex<Option<Trouble>>,
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
        inlet: Inlet,
    ) -> BoxStream<'static, Result<Bytes, OciDistributionError>> {
        let upload = self.clone();
        if let Inlet::Memory(whole) = inlet {
            // Its digest was checked when the push was planned.
            return stream::once(async move {
                upload.passed(&whole);
                Ok(whole)
            })
            .boxed();
        }
        let reading = Reading {
            upload,
            inlet,
            digest: blob.digest,
            size: blob.size,
            hasher: Hasher::new(),
            read: 0,
            held: None,
            ended: false,
        };
        stream::try_unfold(reading, |mut reading| async move {
            let piece = reading.next().await.map_err(|trouble| {
                *reading.upload.failure() = Some(trouble);
                OciDistributionError::IoError(std::io::Error::other("its source failed"))
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
                    Some(trouble) => Err(trouble),
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

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<Trouble>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A blob on its way out.
struct Reading {
    upload: Arc<Upload>,
    inlet: Inlet,
    digest: Digest,
    size: u64,
    hasher: Hasher,
    read: u64,
    held: Option<Bytes>,
    ended: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
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
                    return Err(self.other("it is longer".to_owned()).into());
                }
                self.held.replace(piece)
            };
            if ready.is_some() {
                return Ok(ready);
            }
        }
        Ok(None)
    }

    /// The next bytes; none at the end.
    async fn piece(&mut self) -> Result<Bytes, Trouble> {
        let file = match &mut self.inlet {
            Inlet::Memory(bytes) => return Ok(std::mem::take(bytes)),
            Inlet::File(file) => Arc::clone(file),
            Inlet::Registry(_, stream) => loop {
                return match stream.next().await {
                    Some(Ok(piece)) if piece.is_empty() => continue,
                    Some(Ok(piece)) => Ok(piece),
                    None => Ok(Bytes::new()),
                    Some(Err(error)) if is_other_content(&error) => {
                        Err(self.other(error.to_string()).into())
                    }
                    Some(Err(error)) => Err(Trouble::Passing(chain(&error))),
                };
            },
        };
        let unreadable = |source| RegistryError::Unreadable {
            digest: self.digest,
            source,
        };
        let start = self.read;
        let read = tokio::task::spawn_blocking(move || read_at(&file, start));
        read.await
            .unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)))
            .map_err(unreadable)
            .map_err(Trouble::from)
    }

    fn verify(&mut self) -> Result<(), RegistryError> {
        let digest = std::mem::take(&mut self.hasher).finish();
        if digest == self.digest && self.read == self.size {
            return Ok(());
        }
        Err(self.other(format!("found {digest} ({} bytes)", self.read)))
    }

    /// What is read is not the blob.
    fn other(&self, found: String) -> RegistryError {
        if let Inlet::Registry(registry, _) = &self.inlet {
            return RegistryError::Altered {
                registry: registry.clone(),
                task: "copying a blob".to_owned(),
                expected: format!("{} ({} bytes)", self.digest, self.size),
                actual: found,
            };
        }
        RegistryError::Changed {
            digest: self.digest,
            size: self.size,
            found,
        }
    }
}

/// Whether a stream ended in bytes that are not those of its digest.
fn is_other_content(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|cause| cause.is::<DigestError>())
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

    use super::super::plan::Source;
    use super::*;
    use crate::progress::Silent;

    fn file(content: &[u8]) -> Inlet {
        let mut file = tempfile::tempfile().expect("temporary file");
        file.write_all(content).expect("written");
        Inlet::File(Arc::new(file))
    }

    /// What another registry sends, in pieces of three bytes.
    fn registry(content: &[u8]) -> Inlet {
        let pieces: Vec<_> = content
            .chunks(3)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let stream = SizedStream {
            content_length: None,
            digest_header_value: None,
            stream: stream::iter(pieces).boxed(),
        };
        Inlet::Registry("r.example".to_owned(), stream)
    }

    fn send(inlet: Inlet, digest: Digest, size: u64) -> (Vec<u8>, Option<Trouble>) {
        let blob = Blob {
            digest,
            size,
            source: Source::Memory(Bytes::new()),
        };
        let upload = Upload::new(Arc::new(Meter::new(Arc::new(Silent), TaskId(0))));
        let mut sent = Vec::new();
        tokio::runtime::Runtime::new()
            .expect("runtime")
            .block_on(async {
                let mut body = upload.body(&blob, inlet);
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
            let (sent, failure) = send(file(&content), Digest::of(&content), size as u64);
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
            let (sent, failure) = send(file(&content), digest, size as u64);
            assert!(sent.len() < size);
            assert!(matches!(
                failure,
                Some(Trouble::Fatal(RegistryError::Changed { .. }))
            ));
        }
    }

    #[test]
    fn what_another_registry_sends_passes_whole_or_not() {
        let content = b"a layer".repeat(5);
        let size = content.len() as u64;
        let (sent, failure) = send(registry(&content), Digest::of(&content), size);
        assert_eq!(sent, content);
        assert!(failure.is_none());
        for (digest, size) in [
            (Digest::of(b"other"), size),
            (Digest::of(&content), size + 1),
            (Digest::of(&content), size - 1),
        ] {
            let (sent, failure) = send(registry(&content), digest, size);
            assert!((sent.len() as u64) < size);
            assert!(matches!(
                failure,
                Some(Trouble::Fatal(RegistryError::Altered { .. }))
            ));
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
