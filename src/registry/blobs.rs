//! Blobs through `oci-client`: asking for them, uploading and reading them.
//!
//! Its errors keep no headers, so an answer of 401 or 429 comes without the challenge to meet or
//! the time to wait. The same question is then asked once more by a request of our own.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::sync::Arc;

use futures_util::StreamExt as _;
use oci_client::client::SizedStream;
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciDescriptor;
use reqwest::{Method, RequestBuilder};

use super::answer::{Answer, chain, collect, oci_trouble, refused};
use super::body::{Inlet, Meter, Upload};
use super::connection::{Connection, Pass};
use super::error::RegistryError;
use super::plan::{Blob, Source};
use super::retry::Trouble;
use crate::digest::Digest;

impl Connection {
    /// Whether the repository has the blob.
    pub(super) async fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let task = format!("looking for {digest} in {}", self.repository);
        self.run(&task, async |pass| {
            self.blob_exists(pass, digest, &task).await
        })
        .await
    }

    /// Uploads a blob that the repository does not have.
    pub(super) async fn upload_blob(
        &self,
        blob: &Blob,
        meter: Arc<Meter>,
    ) -> Result<(), RegistryError> {
        let task = format!("uploading {} to {}", blob.digest, self.repository);
        let again = Cell::new(false);
        self.run(&task, async |pass| {
            // The answer that got lost may have been the good one.
            if again.replace(true) && self.blob_exists(pass, &blob.digest, &task).await? {
                return Ok(());
            }
            let inlet = inlet(blob).await?;
            let upload = Upload::new(meter.clone());
            let (reference, digest) = (self.repository.oci(), blob.digest.to_string());
            let transfer = pass.oci.push_blob_stream(
                &reference,
                upload.body(blob, inlet),
                &digest,
                Some(blob.size),
            );
            let outcome = upload
                .watch(self.stall_timeout, async { Ok(transfer.await) })
                .await?;
            match outcome {
                Ok(_) => Ok(()),
                // Missing either when the upload was opened, or when it was already complete.
                Err(OciDistributionError::RegistryNoLocationError) => {
                    if self.blob_exists(pass, &blob.digest, &task).await? {
                        return Ok(());
                    }
                    let reason = "it gave no Location to upload to".to_owned();
                    Err(refused(&self.host, &task, 202, reason).into())
                }
                Err(error) => {
                    let url = self.url("blobs/uploads/");
                    let question = self
                        .request(pass, Method::POST, url)
                        .header("content-length", 0);
                    let trouble = oci_trouble(&self.host, &task, error);
                    Err(self.clarified(pass, trouble, question, &task).await)
                }
            }
        })
        .await
    }

    /// Reads a blob of at most `limit` bytes; `oci-client` verifies its digest.
    pub(super) async fn fetch_blob(
        &self,
        digest: &Digest,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let task = format!("reading {digest} from {}", self.repository);
        self.run(&task, async |pass| {
            let Some(stream) = self.open_blob(pass, digest, limit, &task).await? else {
                return Ok(None);
            };
            let subject = digest.to_string();
            tokio::time::timeout(self.stall_timeout, collect(stream, limit, &subject))
                .await
                .map_err(|_| self.silent())?
                .map(Some)
        })
        .await
    }

    /// Reads a blob of `size` bytes into a file, whose content before goes; `oci-client` verifies its
    /// digest. False if there is none.
    pub(super) async fn fetch_blob_into(
        &self,
        digest: &Digest,
        size: u64,
        file: &File,
    ) -> Result<bool, RegistryError> {
        let task = format!("reading {digest} from {}", self.repository);
        self.run(&task, async |pass| {
            let Some(mut stream) = self.open_blob(pass, digest, size, &task).await? else {
                return Ok(false);
            };
            let mut out = file;
            let failed = |source: io::Error| {
                Trouble::from(RegistryError::Keep {
                    subject: digest.to_string(),
                    source,
                })
            };
            out.set_len(0).and_then(|()| out.rewind()).map_err(failed)?;
            let mut left = size;
            // Only standing still counts: a large blob may take its time.
            while let Some(chunk) = tokio::time::timeout(self.stall_timeout, stream.next())
                .await
                .map_err(|_| self.silent())?
            {
                let chunk = chunk.map_err(|error| Trouble::Passing(chain(&error)))?;
                left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                    Trouble::from(RegistryError::TooLarge {
                        subject: digest.to_string(),
                        limit: size,
                    })
                })?;
                out.write_all(&chunk).map_err(failed)?;
            }
            Ok(true)
        })
        .await
    }

    /// Begins to read a blob of `size` bytes that has to be there.
    async fn stream_blob(&self, digest: &Digest, size: u64) -> Result<SizedStream, RegistryError> {
        let task = format!("reading {digest} from {}", self.repository);
        let opened = self
            .run(&task, async |pass| {
                self.open_blob(pass, digest, size, &task).await
            })
            .await?;
        opened.ok_or_else(|| RegistryError::Lacking {
            repository: self.repository.to_string(),
            digest: *digest,
        })
    }

    /// Begins to read a blob of at most `limit` bytes; nothing if there is none.
    async fn open_blob(
        &self,
        pass: &Pass,
        digest: &Digest,
        limit: u64,
        task: &str,
    ) -> Result<Option<SizedStream>, Trouble> {
        let descriptor = OciDescriptor {
            digest: digest.to_string(),
            ..OciDescriptor::default()
        };
        let reference = self.repository.oci();
        let pull = pass.oci.pull_blob_stream(&reference, &descriptor);
        let opened = tokio::time::timeout(self.answer_timeout, pull)
            .await
            .map_err(|_| self.silent())?;
        let stream = match opened {
            Ok(stream) => stream,
            // Whatever it says of it, a blob that is not there is no failure.
            Err(_) if !self.blob_exists(pass, digest, task).await? => return Ok(None),
            Err(error) => {
                let trouble = oci_trouble(&self.host, task, error);
                let question = self.head_blob(pass, digest);
                return Err(self.clarified(pass, trouble, question, task).await);
            }
        };
        if stream.content_length.is_some_and(|length| length > limit) {
            return Err(RegistryError::TooLarge {
                subject: digest.to_string(),
                limit,
            }
            .into());
        }
        Ok(Some(stream))
    }

    async fn blob_exists(&self, pass: &Pass, digest: &Digest, task: &str) -> Result<bool, Trouble> {
        let (reference, text) = (self.repository.oci(), digest.to_string());
        let asked = pass.oci.blob_exists(&reference, &text);
        match tokio::time::timeout(self.answer_timeout, asked).await {
            Ok(Ok(exists)) => Ok(exists),
            Ok(Err(error)) => {
                let trouble = oci_trouble(&self.host, task, error);
                let question = self.head_blob(pass, digest);
                Err(self.clarified(pass, trouble, question, task).await)
            }
            Err(_) => Err(self.silent()),
        }
    }

    fn head_blob(&self, pass: &Pass, digest: &Digest) -> RequestBuilder {
        self.request(pass, Method::HEAD, self.url(&format!("blobs/{digest}")))
    }

    fn silent(&self) -> Trouble {
        Trouble::Passing(format!(
            "{} did not answer within {} s",
            self.host,
            self.answer_timeout.as_secs()
        ))
    }

    /// `trouble` with what `oci-client` kept from us, learned by asking the same again.
    async fn clarified(
        &self,
        pass: &Pass,
        trouble: Trouble,
        question: RequestBuilder,
        task: &str,
    ) -> Trouble {
        let reason = match &trouble {
            Trouble::Unauthorized { reason, .. } | Trouble::Busy { reason, .. } => reason.clone(),
            Trouble::Passing(_) | Trouble::Fatal(_) => return trouble,
        };
        let answer = match Answer::of(question, &self.host).await {
            Ok(answer) => answer,
            Err(trouble) => return trouble,
        };
        // The question may have opened an upload that nobody will use.
        self.cancel_upload(pass, &answer).await;
        match answer.success(task).await {
            Err(clear @ (Trouble::Unauthorized { .. } | Trouble::Busy { .. })) => clear,
            // It has changed its mind meanwhile.
            _ => Trouble::Passing(reason),
        }
    }
}

/// What one attempt reads a blob from.
async fn inlet(blob: &Blob) -> Result<Inlet, RegistryError> {
    Ok(match &blob.source {
        Source::Memory(bytes) => Inlet::Memory(bytes.clone()),
        Source::File(file) => Inlet::File(Arc::clone(file)),
        Source::Origin(origin) => {
            let stream = origin.stream_blob(&blob.digest, blob.size).await?;
            Inlet::Registry(origin.host.clone(), stream)
        }
    })
}
