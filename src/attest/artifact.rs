//! What is attached to an image in a registry: OCI artifacts that name it as their subject
//! (image-spec, manifest.md "Guidelines for Artifact Usage"), and the tags by which cosign before
//! version 3 finds signatures (cosign, specs/SIGNATURE_SPEC.md).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::oci::{Descriptor, Document, Manifest, media};

use super::dsse::{BUNDLE, Envelope};
use super::key::{PublicKey, SignError, Signer};

/// Media types of what is attached, beside bundles.
pub mod kind {
    /// An SPDX document.
    pub const SPDX: &str = "application/spdx+json";
    /// A CycloneDX document.
    pub const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
    /// An in-toto statement that nobody has signed.
    pub const STATEMENT: &str = "application/vnd.in-toto+json";
}

/// The empty configuration of an artifact (image-spec, manifest.md "empty descriptor").
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");
/// What cosign signs.
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// A layer of an `.att` manifest.
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Documents that belong together: a manifest and what it refers to.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The manifest.
    pub manifest: Document,
    /// Configuration and layers.
    pub blobs: Vec<Document>,
    /// The entry by which lists of referrers name it; `None` for what is found by a tag.
    pub entry: Option<Descriptor>,
}

/// One document about `subject`. Of the same bytes whenever it is made: dated by the image.
pub fn referring(
    subject: &Descriptor,
    media_type: &str,
    bytes: Vec<u8>,
    annotations: BTreeMap<String, String>,
    created: Epoch,
) -> Artifact {
    let config = Document::of(EMPTY.0, EMPTY.1.to_vec());
    let layer = Document::of(media_type, bytes);
    let mut annotations = annotations;
    annotations.insert(
        "org.opencontainers.image.created".to_owned(),
        created.to_string(),
    );
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media::MANIFEST.to_owned()),
        artifact_type: Some(media_type.to_owned()),
        config: config.descriptor.clone(),
        layers: vec![layer.descriptor.clone()],
        subject: Some(Descriptor {
            platform: None,
            annotations: BTreeMap::new(),
            ..subject.clone()
        }),
        annotations: annotations.clone(),
    };
    let manifest = Document::json(media::MANIFEST, &manifest);
    let entry = Descriptor {
        artifact_type: Some(media_type.to_owned()),
        annotations,
        ..manifest.descriptor.clone()
    };
    Artifact {
        manifest,
        blobs: vec![config, layer],
        entry: Some(entry),
    }
}

