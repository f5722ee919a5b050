//! Why an image cannot be read.

use crate::digest::Digest;
use crate::oci::ForeignError;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// A document or layer is not there, or is not what its digest says.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// A layer is no archive that can be trusted to be unpacked.
    #[error("layer {digest} cannot be read: {reason}")]
    Layer {
        /// The layer.
        digest: Digest,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing for the platforms that were asked for.
    #[error("{digest} has no image for {wanted}; it has {known}")]
    Platform {
        /// The index or manifest.
        digest: Digest,
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
}
