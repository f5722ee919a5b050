//! Images of Alpine: the shipped recipes against a mirror of the tests' own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dindimg::oci::{BlobSource as _, Layout};

use super::mirror::{KEY, Mirror, ROOT, shared};
use crate::apk_repository::peer::Peer;
use crate::docker_registry::{DockerRegistry, Setup, skopeo};
use crate::engines;
use crate::product::{Run, command, dindimg, kept, recipe};
use crate::smoke::{basic, beside_others, image_holds, in_turn, in_turn_on_podman, leftovers};
use crate::support::fixture;

/// What a test says beside a shipped recipe: the mirror has one architecture.
const SHIPPED: &str = "[image]\nplatforms = [\"linux/amd64\"]\n[alpine]\n";

/// Builds a recipe into a layout.
fn build(recipe: &Path, layout: &Path, more: &[&str]) -> Run {
    let output = format!("oci:{}", layout.display());
    let mut words = vec![
        "build",
        recipe.to_str().expect("UTF-8"),
        "--output",
        &output,
    ];
    words.extend(["--tag", "test"]);
    words.extend(more);
    dindimg(&words)
}

/// An entry of a layer: kind, mode, owner, content or target.
type Entry = (char, u32, (u64, u64), Vec<u8>);

/// The tree of a layout's only image.
fn tree(layout: &Path) -> BTreeMap<String, Entry> {
    let layout = Layout::open(layout).expect("a layout");
    let set = layout.image_set(layout.find(Some("test")).expect("the tag"));
    let mut found = BTreeMap::new();
    for layer in &set.expect("an image").images()[0].layers {
        let blob = layout.open(&layer.digest).expect("a blob");
        read(flate2::read::MultiGzDecoder::new(blob), &mut found);
    }
    found
}

fn read(reader: impl std::io::Read, found: &mut BTreeMap<String, Entry>) {
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let path = path
            .trim_start_matches("./")
            .trim_end_matches('/')
            .to_owned();
        let header = entry.header().clone();
        let mut content = Vec::new();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => {
                let target = entry.link_name_bytes().expect("a target");
                content = target.into_owned();
                'l'
            }
            _ => {
                entry.read_to_end(&mut content).expect("content");
                'f'
            }
        };
        let owner = (header.uid().expect("uid"), header.gid().expect("gid"));
        let mode = header.mode().expect("mode") & 0o7777;
        found.insert(path, (kind, mode, owner, content));
    }
}

/// The directory of one test.
fn place(name: &str) -> PathBuf {
    let place = kept("alpine").join(name);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("a directory");
    place
}

/// The slim image of the shipped recipe, for one engine.
fn slim(mirror: &Mirror, engine: &str) -> PathBuf {
    let place = place(&format!("slim-{engine}"));
    let recipe = mirror.recipe(&place, Some("alpine"), SHIPPED);
    let archive = recipe.with_file_name("slim.tar");
    let output = format!("docker-archive:{}", archive.display());
    let recipe = recipe.to_str().expect("UTF-8");
    let words = ["build", recipe, "--variant", "slim", "--output", &output];
    let name = format!("localhost/dindimg-test/alpine-slim-{engine}");
    let named = ["--repository", &name, "--tag", "x"];
    dindimg(&[&words[..], &named[..]].concat()).good();
    archive
}

#[test]
fn the_recipe_of_alpine_gives_one_digest_whoever_builds_it() {
    let Some(mirror) = shared() else { return };
    for name in ["alpine", "alpine-3.19"] {
        let recipe = mirror.recipe(&place(name), Some(name), SHIPPED);
        let digest = |at: &str, more: &[&str]| {
            let layout = recipe.with_file_name(at);
            build(&recipe, &layout, more).good();
            let layout = Layout::open(&layout).expect("a layout");
            layout.find(Some("test")).expect("the tag").digest
        };
        let first = digest("first", &["--variant", "default"]);
        let lock = fs::read(recipe.with_extension("lock")).expect("a lock");
        let options = [
            "--variant",
            "default",
            "--locked",
            "--no-layer-cache",
            "--jobs",
            "1",
        ];
        assert_eq!(digest("second", &options), first, "{name}");
        let after = fs::read(recipe.with_extension("lock")).expect("a lock");
        assert!(lock == after, "the lock stays as it is");
    }
}

