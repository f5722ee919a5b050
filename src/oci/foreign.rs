//! Images that other programs made, taken by digest into an archive for `docker load` of every
//! version. Docker's media types are read like those of OCI (image-spec, media-types.md,
//! "Compatibility Matrix").

use std::error::Error;
use std::io::{self, Read, Seek as _, Write};

use serde::Deserialize;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::digest::{Digest, Hashing};
use crate::platform::Platform;

use super::blobs::BlobSource as _;
use super::read::Layout;
use super::spec::{Descriptor, Index, Manifest, to_json};

/// Largest manifest, index or configuration, in bytes: what registries accept at least
/// (distribution-spec, "Pushing Manifests").
pub const DOCUMENT_LIMIT: u64 = 4 << 20;
/// Deepest nesting of indexes followed.
const DEPTH_LIMIT: usize = 4;
/// The first bytes of a zstd frame (RFC 8878, 3.1.1), which Docker before 23 does not read.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why an image cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// It cannot be read from where it is.
    #[error("{digest} cannot be read: {source}")]
    Read {
        /// What was asked for.
        digest: Digest,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// What is there has another digest.
    #[error("what stands for {expected} is {found}")]
    Altered {
        /// What was asked for.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// It is no image that an engine could run.
    #[error("{digest} {reason}")]
    Unfit {
        /// The document.
        digest: Digest,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive cannot be written.
    #[error("its archive cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Where documents and layers are, by digest. What is read is verified by who reads it.
pub trait ForeignBlobs {
    /// A manifest, an index or a configuration; `manifest` is whether it is one of the first two.
    fn document(
        &self,
        digest: &Digest,
        manifest: bool,
    ) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

    /// A layer, from its start.
    fn layer(&self, layer: &Descriptor)
    -> Result<Box<dyn Read + '_>, Box<dyn Error + Send + Sync>>;
}

impl ForeignBlobs for Layout {
    fn document(&self, digest: &Digest, _: bool) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        let mut bytes = Vec::new();
        let mut blob = self.open(digest)?.take(DOCUMENT_LIMIT + 1);
        blob.read_to_end(&mut bytes)?;
        match bytes.len() as u64 > DOCUMENT_LIMIT {
            true => Err(format!("it has more than {DOCUMENT_LIMIT} bytes").into()),
            false => Ok(bytes),
        }
    }

    fn layer(
        &self,
        layer: &Descriptor,
    ) -> Result<Box<dyn Read + '_>, Box<dyn Error + Send + Sync>> {
        Ok(self.open(&layer.digest)?)
    }
}

/// What a configuration has to say.
#[derive(Deserialize)]
struct Config {
    os: String,
    architecture: String,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

/// Writes the image for `platform` that `top` leads to, called `name`, as `docker save` does.
///
/// # Errors
/// See [`ForeignError`]; what is written by then is no archive.
pub fn write_foreign(
    blobs: &dyn ForeignBlobs,
    top: &Digest,
    platform: Platform,
    name: &str,
    out: impl Write,
) -> Result<(), ForeignError> {
    let manifest = manifest(blobs, top, platform, DEPTH_LIMIT)?;
    let of = &manifest.config.digest;
    let bytes = read_document(blobs, of, false)?;
    let config: Config = read_json(of, &bytes)?;
    if (config.os.as_str(), config.architecture.as_str()) != ("linux", platform.architecture.oci())
    {
        let reason = format!(
            "is for {}/{}, not {platform}",
            config.os, config.architecture
        );
        return Err(unfit(of, reason));
    }
    if config.rootfs.diff_ids.len() != manifest.layers.len() {
        let reason = "and its manifest have different numbers of layers".to_owned();
        return Err(unfit(of, reason));
    }
    let mut archive = Builder::new(out);
    let config_name = format!("{}.json", of.hex());
    append(
        &mut archive,
        &config_name,
        bytes.len() as u64,
        bytes.as_slice(),
    )?;
    let mut names = Vec::new();
    for layer in &manifest.layers {
        let name = format!("{}.layer", layer.digest.hex());
        if !names.contains(&name) {
            append_layer(blobs, &mut archive, &name, layer)?;
        }
        names.push(name);
    }
    let list = json!([{ "Config": config_name, "RepoTags": [name], "Layers": names }]);
    let list = to_json(&list);
    append(
        &mut archive,
        "manifest.json",
        list.len() as u64,
        list.as_slice(),
    )?;
    archive.into_inner()?.flush()?;
    Ok(())
}

/// The manifest for a platform that `top` leads to, through indexes.
fn manifest(
    blobs: &dyn ForeignBlobs,
    top: &Digest,
    platform: Platform,
    depth: usize,
) -> Result<Manifest, ForeignError> {
    let bytes = read_document(blobs, top, true)?;
    let value: Value = read_json(top, &bytes)?;
    if value.get("manifests").is_none() {
        return read_json(top, &bytes);
    }
    if depth == 0 {
        return Err(unfit(top, "is an index too deep within others".to_owned()));
    }
    let index: Index = read_json(top, &bytes)?;
    let suits = |entry: &&Descriptor| {
        entry
            .platform
            .as_ref()
            .is_some_and(|one| one.os == "linux" && one.architecture == platform.architecture.oci())
    };
    match index.manifests.iter().find(suits) {
        Some(entry) => manifest(blobs, &entry.digest, platform, depth - 1),
        None => Err(unfit(top, format!("has no image for {platform}"))),
    }
}

/// A document as it is, verified.
///
/// # Errors
/// When it cannot be read, or has another digest.
pub fn read_document(
    blobs: &dyn ForeignBlobs,
    digest: &Digest,
    manifest: bool,
) -> Result<Vec<u8>, ForeignError> {
    let read = blobs.document(digest, manifest);
    let bytes = read.map_err(|source| ForeignError::Read {
        digest: *digest,
        source,
    })?;
    same(digest, Digest::of(&bytes))?;
    Ok(bytes)
}

fn same(expected: &Digest, found: Digest) -> Result<(), ForeignError> {
    match *expected == found {
        true => Ok(()),
        false => Err(ForeignError::Altered {
            expected: *expected,
            found,
        }),
    }
}

/// What a document of JSON says.
///
/// # Errors
/// [`ForeignError::Unfit`] when it is no such document.
pub fn read_json<T: serde::de::DeserializeOwned>(
    of: &Digest,
    bytes: &[u8],
) -> Result<T, ForeignError> {
    serde_json::from_slice(bytes)
        .map_err(|error| unfit(of, format!("is no document of an image: {error}")))
}

fn unfit(digest: &Digest, reason: String) -> ForeignError {
    ForeignError::Unfit {
        digest: *digest,
        reason,
    }
}

/// Adds a layer as it is, whose compression `docker load` finds out; one of zstd unpacked.
fn append_layer(
    blobs: &dyn ForeignBlobs,
    archive: &mut Builder<impl Write>,
    name: &str,
    layer: &Descriptor,
) -> Result<(), ForeignError> {
    let read = |source: Box<dyn Error + Send + Sync>| ForeignError::Read {
        digest: layer.digest,
        source,
    };
    let mut opened = blobs.layer(layer).map_err(read)?;
    let mut start = Vec::new();
    opened
        .by_ref()
        .take(ZSTD.len() as u64)
        .read_to_end(&mut start)
        .map_err(|error| read(error.into()))?;
    let unpacked = start == ZSTD;
    let mut content = Hashing::new(io::Cursor::new(start).chain(opened).take(layer.size));
    if unpacked {
        // Its size has to stand before it.
        let mut file = tempfile::tempfile()?;
        let damaged =
            |error: io::Error| unfit(&layer.digest, format!("cannot be unpacked: {error}"));
        let mut decoder = zstd::Decoder::new(&mut content).map_err(damaged)?;
        io::copy(&mut decoder, &mut file).map_err(damaged)?;
        let size = file.stream_position()?;
        file.rewind()?;
        append(archive, name, size, file)?;
    } else {
        append(archive, name, layer.size, &mut content)?;
    }
    let (_, found, size) = content.finish();
    if size != layer.size {
        let reason = format!("has {size} bytes, {} are expected", layer.size);
        return Err(unfit(&layer.digest, reason));
    }
    same(&layer.digest, found)
}

/// Adds a file whose header says nothing of the machine or the time.
fn append(
    archive: &mut Builder<impl Write>,
    name: &str,
    size: u64,
    content: impl Read,
) -> Result<(), ForeignError> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    Ok(archive.append_data(&mut header, name, content)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Blobs in memory.
    #[derive(Default)]
    struct Memory(BTreeMap<Digest, Vec<u8>>);

    impl Memory {
        fn put(&mut self, bytes: Vec<u8>) -> Descriptor {
            let descriptor = Descriptor::of("application/octet-stream", &bytes);
            self.0.insert(descriptor.digest, bytes);
            descriptor
        }

        fn put_json(&mut self, value: &Value) -> Descriptor {
            self.put(value.to_string().into_bytes())
        }

        /// An image with one layer, and the digest of its manifest.
        fn image(&mut self, architecture: &str, layer: Vec<u8>) -> Digest {
            let diff = Digest::of(b"tar");
            let layer = self.put(layer);
            let config = json!({"os": "linux", "architecture": architecture,
                "rootfs": {"type": "layers", "diff_ids": [diff]}});
            let config = self.put_json(&config);
            let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
            self.put_json(&manifest).digest
        }

        fn get(&self, digest: &Digest) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
            Ok(self.0.get(digest).ok_or("not there")?.clone())
        }
    }

    impl ForeignBlobs for Memory {
        fn document(
            &self,
            digest: &Digest,
            _: bool,
        ) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
            self.get(digest)
        }

        fn layer(
            &self,
            layer: &Descriptor,
        ) -> Result<Box<dyn Read + '_>, Box<dyn Error + Send + Sync>> {
            Ok(Box::new(io::Cursor::new(self.get(&layer.digest)?)))
        }
    }

    const NAME: &str = "example.com/app:1";

    fn platform() -> Platform {
        "linux/arm64".parse().expect("a platform")
    }

    fn written(blobs: &Memory, top: &Digest) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let mut bytes = Vec::new();
        write_foreign(blobs, top, platform(), NAME, &mut bytes)
            .map_err(|error| error.to_string())?;
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().expect("an archive").map(|entry| {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a name").display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            (name, content)
        });
        Ok(entries.collect())
    }

    #[test]
    fn the_platforms_image_is_found_below_an_index_of_either_kind_and_named() {
        let mut blobs = Memory::default();
        let arm = blobs.image("arm64", b"layer".to_vec());
        let amd = blobs.image("amd64", b"other".to_vec());
        let entry = |digest: &Digest, architecture: &str| {
            json!({"mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "digest": digest, "size": 1, "platform": {"os": "linux", "architecture": architecture}})
        };
        let index = json!({"schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
            "manifests": [entry(&amd, "amd64"), entry(&arm, "arm64")]});
        let top = blobs.put_json(&index).digest;
        let files = written(&blobs, &top).expect("an archive");
        let list: Value = serde_json::from_slice(&files["manifest.json"]).expect("a list");
        assert_eq!(list[0]["RepoTags"][0], NAME);
        let layer = list[0]["Layers"][0].as_str().expect("a layer");
        assert_eq!(files[layer], b"layer");
        assert_eq!(files, written(&blobs, &arm).expect("the image by itself"));
        assert!(
            written(&blobs, &amd)
                .expect_err("another platform")
                .contains("is for linux/amd64")
        );
        let index = json!({"schemaVersion": 2, "manifests": [entry(&amd, "amd64")]});
        let top = blobs.put_json(&index).digest;
        assert!(
            written(&blobs, &top)
                .expect_err("no image")
                .contains("has no image for linux/arm64")
        );
    }

    #[test]
    fn a_layer_of_zstd_is_unpacked_for_engines_that_do_not_know_it() {
        let mut blobs = Memory::default();
        let packed = zstd::encode_all(&b"a tar"[..], 3).expect("packed");
        let top = blobs.image("arm64", packed);
        let files = written(&blobs, &top).expect("an archive");
        assert!(files.values().any(|content| content == b"a tar"));
    }

    #[test]
    fn other_content_than_the_digest_says_is_refused_wherever_it_is() {
        let mut whole = Memory::default();
        let top = whole.image("arm64", b"layer".to_vec());
        for digest in whole.0.keys() {
            let mut blobs = Memory(whole.0.clone());
            blobs.0.get_mut(digest).expect("there")[0] ^= 1;
            let error = written(&blobs, &top).expect_err("altered");
            assert!(error.contains("what stands for"), "{error}");
        }
        for digest in whole.0.keys() {
            let mut blobs = Memory(whole.0.clone());
            let bytes = blobs.0.get_mut(digest).expect("there");
            bytes.pop();
            assert!(written(&blobs, &top).is_err(), "{digest} cut off");
            blobs.0.remove(digest);
            assert!(
                written(&blobs, &top)
                    .expect_err("gone")
                    .contains("not there")
            );
        }
    }
}
