//! A small image for two platforms, made up on the spot, with layers that any reader can unpack.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use dindimg::digest::Digest;
use dindimg::registry::{BlobFile, Document, Push, Root};
use serde_json::{Value, json};

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Writes three layers of about `size` bytes each below `dir`; the platforms share the first. Blobs:
/// three layers, two configurations. Documents: two manifests, one index.
pub fn image(dir: &Path, size: usize, repository: &str, tags: &[&str]) -> Push {
    let mut push = Push {
        repository: repository.parse().expect("repository"),
        tags: tags.iter().map(|tag| tag.parse().expect("tag")).collect(),
        root: Root {
            digest: Digest::of(b""),
            media_type: INDEX.to_owned(),
            size: 0,
        },
        documents: BTreeMap::new(),
        blobs: Vec::new(),
        mount_from: Vec::new(),
        origin: None,
    };
    let shared = layer(&mut push, dir, "shared", size);
    let manifests: Vec<Value> = ["amd64", "arm64"]
        .map(|architecture| {
            let own = layer(&mut push, dir, architecture, size);
            let config = json!({
                "architecture": architecture,
                "os": "linux",
                "rootfs": { "type": "layers", "diff_ids": [shared.1, own.1] },
            });
            let config = document(&mut push, CONFIG, &config);
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [shared.0, own.0],
            });
            let mut link = document(&mut push, MANIFEST, &manifest);
            link["platform"] = json!({ "architecture": architecture, "os": "linux" });
            link
        })
        .into();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let index = document(&mut push, INDEX, &index);
    push.root.digest = serde_json::from_value(index["digest"].clone()).expect("a digest");
    push.root.size = index["size"].as_u64().expect("a size");
    push
}

/// The bytes that `push` tags.
pub fn root_bytes(push: &Push) -> &[u8] {
    &push.documents[&push.root.digest].bytes
}

fn document(push: &mut Push, media_type: &str, content: &Value) -> Value {
    let bytes = content.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    let link = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
    let media_type = media_type.to_owned();
    push.documents
        .insert(digest, Document { media_type, bytes });
    link
}

/// A layer's descriptor and the digest of its content before compression.
fn layer(push: &mut Push, dir: &Path, name: &str, size: usize) -> (Value, Digest) {
    let mut archive = tar::Builder::new(Vec::new());
    let content = noise(name, size);
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive
        .append_data(&mut header, format!("usr/share/{name}"), content.as_slice())
        .expect("tar in memory");
    let plain = archive.into_inner().expect("tar in memory");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("gzip in memory");
    let packed = gzip.finish().expect("gzip in memory");
    let (digest, size) = (Digest::of(&packed), packed.len() as u64);
    let path = dir.join(name);
    // Writable, for the test of a file that changes while it is pushed.
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .expect("layer made");
    file.write_all(&packed).expect("layer written");
    push.blobs.push(BlobFile {
        digest,
        size,
        media_type: LAYER.to_owned(),
        file: std::sync::Arc::new(file),
    });
    let link = json!({ "mediaType": LAYER, "digest": digest, "size": size });
    (link, Digest::of(&plain))
}

/// Bytes that do not compress, the same for the same name.
fn noise(name: &str, size: usize) -> Vec<u8> {
    (0u64..)
        .flat_map(|i| hex::decode(Digest::of(format!("{name}{i}")).hex()).expect("hex"))
        .take(size)
        .collect()
}
