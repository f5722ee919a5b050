//! Whether what a registry has is what somebody stands for.

use std::collections::BTreeSet;

use crate::attest::artifact;
use crate::attest::{BUNDLE, Envelope, PublicKey, Said, predicate};
use crate::digest::Digest;
use crate::oci::{Descriptor, Index, Manifest};
use crate::registry::{
    MANIFEST_LIMIT, Manifest as Document, Reference, Registry, RegistryError, Repository, Selector,
};

use super::STATEMENT_LIMIT;

/// Why an image is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Nothing there.
    #[error("{0}: there is no such image")]
    Absent(Reference),
    /// Not an image.
    #[error("{0} is neither an image nor an index")]
    Kind(Digest),
    /// Nobody stands for it.
    #[error(
        "{subject} is not signed by this key; `dindimg release --key` signs, and `cosign tree` shows what is there"
    )]
    Unsigned {
        /// The image, or one of its platforms.
        subject: String,
    },
    /// Something is not said.
    #[error("{subject}: this key has signed no {what} of it")]
    Silent {
        /// The image, or one of its platforms.
        subject: String,
        /// What is missing.
        what: &'static str,
    },
    /// Its tests failed.
    #[error("{subject}: its test results say {result}")]
    Failed {
        /// The image.
        subject: String,
        /// The result.
        result: String,
    },
}

/// A verified image.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What the reference leads to.
    pub digest: Digest,
    /// Its document.
    pub document: Document,
    /// Each manifest and what of it is signed, in words.
    pub said: Vec<(String, Vec<&'static str>)>,
}

/// What statements are about, in words.
const WORDS: [(&str, &str); 4] = [
    (predicate::SPDX, "SPDX bill of materials"),
    (predicate::CYCLONEDX, "CycloneDX bill of materials"),
    (predicate::PROVENANCE, "provenance"),
    (predicate::TEST, "test results"),
];

/// Verifies an image, and of an index every manifest.
pub fn verify(
    registry: &Registry,
    reference: &Reference,
    key: &PublicKey,
) -> Result<Verified, VerifyError> {
    let found = registry.fetch_manifest(reference)?;
    let document = found.ok_or_else(|| VerifyError::Absent(reference.clone()))?;
    let index: Index = serde_json::from_slice(&document.bytes).unwrap_or_else(|_| Index {
        schema_version: 2,
        media_type: None,
        artifact_type: None,
        manifests: Vec::new(),
        subject: None,
        annotations: Default::default(),
    });
    let manifest = serde_json::from_slice::<Manifest>(&document.bytes).is_ok();
    if index.manifests.is_empty() && !manifest {
        return Err(VerifyError::Kind(document.digest));
    }
    let repository = &reference.repository;
    let mut said = Vec::new();
    let platform = |one: &Descriptor| match &one.platform {
        Some(platform) => format!("{}/{}", platform.os, platform.architecture),
        None => one.digest.to_string(),
    };
    let whole = reference.to_string();
    let mut subjects = vec![(whole, document.digest, manifest)];
    let parts = index.manifests.iter();
    subjects.extend(parts.map(|one| (platform(one), one.digest, true)));
    for (position, (name, digest, is_image)) in subjects.iter().enumerate() {
        let kinds = look(registry, repository, digest, key)?;
        let silent = |kind: &'static str| {
            let (_, what) = WORDS.iter().find(|(known, _)| *known == kind)?;
            (!kinds.iter().any(|said| said.kind == kind)).then(|| VerifyError::Silent {
                subject: name.clone(),
                what,
            })
        };
        if !signed(registry, repository, digest, key, &kinds)? {
            return Err(VerifyError::Unsigned {
                subject: name.clone(),
            });
        }
        let mut wanted = Vec::new();
        if position == 0 {
            wanted.push(predicate::PROVENANCE);
        }
        if *is_image {
            wanted.extend([predicate::SPDX, predicate::CYCLONEDX]);
        }
        if let Some(error) = wanted.into_iter().find_map(silent) {
            return Err(error);
        }
        let tests = kinds.iter().filter(|said| said.kind == predicate::TEST);
        for one in tests {
            let result = one.predicate["result"].as_str().unwrap_or("nothing");
            if !["PASSED", "WARNED"].contains(&result) {
                return Err(VerifyError::Failed {
                    subject: name.clone(),
                    result: result.to_owned(),
                });
            }
        }
        let words = WORDS.iter().filter_map(|(kind, what)| {
            let is_said = kinds.iter().any(|said| said.kind == *kind);
            is_said.then_some(*what)
        });
        said.push((name.clone(), words.collect()));
    }
    Ok(Verified {
        digest: document.digest,
        document,
        said,
    })
}

