//! Every rule with an image that is broken on purpose, and an image that none has a word against.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{self, Read};

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::*;
use crate::digest::Digest;
use crate::oci::{Descriptor, ForeignBlobs};
use crate::view::{View, views};

/// An image in memory.
#[derive(Clone)]
struct Image {
    layers: Vec<Vec<Entry>>,
    config: Value,
}

#[derive(Clone)]
struct Entry {
    path: String,
    kind: EntryType,
    mode: u32,
    owner: u64,
    text: String,
    attributes: Vec<(String, Vec<u8>)>,
}

fn entry(path: &str, kind: EntryType, mode: u32, text: &str) -> Entry {
    Entry {
        path: path.to_owned(),
        kind,
        mode,
        owner: 0,
        text: text.to_owned(),
        attributes: Vec::new(),
    }
}

fn file(path: &str, mode: u32, text: &str) -> Entry {
    entry(path, EntryType::Regular, mode, text)
}

struct Memory(BTreeMap<Digest, Vec<u8>>);

impl ForeignBlobs for Memory {
    fn document(&self, digest: &Digest, _: bool) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.get(digest).ok_or("not there")?.clone())
    }

    fn layer(
        &self,
        layer: &Descriptor,
    ) -> Result<Box<dyn Read + '_>, Box<dyn Error + Send + Sync>> {
        let bytes = self.document(&layer.digest, false)?;
        Ok(Box::new(io::Cursor::new(bytes)))
    }
}

impl Image {
    /// Docker's daemon from a package, by the book.
    fn sound() -> Self {
        let status =
            "Package: docker.io\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n";
        let daemon = json!({
            "icc": false, "no-new-privileges": true, "userns-remap": "default",
            "userland-proxy": false, "log-driver": "local",
            "default-ulimits": { "nofile": { "Name": "nofile", "Soft": 1, "Hard": 1 } },
        });
        let dockerd = hex::encode(<md5::Md5 as md5::Digest>::digest(b"program"));
        let layer = vec![
            entry("usr", EntryType::Directory, 0o755, ""),
            entry("usr/bin", EntryType::Directory, 0o755, ""),
            entry("tmp", EntryType::Directory, 0o1777, ""),
            file("usr/bin/dockerd", 0o755, "program"),
            file(
                "etc/passwd",
                0o644,
                "root:x:0:0:root:/root:/bin/sh\nsvc:x:100:100::/:/usr/sbin/nologin\n",
            ),
            file("etc/shadow", 0o640, "root:*:1::::::\nsvc:!:1::::::\n"),
            file("etc/group", 0o644, "root:x:0:\nsvc:x:100:\nadm::4:\n"),
            file("etc/machine-id", 0o444, ""),
            file("etc/docker/daemon.json", 0o644, &daemon.to_string()),
            file("var/lib/dpkg/status", 0o644, status),
            file(
                "var/lib/dpkg/info/docker.io.list",
                0o644,
                "/.\n/usr\n/usr/bin\n/usr/bin/dockerd\n",
            ),
            file(
                "var/lib/dpkg/info/docker.io.md5sums",
                0o644,
                &format!("{dockerd}  usr/bin/dockerd\n"),
            ),
        ];
        let config = json!({
            "User": "svc",
            "Env": ["PATH=/usr/bin", "DOCKER_TLS_CERTDIR=/certs"],
            "ExposedPorts": { "2376/tcp": {} },
            "Healthcheck": { "Test": ["CMD", "dindctl", "health"] },
        });
        Self {
            layers: vec![layer],
            config,
        }
    }

    /// The same with an entry in place of the one of its path, or added.
    fn with(mut self, new: Entry) -> Self {
        for layer in &mut self.layers {
            layer.retain(|one| one.path != new.path);
        }
        self.layers[0].push(new);
        self
    }

    fn over(mut self, layer: Vec<Entry>) -> Self {
        self.layers.push(layer);
        self
    }

