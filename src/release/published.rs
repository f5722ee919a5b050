//! An image as a registry has it: every index and manifest of it, read by digest.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::oci::{Descriptor, Document, ImageConfig, Index, Manifest, media};
use crate::registry::{
    self, MANIFEST_LIMIT, Push, Reference, Registry, RegistryError, Repository, Root, Selector,
};

/// Most indexes and manifests of one image: one of every architecture with attestations has some
/// forty.
const DOCUMENTS: usize = 256;
/// Docker's own kinds of what leads to manifests, and of manifests.
const DOCKER: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Why an image cannot be read from its registry.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Nothing there.
    #[error("{0}: there is no such image")]
    Absent(Reference),
    /// Not an image.
    #[error("{0} is neither an image nor an index")]
    Kind(Reference),
    /// An index that nobody makes.
    #[error("{0} has more than {DOCUMENTS} manifests, which is not an image")]
    Many(Reference),
    /// A part of it is not there.
    #[error("{image} names {part}, which is not there; publish the image again")]
    Part {
        /// The image.
        image: Reference,
        /// The manifest that it names.
        part: Digest,
    },
}

/// An image in a registry.
#[derive(Clone, Debug)]
pub struct Published {
    /// Where it is.
    pub repository: Repository,
    /// What its reference led to when it was read.
    pub top: Descriptor,
    /// The manifests of an index, in its order; the one manifest where there is no index.
    pub manifests: Vec<Descriptor>,
    documents: BTreeMap<Digest, registry::Document>,
}

impl Published {
    /// Reads what a reference leads to now, and everything down to its manifests.
    pub fn read(registry: &Registry, reference: &Reference) -> Result<Self, ImageError> {
        let found = registry.fetch_manifest(reference)?;
        let found = found.ok_or_else(|| ImageError::Absent(reference.clone()))?;
        let kind = || ImageError::Kind(reference.clone());
        let shape = Shape::of(&found.bytes).ok_or_else(kind)?;
        // The registry's word is what it was given; without one the document's own counts.
        let media_type = match is_known(&found.media_type) {
            true => found.media_type,
            false => shape.media_type(),
        };
        let top = Descriptor::new(&media_type, found.digest, found.bytes.len() as u64);
        let repository = &reference.repository;
        let mut image = Self {
            repository: repository.clone(),
            top: top.clone(),
            manifests: Vec::new(),
            documents: BTreeMap::new(),
        };
        let mut next = vec![(top, found.bytes)];
        while let Some((descriptor, bytes)) = next.pop() {
            match Shape::of(&bytes).ok_or_else(kind)? {
                Shape::Index(index) => {
                    // From the end of the list, since the last one is taken first.
                    for entry in index.manifests.into_iter().rev() {
                        if image.documents.len() + next.len() >= DOCUMENTS {
                            return Err(ImageError::Many(reference.clone()));
                        }
                        let part = at(repository, entry.digest);
                        let found = registry.fetch_manifest(&part)?;
                        let found = found.ok_or_else(|| ImageError::Part {
                            image: reference.clone(),
                            part: entry.digest,
                        })?;
                        next.push((entry, found.bytes));
                    }
                }
                Shape::Manifest(_) => image.manifests.push(descriptor.clone()),
            }
            let media_type = descriptor.media_type;
            let document = registry::Document { media_type, bytes };
            image.documents.insert(descriptor.digest, document);
        }
        match image.manifests.is_empty() {
            true => Err(kind()),
            false => Ok(image),
        }
    }

    /// Its name by digest.
    pub fn reference(&self) -> Reference {
        at(&self.repository, self.top.digest)
    }

    /// Whether it is an index and not one manifest.
    pub fn is_index(&self) -> bool {
        self.manifests
            .iter()
            .all(|one| one.digest != self.top.digest)
    }

    /// What can be spoken of: the index and then each manifest once.
    pub fn subjects(&self) -> Vec<&Descriptor> {
        let mut subjects = vec![&self.top];
        for manifest in &self.manifests {
            if subjects.iter().all(|one| one.digest != manifest.digest) {
                subjects.push(manifest);
            }
        }
        subjects
    }

    /// The bytes of an index or a manifest of it.
    pub fn bytes(&self, digest: &Digest) -> &[u8] {
        self.documents.get(digest).map_or(&[], |one| &one.bytes)
    }