/// What this key has signed about `digest`: by referrers, and by the tag of cosign 2.
fn look(
    registry: &Registry,
    repository: &Repository,
    digest: &Digest,
    key: &PublicKey,
) -> Result<Vec<Said>, VerifyError> {
    let mut blobs = BTreeSet::new();
    for entry in registry.referrers(repository, digest)? {
        let is_bundle = entry
            .artifact_type
            .as_deref()
            .is_none_or(|kind| kind == BUNDLE);
        // Anybody may attach anything: what is too large is not ours.
        if !is_bundle || entry.size > MANIFEST_LIMIT {
            continue;
        }
        let selector = Selector::Digest(entry.digest);
        if let Some(manifest) = manifest(registry, repository, selector)? {
            let layers = manifest.layers.iter();
            blobs.extend(
                layers
                    .filter(|layer| layer.media_type == BUNDLE && layer.size <= STATEMENT_LIMIT)
                    .map(|layer| layer.digest),
            );
        }
    }
    if let Some(manifest) = manifest(registry, repository, tag(digest, "att")?)? {
        let layers = manifest.layers.iter();
        let layers = layers.filter(|layer| layer.size <= STATEMENT_LIMIT);
        blobs.extend(layers.map(|layer| layer.digest));
    }
    let mut said = Vec::new();
    for blob in blobs {
        let bytes = registry.fetch_blob(repository, &blob, STATEMENT_LIMIT)?;
        let envelope = bytes.and_then(|bytes| Envelope::read(&bytes));
        let opened = envelope.and_then(|envelope| envelope.open(key));
        let statement = opened.and_then(|bytes| Said::read(&bytes));
        said.extend(statement.filter(|one| one.subjects.contains(digest)));
    }
    Ok(said)
}

/// Whether this key stands for `digest`.
fn signed(
    registry: &Registry,
    repository: &Repository,
    digest: &Digest,
    key: &PublicKey,
    said: &[Said],
) -> Result<bool, VerifyError> {
    if said.iter().any(|one| one.kind == predicate::SIGNATURE) {
        return Ok(true);
    }
    let Some(manifest) = manifest(registry, repository, tag(digest, "sig")?)? else {
        return Ok(false);
    };
    let layers = manifest.layers.iter();
    for layer in layers.filter(|layer| layer.size <= MANIFEST_LIMIT) {
        let payload = registry.fetch_blob(repository, &layer.digest, MANIFEST_LIMIT)?;
        if payload.is_some_and(|payload| artifact::stands_for(layer, &payload, digest, key)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tag(digest: &Digest, ending: &str) -> Result<Selector, RegistryError> {
    Ok(Selector::Tag(artifact::tag(digest, ending).parse()?))
}

fn manifest(
    registry: &Registry,
    repository: &Repository,
    selector: Selector,
) -> Result<Option<Manifest>, RegistryError> {
    let reference = Reference {
        repository: repository.clone(),
        selector,
    };
    let found = registry.fetch_manifest(&reference)?;
    Ok(found.and_then(|found| serde_json::from_slice(&found.bytes).ok()))
}
