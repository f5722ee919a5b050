//! The tree of an image compared, file by file, with what mmdebstrap installs of the same versions.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use dindimg::oci::{BlobSource as _, Layout};
use flate2::read::MultiGzDecoder;
use sha1::{Digest as _, Sha1};
use tar::EntryType;

use crate::peers::require;
use crate::product::dindimg;
use crate::standard::STANDARD;

/// Paths at which the two may differ, and why. A path that ends in `/` covers what is below it.
/// Anything else is a defect of a rule.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "/dev/",
        "mmdebstrap makes device nodes; engines mount their own /dev",
    ),
    (
        "/etc/apt/sources.list",
        "each writes the sources it was given",
    ),
    ("/etc/apt/sources.list.d/debian.sources", "as above"),
    ("/etc/apt/apt.conf.d/99mmdebstrap", "of mmdebstrap itself"),
    (
        "/etc/apt/apt.conf.d/docker-autoremove-suggests",
        "ours: settings for builds of images",
    ),
    ("/etc/apt/apt.conf.d/docker-clean", "as above"),
    ("/etc/apt/apt.conf.d/docker-gzip-indexes", "as above"),
    ("/etc/apt/apt.conf.d/docker-no-languages", "as above"),
    ("/etc/dpkg/dpkg.cfg.d/docker-apt-speedup", "as above"),
    ("/usr/sbin/policy-rc.d", "as above"),
    (
        "/var/lib/apt/extended_states",
        "apt ran there and noted what came as a dependency; here everything was asked for, so that autoremove takes nothing of the base",
    ),
    ("/var/lib/apt/lists/lock", "left by apt, which ran there"),
    (
        "/var/lib/apt/lists/partial",
        "given to its user by apt, which does so again",
    ),
    (
        "/var/cache/apt/archives/lock",
        "left by apt, which ran there",
    ),
    (
        "/var/cache/apt/archives/partial",
        "given to its user by apt, which does so again",
    ),
    ("/etc/fstab", "written by mmdebstrap itself"),
    (
        "/etc/hostname",
        "written by mmdebstrap itself; engines write their own",
    ),
    (
        "/etc/resolv.conf",
        "written by mmdebstrap itself; engines write their own",
    ),
    ("/etc/.pwd.lock", "left by the account tools while they ran"),
    ("/etc/passwd-", "backup of the account tools"),
    ("/etc/group-", "backup of the account tools"),
    ("/etc/gshadow-", "backup of the account tools"),
    ("/etc/shadow-", "backup of the account tools"),
    ("/var/cache/debconf/config.dat-old", "backup of debconf"),
    ("/var/cache/debconf/templates.dat-old", "backup of debconf"),
    ("/var/lib/dpkg/lock", "left by dpkg while it ran"),
    ("/var/lib/dpkg/lock-frontend", "left by dpkg while it ran"),
    ("/var/lib/dpkg/triggers/Lock", "left by dpkg while it ran"),
    ("/var/lib/dpkg/status-old", "backup of dpkg"),
    ("/var/lib/dpkg/diversions-old", "backup of dpkg"),
];

/// Differences of one suite: the suite, the path and why.
const OF_ONE_SUITE: &[(&str, &str, &str)] = &[
    (
        "bullseye",
        "/etc/ld.so.cache",
        "ldconfig 2.31 puts the old format before the new and notes ABI numbers; its loader reads ours",
    ),
    (
        "bullseye",
        "/etc/modules",
        "kmod's migration drops a comment from the file that its script wrote a moment before",
    ),
    (
        "bullseye",
        "/var/cache/ldconfig",
        "ldconfig's own speed-up, of no use in an image",
    ),
    (
        "bullseye",
        "/var/log/faillog",
        "zeroes where useradd reset the entry of a user it added",
    ),
    ("bullseye", "/var/log/lastlog", "as above"),
    (
        "bookworm",
        "/etc/shells",
        "usrmerge rewrites the order while it converts a live system",
    ),
];

/// Differences where apt is not installed, or systemd and the SSH server are.
const OF_MACHINES: &[(&str, &str)] = &[
    (
        "/etc/ssh/ssh_host_",
        "host keys: ours are made at the first boot, an image has none",
    ),
    (
        "/etc/machine-id",
        "mmdebstrap marks it for a first boot, ours is empty for a container",
    ),
    (
        "/var/lib/dbus/machine-id",
        "mmdebstrap removes it; ours is the link that tmpfiles.d declares",
    ),
    (
        "/var/lib/systemd/catalog/",
        "made at the first boot by systemd-journal-catalog-update.service",
    ),
    ("/run/lock/subsys", "in memory at run time"),
    ("/etc/apt/", "made by apt, which ran there"),
    ("/var/cache/apt/", "made by apt, which ran there"),
    ("/var/lib/apt/", "made by apt, which ran there"),
    ("/var/log/apt", "made by apt, which ran there"),
    ("/var/lib/ucf/hashfile.0", "a backup of ucf"),
    ("/var/lib/ucf/registry.0", "a backup of ucf"),
];

