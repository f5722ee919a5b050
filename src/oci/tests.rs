//! What is written can be read back, is the same every time, and replaces nothing it should not.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::layer::{LayerInput, LayerOptions, Segment, write_layer};
use crate::platform::{Architecture, Platform};
use crate::progress::Silent;
use crate::tree::{Kind, Meta, Node, TreePath};

/// A scratch directory with the blobs of some images.
struct Scratch {
    directory: TempDir,
    blobs: BlobFiles,
}

impl Scratch {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("kept")).expect("created");
        Self {
            directory,
            blobs: BlobFiles::new(),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn image(&mut self, architecture: Architecture, content: &str, compression: &str) -> Image {
        let node = Node {
            kind: Kind::File(content.into()),
            meta: Meta::root(0o644, 0),
        };
        let input = LayerInput {
            name: "base".to_owned(),
            segments: vec![Segment {
                key: None,
                entries: vec![(TreePath::parse("etc/content").expect("valid"), node)],
            }],
        };
        let options = LayerOptions {
            compression: compression.parse().expect("valid"),
            jobs: 1,
            store: None,
            reporter: &Silent,
        };
        let mut blob = Vec::new();
        let layer = write_layer(&input, &options, &mut blob).expect("written");
        let path = self.path("kept").join(layer.digest.hex());
        fs::write(&path, blob).expect("written");
        self.blobs.insert(layer.digest, path);
        Image::new(ImageSource {
            platform: Platform { architecture },
            created: Epoch::default(),
            author: None,
            config: ContainerConfig::default(),
            steps: vec![
                Step::Layer {
                    layer,
                    created_by: "base".to_owned(),
                    comment: String::new(),
                },
                Step::Setting {
                    created_by: "CMD []".to_owned(),
                },
            ],
            annotations: BTreeMap::new(),
        })
    }

    fn one(&mut self, content: &str) -> ImageSet {
        let image = self.image(Architecture::Amd64, content, "gzip");
        ImageSet::new(vec![image], BTreeMap::new()).expect("an image")
    }

    fn two(&mut self) -> ImageSet {
        let images = vec![
            self.image(Architecture::Arm64, "arm", "gzip"),
            self.image(Architecture::Amd64, "amd", "zstd"),
        ];
        ImageSet::new(images, BTreeMap::new()).expect("images")
    }

    fn write(&self, target: &str, set: &ImageSet, tags: &[&str]) -> Result<(), OciError> {
        let (kind, name) = target.split_once(':').expect("kind:name");
        let target = match kind {
            "oci" => Target::Layout(self.path(name)),
            "oci-archive" => Target::Archive(self.path(name)),
            _ => Target::DockerArchive(self.path(name)),
        };
        let names = Names {
            repository: Some("localhost/dind".to_owned()),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        };
        target.write(set, &names, &self.blobs, &Silent)
    }

    fn files(&self, layout: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut pending = vec![self.path(layout)];
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(&directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    pending.push(path);
                } else {
                    let name = path.strip_prefix(self.path(layout)).expect("below");
                    let bytes = fs::read(&path).expect("readable");
                    files.insert(name.display().to_string(), bytes);
                }
            }
        }
        files
    }
}

fn read(path: &Path, name: Option<&str>) -> Result<ImageSet, OciError> {
    let layout = Layout::open(path)?;
    layout.image_set(layout.find(name)?)
}

#[test]
fn layouts_and_archives_read_back_as_written() {
    let mut scratch = Scratch::new();
    for set in [scratch.one("x"), scratch.two()] {
        scratch.write("oci:l", &set, &["a", "b"]).expect("written");
        scratch
            .write("oci-archive:l.tar", &set, &["a", "b"])
            .expect("written");
        for place in ["l", "l.tar"] {
            for name in [None, Some("a"), Some("b")] {
                assert_eq!(read(&scratch.path(place), name).expect("reads"), set);
            }
        }
    }
}

#[test]
fn equal_images_are_equal_files() {
    let mut scratch = Scratch::new();
    let set = scratch.two();
    for n in ["1", "2"] {
        scratch
            .write(&format!("oci:{n}"), &set, &["t"])
            .expect("written");
        scratch
            .write(&format!("oci-archive:{n}.tar"), &set, &["t"])
            .expect("written");
    }
    assert_eq!(scratch.files("1"), scratch.files("2"));
    let archive = |name| fs::read(scratch.path(name)).expect("readable");
    assert_eq!(archive("1.tar"), archive("2.tar"));
    let before = scratch.files("1");
    scratch.write("oci:1", &set, &["t"]).expect("written again");
    assert_eq!(scratch.files("1"), before);
}

