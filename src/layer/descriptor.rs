//! What is known of a layer once it is written.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

use super::compression::Compression;

/// Media types of layers (image-spec, layer.md).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LayerMediaType {
    /// A tar archive in gzip.
    #[serde(rename = "application/vnd.oci.image.layer.v1.tar+gzip")]
    TarGzip,
    /// A tar archive in zstd.
    #[serde(rename = "application/vnd.oci.image.layer.v1.tar+zstd")]
    TarZstd,
}

impl LayerMediaType {
    /// The media type as descriptors spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TarGzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::TarZstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

impl From<Compression> for LayerMediaType {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Gzip { .. } => Self::TarGzip,
            Compression::Zstd { .. } => Self::TarZstd,
        }
    }
}

/// A written layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LayerDescriptor {
    /// Media type of the blob.
    pub media_type: LayerMediaType,
    /// Digest of the blob.
    pub digest: Digest,
    /// Bytes of the blob.
    pub size: u64,
    /// Digest of the uncompressed tar archive (image-spec, config.md "Layer DiffID").
    pub diff_id: Digest,
    /// Bytes of the uncompressed tar archive.
    pub uncompressed_size: u64,
}
