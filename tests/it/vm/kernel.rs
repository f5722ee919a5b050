//! A kernel for the lab: Debian's cloud kernel of a suite, found and fetched by the product itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::ops::Range;

use liblzma::read::XzDecoder;

use crate::archive::{Package, shared_cache, solve};

/// What is needed until the disk can be read, before everything else: the order is the one in which
/// virtio's modules find each other without udev.
const FIRST: &[&str] = &[
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_blk",
    "crc32c_generic",
    "ext4",
    "overlay",
];

/// What dockerd, its networks and its storage use.
const ENGINE: &[&str] = &[
    "loop",
    "fuse",
    "bridge",
    "br_netfilter",
    "veth",
    "ip_tables",
    "iptable_filter",
    "iptable_nat",
    "ip6_tables",
    "ip6table_filter",
    "ip6table_nat",
    "nf_tables",
    "nft_compat",
    "nft_chain_nat",
    "xt_MASQUERADE",
    "xt_addrtype",
    "xt_conntrack",
    "xt_mark",
    "xt_nat",
    "xt_tcpudp",
    "nf_conntrack_netlink",
    "xfrm_user",
];

/// A kernel and the modules that were asked for, with those they depend on, in an order in which
/// insmod(8) takes them.
pub struct Kernel {
    /// The image that a boot loader starts.
    pub image: Vec<u8>,
    /// Names and contents.
    pub modules: Vec<(String, Vec<u8>)>,
}

impl Kernel {
    /// The cloud kernel of a Debian suite.
    ///
    /// Names that a kernel does not have as modules are passed over: it has them built in, or split
    /// them differently, and what then does not work fails where it is used.
    pub fn of(suite: &str) -> Self {
        let recipe = format!(
            "schema = 1\n[debian]\nsuite = \"{suite}\"\n[packages]\n\
             include = [\"linux-image-cloud-amd64\"]\nacknowledge-scripts = \"all\"\n\
             [packages.drop]\nkmod = \"insmod is busybox's\"\n\
             linux-base = \"nothing is installed\"\ninitramfs-tools = \"the lab makes its own\"\n"
        );
        let lock = solve(&format!("kernel-{suite}"), &[("source.toml", recipe)]);
        let package = lock.packages.iter().find(|package| {
            // Not the package that only depends on the newest.
            let name = package.name.as_str();
            name.starts_with("linux-image-") && name != "linux-image-cloud-amd64"
        });
        let package = Package::locked(package.expect("a kernel"), &shared_cache());
        let payload = package.payload();
        let mut image = None;
        let mut found = BTreeMap::new();
        for (path, range) in files(&payload) {
            let name = path.rsplit('/').next().expect("a name");
            if name.starts_with("vmlinuz-") {
                image = Some(payload[range].to_vec());
            } else if let Some((module, _)) = name.split_once(".ko") {
                // The kernel takes hyphens and underscores in these names for the same.
                found.insert(module.replace('-', "_"), (path, range));
            }
        }
        let mut load = Load {
            payload: &payload,
            found,
            seen: BTreeSet::new(),
            modules: Vec::new(),
        };
        for name in FIRST.iter().chain(ENGINE) {
            load.with_dependencies(name);
        }
        Self {
            image: image.expect("a kernel image in the package"),
            modules: load.modules,
        }
    }
}

/// Where the files of a tar are in it.
fn files(payload: &[u8]) -> Vec<(String, Range<usize>)> {
    let mut archive = tar::Archive::new(payload);
    let entries = archive.entries().expect("a tar");
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.expect("an entry");
        if entry.header().entry_type().is_file() {
            let path = entry.path().expect("a path").to_string_lossy().into_owned();
            let start = usize::try_from(entry.raw_file_position()).expect("in memory");
            let size = usize::try_from(entry.size()).expect("in memory");
            files.push((path, start..start + size));
        }
    }
    files
}

/// Modules on their way into an order.
struct Load<'a> {
    payload: &'a [u8],
    found: BTreeMap<String, (String, Range<usize>)>,
    seen: BTreeSet<String>,
    modules: Vec<(String, Vec<u8>)>,
}

impl Load<'_> {
    fn with_dependencies(&mut self, name: &str) {
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        let Some((path, range)) = self.found.get(name) else {
            return;
        };
        let mut content = self.payload[range.clone()].to_vec();
        if path.ends_with(".xz") {
            let mut plain = Vec::new();
            let mut decoder = XzDecoder::new(content.as_slice());
            decoder.read_to_end(&mut plain).expect("a sound module");
            content = plain;
        }
        for dependency in depends(&content) {
            self.with_dependencies(&dependency);
        }
        self.modules.push((name.to_owned(), content));
    }
}

/// The modules that a module names in its section `.modinfo`, strings `KEY=VALUE` that end in NUL.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = &module[at + KEY.len()..];
    let end = value.iter().position(|byte| *byte == 0).expect("an end");
    let text = String::from_utf8_lossy(&value[..end]);
    let names = text.split(',').filter(|name| !name.is_empty());
    names.map(|name| name.replace('-', "_")).collect()
}
