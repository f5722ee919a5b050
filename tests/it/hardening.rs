//! What an image is closed against, looked for in its layers; `contract/hardening.rs` tries it on a
//! real engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dindimg::oci::{BlobSource as _, ContainerConfig, Layout};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tar::EntryType;

use crate::archive::{Deb, Package, Place};
use crate::deb_builder::{Entry, deb, stanza, tar};
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
            file("/srv/run", "x", "4755"),
            [
                "/srv/run gives whoever runs it the rights",
                "[hardening] `setuid`",
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
    small(scratch.path(), "[hardening]\nsecrets = [\"/opt/x\"]\n").good();
}

#[test]
fn a_key_in_a_package_of_the_distribution_is_public_and_one_in_a_teams_own_is_not() {
    let place = Place::new();
    let example = |version: &str| {
        Deb::new("example", version).file("usr/share/example/test.key", KEY.as_bytes())
    };
    let shipped = Package::built(&example("1.0"));
    place.publish(&place.suite("1.0").packages([shipped]));
    let wanted = "include = [\"one\", \"example\"]";
    place.packages("", wanted);
    place.run(&["build", "t.toml"]).good();

    fs::create_dir(place.at("own")).expect("directory");
    fs::write(place.at("own/example.deb"), example("2.0").build()).expect("a package");
    let own = "[[debian.local]]\nname = \"own\"\npath = \"own\"";
    place.packages(own, wanted);
    let said = place.run(&["build", "t.toml", "--update"]).failed(2);
    let finding = "/usr/share/example/test.key of package example holds a private key";
    assert!(
        said.contains(finding) && said.contains("`exclude-paths`"),
        "{said}"
    );
    place.packages(
        own,
        &format!("{wanted}\nexclude-paths = [\"/usr/share/example/*\"]"),
    );
    place.run(&["build", "t.toml"]).good();
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
