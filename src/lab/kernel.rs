//! A kernel and its modules, and a shell for the first stage: packages of a Debian suite, chosen,
//! verified and cached as those of an image are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::ops::Range;

use liblzma::read::XzDecoder;

use super::Supply;
use super::error::LabError;
use crate::deb::archive::DebError;
use crate::family::Debian;
use crate::lock::{Lock, LockedPackage};
use crate::recipe;
use crate::resolve::{self, Keep, ResolveError, spooled};

/// What `linux-image-cloud-amd64` depends on is called so, with a version.
const KERNEL: &str = "linux-image-";
/// The package that only depends on the newest kernel.
const NEWEST: &str = "linux-image-cloud-amd64";
/// The shell of the first stage.
const SHELL: &str = "busybox-static";
/// Where that package has it; since trixie `/bin` is not in packages.
const SHELL_PATHS: [&str; 2] = ["bin/busybox", "usr/bin/busybox"];
/// Largest decoded module, in bytes; the largest of a cloud kernel have 5 MB.
const MODULE_LIMIT: u64 = 64 << 20;

/// What is needed until the disks can be read, before everything else: the order is the one in which
/// virtio's modules find each other without udev.
const FIRST: &[&str] = &[
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "crc32c_generic",
    "ext4",
    "overlay",
];

