//! Publishing: an image with everything that a consumer needs to trust and understand it, and its
//! tags last.
//!
//! ```text
//! Built ─► push by digest ─► bills, provenance, tests, signatures ─► tags
//! ```
//!
//! Everything that is sent is a function of image, recipe, lock and key, and is asked for before it
//! is sent: a run that was interrupted is finished by the next one, and one that changes nothing
//! sends nothing.

mod compare;
mod dossier;
mod tags;
mod verify;

use std::sync::Arc;

use crate::attest::artifact::{self, Artifact, Layer};
use crate::attest::{Envelope, SignError, Signer, predicate};
use crate::build::Built;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::lock::Lock;
use crate::oci::{Descriptor, Document, Manifest};
use crate::progress::{Reporter, Stage};
use crate::recipe::Recipe;
use crate::registry::{
    Attachment, MANIFEST_LIMIT, Push, Pushed, Reference, Registry, RegistryError, Repository,
    Selector, Tag,
};

pub use compare::first_difference;
pub use dossier::{Dossier, Statement};
pub use tags::{Move, Refusal, TagPlan, Tags};
pub use verify::{Verified, VerifyError, verify};

/// Largest signed statement that is read back, in bytes: bills of a few hundred packages have one
/// million.
const STATEMENT_LIMIT: u64 = 64 << 20;

/// Why an image is not published.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The key.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// What others have signed cannot be kept.
    #[error(
        "{reference} is no manifest of signatures that can be added to, and is not written over: {source}"
    )]
    Foreign {
        /// The tag of signatures or attestations.
        reference: Reference,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A tag that may not move would.
    #[error("{0}")]
    Immutable(#[from] Refusal),
}

/// An image to publish.
pub struct Release<'a> {
    /// What it is made from.
    pub recipe: &'a Recipe,
    /// And at which versions.
    pub lock: &'a Lock,
    /// The image.
    pub built: &'a Built,
    /// Its push, without tags.
    pub push: Push,
    /// Codec and level of its layers.
    pub compression: String,
    /// The date of everything.
    pub created: Epoch,
    /// A URI of who builds.
    pub builder: &'a str,
    /// What was proven of which manifests: a predicate of test results.
    pub tests: Option<(Vec<Digest>, serde_json::Value)>,
    /// Its tags.
    pub tags: Tags,
}

/// What publishing an image did.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The image.
    pub pushed: Pushed,
    /// Manifests of what is attached that were sent, and those that were there.
    pub attached: (usize, usize),
    /// Bytes of what is attached that were sent.
    pub attached_bytes: u64,
}

/// Publishes images.
pub struct Publisher<'a> {
    /// The registries.
    pub registry: &'a Registry,
    /// Who signs; nobody does without one.
    pub signer: Option<&'a dyn Signer>,
    /// Who is told.
    pub reporter: &'a Arc<dyn Reporter>,
}

