//! Promotion: an image that is in a repository is brought to another one, with all that is attached
//! to it, byte by byte, so that every signature holds there as well.
//!
//! What the other repository has is not sent again. Tags are moved by [`Publisher::move_tags`],
//! when all of it is there.

use std::collections::{BTreeSet, VecDeque};

use crate::attest::PublicKey;
use crate::attest::artifact::{self, Layer};
use crate::digest::Digest;
use crate::oci::{Descriptor, Manifest};
use crate::progress::Stage;
use crate::registry::{Counts, Reference, RegistryError, Repository, Selector, Tag};

use super::gate::{Candidate, Gate, judge};
use super::hearing::Hearing;
use super::published::{ImageError, Published, at, platform_of};
use super::{Attachments, Publisher, ReleaseError, STATEMENT_LIMIT};

/// Most artifacts that are copied with an image; one of two platforms has some twenty.
const ARTIFACTS: usize = 4096;
/// What cosign's tags end in: signatures and attestations.
const ENDINGS: [&str; 2] = ["sig", "att"];

/// What a promotion did, its tags apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promoted {
    /// Layers and configurations of the image.
    pub blobs: Counts,
    /// Indexes and manifests of the image that were sent.
    pub manifests: usize,
    /// What is attached to it.
    pub attachments: Attachments,
}

impl Promoted {
    /// Bytes that were sent, of the image and of what is attached.
    pub fn bytes(&self) -> u64 {
        self.blobs.uploaded_bytes + self.attachments.bytes
    }
}