#[test]
fn one_platform_is_a_manifest_and_several_an_index() {
    let mut scratch = Scratch::new();
    let one = scratch.one("x");
    assert_eq!(one.top().media_type, media::MANIFEST);
    assert!(one.top().platform.is_some());
    let two = scratch.two();
    assert_eq!(two.top().media_type, media::INDEX);
    let platforms: Vec<_> = two.images().iter().map(|image| image.platform).collect();
    assert!(platforms.is_sorted());
    let twice = vec![one.images()[0].clone(), one.images()[0].clone()];
    assert!(matches!(
        ImageSet::new(twice, BTreeMap::new()),
        Err(OciError::DuplicatePlatform(_))
    ));
    assert!(matches!(
        ImageSet::new(Vec::new(), BTreeMap::new()),
        Err(OciError::NoImages)
    ));
}

#[test]
fn a_name_is_replaced_and_others_are_kept() {
    let mut scratch = Scratch::new();
    let (old, other, new) = (scratch.one("old"), scratch.one("other"), scratch.one("new"));
    scratch.write("oci:l", &old, &["t"]).expect("written");
    scratch.write("oci:l", &other, &["o"]).expect("written");
    let index = scratch.path("l/index.json");
    let mut edited: Value =
        serde_json::from_slice(&fs::read(&index).expect("readable")).expect("JSON");
    edited["manifests"][1]["urls"] = serde_json::json!(["https://example.com/"]);
    fs::write(&index, edited.to_string()).expect("written");

    scratch.write("oci:l", &new, &["t"]).expect("written");
    assert_eq!(read(&scratch.path("l"), Some("t")).expect("reads"), new);
    assert_eq!(read(&scratch.path("l"), Some("o")).expect("reads"), other);
    let text = fs::read_to_string(&index).expect("readable");
    assert!(text.contains("https://example.com/"), "{text}");
    let error = read(&scratch.path("l"), None).expect_err("two images");
    assert!(error.to_string().contains("name one of o, t"), "{error}");
    let error = read(&scratch.path("l"), Some("z")).expect_err("not there");
    assert!(error.to_string().contains("it has o, t"), "{error}");
}

#[test]
fn blobs_of_a_replaced_image_go_and_shared_ones_stay() {
    let mut scratch = Scratch::new();
    let (old, shared, new) = (scratch.one("old"), scratch.one("old"), scratch.one("new"));
    let blob = |set: &ImageSet| {
        let digest = set.images()[0].layers[0].digest;
        scratch.path("l/blobs/sha256").join(digest.hex())
    };
    let (old_blob, new_blob) = (blob(&old), blob(&new));
    fs::create_dir_all(old_blob.parent().expect("a parent")).expect("created");
    let foreign = scratch.path("l/blobs/sha256/foreign");
    fs::write(&foreign, "not ours").expect("written");

    scratch.write("oci:l", &old, &["t"]).expect("written");
    scratch.write("oci:l", &shared, &["s"]).expect("written");
    scratch.write("oci:l", &new, &["t"]).expect("written");
    assert!(old_blob.exists(), "still reached by s");
    scratch.write("oci:l", &new, &["s"]).expect("written");
    assert!(!old_blob.exists() && new_blob.exists() && foreign.exists());
}

#[test]
fn a_damaged_source_never_reaches_the_index() {
    let mut scratch = Scratch::new();
    let (old, new) = (scratch.one("old"), scratch.one("new"));
    let layer = new.images()[0].layers[0].digest;
    let kept = scratch.blobs.path(&layer).expect("known").to_owned();
    for target in ["oci:l", "oci-archive:l.tar", "docker-archive:d.tar"] {
        scratch.write(target, &old, &["t"]).expect("written");
    }
    let archive = |name| fs::read(scratch.path(name)).expect("readable");
    let before = (archive("l.tar"), archive("d.tar"));
    let whole = fs::read(&kept).expect("readable");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&flipped[..], &whole[1..], &[&whole[..], b"x"].concat()] {
        fs::write(&kept, damaged).expect("written");
        for target in ["oci:l", "oci-archive:l.tar", "docker-archive:d.tar"] {
            let error = scratch.write(target, &new, &["t"]).expect_err("damaged");
            assert!(matches!(error, OciError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains(&layer.to_string()), "{error}");
        }
        assert_eq!(read(&scratch.path("l"), Some("t")).expect("reads"), old);
    }
    assert_eq!(before, (archive("l.tar"), archive("d.tar")));
    fs::write(&kept, whole).expect("written");
    scratch.write("oci:l", &new, &["t"]).expect("mended");
    let leftovers = scratch
        .files("l")
        .into_keys()
        .filter(|name| name.contains("dindimg"));
    assert_eq!(leftovers.count(), 0);
}

#[test]
fn a_damaged_blob_in_the_layout_is_written_again() {
    let mut scratch = Scratch::new();
    let set = scratch.one("x");
    scratch.write("oci:l", &set, &["t"]).expect("written");
    let whole = scratch.files("l");
    for name in whole.keys().filter(|name| name.starts_with("blobs")) {
        fs::write(scratch.path("l").join(name), "damaged").expect("written");
    }
    assert!(read(&scratch.path("l"), None).is_err());
    scratch.write("oci:l", &set, &["t"]).expect("written");
    assert_eq!(scratch.files("l"), whole);
}