impl Publisher<'_> {
    /// Sends an image and what is said of it. No tag moves.
    pub fn send(&self, release: &Release<'_>) -> Result<Sent, ReleaseError> {
        let pushed = self.registry.push(&release.push)?;
        let mut sent = Sent {
            pushed,
            attached: (0, 0),
            attached_bytes: 0,
        };
        for dossier in dossier::of(release) {
            self.attach_all(release, &dossier, &mut sent)?;
        }
        Ok(sent)
    }

    fn attach_all(
        &self,
        release: &Release<'_>,
        dossier: &Dossier,
        sent: &mut Sent,
    ) -> Result<(), ReleaseError> {
        let repository = &release.push.repository;
        let subject = &dossier.subject;
        for (media_type, bytes) in &dossier.documents {
            let artifact = artifact::referring(
                subject,
                media_type,
                bytes.clone(),
                Default::default(),
                release.created,
            );
            self.attach(repository, subject, artifact, None, sent)?;
        }
        let Some(signer) = self.signer else {
            return Ok(());
        };
        let present = self.tagged(repository, &subject.digest, "att")?;
        let mut layers = Vec::new();
        for statement in &dossier.statements {
            let envelope = match self.signed(
                repository,
                &subject.digest,
                present.as_ref(),
                statement,
                signer,
            )? {
                Some(envelope) => envelope,
                None => Envelope::sign(&statement.bytes, signer)?,
            };
            let key = signer.public();
            let bundle = artifact::bundle(subject, &envelope, statement.kind, key, release.created);
            self.attach(repository, subject, bundle, None, sent)?;
            // A signature has a manifest and a tag of its own there.
            if statement.kind != predicate::SIGNATURE {
                layers.push(artifact::attestation(&envelope, statement.kind));
            }
        }
        // Read again: signing takes its time, and others sign too.
        let present = self.tagged(repository, &subject.digest, "att")?;
        self.attach_layers(repository, subject, present.as_ref(), &layers, "att", sent)?;
        let present = self.tagged(repository, &subject.digest, "sig")?;
        if !self.stands_for(repository, present.as_ref(), &subject.digest, signer)? {
            let name = repository.to_string();
            let layer = artifact::signature(&name, &subject.digest, signer)?;
            self.attach_layers(repository, subject, present.as_ref(), &[layer], "sig", sent)?;
        }
        Ok(())
    }

    /// The manifest that one of cosign's tags leads to.
    fn tagged(
        &self,
        repository: &Repository,
        digest: &Digest,
        ending: &str,
    ) -> Result<Option<Manifest>, ReleaseError> {
        let tag: Tag = artifact::tag(digest, ending)
            .parse()
            .map_err(RegistryError::from)?;
        let reference = Reference {
            repository: repository.clone(),
            selector: Selector::Tag(tag),
        };
        let found = self.registry.fetch_manifest(&reference)?;
        let read = found.map(|found| serde_json::from_slice(&found.bytes));
        read.transpose()
            .map_err(|source| ReleaseError::Foreign { reference, source })
    }

    /// The envelope that this signer has made of the statement before, where another one would not
    /// be the same.
    fn signed(
        &self,
        repository: &Repository,
        subject: &Digest,
        present: Option<&Manifest>,
        statement: &Statement,
        signer: &dyn Signer,
    ) -> Result<Option<Envelope>, RegistryError> {
        if signer.repeats() {
            return Ok(None);
        }
        let layers = present.map_or(&[][..], |manifest| &manifest.layers);
        let layers = layers.iter().filter(|layer| {
            let said = layer.annotations.get("predicateType");
            said.is_some_and(|said| said == statement.kind)
        });
        let mut blobs: Vec<Digest> = layers.map(|layer| layer.digest).collect();
        if statement.kind == predicate::SIGNATURE {
            blobs = self.bundles(repository, subject, statement.kind)?;
        }
        for blob in blobs {
            let found = self
                .registry
                .fetch_blob(repository, &blob, STATEMENT_LIMIT)?;
            let envelope = found.and_then(|bytes| Envelope::read(&bytes));
            let same = |one: &Envelope| {
                one.open(signer.public())
                    .is_some_and(|opened| opened == statement.bytes)
            };
            if let Some(envelope) = envelope.filter(same) {
                return Ok(Some(envelope));
            }
        }
        Ok(None)
    }

    /// The bundles of a kind of statement that refer to an image.
    fn bundles(
        &self,
        repository: &Repository,
        subject: &Digest,
        predicate: &str,
    ) -> Result<Vec<Digest>, RegistryError> {
        let wanted = artifact::bundle_annotations(predicate);
        let mut found = Vec::new();
        for entry in self.registry.referrers(repository, subject)? {
            let named = |(key, value)| entry.annotations.get(key) == Some(value);
            if !wanted.iter().all(named) {
                continue;
            }
            let manifest = self.registry.fetch_manifest(&Reference {
                repository: repository.clone(),
                selector: Selector::Digest(entry.digest),
            })?;
            let manifest =
                manifest.and_then(|found| serde_json::from_slice::<Manifest>(&found.bytes).ok());
            let layers = manifest.into_iter().flat_map(|manifest| manifest.layers);
            found.extend(layers.map(|layer| layer.digest));
        }
        Ok(found)
    }

    /// Whether a signature of this signer is there already.
    fn stands_for(
        &self,
        repository: &Repository,
        present: Option<&Manifest>,
        digest: &Digest,
        signer: &dyn Signer,
    ) -> Result<bool, RegistryError> {
        let layers = present.map_or(&[][..], |manifest| &manifest.layers);
        for layer in layers.iter().filter(|layer| layer.size <= MANIFEST_LIMIT) {
            let payload = self
                .registry
                .fetch_blob(repository, &layer.digest, MANIFEST_LIMIT)?;
            let key = signer.public();
            if payload.is_some_and(|payload| artifact::stands_for(layer, &payload, digest, key)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn attach_layers(
        &self,
        repository: &Repository,
        subject: &Descriptor,
        present: Option<&Manifest>,
        layers: &[Layer],
        ending: &str,
        sent: &mut Sent,
    ) -> Result<(), RegistryError> {
        match artifact::manifest(present, layers) {
            None => sent.attached.1 += 1,
            Some(artifact) => {
                let tag = artifact::tag(&subject.digest, ending).parse()?;
                self.attach(repository, subject, artifact, Some(tag), sent)?;
            }
        }
        Ok(())
    }

    fn attach(
        &self,
        repository: &Repository,
        subject: &Descriptor,
        artifact: Artifact,
        tag: Option<Tag>,
        sent: &mut Sent,
    ) -> Result<(), RegistryError> {
        let attachment = Attachment {
            manifest: artifact.manifest,
            blobs: artifact.blobs,
            tag,
            refers: artifact.entry.map(|entry| (subject.digest, entry)),
        };
        let attached = self.registry.attach(repository, &attachment)?;
        match attached.sent {
            true => sent.attached.0 += 1,
            false => sent.attached.1 += 1,
        }
        sent.attached_bytes += attached.bytes;
        Ok(())
    }

    /// Where the tags of an image lead now, and what would change.
    pub fn plan(&self, release: &Release<'_>) -> Result<TagPlan, RegistryError> {
        let repository = &release.push.repository;
        release
            .tags
            .plan(repository, release.push.root.digest, |tag| {
                self.registry.resolve(&Reference {
                    repository: repository.clone(),
                    selector: Selector::Tag(tag.clone()),
                })
            })
    }

    /// Moves the tags of an image that was sent, and says which have moved.
    ///
    /// What became of a tag that must not move is asked for once more: others publish too.
    pub fn move_tags(
        &self,
        release: &Release<'_>,
        move_immutable: bool,
    ) -> Result<Vec<Tag>, ReleaseError> {
        if !move_immutable {
            self.plan(release)?.check()?;
        }
        let root = &release.push.root;
        let document = release.push.documents.get(&root.digest);
        let bytes = document.map(|one| one.bytes.clone()).unwrap_or_default();
        let document = Document::of(&root.media_type, bytes);
        let repository = &release.push.repository;
        let mut moved = Vec::new();
        for tag in release.tags.all() {
            if self.registry.move_tag(repository, tag, &document)? {
                self.reporter.note(
                    Stage::Push,
                    &format!("{repository}:{tag} is now {}", root.digest),
                );
                moved.push(tag.clone());
            }
        }
        Ok(moved)
    }
}
