//! What is said of an image in its registry by those whose keys are given.

use std::collections::BTreeSet;

use crate::attest::artifact;
use crate::attest::{BUNDLE, Envelope, PublicKey, Said};
use crate::digest::Digest;
use crate::oci::Manifest;
use crate::progress::{Reporter, Stage};
use crate::registry::{MANIFEST_LIMIT, Reference, Registry, RegistryError, Repository, Selector};

use super::STATEMENT_LIMIT;

/// Where to listen, and to whom.
pub(super) struct Hearing<'a> {
    /// The registries.
    pub registry: &'a Registry,
    /// The repository of the image.
    pub repository: &'a Repository,
    /// Whose word counts.
    pub keys: &'a [PublicKey],
    /// Who is told of what is passed over.
    pub reporter: &'a dyn Reporter,
}

impl Hearing<'_> {
    /// The statements of those keys that are attached to `digest`, whatever they are about: by
    /// referrers, and by the tag of cosign 2.
    pub fn attached(&self, digest: &Digest) -> Result<Vec<Said>, RegistryError> {
        let mut blobs = BTreeSet::new();
        for entry in self.registry.referrers(self.repository, digest)? {
            let is_bundle = entry
                .artifact_type
                .as_deref()
                .is_none_or(|kind| kind == BUNDLE);
            if !is_bundle || self.is_too_large(digest, &entry.digest, entry.size, MANIFEST_LIMIT) {
                continue;
            }
            if let Some(manifest) = self.manifest(Selector::Digest(entry.digest))? {
                let layers = manifest.layers.iter();
                let bundles = layers.filter(|layer| layer.media_type == BUNDLE);
                let bundles = bundles.filter(|layer| {
                    !self.is_too_large(digest, &layer.digest, layer.size, STATEMENT_LIMIT)
                });
                blobs.extend(bundles.map(|layer| layer.digest));
            }
        }
        if let Some(manifest) = self.manifest(tag(digest, "att")?)? {
            let layers = manifest.layers.iter().filter(|layer| {
                !self.is_too_large(digest, &layer.digest, layer.size, STATEMENT_LIMIT)
            });
            blobs.extend(layers.map(|layer| layer.digest));
        }
        let mut said = Vec::new();
        for blob in blobs {
            let bytes = self
                .registry
                .fetch_blob(self.repository, &blob, STATEMENT_LIMIT)?;
            let envelope = bytes.and_then(|bytes| Envelope::read(&bytes));
            let opened =
                envelope.and_then(|envelope| self.keys.iter().find_map(|key| envelope.open(key)));
            said.extend(opened.and_then(|bytes| Said::read(&bytes)));
        }
        Ok(said)
    }

    /// Whether one of those keys has signed `digest` as cosign 2 does.
    pub fn is_signed(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let Some(manifest) = self.manifest(tag(digest, "sig")?)? else {
            return Ok(false);
        };
        for layer in &manifest.layers {
            if self.is_too_large(digest, &layer.digest, layer.size, MANIFEST_LIMIT) {
                continue;
            }
            let payload =
                self.registry
                    .fetch_blob(self.repository, &layer.digest, MANIFEST_LIMIT)?;
            let stands = |payload: &Vec<u8>| {
                let mut keys = self.keys.iter();
                keys.any(|key| artifact::stands_for(layer, payload, digest, key))
            };
            if payload.as_ref().is_some_and(stands) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Anybody may attach anything; what is too large is passed over, and somebody is told.
    fn is_too_large(&self, subject: &Digest, what: &Digest, size: u64, limit: u64) -> bool {
        if size > limit {
            let message = format!(
                "{what}, attached to {}@{subject}, is passed over: it has {size} bytes, and at most {limit} are read",
                self.repository
            );
            self.reporter.warn(Stage::Verify, &message);
        }
        size > limit
    }

    fn manifest(&self, selector: Selector) -> Result<Option<Manifest>, RegistryError> {
        let found = self.registry.fetch_manifest(&Reference {
            repository: self.repository.clone(),
            selector,
        })?;
        Ok(found.and_then(|found| serde_json::from_slice(&found.bytes).ok()))
    }
}

fn tag(digest: &Digest, ending: &str) -> Result<Selector, RegistryError> {
    Ok(Selector::Tag(artifact::tag(digest, ending).parse()?))
}
