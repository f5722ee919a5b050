//! An image and its platforms, as finished documents.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::layer::LayerDescriptor;
use crate::platform::Platform;

use super::config::{ContainerConfig, History, ImageConfig, RootFs};
use super::error::OciError;
use super::spec::{Descriptor, Index, Manifest, media, to_json};

/// A JSON document and the descriptor that points at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Media type, digest and size.
    pub descriptor: Descriptor,
    /// The bytes, of which the digest is.
    pub bytes: Vec<u8>,
}

impl Document {
    /// These bytes.
    pub fn of(media_type: &str, bytes: Vec<u8>) -> Self {
        Self::new(media_type, bytes)
    }

    /// A manifest, without white space.
    pub fn json(media_type: &str, manifest: &Manifest) -> Self {
        Self::new(media_type, to_json(manifest))
    }

    pub(super) fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            descriptor: Descriptor::of(media_type, &bytes),
            bytes,
        }
    }
}

/// One step in the making of an image, for its history.
#[derive(Clone, Debug)]
pub enum Step {
    /// A layer.
    Layer {
        /// The written layer.
        layer: LayerDescriptor,
        /// What made it, shown by `docker history`.
        created_by: String,
        /// A remark.
        comment: String,
    },
    /// A setting in the configuration, without a layer.
    Setting {
        /// What made it, such as `ENTRYPOINT ["tini"]`.
        created_by: String,
    },
}

/// What an image is made from.
#[derive(Clone, Debug)]
pub struct ImageSource {
    /// The platform it runs on.
    pub platform: Platform,
    /// Time of creation, for the image and each step.
    pub created: Epoch,
    /// Who is responsible for it.
    pub author: Option<String>,
    /// How containers are run.
    pub config: ContainerConfig,
    /// Layers and settings, base first.
    pub steps: Vec<Step>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// An image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The platform it runs on.
    pub platform: Platform,
    /// The configuration, parsed.
    pub config: ImageConfig,
    /// The configuration as a blob.
    pub config_document: Document,
    /// The manifest.
    pub manifest: Document,
    /// The layers, base first; their diff IDs are in `config.rootfs`.
    pub layers: Vec<Descriptor>,
}

impl Image {
    /// Makes configuration and manifest. Rootfs, history and manifest name the same layers, since
    /// all three follow from the steps.
    pub fn new(source: ImageSource) -> Self {
        let mut diff_ids = Vec::new();
        let mut layers = Vec::new();
        let mut history = Vec::new();
        for step in source.steps {
            history.push(match step {
                Step::Layer {
                    layer,
                    created_by,
                    comment,
                } => {
                    diff_ids.push(layer.diff_id);
                    layers.push(Descriptor::new(
                        layer.media_type.as_str(),
                        layer.digest,
                        layer.size,
                    ));
                    History {
                        created: Some(source.created),
                        created_by,
                        comment,
                        empty_layer: false,
                    }
                }
                Step::Setting { created_by } => History {
                    created: Some(source.created),
                    created_by,
                    comment: String::new(),
                    empty_layer: true,
                },
            });
        }
        let config = ImageConfig {
            created: Some(source.created),
            author: source.author,
            architecture: source.platform.architecture.oci().to_owned(),
            os: "linux".to_owned(),
            variant: None,
            config: source.config,
            rootfs: RootFs::of(diff_ids),
            history,
        };
        let config_document = Document::new(media::CONFIG, to_json(&config));
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media::MANIFEST.to_owned()),
            artifact_type: None,
            config: config_document.descriptor.clone(),
            layers: layers.clone(),
            subject: None,
            annotations: source.annotations,
        };
        Self {
            platform: source.platform,
            config,
            config_document,
            manifest: Document::new(media::MANIFEST, to_json(&manifest)),
            layers,
        }
    }

    /// The descriptor of the manifest as an index lists it: with the platform.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            platform: Some(self.platform.into()),
            ..self.manifest.descriptor.clone()
        }
    }
}

/// The images of one name, each for another platform, in the order of their platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSet {
    images: Vec<Image>,
    index: Option<Document>,
}

impl ImageSet {
    /// Joins the images. Several get an index, which carries `annotations`; a single one is
    /// reached by its manifest, and `annotations` are not used.
    pub fn new(
        mut images: Vec<Image>,
        annotations: BTreeMap<String, String>,
    ) -> Result<Self, OciError> {
        images.sort_by_key(|image| image.platform);
        for pair in images.windows(2) {
            if pair[0].platform == pair[1].platform {
                return Err(OciError::DuplicatePlatform(pair[0].platform));
            }
        }
        let index = match images.len() {
            0 => return Err(OciError::NoImages),
            1 => None,
            _ => {
                let index = Index {
                    schema_version: 2,
                    media_type: Some(media::INDEX.to_owned()),
                    artifact_type: None,
                    manifests: images.iter().map(Image::descriptor).collect(),
                    subject: None,
                    annotations,
                };
                Some(Document::new(media::INDEX, to_json(&index)))
            }
        };
        Ok(Self { images, index })
    }

    /// Images and index as they were read.
    pub(super) fn from_parts(images: Vec<Image>, index: Option<Document>) -> Self {
        Self { images, index }
    }

    /// The images, at least one.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The index over the images, if there are several.
    pub fn index(&self) -> Option<&Document> {
        self.index.as_ref()
    }

    /// What a tag points at: the manifest of the only image, with its platform, or the index.
    pub fn top(&self) -> Descriptor {
        match &self.index {
            Some(index) => index.descriptor.clone(),
            None => self.images[0].descriptor(),
        }
    }

    /// Every document, each after those it points at: configurations, manifests, index.
    pub fn documents(&self) -> Vec<&Document> {
        let configs = self.images.iter().map(|image| &image.config_document);
        let manifests = self.images.iter().map(|image| &image.manifest);
        configs.chain(manifests).chain(&self.index).collect()
    }

    /// Every layer once, by digest.
    pub fn layers(&self) -> BTreeMap<Digest, &Descriptor> {
        let layers = self.images.iter().flat_map(|image| &image.layers);
        layers.map(|layer| (layer.digest, layer)).collect()
    }
}
