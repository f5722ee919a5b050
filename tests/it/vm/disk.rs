//! The disk of a lab machine: the data directory of a Docker daemon that has the image under test.
//!
//! The image's layers serve twice: as the image that containers are made of, and, put over each
//! other, as the root file system of the machine itself.

use std::fs;
use std::path::PathBuf;

use dindimg::digest::Digest;
use serde_json::{Value, json};

use crate::engines;
use crate::images::built_image;
use crate::peers::{require, run};
use crate::product::kept;

/// What the image is called on the disk.
const IMAGE: &str = "dindimg-lab/dind";

/// An ext4 with a data directory.
pub struct Disk {
    /// The file.
    pub path: PathBuf,
    /// The directories of the layers below the data directory, top layer first.
    pub layers: Vec<String>,
}

impl Disk {
    /// The disk of a shipped recipe's image, made again whenever that has changed.
    pub fn of(image: &str) -> Self {
        let archive = built_image(image);
        let digest = Digest::of(fs::read(&archive).expect("a built image"));
        let path = kept("vm").join(format!("{image}.ext4"));
        let record = path.with_extension("json");
        let made: Option<Value> = fs::read(&record)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(made) = made
            && made["archive"] == json!(digest)
        {
            let layers = serde_json::from_value(made["layers"].clone()).expect("a list");
            return Self { path, layers };
        }
        let _ = fs::remove_file(&record);

        let engine = engines::docker_fresh();
        engine.run(&["tag", &engine.load(&archive), IMAGE]);
        let layers = engine.run(&[
            "image",
            "inspect",
            "--format",
            "{{.GraphDriver.Data.UpperDir}}:{{.GraphDriver.Data.LowerDir}}",
            IMAGE,
        ]);
        let data = engine.data();
        let below = |layer: &str| {
            let layer = layer.strip_prefix(data.to_str().expect("UTF-8"));
            layer.expect("below the data directory").to_owned()
        };
        let layers: Vec<String> = layers.split(':').map(below).collect();
        // A journal would only slow down a file system that no one looks at after a crash.
        run(
            &require(&["mkfs.ext4"], "e2fsprogs").expect("mkfs.ext4"),
            &[
                "-q".as_ref(),
                "-F".as_ref(),
                "-O".as_ref(),
                "^has_journal".as_ref(),
                "-d".as_ref(),
                data.as_os_str(),
                path.as_os_str(),
                "6G".as_ref(),
            ],
        );
        let made = json!({ "archive": digest, "layers": layers });
        fs::write(&record, made.to_string()).expect("record of the disk");
        Self { path, layers }
    }
}
