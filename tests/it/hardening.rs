//! What an image is closed against: looked for in its layers and tried on a real engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dindimg::oci::{BlobSource as _, ContainerConfig, Layout};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tar::EntryType;

use crate::deb_builder::{Entry, deb, stanza, tar};
use crate::engines::{self, Engine};
use crate::peers::require;
use crate::product::{Run, command, dindimg, kept};

/// A private key that was made for this test and opens nothing.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmVZ5u1x2yv0J4l3i
-----END PRIVATE KEY-----
";

/// The images under test: what a recipe gives that says nothing, and what is left of it.
const RECIPE: &str = r#"
schema = 1
profile = "dind"
[debian]
suite = "bookworm"
[[variant]]
name = "slim"
[variant.packages]
userland = "slim"
[[variant]]
name = "strict"
[variant.packages]
userland = "slim"
[variant.hardening]
level = "strict"
"#;

/// Builds `recipe` with these arguments in a kept directory of its own.
fn build(name: &str, recipe: &str, arguments: &[&str]) -> PathBuf {
    let directory = kept("hardening");
    let path = directory.join(format!("{name}.toml"));
    fs::write(&path, recipe).expect("recipe written");
    let mut all = vec![
        "build".as_ref(),
        path.as_os_str(),
        "--allow-expired".as_ref(),
    ];
    all.extend(arguments.iter().map(std::ffi::OsStr::new));
    dindimg(&all).good();
    directory
}

fn layout(name: &str, recipe: &str, variant: &str) -> Layout {
    let path = kept("hardening").join(format!("{name}-{variant}.oci"));
    let output = format!("oci:{}", path.display());
    build(
        name,
        recipe,
        &["--variant", variant, "--tag", "x", "--output", &output],
    );
    Layout::open(&path).expect("a layout")
}

/// One entry of an image: the last layer's.
struct Found {
    kind: EntryType,
    mode: u32,
    content: Vec<u8>,
}

fn entries(layout: &Layout) -> BTreeMap<String, Found> {
    let set = layout
        .image_set(layout.find(Some("x")).expect("the tag"))
        .expect("an image");
    let mut found = BTreeMap::new();
    for layer in &set.images()[0].layers {
        let blob = layout.open(&layer.digest).expect("a blob");
        let mut archive = tar::Archive::new(MultiGzDecoder::new(blob));
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").to_string_lossy().into_owned();
            let mut content = Vec::new();
            if entry.header().size().expect("a size") < 1 << 20 {
                std::io::Read::read_to_end(&mut entry, &mut content).expect("content");
            }
            let one = Found {
                kind: entry.header().entry_type(),
                mode: entry.header().mode().expect("a mode"),
                content,
            };
            found.insert(
                path.trim_start_matches("./")
                    .trim_end_matches('/')
                    .to_owned(),
                one,
            );
        }
    }
    found
}

fn config(layout: &Layout) -> ContainerConfig {
    let top = layout.find(Some("x")).expect("the tag");
    let set = layout.image_set(top).expect("an image");
    set.images()[0].config.config.clone()
}

fn text<'a>(entries: &'a BTreeMap<String, Found>, path: &str) -> std::borrow::Cow<'a, str> {
    let found = entries.get(path).unwrap_or_else(|| panic!("no {path}"));
    String::from_utf8_lossy(&found.content)
}

