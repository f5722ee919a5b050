//! What is attached to an image: manifests that name it as their subject, and the list of them
//! (distribution-spec, "Listing Referrers" and "Referrers Tag Schema").

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use super::answer::Answer;
use super::body::Meter;
use super::connection::Connection;
use super::direct::{Head, MANIFEST_LIMIT};
use super::error::RegistryError;
use super::plan::{Blob, Node, Source};
use super::reference::{Selector, Tag};
use crate::digest::Digest;
use crate::oci::{Descriptor, Document, media};
use crate::progress::{Reporter, Stage};

/// How often a list that somebody else writes as well is written again.
const CONTESTS: u32 = 5;
/// Most pages of a list of referrers that are read.
const PAGES: u32 = 64;

/// A manifest with its small blobs.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The manifest.
    pub manifest: Document,
    /// What it refers to and the registry may lack.
    pub blobs: Vec<Document>,
    /// The tag that it is found by, if it is found by one.
    pub tag: Option<Tag>,
    /// What it is about, and the entry of the list of those that are.
    pub refers: Option<(Digest, Descriptor)>,
}

/// What became of an attachment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// Whether anything had to be sent.
    pub sent: bool,
    /// Bytes of blobs that were sent.
    pub bytes: u64,
}

impl Connection {
    /// Brings an attachment: blobs, manifest, its entry in the list, its tag.
    pub(super) async fn attach(
        &self,
        attachment: &Attachment,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<Attached, RegistryError> {
        let mut attached = Attached::default();
        let node = node(&attachment.manifest);
        let by_digest = Selector::Digest(node.digest);
        if let Head::Absent = self.head(&by_digest).await? {
            for document in &attachment.blobs {
                attached.bytes += self.bring(document, reporter).await?;
            }
            self.put_manifest(&by_digest, &node).await?;
            attached.sent = true;
        }
        if let Some((subject, entry)) = &attachment.refers {
            attached.sent |= self.list(subject, entry).await?;
        }
        if let Some(tag) = &attachment.tag {
            attached.sent |= self.move_tag(tag, &node).await?;
        }
        Ok(attached)
    }

    /// Sends a blob unless it is there: the bytes that were sent.
    async fn bring(
        &self,
        document: &Document,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<u64, RegistryError> {
        let Descriptor { digest, size, .. } = document.descriptor;
        if self.has_blob(&digest).await? {
            return Ok(0);
        }
        let blob = Blob {
            digest,
            size,
            source: Source::Memory(Bytes::from(document.bytes.clone())),
        };
        let task = reporter.begin(Stage::Push, &digest.hex()[..12], Some(size));
        let meter = Arc::new(Meter::new(reporter.clone(), task));
        let sent = self.upload_blob(&blob, meter).await;
        reporter.finish(task, if sent.is_ok() { "uploaded" } else { "failed" });
        sent.map(|()| size)
    }

    /// Moves a tag to a manifest that is there; false if it led there.
    pub(super) async fn move_tag(&self, tag: &Tag, node: &Node) -> Result<bool, RegistryError> {
        let selector = Selector::Tag(tag.clone());
        match self.head_manifest(&selector).await? {
            Some(digest) if digest == node.digest => Ok(false),
            _ => {
                self.put_manifest(&selector, node).await?;
                Ok(true)
            }
        }
    }

    /// Has `entry` in the list of what refers to `subject`. A registry with such lists makes the
    /// entry itself; for others the client keeps an index, whose tag two may write at once: it is
    /// read again. False if nothing had to be written.
    pub(super) async fn list(
        &self,
        subject: &Digest,
        entry: &Descriptor,
    ) -> Result<bool, RegistryError> {
        if self.listed(subject).await?.is_some() {
            return Ok(false);
        }
        let tag = fallback(subject)?;
        let mut written = false;
        for _ in 0..CONTESTS {
            let mut index = self.fallback_index(&tag).await?;
            let entries = index["manifests"].as_array_mut();
            let Some(entries) = entries else {
                break;
            };
            let digest = entry.digest.to_string();
            if entries.iter().any(|one| one["digest"] == digest.as_str()) {
                return Ok(written);
            }
            entries.push(json!(entry));
            let document = Document::of(media::INDEX, index.to_string().into_bytes());
            self.put_manifest(&Selector::Tag(tag.clone()), &node(&document))
                .await?;
            written = true;
        }
        Err(RegistryError::Contested {
            registry: self.host.clone(),
            tag: tag.to_string(),
        })
    }

    /// The index below the tag; a new one where there is none, or something that is none.
    async fn fallback_index(&self, tag: &Tag) -> Result<Value, RegistryError> {
        let found = self.get_manifest(&Selector::Tag(tag.clone())).await?;
        let index = found.and_then(|found| serde_json::from_slice::<Value>(&found.bytes).ok());
        Ok(index
            .filter(|index| index["manifests"].is_array())
            .unwrap_or_else(
                || json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": [] }),
            ))
    }

    /// What refers to `subject`, by whichever list the registry has.
    pub(super) async fn referrers(
        &self,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        if let Some(listed) = self.listed(subject).await? {
            return Ok(listed);
        }
        let found = self
            .get_manifest(&Selector::Tag(fallback(subject)?))
            .await?;
        Ok(found
            .and_then(|found| entries(&found.bytes))
            .unwrap_or_default())
    }

    /// The registry's own list; `None` where it keeps none.
    async fn listed(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let task = format!("listing what refers to {subject} in {}", self.repository);
        let mut url = self.url(&format!("referrers/{subject}"));
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let page = self
                .run(&task, async |pass| {
                    let request = self
                        .request(pass, Method::GET, url.clone())
                        .header(ACCEPT, media::INDEX);
                    let answer = Answer::of(request, &self.host).await?;
                    // A path that a registry does not know, in the words of several.
                    if matches!(answer.status.as_u16(), 400 | 404 | 405 | 501) {
                        return Ok(None);
                    }
                    let answer = answer.success(&task).await?;
                    let next = answer.header("link").and_then(next_page);
                    let next = next.and_then(|next| url.join(&next).ok());
                    let bytes = answer.body(MANIFEST_LIMIT, &task).await?;
                    Ok(Some((bytes, next)))
                })
                .await?;
            let Some((bytes, next)) = page else {
                return Ok(None);
            };
            // What answers with something else has no list either.
            let Some(page) = entries(&bytes) else {
                return Ok(None);
            };
            all.extend(page);
            match next {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(Some(all))
    }
}

/// The entries of an index; others than those that can be understood are somebody else's. `None` for
/// what is no index.
fn entries(index: &[u8]) -> Option<Vec<Descriptor>> {
    let mut index: Value = serde_json::from_slice(index).ok()?;
    match index.get_mut("manifests")?.take() {
        Value::Array(entries) => Some(
            entries
                .into_iter()
                .filter_map(|entry| serde_json::from_value(entry).ok())
                .collect(),
        ),
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

/// The tag of the index that stands for a list (distribution-spec, "Referrers Tag Schema").
fn fallback(subject: &Digest) -> Result<Tag, RegistryError> {
    Ok(format!("sha256-{}", subject.hex()).parse()?)
}

/// The address in a `Link: <…>; rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    let (address, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| address.to_owned())
}

pub(super) fn node(document: &Document) -> Node {
    Node {
        digest: document.descriptor.digest,
        media_type: document.descriptor.media_type.clone(),
        bytes: Bytes::from(document.bytes.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_not_understood_takes_no_other_with_it() {
        let good = Descriptor::of(media::MANIFEST, b"{}");
        let index = json!({ "manifests": [{ "digest": "sha512:0" }, good] });
        assert_eq!(entries(index.to_string().as_bytes()), Some(vec![good]));
        assert_eq!(entries(br#"{"manifests":null}"#), Some(Vec::new()));
        assert_eq!(entries(br#"{"errors":[]}"#), None);
    }

    #[test]
    fn the_next_page_is_what_the_link_says() {
        let next = next_page("</v2/x/referrers/sha256:0?n=2>; rel=\"next\"");
        assert_eq!(next.as_deref(), Some("/v2/x/referrers/sha256:0?n=2"));
        assert_eq!(next_page("</v2/x>; rel=\"prev\""), None);
        assert_eq!(next_page("nonsense"), None);
    }
}
