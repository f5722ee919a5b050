//! Images that the engine inside has from its first start on: built into the image, and shared by a
//! directory.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use dindimg::digest::Digest;
use dindimg::oci::Layout;
use dindimg::registry::Credentials;

use crate::cgroups::nested;
use crate::docker_registry::{DockerRegistry, Setup, skopeo};
use crate::engines;
use crate::images::{built, built_recipe};
use crate::product::{Run, command, dindimg, kept};
use crate::push::{client, options};
use crate::small_image;

/// What the nested image is called inside.
const NAME: &str = "example.com/team/app:1";

/// An image that runs, as a layout: its path and its digest.
fn layout() -> (PathBuf, Digest) {
    let directory = kept("preload");
    let (archive, layout) = (directory.join("app.tar"), directory.join("app.oci"));
    nested(&archive);
    let _ = fs::remove_dir_all(&layout);
    skopeo(&[
        "--insecure-policy",
        "copy",
        "--quiet",
        &format!("docker-archive:{}", archive.display()),
        &format!("oci:{}:1", layout.display()),
    ]);
    let opened = Layout::open(&layout).expect("a layout");
    let digest = opened.find(None).expect("an image").digest;
    (layout, digest)
}

/// A recipe of the smallest daemon, with what it preloads.
fn recipe(preload: &str) -> String {
    format!(
        "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n[packages]\nuserland = \"slim\"\n[[preload]]\n{preload}"
    )
}

#[test]
fn an_image_that_is_built_in_is_there_at_the_first_start_and_is_loaded_once() {
    let (path, digest) = layout();
    let text = format!(
        "name = \"{NAME}\"\nlayout = \"{}\"\ndigest = \"{digest}\"\n",
        path.display()
    );
    let archive = built("preload", &recipe(&text));
    let private = engines::docker_of_guests();
    let image = private.load(&archive);
    let nested = ["docker", "run", "--rm", NAME, "busybox", "echo", "there"];
    let start = ["run", "--rm", "--privileged", &image];
    assert_eq!(private.run(&[&start[..], &nested].concat()).trim(), "there");
    // Twice on one volume: what was removed stays away, and nothing is loaded again.
    private.run(&["volume", "create", "preloaded"]);
    let start = [
        "run",
        "--rm",
        "--privileged",
        "--env=DIND_WAIT=1",
        "--env=DIND_QUIET=0",
        "--volume=preloaded:/var/lib/docker",
        &image,
        "sh",
        "-c",
    ];
    let first = private.run(&[&start[..], &["docker image rm -f example.com/team/app:1 >/dev/null; docker images -q | wc -l; jq -r .timings.preload /run/dind/report.json"]].concat());
    let mut lines = first.lines();
    assert_eq!(lines.next(), Some("0"));
    assert!(
        lines.next().is_some_and(|time| time.parse::<u32>().is_ok()),
        "{first}"
    );
    let second = private.run(
        &[
            &start[..],
            &["docker images -q | wc -l; jq -r .timings.preload /run/dind/report.json"],
        ]
        .concat(),
    );
    assert_eq!(second.trim(), "0\nnull");
    private.run(&["volume", "rm", "preloaded"]);
}

