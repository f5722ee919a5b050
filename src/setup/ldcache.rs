//! `/etc/ld.so.cache` in glibc's current format (glibc, `sysdeps/generic/dl-cache.h`), ordered as
//! ldconfig orders it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use goblin::elf::Elf;

use crate::platform::Architecture;
use crate::tree::{Kind, TreePath};

use super::context::{Setup, SetupError};

const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
/// `cache_file_new_flags_endian_little`.
const LITTLE_ENDIAN: u8 = 2;
/// `cache_extension_magic`.
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
/// Bytes of the header before the first entry.
const HEADER: usize = 48;
/// Bytes of one entry: flags, key, value, OS version, hardware capabilities.
const ENTRY: usize = 24;
/// First glibc that writes the generator extension.
const EXTENSION_SINCE: (u32, u32) = (2, 33);
/// Larger files are no libraries worth reading whole; the largest in Debian's main set is LLVM's,
/// of about 130 MB.
const LIBRARY_LIMIT: u64 = 256 << 20;

/// One line of `ldconfig -p`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// The SONAME.
    pub name: String,
    /// Absolute path, by the directory's name in the configuration.
    pub path: String,
    /// ABI flags (`FLAG_ELF_LIBC6` and the architecture's).
    pub flags: u32,
}

/// The directories ldconfig would read, in its order: `ld.so.conf.d`, then the defaults. A
/// directory reached by several names is read under the first.
pub fn directories(setup: &Setup<'_>) -> Result<Vec<String>, SetupError> {
    let mut files: Vec<String> = setup
        .tree
        .below(&setup.path("etc/ld.so.conf.d")?)
        .into_iter()
        .map(|(path, _)| path.as_str().to_owned())
        .filter(|path| path.ends_with(".conf"))
        .collect();
    files.sort();
    let mut names = Vec::new();
    for file in files {
        let text = setup.text(&file)?.unwrap_or_default();
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim());
        names.extend(
            lines
                .filter(|line| line.starts_with('/'))
                .map(str::to_owned),
        );
    }
    names.extend(["/lib", "/usr/lib"].map(str::to_owned));
    let mut seen = BTreeSet::new();
    let mut directories = Vec::new();
    for name in names {
        let path = setup.path(&name)?;
        let real = setup
            .tree
            .follow(&path)
            .map_err(|source| SetupError::Tree {
                rule: setup.rule,
                source,
            })?;
        if seen.insert(real) {
            directories.push(name.trim_end_matches('/').to_owned());
        }
    }
    Ok(directories)
}

/// The shared libraries of `directories`, in the cache's order.
pub fn libraries(setup: &Setup<'_>, directories: &[String]) -> Result<Vec<Library>, SetupError> {
    let flags = match setup.architecture {
        Architecture::Amd64 => 0x0303,
        Architecture::Arm64 => 0x0a03,
    };
    let mut found: Vec<Library> = Vec::new();
    for directory in directories {
        let mut names = BTreeMap::new();
        let top = setup.path(directory)?;
        for (path, placed) in setup.tree.below(&top) {
            let Some(name) = path.file_name().filter(|name| is_library_name(name)) else {
                continue;
            };
            let direct = path.parent() == setup.tree.follow(&top).ok();
            if direct
                && !matches!(placed.node.kind, Kind::Directory)
                && let Some(soname) = soname(setup, path)?
            {
                names.insert(soname.unwrap_or_else(|| name.to_owned()), ());
            }
        }
        for name in names.into_keys() {
            let path = format!("{directory}/{name}");
            if setup.exists(&path) && !found.iter().any(|library| library.name == name) {
                found.push(Library { name, path, flags });
            }
        }
    }
    found.sort_by(|a, b| compare(&b.name, &a.name));
    Ok(found)
}

/// `ldconfig` considers `lib*.so*` and `ld-*.so*` (and nothing else).
fn is_library_name(name: &str) -> bool {
    (name.starts_with("lib") || name.starts_with("ld-")) && name.contains(".so")
}

/// `None`: not a library of the target. `Some(None)`: a library without a SONAME.
fn soname(setup: &Setup<'_>, path: &TreePath) -> Result<Option<Option<String>>, SetupError> {
    let Some(content) = setup
        .tree
        .file(path)
        .filter(|content| content.len() <= LIBRARY_LIMIT)
    else {
        return Ok(None);
    };
    let unread = |error| setup.unread(path.as_str(), error);
    let mut magic = [0; 4];
    if content.len() < magic.len() as u64 {
        return Ok(None);
    }
    content.read_exact_at(&mut magic, 0).map_err(unread)?;
    if &magic != goblin::elf::header::ELFMAG {
        return Ok(None);
    }
    let bytes = content.read().map_err(unread)?;
    let Ok(elf) = Elf::parse(&bytes) else {
        return Ok(None);
    };
    let machine = match setup.architecture {
        Architecture::Amd64 => goblin::elf::header::EM_X86_64,
        Architecture::Arm64 => goblin::elf::header::EM_AARCH64,
    };
    Ok((elf.header.e_machine == machine && elf.dynamic.is_some())
        .then(|| elf.soname.map(str::to_owned)))
}

