//! What a push consists of, and in which order it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::connection::Connection;
use super::error::RegistryError;
use super::reference::{Repository, Tag};
use crate::digest::Digest;

/// How deep indexes may contain indexes. Ours are one deep; two is what others produce.
const DEEPEST_INDEX: usize = 8;

/// An image to push: all its parts, and the names it gets.
#[derive(Clone, Debug)]
pub struct Push {
    /// Where to.
    pub repository: Repository,
    /// The tags that shall lead to it, moved in this order; none pushes by digest only.
    pub tags: Vec<Tag>,
    /// What the tags lead to: an index or a manifest.
    pub root: Root,
    /// Every document of the image: indexes, manifests, configurations, and layers small enough to
    /// be in memory.
    pub documents: BTreeMap<Digest, Document>,
    /// The layers.
    pub blobs: Vec<BlobFile>,
    /// Repositories that may hold the same blobs. Only those of the same registry are of use.
    pub mount_from: Vec<Repository>,
    /// Where the blobs are that are neither documents nor files here: a repository that they are
    /// read from while they are sent.
    pub origin: Option<Repository>,
}

/// The descriptor of an image's outermost document.
#[derive(Clone, Debug)]
pub struct Root {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Number of its bytes.
    pub size: u64,
}

/// Content held in memory.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its media type.
    pub media_type: String,
    /// Its bytes, sent exactly so.
    pub bytes: Vec<u8>,
}

/// Content held in a file.
#[derive(Clone, Debug)]
pub struct BlobFile {
    /// Digest of the file's content.
    pub digest: Digest,
    /// Size of the file, in bytes.
    pub size: u64,
    /// Media type by which the manifest refers to it.
    pub media_type: String,
    /// The open file, read by position: several uploads may share it.
    pub file: Arc<File>,
}

/// Where the bytes of a blob are.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(Arc<File>),
    Memory(Bytes),
    Origin(Arc<Connection>),
}

/// A blob to upload.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) source: Source,
}

/// A manifest or index to put.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

/// The parts of a [`Push`] in the order they are sent.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) repository: Repository,
    /// Largest first, so that no large one is left alone at the end.
    pub(super) layers: Vec<Blob>,
    pub(super) configs: Vec<Blob>,
    /// Each after everything it refers to; the root is last.
    pub(super) nodes: Vec<Node>,
    pub(super) tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
}

/// The links of manifests and indexes alike (image-spec, manifest.md and image-index.md).
#[derive(Deserialize)]
struct Links {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

impl Plan {
    /// Follows `push` from its root and checks that every part is there, is what its digest says,
    /// and is needed.
    /// What the push itself lacks is to be read from `origin`, if it has one.
    pub(super) fn of(push: &Push, origin: Option<Arc<Connection>>) -> Result<Self, RegistryError> {
        for (digest, document) in &push.documents {
            if Digest::of(&document.bytes) != *digest {
                return Err(incomplete(*digest, "its bytes have another digest"));
            }
        }
        let mut walk = Walk {
            push,
            origin,
            files: push.blobs.iter().map(|blob| (blob.digest, blob)).collect(),
            seen: BTreeSet::new(),
            plan: Self {
                repository: push.repository.clone(),
                layers: Vec::new(),
                configs: Vec::new(),
                nodes: Vec::new(),
                tags: Vec::new(),
            },
        };
        walk.node(
            &Descriptor {
                media_type: push.root.media_type.clone(),
                digest: push.root.digest,
                size: push.root.size,
            },
            0,
        )?;
        let given = push.documents.keys().chain(walk.files.keys());
        if let Some(unused) = given.into_iter().find(|digest| !walk.seen.contains(digest)) {
            return Err(incomplete(*unused, "nothing in the image refers to it"));
        }
        let mut plan = walk.plan;
        plan.layers
            .sort_by(|a, b| b.size.cmp(&a.size).then(a.digest.cmp(&b.digest)));
        for tag in &push.tags {
            if !plan.tags.contains(tag) {
                plan.tags.push(tag.clone());
            }
        }
        Ok(plan)
    }

    /// What the tags lead to.
    pub(super) fn root(&self) -> &Node {
        self.nodes.last().expect("a plan holds at least its root")
    }
}

struct Walk<'a> {
    push: &'a Push,
    origin: Option<Arc<Connection>>,
    files: BTreeMap<Digest, &'a BlobFile>,
    seen: BTreeSet<Digest>,
    plan: Plan,
}

