//! Publishing: an image with everything that a consumer needs to trust and understand it, and its
//! tags last.
//!
//! ```text
//! Built ─► push by digest ─► bills, provenance, tests, signatures ─► gates ─► tags
//! Published ─► gates ─► copy by digest ─► all that is attached ─► tags
//! ```
//!
//! Everything that is sent is a function of image, recipe, lock and key, and is asked for before it
//! is sent: a run that was interrupted is finished by the next one, and one that changes nothing
//! sends nothing.

mod attach;
mod compare;
mod dossier;
mod gate;
mod given;
mod hearing;
mod promote;
mod published;
mod sign;
mod tags;
mod verify;

use std::sync::Arc;

use crate::attest::{Said, SignError, Signer};
use crate::build::Built;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::lock::Lock;
use crate::oci::Document;
use crate::progress::{Reporter, Stage};
use crate::recipe::Recipe;
use crate::registry::{
    Push, Pushed, Reference, Registry, RegistryError, Repository, Selector, Tag,
};

pub use attach::Attachments;
pub use compare::first_difference;
pub use dossier::{Dossier, Statement};
pub use gate::{Gate, UnknownGate, Unmet};
pub use given::{Given, GivenError};
pub use promote::Promoted;
pub use published::{ImageError, Published, platform_of};
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
    /// The image cannot be read from its registry.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A statement that is not to be signed.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// Not proven.
    #[error(transparent)]
    Gate(#[from] Unmet),
    /// So much is attached that nobody can have meant it.
    #[error("{0} has more attachments than are copied; remove what is not its own")]
    Crowded(Reference),
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
    /// What was proven of which manifests: test results.
    pub tests: Option<Said>,
    /// Its tags.
    pub tags: Tags,
}

/// What publishing an image did.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The image.
    pub pushed: Pushed,
    /// What is attached to it.
    pub attachments: Attachments,
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
        let mut attachments = Attachments::default();
        for dossier in dossier::of(release) {
            let repository = &release.push.repository;
            self.attach_all(repository, &dossier, release.created, &mut attachments)?;
        }
        Ok(Sent {
            pushed,
            attachments,
        })
    }

    /// Where the tags of a repository lead now, and what would change if they led to `to`.
    pub fn plan(
        &self,
        repository: &Repository,
        tags: &Tags,
        to: Digest,
    ) -> Result<TagPlan, RegistryError> {
        tags.plan(repository, to, |tag| {
            self.registry.resolve(&Reference {
                repository: repository.clone(),
                selector: Selector::Tag(tag.clone()),
            })
        })
    }

    /// Moves tags to an index or manifest that was sent, and says which have moved.
    ///
    /// What became of a tag that must not move is asked for once more: others publish too.
    pub fn move_tags(
        &self,
        repository: &Repository,
        tags: &Tags,
        to: &Document,
        move_immutable: bool,
    ) -> Result<Vec<Tag>, ReleaseError> {
        let digest = to.descriptor.digest;
        if !move_immutable {
            self.plan(repository, tags, digest)?.check()?;
        }
        let mut moved = Vec::new();
        for tag in tags.all() {
            if self.registry.move_tag(repository, tag, to)? {
                let message = format!("{repository}:{tag} is now {digest}");
                self.reporter.note(Stage::Push, &message);
                moved.push(tag.clone());
            }
        }
        Ok(moved)
    }
}
