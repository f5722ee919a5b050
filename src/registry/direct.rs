//! Requests of our own, for what `oci-client` 0.18 cannot do.
//!
//! | request | why not `oci-client` |
//! |---|---|
//! | HEAD and GET of manifests | once it is given "anonymous" it precedes every later request by `GET /v2/`; it reads bodies of any size |
//! | PUT of manifests | it panics for a digest reference if the answer has no `Location`; `Docker-Content-Digest` is not told |
//! | mount | it takes 202, "upload it yourself", for a violation and leaves the session open |
//! | asking again after 401 and 429 | its errors keep no headers (see `blobs`) |
//!
//! Token exchange is in `token`, for reasons told there.

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};

use super::answer::Answer;
use super::connection::{Connection, Pass};
use super::error::RegistryError;
use super::plan::Node;
use super::reference::{Repository, Selector};
use super::retry::Trouble;
use crate::digest::Digest;

/// Largest manifest or index that is read, in bytes: what registries must accept at least
/// (distribution-spec, "Pushing Manifests"), and none accepts more by default.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

/// Media types of the documents that tags lead to.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// The header by which a registry says which content it means.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// A manifest or index as a registry holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Digest of `bytes`.
    pub digest: Digest,
    /// What the registry says it is.
    pub media_type: String,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
}

/// What a HEAD request says of a manifest.
pub(super) enum Head {
    Absent,
    /// There; with its digest if the registry says it.
    Present(Option<Digest>),
}

/// What became of an attempt to mount a blob.
pub(super) enum Mount {
    /// The repository has the blob now.
    Done,
    /// The source does not have the blob, or the registry does not mount.
    Absent,
    /// We may not read the source, or the registry refuses to mount.
    Closed,
}

impl Connection {
    /// The digest `selector` leads to.
    pub(super) async fn head_manifest(
        &self,
        selector: &Selector,
    ) -> Result<Option<Digest>, RegistryError> {
        match self.head(selector).await? {
            Head::Absent => Ok(None),
            Head::Present(Some(digest)) => Ok(Some(digest)),
            Head::Present(None) => {
                let manifest = self.get_manifest(selector).await?;
                Ok(manifest.map(|manifest| manifest.digest))
            }
        }
    }

    /// Whether `selector` leads to anything, and to what. A digest that is answered with another
    /// digest is an error.
    pub(super) async fn head(&self, selector: &Selector) -> Result<Head, RegistryError> {
        let task = format!("looking for {selector} in {}", self.repository);
        let url = self.url(&format!("manifests/{selector}"));
        self.run(&task, async |pass| {
            let request = self
                .request(pass, Method::HEAD, url.clone())
                .header(ACCEPT, MANIFEST_TYPES);
            let answer = Answer::of(request, &self.host).await?;
            if answer.status.as_u16() == 404 {
                return Ok(Head::Absent);
            }
            let answer = answer.success(&task).await?;
            let said = answer.header(CONTENT_DIGEST);
            if let Selector::Digest(digest) = selector {
                self.same_content(&task, digest, said)?;
            }
            Ok(Head::Present(said.and_then(|text| text.parse().ok())))
        })
        .await
    }

    /// The manifest `selector` leads to.
    pub(super) async fn get_manifest(
        &self,
        selector: &Selector,
    ) -> Result<Option<Manifest>, RegistryError> {
        let task = format!("reading {selector} from {}", self.repository);
        let url = self.url(&format!("manifests/{selector}"));
        self.run(&task, async |pass| {
            let request = self
                .request(pass, Method::GET, url.clone())
                .header(ACCEPT, MANIFEST_TYPES);
            let answer = Answer::of(request, &self.host).await?;
            if answer.status.as_u16() == 404 {
                return Ok(None);
            }
            let answer = answer.success(&task).await?;
            let said = answer.header(CONTENT_DIGEST).map(str::to_owned);
            let media_type = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
            let media_type = media_type.split(';').next().unwrap_or_default().trim();
            let media_type = media_type.to_owned();
            let bytes = answer.body(MANIFEST_LIMIT, &selector.to_string()).await?;
            let digest = Digest::of(&bytes);
            self.same_content(&task, &digest, said.as_deref())?;
            if let Selector::Digest(wanted) = selector {
                self.same_content(&task, wanted, Some(&digest.to_string()))?;
            }
            Ok(Some(Manifest {
                digest,
                media_type,
                bytes,
            }))
        })
        .await
    }

    /// Stores a manifest or index under `selector`: its digest, or a tag.
    pub(super) async fn put_manifest(
        &self,
        selector: &Selector,
        node: &Node,
    ) -> Result<(), RegistryError> {
        let task = match selector {
            Selector::Tag(tag) => format!("moving the tag {tag} of {}", self.repository),
            Selector::Digest(digest) => format!("storing {digest} in {}", self.repository),
        };
        let url = self.url(&format!("manifests/{selector}"));
        self.run(&task, async |pass| {
            let request = self
                .request(pass, Method::PUT, url.clone())
                .header(CONTENT_TYPE, &node.media_type)
                .body(node.bytes.clone());
            let answer = Answer::of(request, &self.host)
                .await?
                .success(&task)
                .await?;
            self.same_content(&task, &node.digest, answer.header(CONTENT_DIGEST))
        })
        .await
    }

    /// Takes a blob over from another repository of the registry.
    pub(super) async fn mount(
        &self,
        digest: &Digest,
        from: &Repository,
    ) -> Result<Mount, RegistryError> {
        let task = format!("mounting {digest} from {from}");
        let mut url = self.url("blobs/uploads/");
        url.query_pairs_mut()
            .append_pair("mount", &digest.to_string())
            .append_pair("from", from.name());
        let mounted = self
            .run(&task, async |pass| {
                let request = self
                    .request(pass, Method::POST, url.clone())
                    .header(CONTENT_LENGTH, 0);
                let answer = Answer::of(request, &self.host)
                    .await?
                    .success(&task)
                    .await?;
                if answer.status.as_u16() == 201 {
                    self.same_content(&task, digest, answer.header(CONTENT_DIGEST))?;
                    return Ok(Mount::Done);
                }
                // The session it opened instead cannot be handed to `oci-client`.
                self.cancel_upload(pass, &answer).await;
                Ok(Mount::Absent)
            })
            .await;
        match mounted {
            Err(RegistryError::Denied(_) | RegistryError::Refused { .. }) => Ok(Mount::Closed),
            other => other,
        }
    }

    /// Ends the upload session that `answer` opened, if it opened one. Whether that works does not
    /// matter: registries purge what is left open.
    pub(super) async fn cancel_upload(&self, pass: &Pass, answer: &Answer<'_>) {
        if answer.status.as_u16() != 202 {
            return;
        }
        if let Some(url) = self.location(answer) {
            let request = self.request(pass, Method::DELETE, url);
            let _ = Answer::of(request, &self.host).await;
        }
    }

    /// Fails if the registry names other content than `expected`. A digest of another algorithm
    /// cannot be compared, and a registry may keep silent.
    fn same_content(
        &self,
        task: &str,
        expected: &Digest,
        said: Option<&str>,
    ) -> Result<(), Trouble> {
        match said {
            Some(said) if said.starts_with("sha256:") && said != expected.to_string() => {
                Err(Trouble::Fatal(RegistryError::Altered {
                    registry: self.host.clone(),
                    task: task.to_owned(),
                    expected: expected.to_string(),
                    actual: said.to_owned(),
                }))
            }
            _ => Ok(()),
        }
    }
}