/// What is installed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The packages of a standard image.
    Base,
    /// Those that make a machine of one, and what they need.
    Machine,
    /// A Java runtime, and what it needs.
    Java,
}

/// What makes a machine.
const MACHINE: &str = "systemd systemd-sysv dbus openssh-server libpam-systemd login passwd libpam-runtime fuse3 uidmap dash usr-is-merged";

/// What the profile of the daemon starts from.
const DAEMON: &str = "base-files base-passwd libc6 dash coreutils sed grep mawk util-linux mount hostname procps docker.io tini iptables arptables ebtables openssl ca-certificates xz-utils pigz kmod iproute2 e2fsprogs netbase jq";

/// The packages of a standard image of `suite`.
fn packages(suite: &str, kind: Kind) -> String {
    match (kind, suite) {
        (Kind::Machine, _) => return MACHINE.to_owned(),
        (Kind::Java, "bookworm") => {
            return "openjdk-17-jre-headless passwd login usr-is-merged".to_owned();
        }
        (Kind::Java, _) => return "openjdk-21-jre-headless passwd login usr-is-merged".to_owned(),
        (Kind::Base, _) => {}
    }
    let of_this_suite = match suite {
        "bullseye" => "",
        "bookworm" => " usr-is-merged",
        _ => " usr-is-merged docker-cli docker-buildx docker-compose",
    };
    format!("{DAEMON} {STANDARD}{of_this_suite}")
}

/// What is compared of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    kind: char,
    mode: u32,
    /// User and group: numbers, or the names of those that systemd or adduser chose a number for.
    owner: (String, String),
    /// A link's target, or the digest of a file.
    content: String,
}

type Tree = BTreeMap<String, Entry>;

/// Numbers that the tools of a distribution give to accounts as they come (adduser.conf(5)), which
/// is in another order here.
const DYNAMIC: std::ops::Range<u64> = 100..1000;

/// The names of accounts by their numbers.
#[derive(Default)]
struct Names {
    users: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
}

impl Names {
    fn note(&mut self, path: &str, bytes: &[u8]) {
        let names = match path {
            "/etc/passwd" => &mut self.users,
            "/etc/group" => &mut self.groups,
            _ => return,
        };
        for line in String::from_utf8_lossy(bytes).lines() {
            let fields: Vec<&str> = line.split(':').collect();
            names.insert(fields[2].to_owned(), fields[0].to_owned());
        }
    }

    /// Has owners with numbers that were given as they came named.
    fn put(&self, tree: &mut Tree) {
        let named = |id: &mut String, names: &BTreeMap<String, String>| {
            let dynamic = id.parse().is_ok_and(|id| DYNAMIC.contains(&id));
            if let Some(name) = names.get(id).filter(|_| dynamic) {
                *id = name.clone();
            }
        };
        for entry in tree.values_mut() {
            named(&mut entry.owner.0, &self.users);
            named(&mut entry.owner.1, &self.groups);
        }
    }
}

fn read(reader: impl Read, kind: Kind, tree: &mut Tree, names: &mut Names) {
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        let path = format!("/{}", path.trim_start_matches("./").trim_end_matches('/'));
        let header = entry.header().clone();
        let link = entry
            .link_name()
            .expect("a link")
            .map(|to| to.to_string_lossy().into_owned());
        let (form, content) = match header.entry_type() {
            EntryType::Directory => ('d', String::new()),
            EntryType::Symlink => ('l', link.unwrap_or_default()),
            // Which name of a file comes first is no difference between trees.
            EntryType::Link => {
                let target = link.unwrap_or_default();
                let target = format!(
                    "/{}",
                    target.trim_start_matches("./").trim_start_matches('/')
                );
                (
                    'f',
                    tree.get(&target)
                        .map(|entry| entry.content.clone())
                        .unwrap_or_default(),
                )
            }
            EntryType::Regular => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("content");
                names.note(&path, &bytes);
                let mut bytes = comparable(&path, bytes);
                if kind != Kind::Base {
                    bytes = in_any_order(&path, bytes);
                }
                ('f', dindimg::digest::Digest::of(bytes).to_string())
            }
            _ => ('x', String::new()),
        };
        let id = |id: std::io::Result<u64>| id.expect("an id").to_string();
        let owner = (id(header.uid()), id(header.gid()));
        let mode = header.mode().expect("mode") & 0o7777;
        tree.insert(
            path,
            Entry {
                kind: form,
                mode,
                owner,
                content,
            },
        );
    }
}