#[test]
fn instances_share_a_directory_of_archives_and_nothing_else() {
    let private = engines::docker_of_guests();
    let image = private.load(&built_recipe("bookworm", "slim"));
    let directory = kept("preload-shared");
    nested(&directory.join("app.tar"));
    let shared = format!("--volume={}:/preload:ro", directory.display());
    let names = ["preload-one", "preload-two"];
    for name in names {
        let start = [
            "run",
            "--detach",
            "--privileged",
            "--name",
            name,
            &shared,
            "--env=DIND_PRELOAD=/preload",
        ];
        private.run(&[&start[..], &[&image]].concat());
    }
    for name in names {
        private.run(&["exec", name, "dindctl", "ready", "--wait", "60"]);
        let images = private.run(&["exec", name, "docker", "images", "--quiet"]);
        assert_eq!(images.lines().count(), 1, "{name}: {images}");
        private.run(&["rm", "--force", "--volumes", name]);
    }
    fs::write(directory.join("broken.tar"), "no archive").expect("written");
    let output = private
        .command("docker")
        .args([
            "run",
            "--rm",
            "--privileged",
            &shared,
            "--env=DIND_PRELOAD=/preload",
            &image,
        ])
        .output()
        .expect("docker runs");
    fs::remove_file(directory.join("broken.tar")).expect("removed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("broken.tar cannot be loaded"), "{said}");
}

/// The files of every archive below the directory that the guest looks in, by platform and archive.
fn archives(layout: &Path) -> BTreeMap<String, Vec<(String, Vec<u8>)>> {
    let opened = Layout::open(layout).expect("a layout");
    let top = opened.find(None).expect("an image");
    let set = opened.image_set(top).expect("images");
    let mut found = BTreeMap::new();
    for image in set.images() {
        for layer in &image.layers {
            let path = opened.blob_path(&layer.digest).expect("a directory");
            let packed = fs::File::open(path).expect("a layer");
            let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
            for entry in archive.entries().expect("entries") {
                let mut entry = entry.expect("an entry");
                let name = entry.path().expect("a name").display().to_string();
                if !name.contains("usr/share/dind/preload/") || !name.ends_with(".tar") {
                    continue;
                }
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("content");
                let mut inner = tar::Archive::new(bytes.as_slice());
                let files = inner.entries().expect("entries").map(|entry| {
                    let mut entry = entry.expect("an entry");
                    let name = entry.path().expect("a name").display().to_string();
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).expect("content");
                    (name, content)
                });
                found.insert(image.platform.to_string(), files.collect());
            }
        }
    }
    found
}

/// Builds a recipe for both platforms into a layout, by a cache of its own.
fn build(directory: &Path, text: &str, more: &[&str]) -> Run {
    let path = directory.join("r.toml");
    let platforms = "[image]\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n[debian]";
    fs::write(&path, recipe(text).replace("[debian]", platforms)).expect("recipe written");
    let output = format!("oci:{}", directory.join("out").display());
    let mut command = command(&kept("cache"));
    command
        .args(["build", "--output", &output])
        .arg(&path)
        .args(more);
    Run::of(command.output().expect("dindimg runs"))
}

#[test]
fn an_image_of_a_registry_is_pulled_by_digest_for_each_platform_and_then_kept() {
    let registry = DockerRegistry::start(Setup::default());
    let scratch = tempfile::tempdir().expect("temporary directory");
    let repository = format!("{}/team/app", registry.address());
    let push = small_image::image(scratch.path(), 200_000, &repository, &["1"]);
    client(options(), Credentials::none())
        .push(&push)
        .expect("pushed");
    let digest = push.root.digest;
    let text = |digest: &Digest| {
        format!("name = \"{NAME}\"\nimage = \"{repository}\"\ndigest = \"{digest}\"\n")
    };
    build(scratch.path(), &text(&digest), &[]).good();
    let found = archives(&scratch.path().join("out"));
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        ["linux/amd64", "linux/arm64"]
    );
    for (platform, files) in &found {
        let list = files
            .iter()
            .find(|(name, _)| name == "manifest.json")
            .expect("a list");
        let list: serde_json::Value = serde_json::from_slice(&list.1).expect("JSON");
        assert_eq!(list[0]["RepoTags"][0], NAME);
        let layers = list[0]["Layers"].as_array().expect("layers");
        assert_eq!(layers.len(), 2, "{platform}");
        for layer in layers {
            let name = layer.as_str().expect("a name");
            let (_, content) = files.iter().find(|(of, _)| of == name).expect("a layer");
            assert_eq!(format!("{}.layer", Digest::of(content).hex()), name);
        }
    }
    let other = Digest::of(b"nothing");
    let said = build(scratch.path(), &text(&other), &["--update"]).stderr;
    assert!(
        said.contains("has no manifest") && said.contains(NAME),
        "{said}"
    );
    // The registry is not needed any more, for what was built.
    drop(registry);
    build(scratch.path(), &text(&digest), &["--offline"]).good();
    assert_eq!(archives(&scratch.path().join("out")), found);
    let said = build(scratch.path(), &text(&other), &["--offline"]).stderr;
    assert!(said.contains("--offline asks no registry"), "{said}");
}

