//! Variants: several images of one recipe from one lock, and what each is without.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dindimg::oci::{BlobSource as _, Layout};
use flate2::read::MultiGzDecoder;

use crate::images::built_recipe;
use crate::product::{Run, command, kept};

/// A recipe of a few small packages with a variant that leaves out some of it.
const RECIPE: &str = r#"
schema = 1
[image]
tags = ["{{suite}}"]
[debian]
suite = "bookworm"
security = false
updates = false
[packages]
include = ["tini", "dpkg"]
[[variant]]
name = "lean"
[variant.packages]
include = ["tini", "dash"]
drop = { dpkg = "no package is installed later" }
exclude-paths = ["/usr/share/doc/*", "/usr/bin/tini"]
include-paths = ["/usr/share/doc/*/copyright"]
[[variant]]
name = "kept"
[variant.packages]
exclude-paths = ["/usr/share/man/*"]
"#;

fn written(directory: &Path) -> PathBuf {
    let path = directory.join("two.toml");
    std::fs::write(&path, RECIPE).expect("recipe written");
    path
}

fn run(directory: &Path, arguments: &[&str]) -> Run {
    let mut command = command(&kept("cache"));
    command.args(arguments).current_dir(directory);
    Run::of(command.output().expect("the binary runs"))
}

/// The files of the image `name.oci` and what `wanted` among them hold.
struct Image {
    paths: BTreeSet<String>,
    layout: PathBuf,
}

impl Image {
    fn open(layout: PathBuf) -> Self {
        let mut paths = BTreeSet::new();
        each_entry(&layout, &mut |path, _| {
            paths.insert(path.to_owned());
        });
        Self { paths, layout }
    }

    fn text(&self, wanted: &str) -> String {
        let mut text = String::new();
        each_entry(&self.layout, &mut |path, reader| {
            if path == wanted {
                text.clear();
                std::io::Read::read_to_string(reader, &mut text).expect("text");
            }
        });
        text
    }

    fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }
}

fn each_entry(layout: &Path, visit: &mut dyn FnMut(&str, &mut dyn std::io::Read)) {
    let layout = Layout::open(layout).expect("a layout");
    let set = layout
        .image_set(layout.find(None).expect("one image"))
        .expect("an image");
    for layer in &set.images()[0].layers {
        let blob = layout.open(&layer.digest).expect("a blob");
        let mut archive = tar::Archive::new(MultiGzDecoder::new(blob));
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").to_string_lossy().into_owned();
            visit(
                path.trim_start_matches("./").trim_end_matches('/'),
                &mut entry,
            );
        }
    }
}

#[test]
fn one_lock_gives_every_image_of_a_recipe_each_with_its_own_packages() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    written(scratch.path());
    run(scratch.path(), &["build", "two.toml"]).good();
    let image = |name: &str| Image::open(scratch.path().join(format!("{name}.oci")));
    let (default, lean, kept) = (image("two"), image("two-lean"), image("two-kept"));

    assert!(default.has("usr/bin/dpkg") && default.has("usr/bin/tini"));
    assert!(default.has("usr/share/doc/tini/changelog.Debian.gz"));
    assert!(!default.has("etc/dpkg/dpkg.cfg.d/dindimg"));

    assert!(!lean.has("usr/bin/dpkg") && !lean.has("usr/bin/tini"));
    assert!(
        lean.has("usr/bin/tini-static"),
        "only what was named is left out"
    );
    assert!(lean.has("usr/share/doc/tini/copyright"));
    assert!(!lean.has("usr/share/doc/tini/changelog.Debian.gz"));
    let list = lean.text("var/lib/dpkg/info/tini.list");
    assert!(
        list.contains("/usr/bin/tini-static\n") && !list.contains("/usr/bin/tini\n"),
        "{list}"
    );
    let digests = lean.text("var/lib/dpkg/info/tini.md5sums");
    assert!(digests.contains("  usr/bin/tini-static\n"), "{digests}");
    assert!(
        !digests.contains("  usr/bin/tini\n") && !digests.contains("changelog"),
        "{digests}"
    );

    let configuration = kept.text("etc/dpkg/dpkg.cfg.d/dindimg");
    assert!(
        configuration.starts_with("path-exclude=/usr/share/man/*\npost-invoke="),
        "{configuration}"
    );

    let lock = std::fs::read_to_string(scratch.path().join("two.lock")).expect("a lock");
    let lock = dindimg::lock::parse(&lock).expect("valid");
    let dropped = &lock
        .image(&"lean".parse().expect("a name"))
        .expect("the variant")
        .dropped["dpkg"];
    assert_eq!(dropped.reason, "no package is installed later");
    assert!(dropped.wanted_by.contains("dash"), "{dropped:?}");
}