#[test]
fn no_layer_has_privileges_open_doors_passwords_or_keys() {
    for (variant, privileged) in [
        ("default", &["usr/bin/ssh-agent"][..]),
        ("slim", &[]),
        ("strict", &[]),
    ] {
        let layout = layout("layers", RECIPE, variant);
        let entries = entries(&layout);
        let files = || {
            let plain = |kind| matches!(kind, EntryType::Regular | EntryType::Link);
            entries.iter().filter(move |(_, found)| plain(found.kind))
        };
        let set_id: Vec<&str> = files()
            .filter(|(_, found)| found.mode & 0o6000 != 0)
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(set_id, privileged, "{variant}");
        let open: Vec<&str> = entries
            .iter()
            .filter(|(_, found)| found.kind != EntryType::Symlink && found.mode & 0o1002 == 0o002)
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(open, [""; 0], "{variant}");
        for line in text(&entries, "etc/shadow").lines() {
            let password = line.split(':').nth(1).expect("a field");
            assert!(matches!(password, "*" | "!"), "{variant}: {line}");
        }
        assert_eq!(entries["etc/shadow"].mode, 0o640);
        let keys: Vec<&str> = files()
            .filter(|(_, found)| holds_key(&found.content))
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(keys, [""; 0], "{variant}");
        for path in ["etc/subuid", "etc/subgid"] {
            assert_eq!(
                text(&entries, path),
                "dockremap:165536:65536\n",
                "{variant}"
            );
        }
        let extras = entries
            .keys()
            .any(|path| path.starts_with("usr/share/bash-completion/"));
        assert_eq!(extras, variant == "default");

        let record: Value =
            serde_json::from_str(&config(&layout).labels["io.dindimg.build"]).expect("JSON");
        let removed = record["setuid-removed"].to_string();
        assert!(
            removed.contains("\"/usr/bin/mount\""),
            "{variant}: {removed}"
        );
        let overrides = entries.get("var/lib/dpkg/statoverride");
        match variant {
            // Under the name that its package has for it.
            "default" => {
                let text = String::from_utf8_lossy(&overrides.expect("overrides").content);
                assert!(text.contains("root root 755 /bin/mount\n"), "{text}");
            }
            _ => assert!(overrides.is_none(), "there is no dpkg to read them"),
        }
    }
}

/// Looks for keys in another way than the program does.
fn holds_key(bytes: &[u8]) -> bool {
    let marker = b"PRIVATE KEY-----\nMI";
    bytes.windows(marker.len()).any(|at| at == marker)
        || bytes.starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
}

/// A recipe of one small package and a directory of packages of its own.
fn small(directory: &Path, lines: &str) -> Run {
    let text = format!(
        "schema = 1\n[debian]\nsuite = \"bookworm\"\nsecurity = false\nupdates = false\n\
         [[debian.local]]\nname = \"own\"\npath = \"debs\"\n\
         [packages]\ninclude = [\"tini\", \"planted\"]\n{lines}\n"
    );
    fs::write(directory.join("r.toml"), text).expect("recipe written");
    let mut command = command(&kept("cache"));
    command
        .args([
            "build",
            "r.toml",
            "--allow-expired",
            "--output",
            "oci:r.oci",
        ])
        .current_dir(directory);
    Run::of(command.output().expect("the binary runs"))
}

#[test]
fn what_is_planted_in_a_package_or_a_file_fails_the_build_by_name() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let package = |entries: &[Entry]| {
        fs::create_dir_all(scratch.path().join("debs")).expect("directory");
        let bytes = deb(&stanza("planted", "1"), &tar(entries));
        fs::write(scratch.path().join("debs/planted_1_amd64.deb"), bytes).expect("a package");
    };
    let harmless = [Entry::directory("./"), Entry::file("./opt/x", "harmless")];
    package(&harmless);
    small(scratch.path(), "").good();
    let file = |path: &str, content: &str, mode: &str| {
        format!("[[file]]\npath = {path:?}\ncontent = {content:?}\nmode = \"{mode}\"\n")
    };
    for (lines, parts) in [
        (
            file("/srv/key.pem", KEY, "0600"),
            ["/srv/key.pem holds a private key", "[hardening] `secrets`"],
        ),
        (
            format!(
                "[hardening]\nsecrets = [\"/srv/key.pem\"]\n{}",
                file("/srv/key.pem", KEY, "0644")
            ),
            ["everybody in the image may read it", "make its mode 0640"],
        ),
        (
            file(
                "/root/.docker/config.json",
                r#"{"auths":{"r.example":{"auth":"dTpw"}}}"#,
                "0600",
            ),
            [
                "/root/.docker/config.json holds credentials",
                "mount it at run time",
            ],
        ),
        (
            file(
                "/etc/corp.conf",
                "https://ci:s3cret@mirror.example/",
                "0644",
            ),
            [
                "/etc/corp.conf holds an address with a password",
                "`secrets`",
            ],
        ),
        (
            file("/srv/open", "x", "0666"),
            [
                "everybody may write /srv/open",
                "[hardening] `world-writable`",
            ],
        ),
    ] {
        let said = small(scratch.path(), &lines).failed(2);
        for part in parts {
            assert!(said.contains(part), "{lines}\n{said}");
        }
    }
    let allowed = file("/srv/key.pem", KEY, "0600");
    small(
        scratch.path(),
        &format!("[hardening]\nsecrets = [\"/srv/key.pem\"]\n{allowed}"),
    )
    .good();

    let planted = [Entry::directory("./"), Entry::file("./opt/x", KEY)];
    package(&planted);
    let said = small(scratch.path(), "").failed(2);
    assert!(
        said.contains("/opt/x of package planted holds a private key"),
        "{said}"
    );
}