    /// What its tags lead to.
    pub fn document(&self) -> Document {
        let bytes = self.bytes(&self.top.digest).to_vec();
        Document::of(&self.top.media_type, bytes)
    }

    /// The digest of what it says it is about, as artifacts do.
    pub fn about(&self) -> Option<Digest> {
        let bytes = self.bytes(&self.top.digest);
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        value["subject"]["digest"].as_str()?.parse().ok()
    }

    /// The first configuration that can be read.
    pub fn config(&self, registry: &Registry) -> Result<Option<ImageConfig>, RegistryError> {
        for manifest in &self.manifests {
            let manifest = serde_json::from_slice::<Manifest>(self.bytes(&manifest.digest));
            let Ok(manifest) = manifest else { continue };
            let digest = manifest.config.digest;
            if manifest.config.size > MANIFEST_LIMIT {
                continue;
            }
            let config = registry.fetch_blob(&self.repository, &digest, MANIFEST_LIMIT)?;
            let config = config.map(|bytes| serde_json::from_slice::<ImageConfig>(&bytes));
            if let Some(Ok(config)) = config {
                return Ok(Some(config));
            }
        }
        Ok(None)
    }

    /// The push that has the same image in another repository, without tags.
    pub fn copy_to(&self, to: &Repository, mount_from: &[Repository]) -> Push {
        Push {
            repository: to.clone(),
            tags: Vec::new(),
            root: Root {
                digest: self.top.digest,
                media_type: self.top.media_type.clone(),
                size: self.top.size,
            },
            documents: self.documents.clone(),
            blobs: Vec::new(),
            mount_from: mount_from.to_vec(),
            origin: Some(self.repository.clone()),
        }
    }
}

/// A platform's manifest in words.
pub fn platform_of(manifest: &Descriptor) -> String {
    match &manifest.platform {
        Some(platform) => format!("{}/{}", platform.os, platform.architecture),
        None => manifest.digest.to_string(),
    }
}

/// The image of a repository by digest.
pub(super) fn at(repository: &Repository, digest: Digest) -> Reference {
    Reference {
        repository: repository.clone(),
        selector: Selector::Digest(digest),
    }
}

fn is_known(media_type: &str) -> bool {
    [media::INDEX, media::MANIFEST].contains(&media_type) || DOCKER.contains(&media_type)
}

/// What a document is by its fields.
enum Shape {
    Index(Index),
    Manifest(Manifest),
}

impl Shape {
    /// `None` for what is neither, and for what could be taken for both.
    fn of(bytes: &[u8]) -> Option<Self> {
        let index = serde_json::from_slice::<Index>(bytes);
        let manifest = serde_json::from_slice::<Manifest>(bytes);
        match (index, manifest) {
            (Ok(index), Err(_)) => Some(Self::Index(index)),
            (Err(_), Ok(manifest)) => Some(Self::Manifest(manifest)),
            _ => None,
        }
    }

    /// What it says it is, or what its fields show.
    fn media_type(self) -> String {
        let (said, shown) = match self {
            Self::Index(index) => (index.media_type, media::INDEX),
            Self::Manifest(manifest) => (manifest.media_type, media::MANIFEST),
        };
        let said = said.filter(|said| is_known(said));
        said.unwrap_or_else(|| shown.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_what_it_says_or_shows_and_nothing_else() {
        let kind = |text: &str| Shape::of(text.as_bytes()).map(Shape::media_type);
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        assert_eq!(kind(index).as_deref(), Some(media::INDEX));
        let list = index.replacen('{', &format!(r#"{{"mediaType":"{}","#, DOCKER[0]), 1);
        assert_eq!(kind(&list).as_deref(), Some(DOCKER[0]));
        let config = Descriptor::of(media::CONFIG, b"{}");
        let config = serde_json::to_string(&config).expect("JSON");
        let manifest = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#);
        assert_eq!(kind(&manifest).as_deref(), Some(media::MANIFEST));
        let both = manifest.replacen('{', r#"{"manifests":[],"#, 1);
        for none in ["{}", "nonsense", &both] {
            assert_eq!(kind(none), None, "{none}");
        }
    }
}