    fn setting(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    /// The daemon's configuration with this key.
    fn daemon(self, key: &str, value: Value) -> Self {
        let path = "etc/docker/daemon.json";
        let old = self.layers[0].iter().find(|one| one.path == path);
        let mut daemon: Value = serde_json::from_str(&old.expect("there").text).expect("JSON");
        daemon[key] = value;
        self.with(file(path, 0o644, &daemon.to_string()))
    }

    fn view(&self) -> View {
        let mut blobs = BTreeMap::new();
        let mut put = |bytes: Vec<u8>| {
            let (digest, size) = (Digest::of(&bytes), bytes.len());
            blobs.insert(digest, bytes);
            (digest, size)
        };
        let mut layers = Vec::new();
        let mut diffs = Vec::new();
        for layer in &self.layers {
            let mut archive = Builder::new(Vec::new());
            for one in layer {
                let pairs = one.attributes.iter();
                let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_slice()));
                archive.append_pax_extensions(pairs).expect("memory");
                let mut header = Header::new_ustar();
                header.set_entry_type(one.kind);
                header.set_mode(one.mode);
                header.set_uid(one.owner);
                header.set_gid(0);
                header.set_mtime(0);
                let link = one.kind == EntryType::Link || one.kind == EntryType::Symlink;
                let content = if link { "" } else { &one.text };
                header.set_size(content.len() as u64);
                match link {
                    true => archive.append_link(&mut header, &one.path, &one.text),
                    false => archive.append_data(&mut header, &one.path, content.as_bytes()),
                }
                .expect("memory");
            }
            let (digest, size) = put(archive.into_inner().expect("memory"));
            diffs.push(digest);
            layers.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size,
            }));
        }
        let config = json!({
            "os": "linux", "architecture": "amd64", "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diffs },
            "history": self.config["History"].as_array().cloned().unwrap_or_default(),
        });
        let (config, size) = put(config.to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config, "size": size,
            },
            "layers": layers,
        });
        let (top, _) = put(manifest.to_string().into_bytes());
        views(&Memory(blobs), &top, &[])
            .expect("an image")
            .remove(0)
    }

    /// The rules that find something, with their messages.
    fn found(&self) -> Vec<(AuditRule, String)> {
        let audited = audit(&self.view(), &Accepted::usual(), &[]);
        let findings = audited.findings.into_iter();
        findings.map(|one| (one.rule, one.message)).collect()
    }
}

fn private_key() -> String {
    let data = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
    format!("-----BEGIN PRIVATE KEY-----\n{data}\n-----END PRIVATE KEY-----\n")
}

fn account(line: &str) -> Image {
    let text =
        format!("root:x:0:0:root:/root:/bin/sh\nsvc:x:100:100::/:/usr/sbin/nologin\n{line}\n");
    Image::sound().with(file("etc/passwd", 0o644, &text))
}

fn shadow(line: &str) -> Image {
    Image::sound().with(file("etc/shadow", 0o640, line))
}

fn sshd(text: &str) -> Image {
    let server = Image::sound().with(file("usr/sbin/sshd", 0o644, "program"));
    server.with(file("etc/ssh/sshd_config", 0o644, text))
}