#[test]
fn settings_reach_the_configuration_the_label_and_the_guests_data() {
    let recipe = r#"
schema = 1
profile = "dind"
[debian]
suite = "bookworm"
[packages]
userland = "slim"
[listen]
tcp = "plain"
port = 4000
[health]
interval = 5
[network]
dns = ["10.0.0.53"]
mtu = 1400
[storage]
driver = "vfs"
gc-disk = 85
[[variant]]
name = "off"
[variant.listen]
tcp = "off"
[variant.health]
check = false
"#;
    let plain = layout("settings", recipe, "default");
    let said = config(&plain);
    assert_eq!(said.exposed_ports.iter().collect::<Vec<_>>(), ["4000/tcp"]);
    assert!(
        said.env.contains(&"DOCKER_TLS_CERTDIR=".to_owned()),
        "{:?}",
        said.env
    );
    let health = said.healthcheck.expect("a health check");
    assert_eq!((health.interval.as_secs(), health.retries), (5, 3));
    let contract: Value = serde_json::from_str(&said.labels["io.dindimg.contract"]).expect("JSON");
    assert_eq!(contract["ports"][0]["port"], 4000);
    assert_eq!(contract["ports"][0]["purpose"], "docker");
    let entries = entries(&plain);
    let data = text(&entries, "etc/dind/config.env");
    for line in [
        "LISTEN_TCP=\"plain\"",
        "LISTEN_PORT=\"4000\"",
        "LISTEN_TLS_PORT=\"2376\"",
        "NETWORK_MTU=\"1400\"",
        "STORAGE_DRIVER=\"vfs\"",
        "STORAGE_GC_DISK=\"85\"",
        "STORAGE_GC_INODES=\"\"",
        "UMASK=\"0022\"",
    ] {
        assert!(data.lines().any(|found| found == line), "{line}\n{data}");
    }
    let daemon: Value =
        serde_json::from_str(&text(&entries, "etc/docker/daemon.json")).expect("JSON");
    assert_eq!(daemon["dns"][0], "10.0.0.53");

    let off = config(&layout("settings", recipe, "off"));
    assert!(off.exposed_ports.is_empty() && off.healthcheck.is_none());
    assert!(off.labels["io.dindimg.contract"].contains("\"ports\":[]"));
}

/// An image in the private engine, and containers of it; all goes with the value.
struct Loaded<'a> {
    engine: &'a Engine,
    image: String,
}

impl<'a> Loaded<'a> {
    fn new(engine: &'a Engine, variant: &str) -> Self {
        let name = format!("localhost/dindimg-hardening:{variant}");
        let archive = kept("hardening").join(format!("{variant}.tar"));
        let output = format!("docker-archive:{}", archive.display());
        let named = [
            "--repository",
            "localhost/dindimg-hardening",
            "--tag",
            variant,
        ];
        let variant = ["--variant", variant, "--output", &output];
        build("engine", RECIPE, &[variant, named].concat());
        engine.run(&["load", "--input", archive.to_str().expect("UTF-8")]);
        Self {
            engine,
            image: name,
        }
    }

