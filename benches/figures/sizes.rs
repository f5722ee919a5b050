//! Sizes of images.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run;
use crate::table::Table;
use crate::workshop::{SUBJECTS, Workshop};

/// Layers as they are stored with either codec, and as a container sees them.
pub fn size(workshop: &Workshop, table: &mut Table<'_>) {
    for subject in SUBJECTS {
        let label = subject.label;
        workshop.prepare(subject.recipe);
        let cache = workshop.packages_cached();
        let mut unpacked = None;
        for codec in ["gzip", "zstd"] {
            let image = cache.path().join(codec);
            let mut build = workshop.build(subject, cache.path(), &image);
            run::timed(build.args(["--compression", codec]));
            let layers = layers(&image);
            let compressed = layers.iter().map(|layer| layer.len() as u64).sum();
            table.bytes(
                &format!("size-{label}-{codec}"),
                &format!("{label}, layers compressed with {codec}"),
                &[compressed],
                "sum of the manifest's layers",
            );
            if codec == "gzip" {
                unpacked = Some(layers.iter().map(|layer| gzip_length(layer)).sum());
            }
        }
        if let Some(unpacked) = unpacked {
            table.bytes(
                &format!("size-{label}-unpacked"),
                &format!("{label}, layers uncompressed"),
                &[unpacked],
                "lengths that the gzip members state",
            );
        }
    }
}

/// The layer blobs of the only platform of a layout.
fn layers(layout: &Path) -> Vec<Vec<u8>> {
    let json = |bytes: &[u8]| -> Value { serde_json::from_slice(bytes).expect("JSON") };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().expect("a digest");
        fs::read(layout.join("blobs").join(digest.replace(':', "/"))).expect("a blob")
    };
    let mut document = json(&fs::read(layout.join("index.json")).expect("an index"));
    while document.get("layers").is_none() {
        document = json(&blob(&document["manifests"][0]));
    }
    let layers = document["layers"].as_array().expect("layers");
    layers.iter().map(blob).collect()
}

/// The last four bytes of a member: its length uncompressed (RFC 1952, section 2.3.1). Each layer
/// is one member and smaller than 4 GiB.
fn gzip_length(layer: &[u8]) -> u64 {
    let (_, last) = layer.split_last_chunk::<4>().expect("a gzip member");
    u64::from(u32::from_le_bytes(*last))
}