impl Publisher<'_> {
    /// Asks for what trusted keys have signed of an image and judges its gates: remarks on what they
    /// let through.
    pub fn pass_gates(
        &self,
        image: &Published,
        gates: &[Gate],
        keys: &[PublicKey],
    ) -> Result<Vec<String>, ReleaseError> {
        if gates.is_empty() {
            return Ok(Vec::new());
        }
        let hearing = Hearing {
            registry: self.registry,
            repository: &image.repository,
            keys,
            reporter: self.reporter.as_ref(),
        };
        let mut said = Vec::new();
        for subject in image.subjects() {
            said.extend(hearing.attached(&subject.digest)?);
        }
        Ok(judge(gates, &candidate(image), &said)?)
    }

    /// Brings an image with all that is attached to it into another repository. No tag moves, other
    /// than those by which signatures are found.
    pub fn promote(
        &self,
        image: &Published,
        to: &Repository,
        mount_from: &[Repository],
    ) -> Result<Promoted, ReleaseError> {
        let pushed = self.registry.push(&image.copy_to(to, mount_from))?;
        let mut promoted = Promoted {
            blobs: pushed.blobs,
            manifests: pushed.manifests,
            attachments: Attachments::default(),
        };
        if *to != image.repository {
            let sent = &mut promoted.attachments;
            let artifacts = self.carry_referrers(image, to, mount_from, sent)?;
            for subject in image.subjects().into_iter().chain(&artifacts) {
                for ending in ENDINGS {
                    self.carry_tag(image, subject, ending, (to, mount_from), sent)?;
                }
            }
        }
        Ok(promoted)
    }

    /// Copies what refers to an image, and what refers to that: all of these.
    fn carry_referrers(
        &self,
        image: &Published,
        to: &Repository,
        mount_from: &[Repository],
        sent: &mut Attachments,
    ) -> Result<Vec<Descriptor>, ReleaseError> {
        let from = &image.repository;
        let subjects = image.subjects();
        let mut artifacts = Vec::new();
        let mut next: VecDeque<Digest> = subjects.iter().map(|one| one.digest).collect();
        let mut seen: BTreeSet<Digest> = next.iter().copied().collect();
        while let Some(subject) = next.pop_front() {
            for entry in self.registry.referrers(from, &subject)? {
                if !seen.insert(entry.digest) {
                    continue;
                }
                if seen.len() > ARTIFACTS {
                    return Err(ReleaseError::Crowded(at(from, image.top.digest)));
                }
                let reference = at(from, entry.digest);
                let pass_over = |why: &str| {
                    let message =
                        format!("{reference}, attached to {subject}, is not copied: {why}");
                    self.reporter.warn(Stage::Push, &message);
                };
                let artifact = match Published::read(self.registry, &reference) {
                    Err(ImageError::Registry(error)) => return Err(error.into()),
                    Err(error) => {
                        pass_over(&error.to_string());
                        continue;
                    }
                    Ok(artifact) => artifact,
                };
                if artifact.about() != Some(subject) {
                    pass_over("it does not name that as its subject");
                    continue;
                }
                let pushed = self.registry.push(&artifact.copy_to(to, mount_from))?;
                let listed = self.registry.list_referrer(to, &subject, &entry)?;
                sent.count(pushed.manifests > 0 || listed, pushed.blobs.uploaded_bytes);
                next.push_back(entry.digest);
                artifacts.push(artifact.top);
            }
        }
        Ok(artifacts)
    }

    /// Has below one of cosign's tags what the source has there. What others have there stays.
    fn carry_tag(
        &self,
        image: &Published,
        subject: &Descriptor,
        ending: &str,
        (to, mount_from): (&Repository, &[Repository]),
        sent: &mut Attachments,
    ) -> Result<(), ReleaseError> {
        let tag: Tag = artifact::tag(&subject.digest, ending)
            .parse()
            .map_err(RegistryError::from)?;
        let place = |repository: &Repository| Reference {
            repository: repository.clone(),
            selector: Selector::Tag(tag.clone()),
        };
        let Some(digest) = self.registry.resolve(&place(&image.repository))? else {
            return Ok(());
        };
        match self.registry.resolve(&place(to))? {
            Some(there) if there == digest => sent.count(false, 0),
            Some(_) => {
                let present = self.tagged(to, &subject.digest, ending)?;
                let theirs = self.tagged(&image.repository, &subject.digest, ending)?;
                let layers = self.missing(&image.repository, theirs, present.as_ref())?;
                self.attach_layers(to, subject, present.as_ref(), &layers, ending, sent)?;
            }
            None => {
                let signatures = Published::read(self.registry, &at(&image.repository, digest))?;
                let pushed = self.registry.push(&signatures.copy_to(to, mount_from))?;
                self.registry.move_tag(to, &tag, &signatures.document())?;
                sent.count(true, pushed.blobs.uploaded_bytes);
            }
        }
        Ok(())
    }

    /// The layers of `theirs` that `present` lacks, read.
    fn missing(
        &self,
        from: &Repository,
        theirs: Option<Manifest>,
        present: Option<&Manifest>,
    ) -> Result<Vec<Layer>, ReleaseError> {
        let there = present.map_or(&[][..], |manifest| &manifest.layers);
        let mut layers = Vec::new();
        for layer in theirs.into_iter().flat_map(|manifest| manifest.layers) {
            if there.contains(&layer) {
                continue;
            }
            let bytes = self
                .registry
                .fetch_blob(from, &layer.digest, STATEMENT_LIMIT)?;
            let bytes = bytes.ok_or_else(|| RegistryError::Lacking {
                repository: from.to_string(),
                digest: layer.digest,
            })?;
            layers.push(Layer::of(layer, bytes));
        }
        Ok(layers)
    }
}

/// The image as gates see it. What runs nowhere, such as attestations that builders put into an
/// index, is no platform.
fn candidate(image: &Published) -> Candidate {
    let runs = |one: &&Descriptor| {
        let platform = one.platform.as_ref();
        platform.is_none_or(|platform| platform.os != "unknown")
    };
    let platforms = image.manifests.iter().filter(runs);
    Candidate {
        repository: image.repository.clone(),
        whole: image.top.digest,
        platforms: platforms
            .map(|one| (platform_of(one), one.digest))
            .collect(),
    }
}
