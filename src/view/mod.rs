//! An image as those see it who pull it: its configuration, the files that its layers give
//! together, and what its package databases say. Of any maker's image, read from its blobs.

mod difference;
mod error;
mod file;
mod graph;
mod layer;
mod packages;
mod read;
mod stack;

pub use difference::{Changed, Difference};
pub use error::ViewError;
pub use file::{File, Kind, Secret};
pub use graph::Graph;
pub use packages::{Installed, Manager, Packages, Sum};
pub use read::{configurations, views};

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::oci::ImageConfig;

/// An image for one platform.
#[derive(Clone, Debug)]
pub struct View {
    /// `linux/amd64`, with a variant where there is one.
    pub platform: String,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The configuration.
    pub config: ImageConfig,
    /// The layers, base first.
    pub layers: Vec<Layer>,
    /// What a container sees, by paths without a leading slash, below links that directories are.
    pub files: BTreeMap<String, File>,
    /// Keys and credentials in any layer, covered by a later one or not.
    pub secrets: Vec<Secret>,
    /// What the package databases say.
    pub packages: Packages,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the blob.
    pub digest: Digest,
    /// Bytes of the blob, which are what a pull transfers.
    pub size: u64,
    /// Bytes of its files.
    pub unpacked: u64,
    /// Its entries.
    pub entries: usize,
    /// What made it, as the configuration's history says.
    pub created_by: String,
}

impl View {
    /// The text of a file that is kept, through links.
    pub fn text(&self, path: &str) -> Option<String> {
        let path = stack::follow(&self.files, path)?;
        let Kind::Regular { text, .. } = &self.files.get(&path)?.kind else {
            return None;
        };
        let bytes = text.as_ref()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// A path of a layer as containers see it: below links that directories are.
    pub fn place(&self, path: &str) -> String {
        match path.rsplit_once('/') {
            Some((parent, name)) => format!("{}/{name}", stack::directory(&self.files, parent)),
            None => path.to_owned(),
        }
    }

    /// The entry at a path, through links; its path as it is, and the entry.
    pub fn find(&self, path: &str) -> Option<(String, &File)> {
        let path = stack::follow(&self.files, path)?;
        let file = self.files.get(&path)?;
        Some((path, file))
    }

    /// Bytes that a pull transfers.
    pub fn size(&self) -> u64 {
        let sizes = self.layers.iter().map(|layer| layer.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// Bytes of all files that a container sees, each content once.
    pub fn unpacked(&self) -> u64 {
        self.files.values().map(File::size).sum()
    }
}