/// For each rule images that it finds something in, and no other rule, with a part of what it says.
fn broken() -> Vec<(AuditRule, Image, &'static str)> {
    use AuditRule as Rule;
    let sound = Image::sound;
    let owned = |path: &str, owner: u64| {
        let mut one = file(path, 0o644, "text");
        one.owner = owner;
        one
    };
    let attribute = |name: &str| {
        let mut one = file("usr/local/bin/ping", 0o755, "program");
        one.attributes = vec![(format!("SCHILY.xattr.{name}"), vec![1, 0, 0, 2])];
        one
    };
    vec![
        (
            Rule::Secrets,
            sound().with(file("srv/tls.key", 0o600, &private_key())),
            "/srv/tls.key in layer 1 holds a private key",
        ),
        (
            Rule::Secrets,
            sound()
                .with(file("srv/tls.key", 0o600, &private_key()))
                .over(vec![file("srv/.wh.tls.key", 0o644, "")]),
            "layer 1, which a later one covers",
        ),
        (
            Rule::Secrets,
            sound().setting(
                "History",
                json!([{ "created_by": "ARG URL=https://me:s3cret@example.com/" }]),
            ),
            "history.0 holds an address with a password",
        ),
        (
            Rule::Secrets,
            sound().setting("Labels", json!({ "url": "https://me:s3cret@example.com/" })),
            "config.Labels.url",
        ),
        (
            Rule::EmptyPassword,
            shadow("root::1::::::\n"),
            "root has no password in /etc/shadow",
        ),
        (
            Rule::Password,
            shadow("root:$6$salt$hash:1::::::\n"),
            "root has a password",
        ),
        (
            Rule::RootAccounts,
            account("toor:x:0:0::/root:/bin/sh"),
            "toor in /etc/passwd is root",
        ),
        (
            Rule::AuthorizedKeys,
            sound().with(file(
                "root/.ssh/authorized_keys",
                0o600,
                "ssh-ed25519 AAAA me\n",
            )),
            "/root/.ssh/authorized_keys",
        ),
        (
            Rule::AuthorizedKeys,
            sound().with(file("etc/hosts.equiv", 0o644, "other\n")),
            "/etc/hosts.equiv",
        ),
        (
            Rule::WorldWritable,
            sound().with(file("srv/data", 0o666, "text")),
            "everybody may write /srv/data (0666)",
        ),
        (
            Rule::WorldWritable,
            sound().with(entry("srv/open", EntryType::Directory, 0o777, "")),
            "/srv/open",
        ),
        (
            Rule::UnownedFiles,
            sound().with(owned("srv/data", 4711)),
            "user 4711, who has no name",
        ),
        (
            Rule::Devices,
            sound().with(entry("dev/sda", EntryType::Block, 0o600, "")),
            "/dev/sda is a block device",
        ),
        (
            Rule::PreloadLibrary,
            sound().with(file("etc/ld.so.preload", 0o644, "/lib/x.so\n")),
            "load /lib/x.so",
        ),
        (
            Rule::SearchPath,
            sound().setting("Env", json!(["PATH=/usr/bin:bin"])),
            "`bin` of $PATH",
        ),
        (
            Rule::SearchPath,
            sound().with(entry("usr/bin", EntryType::Directory, 0o775, "")),
            "/usr/bin of $PATH",
        ),
        (
            Rule::SetId,
            sound().with(file("usr/local/bin/su", 0o4755, "program")),
            "runs as user 0",
        ),
        (
            Rule::SetId,
            sound().with(file("usr/local/bin/wall", 0o2755, "program")),
            "runs as group 0",
        ),
        (
            Rule::FileCapabilities,
            sound().with(attribute("security.capability")),
            "/usr/local/bin/ping has capabilities",
        ),
        (
            Rule::AlteredFiles,
            sound().with(file("usr/bin/dockerd", 0o755, "other")),
            "not what docker.io has",
        ),
        (
            Rule::UnpackagedPrograms,
            sound().with(file("usr/bin/tool", 0o755, "program")),
            "/usr/bin/tool is of no package",
        ),
        (
            Rule::HostIdentity,
            sound().with(file(
                "etc/machine-id",
                0o444,
                "0123456789abcdef0123456789abcdef\n",
            )),
            "/etc/machine-id",
        ),
        (
            Rule::HostIdentity,
            sound().with(file(
                "var/lib/dbus/machine-id",
                0o444,
                "0123456789abcdef0123456789abcdef\n",
            )),
            "/var/lib/dbus/machine-id",
        ),
        (
            Rule::LoginShells,
            account("www:x:33:33::/:/bin/sh"),
            "www in /etc/passwd",
        ),
        (
            Rule::LoginShells,
            account("www:x:33:33::/:"),
            "with the shell ``",
        ),
        (
            Rule::SshdPasswords,
            sshd("Port 22\n"),
            "`passwordauthentication` is yes",
        ),
        (
            Rule::SshdPasswords,
            sshd("PasswordAuthentication no\nPermitRootLogin yes\n"),
            "`permitrootlogin` is yes",
        ),
        (
            Rule::SshdPasswords,
            sshd("Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\n").with(file(
                "etc/ssh/sshd_config.d/1.conf",
                0o644,
                "PasswordAuthentication = yes\n",
            )),
            "`passwordauthentication` is yes",
        ),
        (
            Rule::SudoWithoutPassword,
            sound().with(file(
                "etc/sudoers.d/team",
                0o440,
                "svc ALL=(ALL) NOPASSWD: ALL\n",
            )),
            "/etc/sudoers.d/team",
        ),
        (
            Rule::PackageManager,
            sound().with(file("usr/bin/apt-get", 0o644, "program")),
            "/usr/bin/apt-get installs",
        ),
        (
            Rule::Leftovers,
            sound().with(file("var/log/build.log", 0o644, "text")),
            "/var/log/build.log is left over, 4 bytes",
        ),
        (
            Rule::RootUser,
            sound().setting("User", json!("0:0")),
            "containers run as root",
        ),
        (
            Rule::HealthCheck,
            sound().setting("Healthcheck", json!({ "Test": ["NONE"] })),
            "no health check",
        ),
        (
            Rule::PlainPort,
            sound().setting("ExposedPorts", json!({ "2375/tcp": {} })),
            "exposes 2375/tcp",
        ),
        (
            Rule::PlainPort,
            sound().setting("Env", json!(["PATH=/usr/bin", "DOCKER_TLS_CERTDIR="])),
            "switches TLS off",
        ),
        (
            Rule::DaemonTcp,
            sound().daemon("hosts", json!(["unix:///run/d.sock", "tcp://0.0.0.0:2375"])),
            "verifies no client",
        ),
        (
            Rule::DaemonRegistries,
            sound().daemon("insecure-registries", json!(["r.example.com"])),
            "r.example.com without TLS",
        ),
        (
            Rule::DaemonSeccomp,
            sound().daemon("seccomp-profile", json!("unconfined")),
            "no filter",
        ),
        (
            Rule::DaemonIptables,
            sound().daemon("iptables", json!(false)),
            "no firewall",
        ),
        (
            Rule::DaemonDebug,
            sound().daemon("log-level", json!("debug")),
            "developers",
        ),
        (
            Rule::DaemonUserlandProxy,
            sound().daemon("userland-proxy", json!(true)),
            "published port",
        ),
        (
            Rule::DaemonExperimental,
            sound().daemon("experimental", json!(true)),
            "experimental",
        ),
        (
            Rule::DaemonStorageDriver,
            sound().daemon("storage-driver", json!("vfs")),
            "storage driver",
        ),
        (
            Rule::DaemonLogSize,
            sound().daemon("log-driver", json!("json-file")),
            "no limit",
        ),
        (
            Rule::DaemonOpenFiles,
            sound().daemon("default-ulimits", json!({})),
            "as many files",
        ),
        (
            Rule::DaemonIcc,
            sound().daemon("icc", json!(true)),
            "reach each other",
        ),
        (
            Rule::DaemonNewPrivileges,
            sound().daemon("no-new-privileges", json!(false)),
            "set-id",
        ),
        (
            Rule::DaemonUserNamespaces,
            sound().daemon("userns-remap", json!("")),
            "daemon's root",
        ),
    ]
}