/// A file's content without what may differ: the day of the installation, the order of dpkg's hash
/// table, and the user of `--userns-remap`, whom the daemon adds at its first start elsewhere.
fn comparable(path: &str, bytes: Vec<u8>) -> Vec<u8> {
    let text = || {
        let text = String::from_utf8(bytes.clone()).expect("text");
        let lines = text.lines().filter(|line| !line.starts_with("dockremap:"));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    match path {
        "/etc/passwd" | "/etc/group" | "/etc/gshadow" | "/etc/subuid" | "/etc/subgid" => {
            text().into_bytes()
        }
        "/etc/shadow" => {
            let days = text();
            let lines = days.lines().map(|line| {
                let mut fields: Vec<&str> = line.split(':').collect();
                fields[2] = "DAY";
                fields.join(":") + "\n"
            });
            lines.collect::<String>().into_bytes()
        }
        "/var/lib/dpkg/diversions" => {
            let text = text();
            let lines: Vec<&str> = text.lines().collect();
            let mut diversions: Vec<String> = lines.chunks(3).map(|one| one.join("\n")).collect();
            diversions.sort();
            diversions.join("\n").into_bytes()
        }
        "/etc/ssl/certs/java/cacerts" => keystore(&bytes).join("\n").into_bytes(),
        _ => bytes,
    }
}

/// The names of a Java keystore's certificates and their digests, sorted: Java has them in the order of
/// a hash table, each with the moment in which it was added.
fn keystore(bytes: &[u8]) -> Vec<String> {
    let (content, digest) = bytes.split_at(bytes.len() - 20);
    let password = "changeit".encode_utf16().flat_map(u16::to_be_bytes);
    let phrase = b"Mighty Aphrodite".iter().copied();
    let hashed: Vec<u8> = password
        .chain(phrase)
        .chain(content.iter().copied())
        .collect();
    assert_eq!(Sha1::digest(hashed)[..], *digest);
    let (head, mut rest) = content.split_at(12);
    assert_eq!(head[..8], [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]);
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at(count);
        rest = left;
        taken.to_vec()
    };
    let length = |bytes: Vec<u8>| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let mut entries: Vec<String> = (0..length(head[8..].to_vec()))
        .map(|_| {
            assert_eq!(take(4), [0, 0, 0, 2]);
            let name = length(take(2));
            let name = String::from_utf8(take(name)).expect("a name");
            take(8);
            let form = length(take(2));
            assert_eq!(take(form), b"X.509");
            let der = length(take(4));
            format!("{name} {}", dindimg::digest::Digest::of(take(der)))
        })
        .collect();
    entries.sort();
    entries
}

/// Account files without the numbers that were given as they came, and lists whose order is that of
/// the installation.
fn in_any_order(path: &str, bytes: Vec<u8>) -> Vec<u8> {
    let listed = [
        "/etc/passwd",
        "/etc/group",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/shells",
        "/var/lib/dpkg/triggers/File",
    ];
    if !listed.contains(&path) {
        return bytes;
    }
    let text = String::from_utf8(bytes).expect("text");
    let lines = text.lines().map(|line| {
        let fields = line.split(':').map(|field| match field {
            field if field.parse().is_ok_and(|id| DYNAMIC.contains(&id)) => "ID",
            field => field,
        });
        fields.collect::<Vec<_>>().join(":")
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines.join("\n").into_bytes()
}

/// A real installation.
fn real(suite: &str, kind: Kind, mmdebstrap: &Path) -> Tree {
    let mut command = Command::new(mmdebstrap);
    let include = packages(suite, kind).replace(' ', ",");
    command.args([
        "--mode=root",
        "--variant=essential",
        "--format=tar",
        "--quiet",
    ]);
    command.arg(format!("--include={include}"));
    command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    if suite == "bullseye" {
        // The merged layout that images have; from bookworm on it comes with the packages.
        let merge =
            r#"for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done"#;
        command.arg(format!("--setup-hook={merge}"));
    }
    command.args([suite, "-", "-"]);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("mmdebstrap runs");
    let sources = format!(
        "deb http://deb.debian.org/debian {suite} main\ndeb http://deb.debian.org/debian {suite}-updates main\ndeb http://deb.debian.org/debian-security {suite}-security main\n"
    );
    std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), sources.as_bytes())
        .expect("written");
    let output = child.wait_with_output().expect("mmdebstrap ends");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (mut tree, mut names) = (Tree::new(), Names::default());
    read(output.stdout.as_slice(), kind, &mut tree, &mut names);
    if kind != Kind::Base {
        names.put(&mut tree);
    }
    tree
}