/// The annotations by which cosign tells bundles apart.
pub fn bundle_annotations(predicate: &str) -> BTreeMap<String, String> {
    [
        ("dev.sigstore.bundle.content", "dsse-envelope"),
        ("dev.sigstore.bundle.predicateType", predicate),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// A signed statement as a bundle that refers to `subject`.
pub fn bundle(
    subject: &Descriptor,
    envelope: &Envelope,
    predicate: &str,
    key: &PublicKey,
    created: Epoch,
) -> Artifact {
    let annotations = bundle_annotations(predicate);
    referring(subject, BUNDLE, envelope.bundle(key), annotations, created)
}

/// The tag by which cosign finds signatures (`sig`) or attestations (`att`) of an image, and which
/// registries without lists of referrers are asked for (distribution-spec, "Referrers Tag Schema"),
/// with an empty ending.
pub fn tag(digest: &Digest, ending: &str) -> String {
    let dot = if ending.is_empty() { "" } else { "." };
    format!("sha256-{}{dot}{ending}", digest.hex())
}

/// A layer of one of cosign's manifests, and the descriptor with its annotations.
#[derive(Clone, Debug)]
pub struct Layer {
    descriptor: Descriptor,
    document: Document,
}

impl Layer {
    /// A layer that is in a manifest already, with its content.
    pub fn of(descriptor: Descriptor, content: Vec<u8>) -> Self {
        let document = Document::of(&descriptor.media_type, content);
        Self {
            descriptor,
            document,
        }
    }
}

/// What cosign signs of the image `digest` in `repository`, signed.
pub fn signature(
    repository: &str,
    digest: &Digest,
    signer: &dyn Signer,
) -> Result<Layer, SignError> {
    // Keys in the order of their names, as Go writes this struct.
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": repository },
            "image": { "docker-manifest-digest": digest },
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    let payload = payload.to_string().into_bytes();
    let signed = BASE64.encode(signer.sign(&payload)?);
    let document = Document::of(SIMPLE, payload);
    let mut descriptor = document.descriptor.clone();
    descriptor.annotations.insert(SIGNATURE.to_owned(), signed);
    Ok(Layer {
        descriptor,
        document,
    })
}

/// A signed statement as a layer.
pub fn attestation(envelope: &Envelope, predicate: &str) -> Layer {
    let document = Document::of(ENVELOPE, envelope.bytes());
    let mut descriptor = document.descriptor.clone();
    for (key, value) in [(SIGNATURE, ""), ("predicateType", predicate)] {
        descriptor
            .annotations
            .insert(key.to_owned(), value.to_owned());
    }
    Layer {
        descriptor,
        document,
    }
}

/// The manifest of signatures or attestations with these layers and those that `present`, the one
/// that its tag leads to now, has: another's signature is not ours to remove. `None` when nothing
/// is missing there.
pub fn manifest(present: Option<&Manifest>, layers: &[Layer]) -> Option<Artifact> {
    let there = present.map_or(&[][..], |manifest| &manifest.layers);
    let missing = layers
        .iter()
        .filter(|layer| !there.contains(&layer.descriptor));
    let missing: Vec<&Layer> = missing.collect();
    if missing.is_empty() {
        return None;
    }
    let new = missing.iter().map(|layer| layer.descriptor.clone());
    let all: Vec<Descriptor> = there.iter().cloned().chain(new).collect();
    let diff_ids: Vec<&Digest> = all.iter().map(|layer| &layer.digest).collect();
    let config = json!({
        "architecture": "",
        "config": {},
        "created": "0001-01-01T00:00:00Z",
        "history": vec![json!({ "created": "0001-01-01T00:00:00Z" }); all.len()],
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = Document::of(media::CONFIG, config.to_string().into_bytes());
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media::MANIFEST.to_owned()),
        artifact_type: None,
        config: config.descriptor.clone(),
        layers: all,
        subject: None,
        annotations: BTreeMap::new(),
    };
    let mut blobs = vec![config];
    blobs.extend(missing.iter().map(|layer| layer.document.clone()));
    Some(Artifact {
        manifest: Document::json(media::MANIFEST, &manifest),
        blobs,
        entry: None,
    })
}

/// Whether `payload`, a layer of signatures, says of the image `digest` that whoever has the key
/// stands for it.
pub fn stands_for(layer: &Descriptor, payload: &[u8], digest: &Digest, key: &PublicKey) -> bool {
    let signature = layer.annotations.get(SIGNATURE);
    let signature = signature.and_then(|text| BASE64.decode(text).ok());
    let said = serde_json::from_slice::<Value>(payload).unwrap_or_default();
    let image = &said["critical"]["image"]["docker-manifest-digest"];
    signature.is_some_and(|signature| key.verify(payload, &signature))
        && image.as_str() == Some(digest.to_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::super::key::SigningKey;
    use super::super::key::tests::PEM;
    use super::*;

    #[test]
    fn a_signature_stands_for_one_image_and_joins_those_that_are_there() {
        let key = SigningKey::read(PEM, None).expect("a key");
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let layer = signature("r.example/x", &one, &key).expect("signed");
        let payload = &layer.document.bytes;
        assert!(stands_for(&layer.descriptor, payload, &one, key.public()));
        assert!(!stands_for(&layer.descriptor, payload, &two, key.public()));
        let foreign = signature("r.example/y", &one, &key).expect("signed");
        let first = manifest(None, std::slice::from_ref(&foreign)).expect("new");
        let read: Manifest = serde_json::from_slice(&first.manifest.bytes).expect("JSON");
        let both = manifest(Some(&read), std::slice::from_ref(&layer)).expect("new");
        let both: Manifest = serde_json::from_slice(&both.manifest.bytes).expect("JSON");
        assert_eq!(both.layers, [foreign.descriptor, layer.descriptor.clone()]);
        assert!(manifest(Some(&both), &[layer]).is_none());
    }

    #[test]
    fn an_artifact_names_its_subject_and_is_the_same_each_time() {
        let mut subject = Descriptor::of(media::INDEX, b"{}");
        subject.annotations.insert("a".to_owned(), "b".to_owned());
        let make = || {
            let annotations = BTreeMap::new();
            referring(
                &subject,
                kind::SPDX,
                b"{}".to_vec(),
                annotations,
                Epoch::default(),
            )
        };
        let artifact = make();
        assert_eq!(artifact.manifest, make().manifest);
        let read: Manifest = serde_json::from_slice(&artifact.manifest.bytes).expect("JSON");
        let named = read.subject.expect("a subject");
        assert_eq!(named.digest, subject.digest);
        assert!(named.annotations.is_empty());
        let entry = artifact.entry.expect("an entry");
        assert_eq!(entry.digest, artifact.manifest.descriptor.digest);
        assert_eq!(entry.artifact_type.as_deref(), Some(kind::SPDX));
    }
}
