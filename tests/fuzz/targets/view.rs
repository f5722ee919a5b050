//! A layer of somebody else's image, with the databases of packages that may be in it.
#![no_main]

use std::error::Error;
use std::io::{Cursor, Read};

use dindimg::digest::Digest;
use dindimg::oci::{Descriptor, ForeignBlobs};
use dindimg::view::views;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// Blobs by their digests.
struct Memory(Vec<(Digest, Vec<u8>)>);

impl Memory {
    fn get(&self, digest: &Digest) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        let found = self.0.iter().find(|(known, _)| known == digest);
        Ok(found.ok_or("not there")?.1.clone())
    }
}

impl ForeignBlobs for Memory {
    fn document(&self, digest: &Digest, _: bool) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        self.get(digest)
    }

    fn layer(
        &self,
        layer: &Descriptor,
    ) -> Result<Box<dyn Read + '_>, Box<dyn Error + Send + Sync>> {
        Ok(Box::new(Cursor::new(self.get(&layer.digest)?)))
    }
}

fuzz_target!(|data: &[u8]| {
    let layer = Digest::of(data);
    let config = json!({ "os": "linux", "architecture": "amd64",
        "rootfs": { "type": "layers", "diff_ids": [layer] } })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "config": { "mediaType": "c", "digest": Digest::of(&config), "size": config.len() },
        "layers": [{ "mediaType": "l", "digest": layer, "size": data.len() }],
    })
    .to_string();
    let top = Digest::of(&manifest);
    let blobs = Memory(vec![
        (layer, data.to_vec()),
        (Digest::of(&config), config.into_bytes()),
        (top, manifest.into_bytes()),
    ]);
    for view in views(&blobs, &top, &[]).unwrap_or_default() {
        for path in view.files.keys() {
            // Nothing is found outside of the root.
            assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."));
        }
    }
});
