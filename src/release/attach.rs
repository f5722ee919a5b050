//! Attaching what is said of an image: documents, signed statements and signatures, as referrers and
//! below cosign's tags.

use crate::attest::artifact::{self, Artifact, Layer};
use crate::attest::{Envelope, Signer, predicate};
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::oci::{Descriptor, Manifest};
use crate::registry::{
    Attachment, MANIFEST_LIMIT, Reference, RegistryError, Repository, Selector, Tag,
};

use super::{Dossier, Publisher, ReleaseError, STATEMENT_LIMIT, Statement};

/// What became of what is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attachments {
    /// Manifests that were sent, or listed or named by a tag for the first time.
    pub sent: usize,
    /// Those that were there.
    pub present: usize,
    /// Bytes of their blobs that were sent.
    pub bytes: u64,
}

impl Attachments {
    /// Counts one more.
    pub(super) fn count(&mut self, sent: bool, bytes: u64) {
        match sent {
            true => self.sent += 1,
            false => self.present += 1,
        }
        self.bytes += bytes;
    }
}

impl Publisher<'_> {
    /// Sends what is said of one manifest or index, signed if there is who signs.
    pub(super) fn attach_all(
        &self,
        repository: &Repository,
        dossier: &Dossier,
        created: Epoch,
        sent: &mut Attachments,
    ) -> Result<(), ReleaseError> {
        let subject = &dossier.subject;
        for (media_type, bytes) in &dossier.documents {
            let artifact = artifact::referring(
                subject,
                media_type,
                bytes.clone(),
                Default::default(),
                created,
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
            let bundle = artifact::bundle(subject, &envelope, &statement.kind, key, created);
            self.attach(repository, subject, bundle, None, sent)?;
            // A signature has a manifest and a tag of its own there.
            if statement.kind != predicate::SIGNATURE {
                layers.push(artifact::attestation(&envelope, &statement.kind));
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
    pub(super) fn tagged(
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
            said == Some(&statement.kind)
        });
        let mut blobs: Vec<Digest> = layers.map(|layer| layer.digest).collect();
        if statement.kind == predicate::SIGNATURE {
            blobs = self.bundles(repository, subject, &statement.kind)?;
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

    pub(super) fn attach_layers(
        &self,
        repository: &Repository,
        subject: &Descriptor,
        present: Option<&Manifest>,
        layers: &[Layer],
        ending: &str,
        sent: &mut Attachments,
    ) -> Result<(), RegistryError> {
        match artifact::manifest(present, layers) {
            None => sent.count(false, 0),
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
        sent: &mut Attachments,
    ) -> Result<(), RegistryError> {
        let attachment = Attachment {
            manifest: artifact.manifest,
            blobs: artifact.blobs,
            tag,
            refers: artifact.entry.map(|entry| (subject.digest, entry)),
        };
        let attached = self.registry.attach(repository, &attachment)?;
        sent.count(attached.sent, attached.bytes);
        Ok(())
    }
}