#[test]
fn a_sound_image_has_no_finding() {
    assert_eq!(Image::sound().found(), []);
}

#[test]
fn every_rule_finds_what_is_broken_and_no_other_rule_does() {
    let mut proven = BTreeSet::new();
    for (rule, image, part) in broken() {
        let found = image.found();
        let rules: Vec<AuditRule> = found.iter().map(|(rule, _)| *rule).collect();
        assert_eq!(rules, [rule], "{found:?}");
        assert!(
            found[0].1.contains(part),
            "{found:?} says nothing of {part}"
        );
        proven.insert(rule);
    }
    let known: BTreeSet<AuditRule> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(proven, known);
    let named: BTreeSet<AuditRule> = AuditRule::ALL.iter().copied().collect();
    assert_eq!(known, named, "recipes can waive what there is");
}

#[test]
fn a_waiver_accepts_its_findings_and_an_idle_one_is_told() {
    let image = Image::sound()
        .with(file("usr/bin/apt", 0o644, "program"))
        .with(file("usr/bin/dpkg", 0o644, "program"));
    let waiver = |path: Option<&str>| Waiver {
        rules: vec![AuditRule::PackageManager],
        path: path.map(|path| path.parse().expect("a pattern")),
        reason: "wanted".to_owned(),
    };
    let judged = |waivers: &[Waiver]| audit(&image.view(), &Accepted::usual(), waivers);
    assert_eq!(judged(&[]).open(Level::Note).count(), 2);
    assert_eq!(judged(&[]).open(Level::Warning).count(), 0);
    let one = judged(&[waiver(Some("/usr/bin/ap*"))]);
    assert_eq!(one.open(Level::Note).count(), 1);
    assert_eq!(one.findings[0].waived.as_deref(), Some("wanted"));
    assert_eq!(judged(&[waiver(None)]).open(Level::Note).count(), 0);
    let idle = waiver(Some("/usr/sbin/*"));
    assert_eq!(judged(&[waiver(None), idle.clone()]).unused, [idle]);
}

