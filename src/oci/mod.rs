//! Images and what they are written as: configuration, manifest and index of the OCI image
//! specification (v1.1), layouts and archives.
//!
//! Documents are serialised once, when an [`Image`] or [`ImageSet`] is made, from structs and
//! ordered maps: equal images are equal bytes. Blobs are never held in memory; writers copy them
//! from a [`BlobSource`] and check size and digest of what passes.

mod archive;
mod blobs;
mod config;
mod docker_archive;
mod error;
mod foreign;
mod image;
mod layout;
mod output;
mod read;
mod spec;
mod sweep;
mod target;

pub use archive::write_archive;
pub use blobs::{BlobFiles, BlobSource};
pub use config::{ContainerConfig, Healthcheck, History, ImageConfig, RootFs};
pub use docker_archive::write_docker_archive;
pub use error::OciError;
pub use foreign::{
    DOCUMENT_LIMIT, ForeignBlobs, ForeignError, read_document, read_json, write_foreign,
};
pub use image::{Document, Image, ImageSet, ImageSource, Step};
pub use layout::write_layout;
pub use read::Layout;
pub use spec::{Descriptor, Index, Manifest, PlatformSpec, REF_NAME, media};
pub use target::{Names, Target, TargetParseError};

#[cfg(test)]
mod tests;
