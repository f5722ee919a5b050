//! What is written is read by the programs that users have: gzip, Python, skopeo, umoci, docker
//! and podman.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dindimg::digest::Digest;
use dindimg::epoch::Epoch;
use dindimg::layer::{LayerInput, LayerOptions, Segment, write_layer};
use dindimg::oci::{
    BlobFiles, ContainerConfig, Image, ImageSet, ImageSource, Layout, Names, Step, Target,
};
use dindimg::platform::{Architecture, Platform};
use dindimg::progress::Silent;
use dindimg::tree::{Kind, Meta, Node, TreePath};
use serde_json::Value;
use tempfile::TempDir;

use crate::peers::{require, run};

const CAPABILITY: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
const MTIME: i64 = 1_750_000_000;

fn path(text: &str) -> TreePath {
    TreePath::parse(text).expect(text)
}

fn entry(at: &str, mode: u32, kind: Kind) -> (TreePath, Node) {
    let meta = Meta::root(mode, MTIME);
    (path(at), Node { kind, meta })
}

/// Pseudo-random text that compresses and is larger than a few compression blocks.
fn large() -> Vec<u8> {
    let mut state = 42_u64;
    let mut bytes = Vec::new();
    while bytes.len() < 5_000_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(format!("{} {:x}\n", state >> 60, state >> 48).as_bytes());
    }
    bytes
}

fn long_name() -> String {
    format!("usr/share/{}/{}", "d".repeat(180), "f".repeat(140))
}

/// Two layers; the second repeats a directory and adds to it.
fn layers() -> Vec<LayerInput> {
    let mut ping = entry("usr/bin/ping", 0o755, Kind::File("#!ping\n".into()));
    let xattrs = [("security.capability".to_owned(), CAPABILITY.to_vec())];
    ping.1.meta.xattrs = BTreeMap::from(xattrs);
    let mut home = entry("home/user", 0o700, Kind::Directory);
    (home.1.meta.uid, home.1.meta.gid) = (1000, 3_000_000);
    let directory = |at: &str| entry(at, 0o755, Kind::Directory);
    let base = vec![
        directory(""),
        directory("home"),
        home,
        directory("tmp"),
        directory("usr"),
        directory("usr/bin"),
        ping,
        entry("usr/bin/ping4", 0o755, Kind::Hardlink(path("usr/bin/ping"))),
        entry("usr/bin/sh", 0o777, Kind::Symlink("ping".to_owned())),
        entry("usr/bin/su", 0o4755, Kind::File("#!su\n".into())),
    ];
    let second = vec![
        directory("usr"),
        directory("usr/share"),
        entry("usr/share/large", 0o644, Kind::File(large().into())),
        directory(path(&long_name()).parent().expect("a parent").as_str()),
        entry(&long_name(), 0o600, Kind::File("far".into())),
        entry("usr/share/Ünïcode", 0o644, Kind::File("".into())),
        entry("usr/share/fifo", 0o640, Kind::Fifo),
    ];
    let segment = |entries| Segment { key: None, entries };
    let layer = |name: &str, segments| LayerInput {
        name: name.to_owned(),
        segments,
    };
    vec![
        layer("base", vec![segment(base)]),
        layer(
            "guest",
            vec![segment(second), segment(vec![directory("var")])],
        ),
    ]
}

/// Images written into a scratch directory.
struct Scratch {
    directory: TempDir,
    blobs: BlobFiles,
}

impl Scratch {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            blobs: BlobFiles::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn image(&mut self, architecture: Architecture, compression: &str) -> Image {
        let options = LayerOptions {
            compression: compression.parse().expect("a compression"),
            jobs: 2,
            store: None,
            reporter: &Silent,
        };
        let mut steps = Vec::new();
        for input in layers() {
            let name = format!("{}-{architecture:?}-{compression}", input.name);
            let file = self.path(&name);
            let mut out = File::create(&file).expect("created");
            let layer = write_layer(&input, &options, &mut out).expect("written");
            self.blobs.insert(layer.digest, file);
            steps.push(Step::Layer {
                layer,
                created_by: input.name,
                comment: String::new(),
            });
        }
        Image::new(ImageSource {
            platform: Platform { architecture },
            created: Epoch::from_seconds(MTIME).expect("in range"),
            author: None,
            config: ContainerConfig {
                env: vec!["A=b".to_owned()],
                entrypoint: vec!["/usr/bin/sh".to_owned()],
                labels: BTreeMap::from([("l".to_owned(), "v".to_owned())]),
                ..ContainerConfig::default()
            },
            steps,
            annotations: BTreeMap::new(),
        })
    }