#[test]
fn a_set_id_program_is_accepted_under_every_name_it_has() {
    let image = Image::sound()
        .with(file("usr/bin/sudo", 0o4755, "program"))
        .with(entry(
            "usr/bin/sudoedit",
            EntryType::Link,
            0o4755,
            "usr/bin/sudo",
        ));
    let packaged = image.with(file(
        "var/lib/dpkg/info/sudo.list",
        0o644,
        "/usr/bin/sudo\n/usr/bin/sudoedit\n",
    ));
    assert_eq!(packaged.found(), []);
}

fn report(image: &Image, fail_on: Level) -> Report {
    let view = image.view();
    Report {
        image: "team image".to_owned(),
        recipe: Some("recipes/a b.toml".to_owned()),
        digest: view.digest,
        fail_on,
        platforms: vec![audit(&view, &Accepted::usual(), &[])],
    }
}

#[test]
fn a_statement_fails_by_the_level_and_names_every_rule_once() {
    let manager = Image::sound().with(file("usr/bin/apt", 0o644, "program"));
    for (image, level, result) in [
        (Image::sound(), Level::Note, "PASSED"),
        (manager.clone(), Level::Warning, "WARNED"),
        (manager, Level::Note, "FAILED"),
    ] {
        let text = statement(&report(&image, level));
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let predicate = &value["predicate"];
        assert_eq!(predicate["result"], result);
        assert_eq!(predicate["configuration"][0]["name"], CONFIGURATION);
        let count = |key: &str| predicate[key].as_array().map_or(0, Vec::len);
        let tests = count("passedTests") + count("warnedTests") + count("failedTests");
        assert_eq!(tests, RULES.len());
    }
}

#[test]
fn sarif_points_at_the_recipe_and_has_waivers_as_suppressions() {
    let image = Image::sound().with(file("usr/bin/apt", 0o644, "program"));
    let mut report = report(&image, Level::Note);
    report.platforms[0].findings[0].waived = Some("wanted".to_owned());
    let log = sarif(&[report]);
    let run = &log["runs"][0];
    assert_eq!(
        run["tool"]["driver"]["rules"].as_array().map(Vec::len),
        Some(RULES.len())
    );
    let result = &run["results"][0];
    let number = result["ruleIndex"].as_u64().expect("an index") as usize;
    assert_eq!(
        run["tool"]["driver"]["rules"][number]["id"],
        result["ruleId"]
    );
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "recipes/a%20b.toml");
    assert_eq!(result["suppressions"][0]["justification"], "wanted");
}

#[test]
fn a_layer_that_leads_out_of_the_image_or_is_not_whole_is_refused() {
    let image = Image::sound().with(file("usr/x", 0o644, "text"));
    let view = image.view();
    assert_eq!(view.layers.len(), 1);
    let mut header = Header::new_ustar();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let name = b"../etc/passwd";
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_cksum();
    let mut archive = Builder::new(Vec::new());
    archive.append(&header, io::empty()).expect("memory");
    let bytes = archive.into_inner().expect("memory");
    for (bytes, said, part) in [
        (bytes.clone(), Digest::of(&bytes), "leads out of the image"),
        (vec![0; 1024], Digest::of("other"), "is"),
    ] {
        let config = json!({ "os": "linux", "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": [said] } })
        .to_string();
        let manifest = json!({
            "schemaVersion": 2,
            "config": { "mediaType": "c", "digest": Digest::of(&config), "size": config.len() },
            "layers": [{ "mediaType": "l", "digest": said, "size": bytes.len() }],
        })
        .to_string();
        let top = Digest::of(&manifest);
        let blobs = Memory(BTreeMap::from([
            (said, bytes),
            (Digest::of(&config), config.into_bytes()),
            (top, manifest.into_bytes()),
        ]));
        let error = views(&blobs, &top, &[]).expect_err("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
}