    /// A ready daemon with the nested image `box`.
    fn daemon(&self, name: &str, options: &[&str], arguments: &[&str]) -> Daemon<'a> {
        let fixed = ["run", "--detach", "--privileged", "--name", name];
        let run = [&fixed, options, &[&self.image], arguments].concat();
        self.engine.run(&run);
        let daemon = Daemon {
            engine: self.engine,
            name: name.to_owned(),
        };
        daemon.sh("dindctl ready --wait 60 || { dindctl report; exit 1; }");
        let archive = kept("hardening").join("box.tar");
        fs::write(&archive, box_image()).expect("archive written");
        // Through its standard input: files cannot be copied into a directory in memory.
        let import = self
            .engine
            .command("docker")
            .args(["exec", "-i", name, "docker", "import", "-", "box"])
            .stdin(fs::File::open(&archive).expect("archive"))
            .output()
            .expect("docker runs");
        assert!(
            import.status.success(),
            "{}",
            String::from_utf8_lossy(&import.stderr)
        );
        daemon
    }
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        self.engine.run(&["image", "rm", "--force", &self.image]);
    }
}

struct Daemon<'a> {
    engine: &'a Engine,
    name: String,
}

impl Daemon<'_> {
    fn sh(&self, script: &str) -> String {
        self.engine.run(&["exec", &self.name, "sh", "-ec", script])
    }

    fn hardening(&self) -> String {
        self.sh("dindctl report | jq -c '.decisions[] | select(.id == \"hardening\")'")
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        self.engine.run(&["rm", "--force", "--volumes", &self.name]);
    }
}

/// A root file system of busybox alone.
fn box_image() -> Vec<u8> {
    let busybox = require(&["busybox"], "busybox-static").expect("busybox");
    let mut entries = vec![
        Entry::directory("./"),
        Entry::directory("./bin"),
        Entry::file("./bin/busybox", fs::read(busybox).expect("busybox")).with_mode(0o755),
    ];
    for name in ["sh", "mkdir", "httpd", "cat", "grep", "wget", "true"] {
        entries.push(Entry::symlink(format!("./bin/{name}"), "busybox"));
    }
    tar(&entries)
}

/// A nested container that answers on port 80.
const SERVER: &str = "docker run -d --name web -p 8080:80 box sh -c 'mkdir /w; echo hello >/w/index.html; exec httpd -f -p 80 -h /w' >/dev/null
for try in 1 2 3 4 5 6 7 8 9 10; do docker exec web grep -q :0050 /proc/net/tcp6 /proc/net/tcp && exit 0; sleep 0.2; done; exit 1";

