//! Images made up in memory.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read};

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::super::{Accepted, audit};
use crate::digest::Digest;
use crate::oci::{Descriptor, ForeignBlobs};
use crate::recipe::AuditRule;
use crate::view::{View, views};

/// An image in memory.
#[derive(Clone)]
pub struct Image {
    layers: Vec<Vec<Entry>>,
    config: Value,
}

#[derive(Clone)]
pub struct Entry {
    path: String,
    kind: EntryType,
    mode: u32,
    pub owner: u64,
    text: String,
    pub attributes: Vec<(String, Vec<u8>)>,
}

pub fn entry(path: &str, kind: EntryType, mode: u32, text: &str) -> Entry {
    Entry {
        path: path.to_owned(),
        kind,
        mode,
        owner: 0,
        text: text.to_owned(),
        attributes: Vec::new(),
    }
}

pub fn file(path: &str, mode: u32, text: &str) -> Entry {
    entry(path, EntryType::Regular, mode, text)
}

pub struct Memory(pub BTreeMap<Digest, Vec<u8>>);

impl ForeignBlobs for Memory {
    fn document(&self, digest: &Digest, _: bool) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.get(digest).ok_or("not there")?.clone())
    }

    fn layer(
        &self,
        layer: &Descriptor,
    ) -> Result<Box<dyn Read + '_>, Box<dyn Error + Send + Sync>> {
        let bytes = self.document(&layer.digest, false)?;
        Ok(Box::new(io::Cursor::new(bytes)))
    }
}

impl Image {
    /// Docker's daemon from a package, by the book.
    pub fn sound() -> Self {
        let status =
            "Package: docker.io\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n";
        let daemon = json!({
            "icc": false, "no-new-privileges": true, "userns-remap": "default",
            "userland-proxy": false, "log-driver": "local",
            "default-ulimits": { "nofile": { "Name": "nofile", "Soft": 1, "Hard": 1 } },
        });
        let dockerd = hex::encode(<md5::Md5 as md5::Digest>::digest(b"program"));
        let layer = vec![
            entry("usr", EntryType::Directory, 0o755, ""),
            entry("usr/bin", EntryType::Directory, 0o755, ""),
            entry("tmp", EntryType::Directory, 0o1777, ""),
            file("usr/bin/dockerd", 0o755, "program"),
            file(
                "etc/passwd",
                0o644,
                "root:x:0:0:root:/root:/bin/sh\nsvc:x:100:100::/:/usr/sbin/nologin\n",
            ),
            file("etc/shadow", 0o640, "root:*:1::::::\nsvc:!:1::::::\n"),
            file("etc/group", 0o644, "root:x:0:\nsvc:x:100:\nadm::4:\n"),
            file("etc/machine-id", 0o444, ""),
            file("etc/docker/daemon.json", 0o644, &daemon.to_string()),
            file("var/lib/dpkg/status", 0o644, status),
            file(
                "var/lib/dpkg/info/docker.io.list",
                0o644,
                "/.\n/usr\n/usr/bin\n/usr/bin/dockerd\n",
            ),
            file(
                "var/lib/dpkg/info/docker.io.md5sums",
                0o644,
                &format!("{dockerd}  usr/bin/dockerd\n"),
            ),
        ];
        let config = json!({
            "User": "svc",
            "Env": ["PATH=/usr/bin", "DOCKER_TLS_CERTDIR=/certs"],
            "ExposedPorts": { "2376/tcp": {} },
            "Healthcheck": { "Test": ["CMD", "dindctl", "health"] },
        });
        Self {
            layers: vec![layer],
            config,
        }
    }

    /// The same with an entry in place of the one of its path, or added.
    pub fn with(mut self, new: Entry) -> Self {
        for layer in &mut self.layers {
            layer.retain(|one| one.path != new.path);
        }
        self.layers[0].push(new);
        self
    }

    pub fn over(mut self, layer: Vec<Entry>) -> Self {
        self.layers.push(layer);
        self
    }

    pub fn setting(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    /// The daemon's configuration with this key.
    pub fn daemon(self, key: &str, value: Value) -> Self {
        let path = "etc/docker/daemon.json";
        let old = self.layers[0].iter().find(|one| one.path == path);
        let mut daemon: Value = serde_json::from_str(&old.expect("there").text).expect("JSON");
        daemon[key] = value;
        self.with(file(path, 0o644, &daemon.to_string()))
    }

    pub fn view(&self) -> View {
        let mut blobs = BTreeMap::new();
        let mut put = |bytes: Vec<u8>| {
            let (digest, size) = (Digest::of(&bytes), bytes.len());
            blobs.insert(digest, bytes);
            (digest, size)
        };
        let mut layers = Vec::new();
        let mut diffs = Vec::new();
        for layer in &self.layers {
            let mut archive = Builder::new(Vec::new());
            for one in layer {
                let pairs = one.attributes.iter();
                let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_slice()));
                archive.append_pax_extensions(pairs).expect("memory");
                let mut header = Header::new_ustar();
                header.set_entry_type(one.kind);
                header.set_mode(one.mode);
                header.set_uid(one.owner);
                header.set_gid(0);
                header.set_mtime(0);
                let link = one.kind == EntryType::Link || one.kind == EntryType::Symlink;
                let content = if link { "" } else { &one.text };
                header.set_size(content.len() as u64);
                match link {
                    true => archive.append_link(&mut header, &one.path, &one.text),
                    false => archive.append_data(&mut header, &one.path, content.as_bytes()),
                }
                .expect("memory");
            }
            let (digest, size) = put(archive.into_inner().expect("memory"));
            diffs.push(digest);
            layers.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size,
            }));
        }
        let config = json!({
            "os": "linux", "architecture": "amd64", "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diffs },
            "history": self.config["History"].as_array().cloned().unwrap_or_default(),
        });
        let (config, size) = put(config.to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config, "size": size,
            },
            "layers": layers,
        });
        let (top, _) = put(manifest.to_string().into_bytes());
        views(&Memory(blobs), &top, &[])
            .expect("an image")
            .remove(0)
    }

    /// The rules that find something, with their messages.
    pub fn found(&self) -> Vec<(AuditRule, String)> {
        let audited = audit(&self.view(), &Accepted::usual(), &[]);
        let findings = audited.findings.into_iter();
        findings.map(|one| (one.rule, one.message)).collect()
    }
}