/// `_dl_cache_libcmp`: names compared with runs of digits as numbers, digits above letters.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match (x.is_ascii_digit(), y.is_ascii_digit()) {
                (true, true) => {
                    let (m, rest_a) = number(a);
                    let (n, rest_b) = number(b);
                    if m != n {
                        return m.cmp(&n);
                    }
                    (a, b) = (rest_a, rest_b);
                }
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (false, false) if x != y => return x.cmp(y),
                (false, false) => (a, b) = (&a[1..], &b[1..]),
            },
        }
    }
}

fn number(bytes: &[u8]) -> (u64, &[u8]) {
    let length = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let value = bytes[..length].iter().fold(0_u64, |n, byte| {
        n.saturating_mul(10).saturating_add(u64::from(byte - b'0'))
    });
    (value, &bytes[length..])
}

/// The cache file. `libc` is the Debian version of libc6, which the generator note names.
pub fn encode(libraries: &[Library], libc: &str) -> Vec<u8> {
    // A name is the tail of its path, so the paths hold every string there is; glibc's string
    // table orders them by their reversed bytes, greatest first.
    let mut paths: Vec<&str> = libraries
        .iter()
        .map(|library| library.path.as_str())
        .collect();
    paths.sort_by(|a, b| b.bytes().rev().cmp(a.bytes().rev()));
    paths.dedup();
    let mut strings = Vec::new();
    let mut offsets = BTreeMap::new();
    let start = HEADER + ENTRY * libraries.len();
    for path in paths {
        offsets.insert(path, start + strings.len());
        strings.extend_from_slice(path.as_bytes());
        strings.push(0);
    }
    let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let generator = generator(libc);
    let extension_at = (start + strings.len()).next_multiple_of(4);
    let mut out = Vec::with_capacity(extension_at + 64);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&word(libraries.len()));
    out.extend_from_slice(&word(strings.len()));
    out.extend_from_slice(&[LITTLE_ENDIAN, 0, 0, 0]);
    out.extend_from_slice(&word(if generator.is_some() { extension_at } else { 0 }));
    out.resize(HEADER, 0);
    for library in libraries {
        let value = offsets.get(library.path.as_str()).copied().unwrap_or(start);
        let key = value + library.path.len() - library.name.len();
        out.extend_from_slice(&library.flags.to_le_bytes());
        out.extend_from_slice(&word(key));
        out.extend_from_slice(&word(value));
        out.resize(out.len() + 12, 0);
    }
    out.extend_from_slice(&strings);
    if let Some(text) = generator {
        out.resize(extension_at, 0);
        out.extend_from_slice(&EXTENSION_MAGIC.to_le_bytes());
        out.extend_from_slice(&word(1));
        // One section: tag 0 (generator), flags, offset, size.
        out.extend_from_slice(&word(0));
        out.extend_from_slice(&word(0));
        out.extend_from_slice(&word(extension_at + 24));
        out.extend_from_slice(&word(text.len()));
        out.extend_from_slice(text.as_bytes());
    }
    out
}

/// `ldconfig (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36`.
fn generator(libc: &str) -> Option<String> {
    let upstream = libc.split('-').next()?;
    let (major, minor) = upstream.split_once('.')?;
    let release: (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    (release >= EXTENSION_SINCE)
        .then(|| format!("ldconfig (Debian GLIBC {libc}) stable release version {upstream}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_order_as_numbers_and_above_letters() {
        let mut names = [
            "libz.so.1",
            "libz.so.10",
            "libz.so.9",
            "libzstd.so.1",
            "lib2.so",
        ];
        names.sort_by(|a, b| compare(b, a));
        assert_eq!(
            names,
            [
                "lib2.so",
                "libzstd.so.1",
                "libz.so.10",
                "libz.so.9",
                "libz.so.1"
            ]
        );
    }

    #[test]
    fn names_are_tails_of_their_paths() {
        let library = |name: &str| Library {
            name: name.to_owned(),
            path: format!("/lib/x/{name}"),
            flags: 0x303,
        };
        let bytes = encode(
            &[library("libz.so.1"), library("libc.so.6")],
            "2.36-9+deb12u14",
        );
        let word = |at: usize| {
            u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
        };
        let string = |at: usize| {
            let end = bytes[at..]
                .iter()
                .position(|&b| b == 0)
                .expect("terminated");
            std::str::from_utf8(&bytes[at..at + end]).expect("text")
        };
        assert_eq!(word(20), 2);
        assert_eq!(
            (string(word(HEADER + 4)), string(word(HEADER + 8))),
            ("libz.so.1", "/lib/x/libz.so.1")
        );
        assert!(bytes.ends_with(b"stable release version 2.36"));
        assert_eq!(generator("2.31-13+deb11u11"), None);
    }
}