#[test]
fn the_engine_is_hardened_and_works_as_before() {
    let engine = engines::docker();
    let loaded = Loaded::new(engine, "default");
    let daemon = loaded.daemon("dindimg-hardened", &[], &[]);
    assert!(
        daemon
            .hardening()
            .contains("\"choice\":\"userland-proxy false, log-driver local"),
        "{}",
        daemon.hardening()
    );
    // dpkg has nothing to say of what was mended.
    assert_eq!(
        daemon.sh("dpkg --audit; dpkg -V; dpkg-statoverride --list /bin/su"),
        "root root 755 /bin/su"
    );

    daemon.sh(SERVER);
    let fetch =
        |address: &str| daemon.sh(&format!("curl -fsS --max-time 10 http://{address}:8080/"));
    for address in ["127.0.0.1", "localhost", "$(hostname -i)"] {
        assert_eq!(fetch(address), "hello", "{address}");
    }
    // By way of the bridge and back, from another container, where a shell is the first process:
    // that one takes no signal of `timeout`.
    let hairpin = "gateway=$(ip -4 -o addr show docker0 | sed 's/.* inet //; s,/.*,,')
        docker run --rm box sh -c \"busybox timeout 10 wget -qO- http://$gateway:8080/; :\"";
    assert_eq!(daemon.sh(hairpin), "hello");
    assert_eq!(daemon.sh("pgrep -c docker-proxy || :"), "0");

    assert_eq!(
        daemon.sh("docker inspect -f '{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config \"max-size\"}} {{index .HostConfig.LogConfig.Config \"max-file\"}}' web"),
        "local 20m 5"
    );
    let limits = daemon.sh("docker run --rm box sh -c 'ulimit -S -n; ulimit -H -n'");
    let asked = daemon.hardening();
    let (soft, hard) = limits.split_once('\n').expect("two lines");
    assert!(
        asked.contains(&format!("nofile={soft}:{hard}")),
        "{asked} {limits}"
    );
    assert_eq!(
        daemon.sh("umask; echo $PATH"),
        "0022\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    );
}

#[test]
fn a_lower_limit_outside_an_argument_and_a_variable_win_over_the_recipe() {
    let engine = engines::docker();
    let loaded = Loaded::new(engine, "slim");
    let script = "ulimit -n 4096; exec dockerd-entrypoint.sh --userland-proxy=true --log-driver=json-file --log-opt max-size=1m";
    let options = ["--env", "DIND_LOG_MAX_FILE=2"];
    let daemon = loaded.daemon("dindimg-arguments", &options, &["sh", "-c", script]);
    let said = daemon.hardening();
    assert!(said.contains("left to the arguments"), "{said}");
    assert!(
        said.contains("cannot be raised here beyond 4096") || said.contains("nofile=65536:524288"),
        "{said}"
    );
    // A nested container starts whatever the limit outside.
    let limit = daemon.sh("docker run --rm box sh -c 'ulimit -H -n'");
    assert!(said.contains(&format!(":{limit}\"")), "{said} {limit}");
    daemon.sh(SERVER);
    assert_ne!(daemon.sh("pgrep -c docker-proxy || :"), "0");
    assert_eq!(
        daemon.sh("docker inspect -f '{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Config}}' web"),
        "json-file map[max-file:2 max-size:1m]"
    );
}

#[test]
fn strict_keeps_users_containers_and_the_file_system_apart() {
    let engine = engines::docker();
    let loaded = Loaded::new(engine, "strict");
    let mut smoke = engine.command(env!("CARGO_BIN_EXE_dindimg"));
    smoke.env("DINDIMG_CACHE_DIR", kept("cache")).args([
        "smoke",
        &loaded.image,
        "--engine",
        "docker",
    ]);
    let smoked = Run::of(smoke.output().expect("the binary runs")).good();
    assert!(smoked.stdout.contains("nested-run"), "{}", smoked.stdout);

    let label = engine.run(&[
        "inspect",
        "-f",
        "{{index .Config.Labels \"io.dindimg.contract\"}}",
        &loaded.image,
    ]);
    let contract: Value = serde_json::from_str(&label).expect("JSON");
    assert_eq!(contract["read-only"], true);
    let paths: Vec<String> = contract["writable"]
        .as_array()
        .expect("paths")
        .iter()
        .map(|path| format!("--tmpfs={}", path.as_str().expect("text")))
        .collect();
    let options: Vec<&str> = ["--read-only"]
        .into_iter()
        .chain(paths.iter().map(String::as_str))
        .collect();
    let daemon = loaded.daemon("dindimg-strict", &options, &[]);
    assert_eq!(
        daemon.sh("touch /etc/x 2>/dev/null && echo written || echo refused"),
        "refused"
    );
    assert_eq!(
        engine.run(&["diff", "dindimg-strict"]),
        "",
        "nothing else is written"
    );

    let inside = daemon.sh(
        "docker run --rm box sh -c 'cat /proc/self/uid_map; grep NoNewPrivs /proc/self/status'",
    );
    let words: Vec<&str> = inside.split_whitespace().collect();
    assert_eq!(words, ["0", "165536", "65536", "NoNewPrivs:", "1"]);
    daemon.sh(SERVER);
    let reach = "address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' web)
        docker run --rm box sh -c \"busybox timeout 3 wget -qO- http://$address/ || echo unreachable\"";
    assert_eq!(daemon.sh(reach), "unreachable");
    // A network of their own is not concerned.
    daemon.sh("docker network create own >/dev/null && docker network connect own web");
    let joined = daemon.sh(
        "docker run --rm --network own box sh -c 'busybox timeout 10 wget -qO- http://web/; :'",
    );
    assert_eq!(joined, "hello");
    assert_eq!(
        daemon.sh("docker run --rm --privileged box true 2>/dev/null && echo ran || echo refused"),
        "refused"
    );
}
