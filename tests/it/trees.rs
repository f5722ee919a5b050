//! The tree of an image compared, file by file, with what mmdebstrap installs of the same versions.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use dindimg::oci::{BlobSource as _, Layout};
use flate2::read::MultiGzDecoder;
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

/// What the profile of the daemon starts from.
const DAEMON: &str = "base-files base-passwd libc6 dash coreutils sed grep mawk util-linux mount hostname procps docker.io tini iptables arptables ebtables openssl ca-certificates xz-utils pigz kmod iproute2 e2fsprogs netbase jq";

/// The packages of a standard image of `suite`.
fn packages(suite: &str) -> String {
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
    owner: (u64, u64),
    /// A link's target, or the digest of a file.
    content: String,
}

type Tree = BTreeMap<String, Entry>;

fn read(reader: impl Read, tree: &mut Tree) {
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
        let (kind, content) = match header.entry_type() {
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
                let bytes = comparable(&path, bytes);
                ('f', dindimg::digest::Digest::of(bytes).to_string())
            }
            _ => ('x', String::new()),
        };
        let owner = (header.uid().expect("uid"), header.gid().expect("gid"));
        let mode = header.mode().expect("mode") & 0o7777;
        tree.insert(
            path,
            Entry {
                kind,
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
        _ => bytes,
    }
}

/// A real installation.
fn real(suite: &str, mmdebstrap: &Path) -> Tree {
    let mut command = Command::new(mmdebstrap);
    let include = packages(suite).replace(' ', ",");
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
    let mut tree = Tree::new();
    read(output.stdout.as_slice(), &mut tree);
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

fn ours(suite: &str, packages: &[String]) -> Tree {
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
    let mut tree = Tree::new();
    for layer in &set.images()[0].layers {
        read(
            MultiGzDecoder::new(layout.open(&layer.digest).expect("a blob")),
            &mut tree,
        );
    }
    tree
}

fn excused(suite: &str, path: &str) -> bool {
    let of_this_suite = OF_ONE_SUITE
        .iter()
        .any(|(only, known, _)| (*only, *known) == (suite, path));
    of_this_suite
        || DIFFERENCES.iter().any(|(known, _)| {
            path == known.trim_end_matches('/') || (known.ends_with('/') && path.starts_with(known))
        })
}

fn compare(suite: &str) {
    let Some(mmdebstrap) = require(&["mmdebstrap"], "mmdebstrap") else {
        return;
    };
    let real = real(suite, &mmdebstrap);
    let ours = ours(suite, &installed(&real));
    let mut differences = Vec::new();
    for path in real
        .keys()
        .chain(ours.keys())
        .collect::<std::collections::BTreeSet<_>>()
    {
        if path == "/" || excused(suite, path) {
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
fn bullseye_is_what_a_real_installation_is() {
    compare("bullseye");
}

#[test]
fn bookworm_is_what_a_real_installation_is() {
    compare("bookworm");
}

#[test]
fn trixie_is_what_a_real_installation_is() {
    compare("trixie");
}