    fn set(&mut self, architectures: &[Architecture], compression: &str) -> ImageSet {
        let images = architectures
            .iter()
            .map(|&architecture| self.image(architecture, compression))
            .collect();
        ImageSet::new(images, BTreeMap::new()).expect("images")
    }

    /// Writes `KIND:NAME` and returns the target with the whole path.
    fn write(&self, target: &str, set: &ImageSet) -> String {
        let (kind, name) = target.split_once(':').expect("KIND:NAME");
        let target = format!("{kind}:{}", self.path(name).display());
        let names = Names {
            repository: Some("localhost/readers".to_owned()),
            tags: vec!["t".to_owned()],
        };
        let parsed: Target = target.parse().expect("a target");
        parsed
            .write(set, &names, &self.blobs, &Silent)
            .expect("written");
        target
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn gzip_and_python_read_a_layer() {
    let (Some(gzip), Some(python)) = (require(&["gzip"], "gzip"), require(&["python3"], "python3"))
    else {
        return;
    };
    let mut scratch = Scratch::new();
    let set = scratch.set(&[Architecture::Amd64], "gzip");
    let layers = &set.images()[0].layers;
    for layer in layers {
        let file = scratch.blobs.path(&layer.digest).expect("written");
        let copy = scratch.path("layer.tar.gz");
        fs::copy(file, &copy).expect("copied");
        run(&gzip, &["-t".as_ref(), copy.as_os_str()]);
    }
    let script = r"
import sys, tarfile
for m in tarfile.open(sys.argv[1], 'r:gz'):
    caps = m.pax_headers.get('SCHILY.xattr.security.capability', '')
    print(m.name, m.type.decode(), oct(m.mode), m.uid, m.gid, m.size, m.mtime, m.linkname,
          repr(m.uname + m.gname), len(caps), sep='|')
";
    let listing = |index: usize| {
        let file = scratch.blobs.path(&layers[index].digest).expect("written");
        let file = file.to_str().expect("UTF-8");
        String::from_utf8(run(&python, &["-c", script, file])).expect("UTF-8")
    };
    let base = listing(0);
    for line in [
        ".|5|0o755|0|0|0|1750000000||''|0",
        "home/user|5|0o700|1000|3000000|0|1750000000||''|0",
        "usr/bin/ping|0|0o755|0|0|7|1750000000||''|20",
        "usr/bin/ping4|1|0o755|0|0|0|1750000000|usr/bin/ping|''|0",
        "usr/bin/sh|2|0o777|0|0|0|1750000000|ping|''|0",
        "usr/bin/su|0|0o4755|0|0|5|1750000000||''|0",
    ] {
        assert!(base.lines().any(|found| found == line), "{line}\n{base}");
    }
    let second = listing(1);
    for line in [
        format!("{}|0|0o600|0|0|3|1750000000||''|0", long_name()),
        "usr/share/Ünïcode|0|0o644|0|0|0|1750000000||''|0".to_owned(),
        "usr/share/fifo|6|0o640|0|0|0|1750000000||''|0".to_owned(),
    ] {
        assert!(
            second.lines().any(|found| found == line),
            "{line}\n{second}"
        );
    }
}

#[test]
fn skopeo_reads_and_copies_every_output() {
    let Some(skopeo) = require(&["skopeo"], "skopeo") else {
        return;
    };
    let mut scratch = Scratch::new();
    for compression in ["gzip", "zstd"] {
        let set = scratch.set(&[Architecture::Amd64], compression);
        let layout = scratch.write("oci:l", &set);
        let archive = scratch.write("oci-archive:l.tar", &set);
        let docker = scratch.write("docker-archive:d.tar", &set);
        for source in [format!("{layout}:t"), format!("{archive}:t")] {
            let inspected = json(&run(&skopeo, &["inspect", &source]));
            assert_eq!(inspected["Digest"], set.top().digest.to_string());
            assert_eq!(inspected["Layers"].as_array().map(Vec::len), Some(2));
            assert_eq!(inspected["Labels"]["l"], "v");
            assert_eq!(inspected["Created"], "2025-06-15T15:06:40Z");
        }
        for (n, source) in [format!("{layout}:t"), format!("{archive}:t"), docker]
            .iter()
            .enumerate()
        {
            // Copying verifies every blob and, into a docker-archive, every diff ID; but skopeo
            // puts no zstd layer into one.
            let copy = scratch.path(&format!("{compression}-{n}"));
            let target = if compression == "zstd" && source.starts_with("oci") {
                format!("oci:{}:t", copy.display())
            } else {
                format!("docker-archive:{}:localhost/c:t", copy.display())
            };
            run(
                &skopeo,
                &["--insecure-policy", "copy", "-q", source, &target],
            );
            let config = json(&run(&skopeo, &["inspect", "--config", &target]));
            let expected = &set.images()[0].config.rootfs.diff_ids;
            assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!(expected));
        }
    }
}

#[test]
fn skopeo_reads_both_platforms_of_an_index() {
    let Some(skopeo) = require(&["skopeo"], "skopeo") else {
        return;
    };
    let mut scratch = Scratch::new();
    let set = scratch.set(&Architecture::ALL, "gzip");
    let layout = scratch.write("oci:l", &set);
    let archive = scratch.write("oci-archive:l.tar", &set);
    for source in [&layout, &archive] {
        let source = format!("{source}:t");
        let raw = run(&skopeo, &["inspect", "--raw", &source]);
        assert_eq!(Digest::of(&raw), set.top().digest);
        for image in set.images() {
            let architecture = image.platform.architecture.oci();
            let choice = [
                "--override-arch",
                architecture,
                "inspect",
                "--config",
                &source,
            ];
            let config = json(&run(&skopeo, &choice));
            assert_eq!(config["architecture"], architecture);
        }
        let copy = scratch.path("copy");
        let target = format!("oci:{}:c", copy.display());
        run(
            &skopeo,
            &["--insecure-policy", "copy", "-q", "--all", &source, &target],
        );
        let copy = Layout::open(&copy).expect("a layout");
        let top = copy.find(Some("c")).expect("copied");
        assert_eq!(copy.image_set(top).expect("reads"), set);
    }
}

#[test]
fn umoci_unpacks_modes_owners_and_attributes() {
    let Some(umoci) = require(&["umoci"], "umoci") else {
        return;
    };
    let mut scratch = Scratch::new();
    let set = scratch.set(&[Architecture::Amd64], "gzip");
    scratch.write("oci:l", &set);
    let image = format!("{}:t", scratch.path("l").display());
    let bundle = scratch.path("bundle");
    run(
        &umoci,
        &["unpack", "--image", &image, bundle.to_str().expect("UTF-8")],
    );
    let root = bundle.join("rootfs");
    for (at, node) in layers()
        .iter()
        .flat_map(|layer| &layer.segments)
        .flat_map(|segment| &segment.entries)
    {
        let file = root.join(at.as_str());
        let found = file.symlink_metadata().expect("unpacked");
        let meta = &node.meta;
        assert_eq!(
            (
                found.mode() & 0o7777,
                found.uid(),
                found.gid(),
                found.mtime()
            ),
            (meta.mode, meta.uid, meta.gid, meta.mtime),
            "{at}"
        );
        match &node.kind {
            Kind::File(content) => {
                let expected = content.read().expect("readable");
                assert!(fs::read(&file).expect("readable") == expected, "{at}");
            }
            Kind::Hardlink(target) => {
                let target = root.join(target.as_str()).metadata().expect("there");
                assert_eq!(found.ino(), target.ino());
            }
            _ => {}
        }
    }
    let mut capability = [0; 64];
    let length = rustix::fs::lgetxattr(
        root.join("usr/bin/ping"),
        "security.capability",
        &mut capability[..],
    );
    assert_eq!(capability[..length.expect("set")], CAPABILITY);
}

/// Asserts that a `docker save` archive holds the image whose configuration is `image`'s.
fn assert_saved(archive: &Path, image: &Image) {
    let mut names = Vec::new();
    let mut tar = tar::Archive::new(File::open(archive).expect("saved"));
    for entry in tar.entries().expect("an archive") {
        let mut entry = entry.expect("readable");
        let name = entry.path().expect("a path").display().to_string();
        if name == "manifest.json" {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("UTF-8");
            assert!(text.contains("localhost/readers:t"), "{text}");
        }
        names.push(name);
    }
    let config = image.config_document.descriptor.digest.hex();
    assert!(names.iter().any(|name| name.contains(&config)), "{names:?}");
}

/// A `dockerd` of its own: another socket, data root and bridge than the machine's, gone with it.
struct Dockerd {
    process: Child,
    client: PathBuf,
    host: String,
    /// Outlives the process, which writes into it.
    directory: TempDir,
}

impl Dockerd {
    fn start() -> Option<Self> {
        let daemon = require(&["dockerd"], "docker.io")?;
        // A newer client may stand before the one that belongs to the daemon.
        let client = Some(PathBuf::from("/usr/bin/docker"))
            .filter(|client| client.is_file())
            .or_else(|| require(&["docker"], "docker.io"))?;
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let host = format!("unix://{}", at("sock").display());
        let log = File::create(at("log")).expect("created");
        // Not the machine's configuration.
        fs::write(at("daemon.json"), "{}").expect("written");
        let process = Command::new(daemon)
            .args(["--host", &host, "--bridge", "none", "--iptables=false"])
            .args(["--storage-driver", "vfs"])
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--config-file")
            .arg(at("daemon.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd starts");
        let mut dockerd = Self {
            process,
            client,
            host,
            directory,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !dockerd.answers() {
            let ended = dockerd.process.try_wait().expect("ours").is_some();
            if ended || Instant::now() > deadline {
                let log = fs::read_to_string(dockerd.directory.path().join("log"));
                panic!("dockerd does not answer (it needs root): {log:?}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(dockerd)
    }

    fn answers(&self) -> bool {
        let output = crate::peers::output(&self.client, &["-H", &self.host, "version"]);
        output.status.success()
    }

    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let all = [&["-H", &self.host][..], arguments].concat();
        run(&self.client, &all)
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

#[test]
fn docker_loads_the_archive() {
    let Some(docker) = Dockerd::start() else {
        return;
    };
    let mut scratch = Scratch::new();
    for compression in ["gzip", "zstd"] {
        let set = scratch.set(&[Architecture::Amd64], compression);
        scratch.write("docker-archive:d.tar", &set);
        let archive = scratch.path("d.tar");
        docker.run(&["load", "-qi", archive.to_str().expect("UTF-8")]);
        let inspected = json(&docker.run(&["image", "inspect", "localhost/readers:t"]));
        let image = &set.images()[0];
        let id = image.config_document.descriptor.digest.to_string();
        assert_eq!(inspected[0]["Id"], id);
        let saved = scratch.path("saved.tar");
        let saved_text = saved.to_str().expect("UTF-8");
        docker.run(&["save", "-o", saved_text, "localhost/readers:t"]);
        assert_saved(&saved, image);
        docker.run(&["image", "rm", "localhost/readers:t"]);
    }
}

#[test]
fn podman_loads_docker_and_oci_archives() {
    let Some(podman) = require(&["podman"], "podman") else {
        return;
    };
    let mut scratch = Scratch::new();
    let at = |name: &str| scratch.path(name).display().to_string();
    let storage = [
        "--root",
        &at("root"),
        "--runroot",
        &at("run"),
        "--storage-driver",
        "vfs",
    ]
    .map(str::to_owned);
    let podman = |arguments: &[&str]| {
        let storage = storage.iter().map(String::as_str);
        let all: Vec<&str> = storage.chain(arguments.iter().copied()).collect();
        run(&podman, &all)
    };
    for (compression, target) in [
        ("gzip", "docker-archive:d.tar"),
        ("zstd", "docker-archive:z.tar"),
        ("gzip", "oci-archive:o.tar"),
        ("zstd", "oci-archive:p.tar"),
    ] {
        let set = scratch.set(&[Architecture::Amd64], compression);
        let archive = scratch.write(target, &set);
        let (_, file) = archive.split_once(':').expect("KIND:PATH");
        podman(&["load", "-qi", file]);
        let image = &set.images()[0];
        let id = image.config_document.descriptor.digest.hex();
        let inspected = json(&podman(&["image", "inspect", &id]));
        assert_eq!(inspected[0]["Config"]["Entrypoint"][0], "/usr/bin/sh");
        if target.starts_with("docker-archive") {
            assert_eq!(inspected[0]["RepoTags"][0], "localhost/readers:t");
        }
        podman(&["image", "rm", "-f", &id]);
    }
}
