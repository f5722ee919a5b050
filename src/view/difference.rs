//! What has changed from one image to another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::digest::Digest;

use super::file::{File, Kind};
use super::{Layer, View};

/// A thing of both images that is not the same, of one of them, or of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// In the first image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// In the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The platform of the second image.
    pub platform: String,
    /// Packages by their versions.
    pub packages: Vec<Changed>,
    /// Files by what they are.
    pub files: Vec<Changed>,
    /// Settings of the configuration.
    pub config: Vec<Changed>,
    /// Bytes that a pull of each transfers.
    pub size: [u64; 2],
    /// Bytes of each when unpacked.
    pub unpacked: [u64; 2],
    /// The layers of the second image that who has the first one pulls, with their bytes.
    pub pull: Vec<(Digest, u64)>,
}

impl Difference {
    /// From `old` to `new`.
    pub fn between(old: &View, new: &View) -> Self {
        let versions = |view: &View| -> BTreeMap<String, String> {
            let installed = view.packages.installed.iter();
            installed
                .map(|(name, one)| (name.clone(), one.version.clone()))
                .collect()
        };
        let files = |view: &View| -> BTreeMap<String, String> {
            let files = view.files.iter();
            files
                .map(|(path, file)| (format!("/{path}"), words(file)))
                .collect()
        };
        let present: BTreeSet<Digest> = old.layers.iter().map(|layer| layer.digest).collect();
        let missing = |layer: &&Layer| !present.contains(&layer.digest);
        let pull = new.layers.iter().filter(missing);
        Self {
            platform: new.platform.clone(),
            packages: changed(versions(old), versions(new)),
            files: changed(files(old), files(new)),
            config: changed(settings(old), settings(new)),
            size: [old.size(), new.size()],
            unpacked: [old.unpacked(), new.unpacked()],
            pull: pull.map(|layer| (layer.digest, layer.size)).collect(),
        }
    }

    /// Whether nothing has.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.files.is_empty()
            && self.config.is_empty()
            && self.pull.is_empty()
    }

    /// Bytes that who has the first image pulls.
    pub fn pulled(&self) -> u64 {
        self.pull.iter().map(|(_, size)| size).sum()
    }
}

fn changed(old: BTreeMap<String, String>, mut new: BTreeMap<String, String>) -> Vec<Changed> {
    let mut found = Vec::new();
    for (name, from) in old {
        let to = new.remove(&name);
        if to.as_ref() != Some(&from) {
            let from = Some(from);
            found.push(Changed { name, from, to });
        }
    }
    let added = new.into_iter().map(|(name, to)| Changed {
        name,
        from: None,
        to: Some(to),
    });
    found.extend(added);
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// What a file is, without its date: what is generated is dated by its lock.
fn words(file: &File) -> String {
    let kind = match &file.kind {
        Kind::Directory => "directory".to_owned(),
        Kind::Regular { size, sha256, .. } => {
            format!("{size} bytes {}", &sha256.hex()[..12])
        }
        Kind::Link(target) => format!("-> {target}"),
        Kind::Special(what) => (*what).to_owned(),
    };
    let mut words = format!("{:04o} {}:{} {kind}", file.mode, file.uid, file.gid);
    for (name, value) in &file.attributes {
        words.push_str(&format!(" {name}={}", hex::encode(value)));
    }
    words
}

/// The configuration by the names of its settings, lists and labels apart.
fn settings(view: &View) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let object = |value: Value| match value {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    let config = object(serde_json::to_value(&view.config.config).unwrap_or_default());
    for (name, value) in config {
        match value {
            Value::Array(list) if name == "Env" => {
                for one in list.iter().filter_map(Value::as_str) {
                    let (key, value) = one.split_once('=').unwrap_or((one, ""));
                    found.insert(format!("Env.{key}"), value.to_owned());
                }
            }
            Value::Object(labels) if name == "Labels" => {
                for (key, value) in labels {
                    let text = value.as_str().unwrap_or_default().to_owned();
                    found.insert(format!("Labels.{key}"), text);
                }
            }
            other => {
                found.insert(name, other.to_string());
            }
        }
    }
    found
}