/// The packages dpkg knows there, by its file lists.
fn installed(tree: &Tree) -> Vec<String> {
    tree.keys()
        .filter_map(|path| {
            path.strip_prefix("/var/lib/dpkg/info/")?
                .strip_suffix(".list")
        })
        .map(|name| name.split(':').next().unwrap_or(name).to_owned())
        .collect()
}

fn ours(suite: &str, kind: Kind, packages: &[String]) -> Tree {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let recipe = scratch.path().join("tree.toml");
    let text = format!(
        "schema = 1\n[debian]\nsuite = \"{suite}\"\n[packages]\ninclude = {packages:?}\n[iptables]\nbackend = \"nft\"\n"
    );
    std::fs::write(&recipe, text).expect("recipe written");
    let layout = scratch.path().join("tree.oci");
    let output = format!("oci:{}", layout.display());
    dindimg(&[
        "build".as_ref(),
        recipe.as_os_str(),
        "--tag".as_ref(),
        "tree".as_ref(),
        "--output".as_ref(),
        output.as_ref(),
    ])
    .good();
    let layout = Layout::open(&layout).expect("a layout");
    let set = layout
        .image_set(layout.find(Some("tree")).expect("the tag"))
        .expect("an image");
    let (mut tree, mut names) = (Tree::new(), Names::default());
    for layer in &set.images()[0].layers {
        let layer = MultiGzDecoder::new(layout.open(&layer.digest).expect("a blob"));
        read(layer, kind, &mut tree, &mut names);
    }
    if kind != Kind::Base {
        names.put(&mut tree);
    }
    tree
}

fn excused(suite: &str, kind: Kind, path: &str) -> bool {
    let known = OF_MACHINES.iter().filter(|_| kind != Kind::Base);
    // A beginning that ends in `_` stands for every name that begins so.
    let covers = |known: &str| {
        path == known.trim_end_matches('/')
            || (known.ends_with(['/', '_']) && path.starts_with(known))
    };
    if known.into_iter().any(|(known, _)| covers(known)) {
        return true;
    }
    let of_this_suite = OF_ONE_SUITE
        .iter()
        .any(|(only, known, _)| (*only, *known) == (suite, path));
    of_this_suite
        || DIFFERENCES.iter().any(|(known, _)| {
            path == known.trim_end_matches('/') || (known.ends_with('/') && path.starts_with(known))
        })
}

fn compare(suite: &str, kind: Kind) {
    let Some(mmdebstrap) = require(&["mmdebstrap"], "mmdebstrap") else {
        return;
    };
    let real = real(suite, kind, &mmdebstrap);
    let ours = ours(suite, kind, &installed(&real));
    let mut differences = Vec::new();
    for path in real
        .keys()
        .chain(ours.keys())
        .collect::<std::collections::BTreeSet<_>>()
    {
        if path == "/" || excused(suite, kind, path) {
            continue;
        }
        match (real.get(path), ours.get(path)) {
            (Some(a), Some(b)) if a == b => {}
            (a, b) => differences.push(format!("{path}\n  real {a:?}\n  ours {b:?}")),
        }
    }
    assert!(
        differences.is_empty(),
        "{suite}: {} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
#[ignore = "a real installation takes a minute and a half, and suites differ little"]
fn bullseye_is_what_a_real_installation_is() {
    compare("bullseye", Kind::Base);
}

#[test]
#[ignore = "a real installation takes a minute and a half, and suites differ little"]
fn bookworm_is_what_a_real_installation_is() {
    compare("bookworm", Kind::Base);
}

#[test]
fn trixie_is_what_a_real_installation_is() {
    compare("trixie", Kind::Base);
}

#[test]
fn a_machine_of_bookworm_is_what_a_real_installation_is() {
    compare("bookworm", Kind::Machine);
}

#[test]
fn a_machine_of_trixie_is_what_a_real_installation_is() {
    compare("trixie", Kind::Machine);
}

#[test]
fn java_is_what_a_real_installation_of_bookworm_has() {
    compare("bookworm", Kind::Java);
}

#[test]
#[ignore = "a real installation takes most of a minute, and suites differ little"]
fn java_is_what_a_real_installation_of_trixie_has() {
    compare("trixie", Kind::Java);
}