/// What dockerd, its networks and its storage use.
const ENGINE: &[&str] = &[
    "loop",
    "fuse",
    "tun",
    "virtiofs",
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

/// What a machine starts from.
pub struct Kernel {
    /// The image that a boot loader starts.
    pub image: Vec<u8>,
    /// Modules that were asked for, with those they depend on, in an order in which insmod(8) takes
    /// them: names and contents.
    pub modules: Vec<(String, Vec<u8>)>,
    /// A statically linked busybox.
    pub shell: Vec<u8>,
}

impl Kernel {
    /// The cloud kernel of a Debian suite.
    ///
    /// Modules that a kernel does not have are passed over: it has them built in, or split them
    /// differently, and what then does not work fails where it is used.
    ///
    /// # Errors
    /// When the packages cannot be resolved, fetched or read.
    pub fn of(suite: &'static str, supply: &Supply) -> Result<Self, LabError> {
        let lock = packages(suite, supply)?;
        let find = |wanted: &dyn Fn(&str) -> bool, what: &str| {
            let mut found = lock.packages.iter();
            let found = found.find(|package| wanted(&package.name));
            found.ok_or_else(|| LabError::Lacking {
                package: NEWEST.to_owned(),
                suite,
                what: what.to_owned(),
            })
        };
        let kernel = find(&|name| name.starts_with(KERNEL) && name != NEWEST, "kernel")?;
        let shell = find(&|name| name == SHELL, "shell beside it")?;
        let payload = payload(suite, shell, supply)?;
        let lacking = |package: &LockedPackage, what: &str| LabError::Lacking {
            package: package.name.clone(),
            suite,
            what: what.to_owned(),
        };
        let mut files = files(shell, &payload)?.into_iter();
        let shell = files
            .find(|(path, _)| SHELL_PATHS.contains(&path.as_str()))
            .map(|(_, range)| payload[range].to_vec())
            .ok_or_else(|| lacking(shell, "busybox"))?;
        let payload = self::payload(suite, kernel, supply)?;
        let (image, modules) = taken(kernel, &payload)?;
        Ok(Self {
            image: image.ok_or_else(|| lacking(kernel, "vmlinuz"))?,
            modules,
            shell,
        })
    }
}

/// Resolves kernel and shell, and brings them into the cache.
fn packages(suite: &'static str, supply: &Supply) -> Result<Lock, LabError> {
    let text = format!(
        "schema = 1\n[debian]\nsuite = \"{suite}\"\n[packages]\n\
         include = [\"{NEWEST}\", \"{SHELL}\"]\nacknowledge-scripts = \"all\"\n\
         [packages.drop]\nkmod = \"insmod is busybox's\"\n\
         linux-base = \"nothing is installed\"\ninitramfs-tools = \"the lab makes its own\"\n"
    );
    let home = supply.fetcher.cache().home().join("tmp");
    let directory = tempfile::Builder::new().prefix("vm-").tempdir_in(&home);
    let directory = directory.map_err(LabError::file("write", &home))?;
    let path = directory.path().join(format!("{suite}.toml"));
    std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
    let recipes = recipe::load(&path)?;
    let failed = |source: ResolveError| LabError::Packages {
        suite,
        source: Box::new(source),
    };
    let context = resolve::Context {
        fetcher: &supply.fetcher,
        mirrors: &supply.mirrors,
        now: supply.now,
        // The kernel of a machine that is thrown away may be last week's.
        allow_expired: true,
        encodings: &BTreeMap::new(),
        reporter: supply.reporter.as_ref(),
    };
    resolve::resolve(&recipes, None, &Keep::Nothing, &context).map_err(failed)
}

/// The decoded payload of a package, from the spool that builds of images fill as well.
fn payload(
    suite: &'static str,
    package: &LockedPackage,
    supply: &Supply,
) -> Result<Vec<u8>, LabError> {
    let (_, sealed) =
        spooled(package, &Debian, &supply.fetcher).map_err(|source| LabError::Packages {
            suite,
            source: Box::new(source),
        })?;
    let length = usize::try_from(sealed.length()).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    sealed
        .read_exact_at(&mut bytes, 0)
        .map_err(LabError::file("read", supply.fetcher.cache().home()))?;
    Ok(bytes)
}

/// Where the files of a payload are in it, by path without `./`.
fn files(package: &LockedPackage, payload: &[u8]) -> Result<Vec<(String, Range<usize>)>, LabError> {
    let damaged = |source| LabError::Package {
        package: package.name.clone(),
        source: DebError::Io {
            member: "data.tar".to_owned(),
            source,
        },
    };
    let mut archive = tar::Archive::new(payload);
    let mut files = Vec::new();
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let start = entry.raw_file_position() as usize;
        let end = start + entry.size() as usize;
        if end > payload.len() {
            return Err(damaged(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let path = path.trim_start_matches("./").to_owned();
        files.push((path, start..end));
    }
    Ok(files)
}

type Modules = Vec<(String, Vec<u8>)>;

/// The kernel image and the modules of a package.
fn taken(package: &LockedPackage, payload: &[u8]) -> Result<(Option<Vec<u8>>, Modules), LabError> {
    let mut image = None;
    let mut found = BTreeMap::new();
    for (path, range) in files(package, payload)? {
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.starts_with("vmlinuz-") {
            image = Some(payload[range].to_vec());
        } else if let Some((module, _)) = name.split_once(".ko") {
            // The kernel takes hyphens and underscores in these names for the same.
            found.insert(module.replace('-', "_"), (path, range));
        }
    }
    let mut load = Load {
        payload,
        found,
        seen: BTreeSet::new(),
        modules: Vec::new(),
    };
    for name in FIRST.iter().chain(ENGINE) {
        load.with_dependencies(name)
            .map_err(|source| LabError::Package {
                package: package.name.clone(),
                source: DebError::Io {
                    member: format!("module {name}"),
                    source,
                },
            })?;
    }
    Ok((image, load.modules))
}

/// Modules on their way into an order.
struct Load<'a> {
    payload: &'a [u8],
    found: BTreeMap<String, (String, Range<usize>)>,
    seen: BTreeSet<String>,
    modules: Modules,
}

impl Load<'_> {
    fn with_dependencies(&mut self, name: &str) -> std::io::Result<()> {
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let Some((path, range)) = self.found.get(name) else {
            return Ok(());
        };
        let mut content = self.payload[range.clone()].to_vec();
        if path.ends_with(".xz") {
            let mut plain = Vec::new();
            let decoder = XzDecoder::new(content.as_slice());
            decoder.take(MODULE_LIMIT).read_to_end(&mut plain)?;
            content = plain;
        }
        for dependency in depends(&content) {
            self.with_dependencies(&dependency)?;
        }
        self.modules.push((name.to_owned(), content));
        Ok(())
    }
}

/// The modules that a module names in its section `.modinfo`, strings `KEY=VALUE` that end in NUL.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = &module[at + KEY.len()..];
    let end = value.iter().position(|byte| *byte == 0);
    let text = String::from_utf8_lossy(&value[..end.unwrap_or(value.len())]);
    let names = text.split(',').filter(|name| !name.is_empty());
    names.map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_the_module_itself() {
        let module = b"\0license=GPL\0depends=fuse,nf-tables\0name=virtiofs\0";
        assert_eq!(depends(module), ["fuse", "nf_tables"]);
        assert_eq!(depends(b"\0depends=\0"), [""; 0]);
        assert_eq!(depends(b"no such section"), [""; 0]);
    }
}