#[test]
fn what_says_no_image_to_preload_is_refused_by_its_line() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let digest = Digest::of(b"x");
    for (preload, said) in [
        (
            format!("name = \"app\"\nlayout = \"a\"\ndigest = \"{digest}\"\n"),
            "is not the name of an image with a tag",
        ),
        (
            format!("name = \"app:1\"\ndigest = \"{digest}\"\n"),
            "either `image`",
        ),
        (
            format!(
                "name = \"app:1\"\nlayout = \"a\"\nimage = \"example.com/a\"\ndigest = \"{digest}\"\n"
            ),
            "either `image`",
        ),
        (
            "name = \"app:1\"\nlayout = \"a\"\n".to_owned(),
            "missing field `digest`",
        ),
        (
            format!(
                "name = \"app:1\"\nlayout = \"a\"\ndigest = \"{digest}\"\n[[preload]]\nname = \"app:1\"\nlayout = \"a\"\ndigest = \"{digest}\"\n"
            ),
            "is there twice",
        ),
    ] {
        let path = scratch.path().join("r.toml");
        fs::write(&path, recipe(&preload)).expect("recipe written");
        let error = dindimg(&["lock", path.to_str().expect("UTF-8")]).stderr;
        assert!(error.contains(said), "{preload}: {error}");
    }
    let path = scratch.path().join("r.toml");
    let text = format!("name = \"app:1\"\nlayout = \"a\"\ndigest = \"{digest}\"\n");
    fs::write(&path, recipe(&text).replace("\"dind\"", "\"cli\"")).expect("recipe written");
    let error = dindimg(&["lock", path.to_str().expect("UTF-8")]).stderr;
    assert!(
        error.contains("profiles `dind`, `rootless` and `kind-cluster`"),
        "{error}"
    );
    let said = build(scratch.path(), &text, &[]).stderr;
    assert!(said.contains("[[preload]] app:1"), "{said}");
}

/// A demo without a network: the services of a Compose file run when the container is ready, and
/// their image comes with it.
#[test]
fn packaged_services_run_when_the_container_is_ready() {
    let (path, digest) = layout();
    let text = format!(
        "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"trixie\"\n[packages]\nuserland = \"slim\"\n\
         include = [\"docker-compose\"]\n[compose]\nfile = \"/opt/demo/compose.yaml\"\n\
         [[file]]\npath = \"/opt/demo/compose.yaml\"\ncontent = \"\"\"\n{COMPOSE}\"\"\"\n\
         [[preload]]\nname = \"{NAME}\"\nlayout = \"{}\"\ndigest = \"{digest}\"\n",
        path.display()
    );
    let private = engines::docker_of_guests();
    let image = private.load(&built("services", &text));
    let start = ["run", "--detach", "--privileged", "--name", "services"];
    private.run(&[&start[..], &[&image]].concat());
    private.run(&["exec", "services", "dindctl", "ready", "--wait", "60"]);
    let running = ["docker", "ps", "--format", "{{.Image}}"];
    let seen = private.run(&[&["exec", "services"], &running[..]].concat());
    assert_eq!(seen.trim(), NAME);
    private.run(&["rm", "--force", "--volumes", "services"]);
    let off = [
        "run",
        "--rm",
        "--privileged",
        "--env=DIND_COMPOSE=off",
        &image,
    ];
    assert_eq!(private.run(&[&off[..], &running].concat()).trim(), "");
}

const COMPOSE: &str = "services:
  app:
    image: example.com/team/app:1
    pull_policy: never
    command: [busybox, sleep, '600']
";

#[test]
fn services_without_their_file_or_compose_are_refused() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let path = scratch.path().join("r.toml");
    let file = "[[file]]\npath = \"/opt/compose.yaml\"\ncontent = \"services: {}\"\n";
    for (more, said) in [
        ("", "the image has no /opt/compose.yaml"),
        (file, "no plugin docker-compose"),
    ] {
        let text = format!(
            "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n[packages]\nuserland = \"slim\"\n\
             [compose]\nfile = \"/opt/compose.yaml\"\n{more}"
        );
        fs::write(&path, &text).expect("recipe written");
        let output = format!("oci:{}", scratch.path().join("out").display());
        let run = dindimg(&["build", "--output", &output, path.to_str().expect("UTF-8")]);
        assert!(run.stderr.contains(said), "{}", run.stderr);
        fs::write(&path, text.replace("\"dind\"", "\"cli\"")).expect("recipe written");
        let run = dindimg(&["lock", path.to_str().expect("UTF-8")]);
        assert!(
            run.stderr.contains("[compose] `file` is started"),
            "{}",
            run.stderr
        );
    }
}
