//! An image as the store of a Docker daemon has it: `image/overlay2` and `overlay2` of a data
//! directory, in the form that Docker has had since 1.10.
//!
//! So a machine's daemon has the image from its first moment. Loading it there takes two minutes,
//! most of it digests of what has been digested here.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::image::Image;
use crate::digest::Digest;

/// Files of a data directory by path.
pub(super) type Store = BTreeMap<String, Vec<u8>>;

/// The name of a layer below `overlay2`, whose directory `diff` is its tree.
pub(super) fn directory(layer: usize) -> String {
    format!("lab-{layer}")
}

/// The names and ids that the daemon knows the image by: its tags, or without one its id.
pub(super) fn names(image: &Image) -> Vec<String> {
    if image.tags.is_empty() {
        return vec![Digest::of(&image.config).to_string()];
    }
    image.tags.clone()
}

/// Everything of the store but the trees and the links to them.
pub(super) fn store(image: &Image) -> Store {
    let id = Digest::of(&image.config);
    let mut files = Store::new();
    let mut add = |path: String, content: String| {
        files.insert(path, content.into_bytes());
    };
    let mut parent: Option<Digest> = None;
    for (number, layer) in image.layers.iter().enumerate() {
        let chain = match parent {
            None => layer.diff_id,
            Some(parent) => Digest::of(format!("{parent} {}", layer.diff_id)),
        };
        let record = |name: &str| format!("image/overlay2/layerdb/sha256/{}/{name}", chain.hex());
        add(record("diff"), layer.diff_id.to_string());
        add(record("cache-id"), directory(number));
        add(record("size"), layer.length.to_string());
        if let Some(parent) = parent {
            add(record("parent"), parent.to_string());
        }
        let of = |name: &str| format!("overlay2/{}/{name}", directory(number));
        add(of("link"), link(number));
        add(of("committed"), String::new());
        if number > 0 {
            let lower = (0..number).rev().map(|lower| format!("l/{}", link(lower)));
            add(of("lower"), lower.collect::<Vec<_>>().join(":"));
        }
        parent = Some(chain);
    }
    add(
        "image/overlay2/repositories.json".to_owned(),
        repositories(&image.tags, &id).to_string(),
    );
    let content = format!("image/overlay2/imagedb/content/sha256/{}", id.hex());
    files.insert(content, image.config.clone());
    files
}

/// The short name of a layer, below `overlay2/l`.
pub(super) fn link(layer: usize) -> String {
    format!("LAB{layer}")
}

/// Which names an image has: by repository, then by reference.
fn repositories(tags: &[String], id: &Digest) -> serde_json::Value {
    let mut repositories: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for tag in tags {
        let name = Path::new(tag).file_name().unwrap_or_default().len();
        // A colon before the last slash is of a port.
        let start = tag.len() - name;
        let end = tag[start..].rfind(':').map_or(tag.len(), |at| start + at);
        let names = repositories.entry(&tag[..end]).or_default();
        names.insert(tag, id.to_string());
    }
    json!({ "Repositories": repositories })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_at_its_tag_and_not_at_a_port() {
        let id = Digest::of("x");
        let tags = ["r.example:5000/a/b:1", "r.example:5000/a/b:2", "c:3"].map(str::to_owned);
        let value = repositories(&tags, &id);
        let repositories = value["Repositories"].as_object().expect("an object");
        let names: Vec<&String> = repositories.keys().collect();
        assert_eq!(names, ["c", "r.example:5000/a/b"]);
        assert_eq!(repositories["c"]["c:3"], id.to_string());
        assert_eq!(
            repositories["r.example:5000/a/b"]
                .as_object()
                .map(serde_json::Map::len),
            Some(2)
        );
    }
}