#[test]
fn an_image_tells_its_variant_and_what_it_is_without() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    written(scratch.path());
    run(scratch.path(), &["build", "two.toml", "--variant", "lean"]).good();
    assert!(
        !scratch.path().join("two.oci").exists(),
        "only the one asked for"
    );
    let layout = Layout::open(&scratch.path().join("two-lean.oci")).expect("a layout");
    let set = layout
        .image_set(
            layout
                .find(Some("bookworm-lean"))
                .expect("the tag with the variant"),
        )
        .expect("an image");
    let labels = &set.images()[0].config.config.labels;
    let record: serde_json::Value =
        serde_json::from_str(&labels["io.dindimg.build"]).expect("JSON");
    assert_eq!(record["variant"], "lean");
    assert_eq!(record["dropped"]["dpkg"], "no package is installed later");
    assert_eq!(record["exclude-paths"][1], "/usr/bin/tini");
}

#[test]
fn several_images_do_not_share_one_output_and_unknown_ones_are_named() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    written(scratch.path());
    let said = run(scratch.path(), &["build", "two.toml", "--output", "oci:x"]).failed(2);
    assert!(
        said.contains("default, lean, kept") && said.contains("--variant"),
        "{said}"
    );
    let said = run(scratch.path(), &["build", "two.toml", "--variant", "laen"]).failed(2);
    assert!(said.contains("did you mean `lean`?"), "{said}");
    let said = run(
        scratch.path(),
        &[
            "build",
            "two.toml",
            "--push",
            "--tag",
            "x",
            "--repository",
            "localhost:1/a",
        ],
    )
    .failed(2);
    assert!(said.contains("another image's of this run"), "{said}");
}

#[test]
fn a_changed_reason_or_pattern_makes_the_lock_stale() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let path = written(scratch.path());
    run(scratch.path(), &["lock", "two.toml"]).good();
    for (from, to) in [
        ("installed later", "ever installed"),
        ("/usr/share/man/*", "/usr/share/info/*"),
    ] {
        std::fs::write(&path, RECIPE.replace(from, to)).expect("recipe written");
        let said = run(scratch.path(), &["build", "--locked", "two.toml"]).failed(6);
        assert!(said.contains("stale"), "{said}");
    }
}

#[test]
fn a_package_asked_for_that_needs_what_the_slim_userland_drops_is_warned_of() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let recipe = |packages: &str| {
        let text = format!(
            "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n[packages]\nuserland = \"slim\"\nacknowledge-scripts = \"all\"\n{packages}\n"
        );
        std::fs::write(scratch.path().join("r.toml"), text).expect("recipe written");
        run(scratch.path(), &["lock", "r.toml"]).good().stderr
    };
    let said = recipe("include = [\"git\"]");
    assert!(
        said.contains("git depends on perl, which its userland is without"),
        "{said}"
    );
    for settled in [
        "include = [\"git\", \"perl\"]",
        "include = [\"git\"]\ndrop = { perl = \"no subcommand written in it is used\" }",
    ] {
        let said = recipe(settled);
        assert!(!said.contains("its userland is without"), "{said}");
    }
}

/// Whatever else an image has, it is put upon the layers of a daemon and does not change them: dates
/// of shared directories and numbers of accounts are as if it were not there.
#[test]
fn a_machine_and_a_cluster_share_the_layers_of_a_daemon() {
    let layers = |recipe: &str| -> Vec<String> {
        let archive = std::fs::File::open(built_recipe(recipe, "default")).expect("an archive");
        let mut archive = tar::Archive::new(archive);
        let mut entries = archive.entries().expect("entries");
        let list = entries.find_map(|entry| {
            let entry = entry.expect("an entry");
            let is_list = entry.path().expect("a path").ends_with("manifest.json");
            is_list.then(|| serde_json::from_reader::<_, serde_json::Value>(entry).expect("JSON"))
        });
        let list = list.expect("a list of images");
        let layers = list[0]["Layers"].as_array().expect("layers");
        let names = layers
            .iter()
            .map(|one| one.as_str().expect("a name").to_owned());
        names.collect()
    };
    let daemon = layers("trixie");
    for other in ["vmlc-trixie", "kind-cluster"] {
        assert_eq!(layers(other)[..2], daemon[..2], "{other}");
    }
}