/// Where an image of the mini root file system's own packages differs from it, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "etc/alpine-release",
        "copied by its makers from a package that is not installed",
    ),
    ("etc/issue", "as above"),
    ("etc/os-release", "as above"),
    ("etc/secfixes.d", "as above"),
    ("etc/secfixes.d/alpine", "as above"),
    ("etc/apk/repositories", "each has the mirrors that it names"),
    (
        "etc/apk/keys/test@example.org-0123abcd.rsa.pub",
        "the key that the recipe trusts",
    ),
    (
        "lib/apk/db/installed",
        "packages made again have other identities and sizes; compared by itself",
    ),
    ("lib/apk/db/triggers", "as above"),
    ("lib/apk/db/scripts.tar", "as above"),
    ("lib/apk/exec", "made by apk while it ran"),
    ("dev", "of the container that it was made in"),
    ("proc", "mounted over there; the package has 0755"),
];

#[test]
fn the_packages_of_alpines_own_file_system_give_it_again() {
    let Some(mirror) = shared() else { return };
    let archive = fixture(ROOT).expect("the mirror is made of it");
    let world =
        "[\"alpine-baselayout\", \"alpine-keys\", \"apk-tools\", \"busybox\", \"libc-utils\"]";
    let text = format!("[alpine]\nbranch = \"v3.19\"\n[packages]\ninclude = {world}\n");
    let recipe = mirror.recipe(&place("rootfs"), None, &text);
    let layout = recipe.with_file_name("rootfs");
    build(&recipe, &layout, &[]).good();
    let ours = tree(&layout);
    let mut shipped = BTreeMap::new();
    read(
        flate2::read::GzDecoder::new(archive.as_slice()),
        &mut shipped,
    );
    let paths: BTreeSet<&String> = shipped.keys().chain(ours.keys()).collect();
    let excused = |path: &str| {
        let is = |(known, _): &(&str, &str)| path == *known || path.starts_with("dev/");
        path.is_empty() || path == "." || DIFFERENCES.iter().any(is)
    };
    let differing: Vec<String> = paths
        .into_iter()
        .filter(|path| !excused(path) && shipped.get(*path) != ours.get(*path))
        .map(|path| {
            let shown = |tree: &BTreeMap<String, Entry>| {
                tree.get(path).map(|(kind, mode, owner, content)| {
                    format!("{kind} {mode:o} {owner:?} {} bytes", content.len())
                })
            };
            format!(
                "{path}: shipped {:?}, ours {:?}",
                shown(&shipped),
                shown(&ours)
            )
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let lines = |tree: &BTreeMap<String, Entry>, name: &str| -> Vec<String> {
        let text = String::from_utf8(tree[&format!("lib/apk/db/{name}")].3.clone()).expect("UTF-8");
        let lines = text.lines().filter(|line| !line.starts_with(['C', 'S']));
        lines
            .map(|line| match line.strip_prefix("Q1") {
                Some(rest) => rest.split_once(' ').map_or(rest, |(_, paths)| paths),
                None => line,
            })
            .map(str::to_owned)
            .collect()
    };
    for name in ["installed", "triggers"] {
        assert_eq!(lines(&shipped, name), lines(&ours, name), "{name}");
    }
    let scripts = |tree: &BTreeMap<String, Entry>| {
        let mut found = BTreeMap::new();
        read(tree["lib/apk/db/scripts.tar"].3.as_slice(), &mut found);
        let named = found.into_iter().map(|(name, entry)| {
            let (package, rest) = name.split_once(".Q1").expect("an identity");
            let kind = rest.rsplit('.').next().expect("a kind");
            (format!("{package} {kind}"), entry)
        });
        named.collect::<BTreeMap<_, _>>()
    };
    assert!(scripts(&shipped) == scripts(&ours));
}

/// The root file system of an image, where its own programs run.
fn unpacked(layout: &Path, to: &Path) {
    let layout = Layout::open(layout).expect("a layout");
    let set = layout.image_set(layout.find(Some("test")).expect("the tag"));
    for layer in &set.expect("an image").images()[0].layers {
        let blob = layout.open(&layer.digest).expect("a blob");
        let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(blob));
        archive.set_preserve_permissions(true);
        archive.set_preserve_ownerships(true);
        archive.unpack(to).expect("a file system");
    }
}

fn chrooted(root: &Path, words: &[&str]) -> Output {
    let mut command = Command::new("chroot");
    command.arg(root).args(words).env_clear();
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.output().expect("chroot runs")
}

fn said(output: &Output) -> String {
    let words = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    words.concat()
}

#[test]
fn apk_in_the_image_finds_nothing_amiss_and_installs_more() {
    let Some(mirror) = shared() else { return };
    if Peer::archive().is_none() {
        return;
    }
    let text = "[image]\nplatforms = [\"linux/amd64\"]\n[alpine]\n[packages]\nuserland = \"slim\"\ninclude = [\"apk-tools\"]\ndrop = {}\n";
    let recipe = mirror.recipe(&place("tools"), Some("alpine"), text);
    let layout = recipe.with_file_name("tools");
    build(&recipe, &layout, &["--variant", "default"]).good();
    let root = recipe.with_file_name("root");
    unpacked(&layout, &root);
    let apk = |words: &[&str]| chrooted(&root, &[&["apk", "--no-network"], words].concat());
    let info = said(&apk(&["info", "-v"]));
    for package in ["docker-engine-", "busybox-1.36.1-r19", "tini-"] {
        assert!(info.contains(package), "{info}");
    }
    let owner = said(&apk(&["info", "--who-owns", "/usr/bin/dockerd"]));
    assert!(owner.contains("is owned by docker-engine-"), "{owner}");
    // Nothing that a package ships is missing or has another content.
    let system = apk(&["audit", "--system"]);
    assert!(
        system.status.success() && said(&system).is_empty(),
        "{}",
        said(&system)
    );
    let audit = said(&apk(&["audit"]));
    let changed: BTreeSet<&str> = audit
        .lines()
        .filter(|line| !line.starts_with(['A', 'D']))
        .collect();
    let accounts = ["U etc/group", "U etc/passwd", "U etc/shadow"];
    assert_eq!(
        changed,
        BTreeSet::from(accounts),
        "what accounts are added to"
    );
    // A further package, from the mirror.
    let packages = root.join("srv/mirror");
    fs::create_dir_all(packages.parent().expect("srv")).expect("made");
    let copied = Command::new("cp")
        .arg("-rL")
        .arg(&mirror.root)
        .arg(&packages)
        .status();
    assert!(copied.expect("cp runs").success());
    let repository = ["--repository", "/srv/mirror/v3.23/main"];
    // What the lock has is what apk chooses for an empty system.
    let keys = root.join("empty/etc/apk/keys");
    fs::create_dir_all(&keys).expect("made");
    fs::copy(recipe.with_file_name(KEY), keys.join(KEY)).expect("a key");
    let asked = fs::read_to_string(root.join("etc/apk/world")).expect("a world");
    let empty = ["--root", "/empty", "--arch", "x86_64"];
    let made = apk(&[&empty[..], &["add", "--initdb"]].concat());
    assert!(made.status.success(), "{}", said(&made));
    let mut words = empty.to_vec();
    words.extend(repository);
    words.extend(["--repository", "/srv/mirror/v3.23/community"]);
    words.extend(["add", "--simulate"]);
    words.extend(asked.lines());
    let chosen = apk(&words);
    assert!(chosen.status.success(), "{}", said(&chosen));
    let theirs: BTreeSet<String> = said(&chosen)
        .lines()
        .filter_map(|line| line.split_once(" Installing "))
        .map(|(_, package)| package.replace(['(', ')'], ""))
        .collect();
    let lock = fs::read_to_string(recipe.with_extension("lock")).expect("a lock");
    let lock = dindimg::lock::parse(&lock).expect("a lock");
    let variant = "default".parse().expect("a variant");
    let ours: BTreeSet<String> = lock
        .packages_of_variant(&variant)
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    assert_eq!(ours, theirs);
    let added = apk(&[&repository[..], &["add", "zlib", "openrc", "less"]].concat());
    assert!(added.status.success(), "{}", said(&added));
    let world = fs::read_to_string(root.join("etc/apk/world")).expect("a world");
    for name in ["docker-engine\n", "openrc\n", "tini\n"] {
        assert!(world.contains(name), "{world}");
    }
    let checked = apk(&[&repository[..], &["fix", "--simulate"]].concat());
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(!said(&checked).contains("Installing"), "{}", said(&checked));
    let groups = said(&chrooted(&root, &["id", "dockremap"]));
    assert!(groups.contains("dockremap"), "{groups}");
}

/// What is asked of the network here fails for lack of one, and says what can be done.
#[test]
fn without_a_network_the_shipped_recipe_names_the_host_and_the_way_out() {
    let cache = tempfile::tempdir().expect("a directory");
    let lock = cache.path().join("alpine.lock");
    let mut run = command(&cache.path().join("cache"));
    run.arg("build").arg(recipe("alpine"));
    run.args([
        "--variant=slim",
        "--output=oci:/nonexistent/x",
        "--lock-file",
    ])
    .arg(&lock);
    let output = run.output().expect("the binary runs");
    let said = Run::of(output).failed(5);
    assert!(said.contains("alpinelinux.org"), "{said}");
    assert!(
        said.contains("--offline") && said.contains("DINDIMG_ALPINE_MIRROR"),
        "{said}"
    );
    assert!(!lock.exists());
}

#[test]
fn an_image_of_alpine_holds_on_docker() {
    let Some(mirror) = shared() else { return };
    let archive = slim(mirror, "docker");
    in_turn(|| {
        let private = engines::docker();
        image_holds(private, "alpine-slim", &archive, Vec::new(), false);
        assert_eq!(leftovers(private), "");
    });
}

#[test]
#[ignore = "more than a minute, in which Podman differs by its options alone"]
fn an_image_of_alpine_holds_on_podman() {
    let Some(mirror) = shared() else { return };
    let archive = slim(mirror, "podman");
    in_turn_on_podman(|| {
        let private = engines::podman();
        image_holds(private, "alpine-slim", &archive, basic(), false);
        assert_eq!(leftovers(private), "");
    });
}

#[test]
fn the_client_of_alpine_is_built_and_has_no_open_finding() {
    let Some(mirror) = shared() else { return };
    let recipe = mirror.recipe(&place("client"), Some("cli-alpine"), SHIPPED);
    let path = recipe.to_str().expect("UTF-8");
    let said = dindimg(&["audit", path, "--fail-on=note", "--json"]).good();
    let said: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(said["images"].as_array().map(Vec::len), Some(2));
    let why = dindimg(&["why", path, "/usr/bin/docker"]).good().stdout;
    assert!(why.contains("is of package docker-cli"), "{why}");
    assert!(why.contains("profile cli, layer engine"), "{why}");
}

#[test]
fn the_standard_image_of_alpine_is_pushed_with_one_short_command_and_has_its_tools() {
    let Some(mirror) = shared() else { return };
    let recipe = mirror.recipe(&place("push"), Some("alpine"), SHIPPED);
    let registry = DockerRegistry::start(Setup::default());
    let host = registry.address();
    let repository = format!("{host}/ci/dind");
    let archive = recipe.with_file_name("pulled.tar");
    let words = ["--repository", &repository, "--plain-http", host];
    let path = recipe.to_str().expect("UTF-8");
    dindimg(&[&["build", path, "--push"], &words[..]].concat()).good();
    dindimg(&["audit", path, "--fail-on=note"]).good();
    let reference = format!("docker://{repository}");
    let listed = skopeo(&["list-tags", "--tls-verify=false", &reference]);
    let listed = String::from_utf8(listed).expect("JSON");
    for tag in ["20.10.24-alpine3.23", "alpine3.23", "alpine", "alpine-slim"] {
        assert!(listed.contains(&format!("\"{tag}\"")), "{tag}: {listed}");
    }
    let name = "localhost/dindimg-test/alpine:pulled";
    let target = format!("docker-archive:{}:{name}", archive.display());
    let tagged = format!("{reference}:alpine");
    skopeo(&["copy", "-q", "--src-tls-verify=false", &tagged, &target]);
    beside_others(|| {
        let private = engines::docker_of_guests();
        private.run(&[
            "load",
            "--quiet",
            "--input",
            archive.to_str().expect("UTF-8"),
        ]);
        let script = "set -e; git --version; curl --version; ssh -V; docker --version; bash -c 'echo $BASH'; \
            [ $(readlink -f /bin/sh) = /bin/busybox ]; apk info --no-network -e docker-engine; \
            TZ=Europe/Berlin date -d '2026-07-01 00:00' +%Z; iptables --version; grep -c : /etc/passwd";
        let said = private.run(&["run", "--rm", "--entrypoint", "sh", name, "-c", script]);
        for word in [
            "git version",
            "curl 7",
            "/bin/bash",
            "docker-engine",
            "CEST",
            "(legacy)",
        ] {
            assert!(said.contains(word), "{word}: {said}");
        }
    });
}