#[test]
fn what_is_no_layout_or_archive_is_left_alone() {
    let mut scratch = Scratch::new();
    let set = scratch.one("x");
    fs::create_dir(scratch.path("home")).expect("created");
    fs::write(scratch.path("home/thesis.txt"), "years").expect("written");
    fs::write(scratch.path("recipe.toml"), "schema = 1").expect("written");
    for target in [
        "oci:home",
        "oci:recipe.toml",
        "oci-archive:home",
        "oci-archive:recipe.toml",
        "docker-archive:recipe.toml",
    ] {
        let error = scratch.write(target, &set, &["t"]).expect_err(target);
        assert!(matches!(error, OciError::Occupied { .. }), "{error}");
    }
    assert_eq!(scratch.files("home").len(), 1);
    let error = scratch
        .write("oci:missing/l", &set, &["t"])
        .expect_err("no parent");
    assert!(matches!(error, OciError::NoParent { .. }), "{error}");
    let error = scratch.write("oci:l", &set, &["-t"]).expect_err("no name");
    assert!(matches!(error, OciError::Name(_)), "{error}");
    assert!(!scratch.path("l").exists());
}

#[test]
fn an_interrupted_layout_is_completed() {
    let mut scratch = Scratch::new();
    let set = scratch.one("x");
    fs::create_dir_all(scratch.path("l/blobs/sha256")).expect("created");
    fs::write(scratch.path("l/blobs/sha256/.dindimg-abc"), "half").expect("written");
    fs::write(scratch.path("l/.dindimg-def"), "half").expect("written");
    assert!(Layout::open(&scratch.path("l")).is_err());
    scratch.write("oci:l", &set, &[]).expect("written");
    scratch.write("oci:fresh", &set, &[]).expect("written");
    assert_eq!(scratch.files("l"), scratch.files("fresh"));
}

#[test]
fn a_docker_archive_lists_config_tags_and_layers() {
    let mut scratch = Scratch::new();
    for compression in ["gzip", "zstd"] {
        let image = scratch.image(Architecture::Amd64, "x", compression);
        let diff_id = image.config.rootfs.diff_ids[0];
        let set = ImageSet::new(vec![image], BTreeMap::new()).expect("an image");
        scratch
            .write("docker-archive:d.tar", &set, &["a", "b"])
            .expect("written");
        let bytes = fs::read(scratch.path("d.tar")).expect("readable");
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(&bytes[..]).entries().expect("entries") {
            let mut entry = entry.expect("readable");
            let name = entry.path().expect("a path").display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("readable");
            files.insert(name, content);
        }
        let manifest: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
        let tags = serde_json::json!(["localhost/dind:a", "localhost/dind:b"]);
        assert_eq!(manifest[0]["RepoTags"], tags);
        let config = manifest[0]["Config"].as_str().expect("a name");
        assert_eq!(config, format!("{}.json", Digest::of(&files[config]).hex()));
        let layer = &files[manifest[0]["Layers"][0].as_str().expect("a name")];
        let mut tar = Vec::new();
        if compression == "gzip" {
            let mut decoder = flate2::read::GzDecoder::new(&layer[..]);
            decoder.read_to_end(&mut tar).expect("gzip");
        } else {
            tar.clone_from(layer);
        }
        assert_eq!(Digest::of(&tar), diff_id);
    }
    let set = scratch.two();
    let error = scratch
        .write("docker-archive:d.tar", &set, &["a"])
        .expect_err("two");
    let text = error.to_string();
    assert!(text.contains("linux/amd64, linux/arm64"), "{text}");
}

#[test]
fn documents_are_verified_and_bounded_when_read() {
    let mut scratch = Scratch::new();
    let set = scratch.one("x");
    scratch.write("oci:l", &set, &["t"]).expect("written");
    let manifest = scratch.path("l/blobs/sha256").join(set.top().digest.hex());
    let mut bytes = fs::read(&manifest).expect("readable");
    bytes.push(b' ');
    fs::write(&manifest, &bytes).expect("written");
    let error = read(&scratch.path("l"), None).expect_err("changed");
    assert!(matches!(error, OciError::Damaged { .. }), "{error}");
    bytes.resize(5 << 20, b' ');
    fs::write(&manifest, &bytes).expect("written");
    let error = read(&scratch.path("l"), None).expect_err("huge");
    assert!(matches!(error, OciError::TooLarge { .. }), "{error}");

    for (name, content) in [("text", &b"text"[..]), ("zeros", &[0; 1024])] {
        let mut file = fs::File::create(scratch.path(name)).expect("created");
        file.write_all(content).expect("written");
        let error = Layout::open(&scratch.path(name)).expect_err("no layout");
        assert!(matches!(error, OciError::NotALayout { .. }), "{error}");
    }
    let error = Layout::open(scratch.directory.path()).expect_err("no layout");
    assert!(matches!(error, OciError::NotALayout { .. }), "{error}");
}
