//! Image layouts in archives: as they are, and with the parts of the input as the documents of a
//! layout whose digests are right; the label by which images say what they are.
#![no_main]

use std::fs;
use std::path::Path;

use dindimg::digest::Digest;
use dindimg::guest::Contract;
use dindimg::oci::Layout;
use dindimg_fuzz::{parts, scratch};
use libfuzzer_sys::fuzz_target;

fn read(path: &Path) {
    let Ok(layout) = Layout::open(path) else {
        return;
    };
    for name in [None, Some("x")] {
        if let Ok(top) = layout.find(name) {
            let _ = layout.image_set(top);
        }
    }
    for (_, entry) in layout.entries() {
        let _ = layout.image_set(entry);
    }
}

fuzz_target!(|data: &[u8]| {
    let _ = serde_json::from_slice::<Contract>(data);
    let directory = tempfile::tempdir_in(scratch()).expect("a temporary directory");
    let archive = directory.path().join("archive.tar");
    fs::write(&archive, data).expect("written");
    read(&archive);

    let [index, manifest, config] = parts(data);
    let blobs = directory.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("made");
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).expect("written");
        digest.to_string()
    };
    // The input names documents by a letter, since it cannot know their digests.
    let config = put(config);
    let named = |text: &[u8], letter: &str, digest: &str| {
        String::from_utf8_lossy(text)
            .replace(letter, digest)
            .into_bytes()
    };
    let manifest = put(&named(manifest, "@c", &config));
    fs::write(
        directory.path().join("index.json"),
        named(index, "@m", &manifest),
    )
    .expect("written");
    fs::write(
        directory.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .expect("written");
    read(directory.path());
});