impl Walk<'_> {
    fn node(&mut self, link: &Descriptor, depth: usize) -> Result<(), RegistryError> {
        if self.seen.contains(&link.digest) {
            return Ok(());
        }
        if depth > DEEPEST_INDEX {
            return Err(incomplete(link.digest, "indexes are nested too deeply"));
        }
        let document = self
            .push
            .documents
            .get(&link.digest)
            .ok_or_else(|| incomplete(link.digest, "its document is not part of the push"))?;
        if document.bytes.len() as u64 != link.size {
            return Err(incomplete(
                link.digest,
                "its size is not the one referred to",
            ));
        }
        if document.media_type != link.media_type {
            return Err(incomplete(
                link.digest,
                &format!(
                    "it is given as {} but referred to as {}",
                    document.media_type, link.media_type
                ),
            ));
        }
        let links: Links = serde_json::from_slice(&document.bytes)
            .map_err(|error| incomplete(link.digest, &format!("it cannot be read: {error}")))?;
        self.seen.insert(link.digest);
        for child in &links.manifests {
            self.node(child, depth + 1)?;
        }
        for layer in &links.layers {
            let blob = self.blob(layer, link.digest)?;
            self.plan.layers.extend(blob);
        }
        if let Some(config) = &links.config {
            let blob = self.blob(config, link.digest)?;
            self.plan.configs.extend(blob);
        }
        self.plan.nodes.push(Node {
            digest: link.digest,
            media_type: document.media_type.clone(),
            bytes: Bytes::from(document.bytes.clone()),
        });
        Ok(())
    }

    /// `None` if the blob is planned already.
    fn blob(&mut self, link: &Descriptor, from: Digest) -> Result<Option<Blob>, RegistryError> {
        let (size, source) = match (
            self.files.get(&link.digest),
            self.push.documents.get(&link.digest),
        ) {
            (Some(file), _) => (file.size, Source::File(Arc::clone(&file.file))),
            (None, Some(document)) => (
                document.bytes.len() as u64,
                Source::Memory(Bytes::from(document.bytes.clone())),
            ),
            (None, None) if let Some(origin) = &self.origin => {
                (link.size, Source::Origin(Arc::clone(origin)))
            }
            (None, None) => {
                let reason = format!(
                    "it refers to {}, which is not part of the push",
                    link.digest
                );
                return Err(incomplete(from, &reason));
            }
        };
        if size != link.size {
            let reason = format!(
                "it says {} has {} bytes, but it has {size}",
                link.digest, link.size
            );
            return Err(incomplete(from, &reason));
        }
        Ok(self.seen.insert(link.digest).then_some(Blob {
            digest: link.digest,
            size,
            source,
        }))
    }
}

fn incomplete(document: Digest, reason: &str) -> RegistryError {
    RegistryError::Incomplete {
        document,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

    fn link(media_type: &str, bytes: &[u8]) -> serde_json::Value {
        json!({ "mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len() })
    }

    fn document(push: &mut Push, media_type: &str, bytes: Vec<u8>) -> serde_json::Value {
        let link = link(media_type, &bytes);
        let media_type = media_type.to_owned();
        push.root = Root {
            digest: Digest::of(&bytes),
            media_type: media_type.clone(),
            size: bytes.len() as u64,
        };
        push.documents
            .insert(Digest::of(&bytes), Document { media_type, bytes });
        link
    }

    /// Two platforms that share one of two layers.
    fn image() -> Push {
        let mut push = Push {
            repository: "r.example/x".parse().expect("repository"),
            tags: vec!["a".parse().expect("tag"), "a".parse().expect("tag")],
            root: Root {
                digest: Digest::of(b""),
                media_type: String::new(),
                size: 0,
            },
            documents: BTreeMap::new(),
            blobs: Vec::new(),
            mount_from: Vec::new(),
            origin: None,
        };
        // Planning reads no content: any open file will do.
        let nothing = Arc::new(tempfile::tempfile().expect("temporary file"));
        for layer in [&b"shared"[..], b"larger layer", b"other"] {
            push.blobs.push(BlobFile {
                digest: Digest::of(layer),
                size: layer.len() as u64,
                media_type: LAYER.to_owned(),
                file: Arc::clone(&nothing),
            });
        }
        let manifests: Vec<_> = [&b"larger layer"[..], b"other"]
            .iter()
            .map(|own| {
                let config = json!({ "own": own }).to_string().into_bytes();
                let manifest = json!({
                    "config": document(&mut push, CONFIG, config),
                    "layers": [link(LAYER, b"shared"), link(LAYER, own)],
                });
                document(&mut push, MANIFEST, manifest.to_string().into_bytes())
            })
            .collect();
        let index = json!({ "manifests": manifests }).to_string().into_bytes();
        document(&mut push, INDEX, index);
        push
    }

    #[test]
    fn parts_come_before_what_refers_to_them() {
        let push = image();
        let plan = Plan::of(&push, None).expect("complete");
        let sizes: Vec<u64> = plan.layers.iter().map(|blob| blob.size).collect();
        assert_eq!(sizes, [12, 6, 5]);
        assert_eq!(plan.configs.len(), 2);
        assert_eq!(plan.nodes.len(), 3);
        assert_eq!(plan.root().digest, push.root.digest);
        assert_eq!(plan.tags.len(), 1);
    }

    #[test]
    fn contradictions_are_found_before_anything_is_sent() {
        type Change = fn(&mut Push);
        let cases: [(&str, Change); 6] = [
            ("is not part of the push", |p| drop(p.blobs.pop())),
            ("its document is not part", |p| {
                p.documents.remove(&p.root.digest);
            }),
            ("nothing in the image refers", |p| {
                let mut extra = p.blobs[0].clone();
                extra.digest = Digest::of(b"extra");
                p.blobs.push(extra);
            }),
            ("but it has 7", |p| p.blobs[0].size = 7),
            ("have another digest", |p| {
                p.documents.values_mut().for_each(|d| d.bytes.push(b' '));
            }),
            ("referred to as", |p| {
                p.root.media_type = MANIFEST.to_owned()
            }),
        ];
        for (reason, change) in cases {
            let mut push = image();
            change(&mut push);
            let error = Plan::of(&push, None).expect_err(reason).to_string();
            assert!(error.contains(reason), "{reason}: {error}");
        }
    }
}
