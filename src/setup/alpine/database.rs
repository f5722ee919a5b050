//! apk's database, as `apk add` leaves it: installed packages with their files, the scripts that
//! an upgrade will run, the triggers, and what the administrator asked for (apk-tools,
//! `src/database.c`, `apk_db_write_fdb`; apk-world(5), apk-repositories(5)).

use std::collections::BTreeMap;
use std::io;

use rayon::prelude::*;

use crate::apk::checksum::Checksum;
use crate::apk::package::{INFO, fields};
use crate::tree::{Content, Kind, Meta, Owner, TreePath};

use super::super::context::{Package, Setup, SetupError};

const RULE: &str = "apk-database";
const ADMIN: &str = "lib/apk/db";
const KEYS: &str = "etc/apk/keys";
/// Modes that need no line of their own.
const DIRECTORY: u32 = 0o755;
const FILE: u32 = 0o644;

/// Writes the database for the installed packages.
pub(in crate::setup) fn write_database(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    setup.rule = RULE;
    let described: Vec<Described<'_>> = setup
        .packages
        .iter()
        .map(|package| Described::of(setup, package))
        .collect::<Result<_, _>>()?;
    let shared: &Setup<'_> = setup;
    let checksums = checksums(shared).map_err(|(name, error)| setup.unread(&name, error))?;
    // Packages are numbered by their places in the tree, and listed by their names.
    let mut entries: Vec<(&str, String)> = described
        .par_iter()
        .enumerate()
        .map(|(number, described)| {
            let entry = format!(
                "{}{}\n",
                described.head(&shared.tags),
                files(shared, described.package, number, &checksums)
            );
            (described.package.name.as_str(), entry)
        })
        .collect();
    entries.sort();
    let installed: String = entries.into_iter().map(|(_, entry)| entry).collect();
    let mut described = described;
    described.sort_by(|a, b| a.package.name.cmp(&b.package.name));
    let triggers: String = described.iter().map(Described::triggers).collect();
    let scripts = scripts(&described).map_err(|error| setup.input(ADMIN, error.to_string()))?;
    let architecture = format!("{}\n", setup.architecture.alpine());
    let repositories: String = setup
        .sources
        .iter()
        .map(|source| match &source.tag {
            Some(tag) => format!("@{tag} {}\n", source.uri),
            None => format!("{}\n", source.uri),
        })
        .collect();
    let mut world: String = setup.world.iter().map(|line| format!("{line}\n")).collect();
    if world.is_empty() {
        world.push('\n');
    }
    setup.write(&format!("{ADMIN}/installed"), 0o644, installed.as_str())?;
    setup.write(&format!("{ADMIN}/triggers"), 0o644, triggers.as_str())?;
    setup.write(&format!("{ADMIN}/scripts.tar"), 0o644, scripts)?;
    setup.write(&format!("{ADMIN}/lock"), 0o600, "")?;
    setup.write("etc/apk/world", 0o644, world.as_str())?;
    setup.write("etc/apk/arch", 0o644, architecture.as_str())?;
    setup.write("etc/apk/repositories", 0o644, repositories.as_str())?;
    if setup.has("apk-tools") {
        setup.directory("var/cache/apk", DIRECTORY, 0)?;
    }
    for source in setup.sources {
        for key in &source.keys {
            setup.write_new(&format!("{KEYS}/{}", key.name), 0o644, key.bytes.clone())?;
        }
    }
    Ok(())
}

/// A package and what it says of itself.
struct Described<'a> {
    package: &'a Package,
    identity: &'a str,
    fields: Vec<(String, String)>,
}

/// The lines of one value, in apk's order, and the fields they come from.
const LINES: [(char, &str); 9] = [
    ('P', "pkgname"),
    ('V', "pkgver"),
    ('A', "arch"),
    ('I', "size"),
    ('T', "pkgdesc"),
    ('U', "url"),
    ('L', "license"),
    ('o', "origin"),
    ('m', "maintainer"),
];
/// Those that are there without a value too.
const ALWAYS: [char; 3] = ['T', 'U', 'L'];
/// The lines that follow.
const MORE: [(char, &str); 3] = [
    ('t', "builddate"),
    ('c', "commit"),
    ('k', "provider_priority"),
];
/// Relations, of which a package has several.
const RELATIONS: [(char, &str); 4] = [
    ('D', "depend"),
    ('p', "provides"),
    ('i', "install_if"),
    ('r', "replaces"),
];

impl<'a> Described<'a> {
    fn of(setup: &Setup<'_>, package: &'a Package) -> Result<Self, SetupError> {
        let wrong = |message: String| setup.input(&format!("package {}", package.name), message);
        let info = package.control.files.get(INFO).map_or(&b""[..], |b| &b[..]);
        let identity = package.control.identity.as_deref();
        Ok(Self {
            package,
            identity: identity.ok_or_else(|| wrong("it has no identity".to_owned()))?,
            fields: fields(info).map_err(|error| wrong(error.to_string()))?,
        })
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn first(&self, name: &str) -> &str {
        self.values(name).first().copied().unwrap_or_default()
    }

    /// The lines before its files.
    fn head(&self, tags: &BTreeMap<String, String>) -> String {
        let mut text = format!("C:{}\n", self.identity);
        let mut line = |letter: char, value: &str| {
            if !value.is_empty() || ALWAYS.contains(&letter) {
                text.push_str(&format!("{letter}:{value}\n"));
            }
        };
        for (letter, name) in LINES {
            if letter == 'I' {
                line('S', &self.package.size.to_string());
            }
            line(
                letter,
                match letter {
                    // As the index has it: `noarch` there is the repository's own.
                    'A' => &self.package.architecture,
                    _ => self.first(name),
                },
            );
        }
        for (letter, name) in MORE {
            line(letter, self.first(name));
        }
        for (letter, name) in RELATIONS {
            line(letter, &self.values(name).join(" "));
        }
        line('q', self.first("replaces_priority"));
        line('s', tags.get(&self.package.name).map_or("", String::as_str));
        text
    }

    fn triggers(&self) -> String {
        match self.values("triggers").join(" ") {
            none if none.is_empty() => String::new(),
            directories => format!("{} {directories}\n", self.identity),
        }
    }
}

/// The checksums of regular files, by the place of their package and their path.
type Checksums<'a> = BTreeMap<(usize, &'a TreePath), Checksum>;

/// Hashes every regular file once, however many names it has, and several at once: one package can
/// hold half of what the image does.
fn checksums<'a>(setup: &'a Setup<'_>) -> Result<Checksums<'a>, (String, io::Error)> {
    let packages = setup.packages.iter().enumerate();
    let regular: Vec<(usize, &TreePath, &Content)> = packages
        .flat_map(|(number, package)| {
            let entries = package.entries.iter();
            entries.filter_map(move |(path, node)| match &node.kind {
                Kind::File(content) => Some((number, path, content)),
                _ => None,
            })
        })
        .collect();
    let hashed = regular.into_par_iter().map(|(number, path, content)| {
        let checksum = Checksum::sha1_of(content.reader());
        let checksum = checksum.map_err(|error| (path.as_str().to_owned(), error))?;
        Ok(((number, path), checksum))
    });
    hashed.collect()
}

/// The lines of a package's files: each directory with what it has of the package, both sorted.
fn files(setup: &Setup<'_>, package: &Package, number: usize, checksums: &Checksums<'_>) -> String {
    let known = |path| match checksums.get(&(number, path)) {
        Some(checksum) => checksum.clone(),
        None => Checksum::sha1(b""),
    };
    let mut directories: BTreeMap<&str, (Option<&Meta>, BTreeMap<&str, String>)> = BTreeMap::new();
    for (path, node) in &package.entries {
        if path.is_root() {
            continue;
        }
        let name = path.as_str();
        if matches!(node.kind, Kind::Directory) {
            directories.entry(name).or_default().0 = Some(&node.meta);
            continue;
        }
        // What another package has taken over is that one's.
        let owner = setup.tree.locate(path).ok();
        let owner = owner
            .and_then(|at| setup.tree.get(&at))
            .map(|placed| placed.owner);
        if matches!(owner, Some(Owner::Package(other)) if other != number) {
            continue;
        }
        let (directory, base) = name.rsplit_once('/').unwrap_or(("", name));
        let (_, held) = directories.entry(directory).or_default();
        let checksum = match &node.kind {
            Kind::Symlink(target) => Checksum::sha1(target.as_bytes()),
            Kind::File(_) => known(path),
            Kind::Hardlink(target) => known(target),
            // apk has no word for devices.
            _ => continue,
        };
        let permissions = permissions('a', &node.meta, FILE);
        held.insert(base, format!("R:{base}\n{permissions}Z:{checksum}\n"));
    }
    let mut text = String::new();
    for (directory, (meta, held)) in directories {
        text.push_str(&format!("F:{directory}\n"));
        if let Some(meta) = meta {
            text.push_str(&permissions('M', meta, DIRECTORY));
        }
        text.extend(held.into_values());
    }
    text
}

/// Owner and mode, where they are not the usual ones.
fn permissions(letter: char, meta: &Meta, plain: u32) -> String {
    if (meta.uid, meta.gid, meta.mode) == (0, 0, plain) {
        return String::new();
    }
    format!("{letter}:{}:{}:{:o}\n", meta.uid, meta.gid, meta.mode)
}

/// The scripts, each under the name of its package.
fn scripts(described: &[Described<'_>]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for one in described {
        let package = one.package;
        for (name, content) in &package.control.files {
            if super::role(name).is_none() {
                continue;
            }
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_username("root")?;
            header.set_groupname("root")?;
            header.set_mtime(one.first("builddate").parse().unwrap_or(0));
            let path = format!(
                "{}-{}.{}{name}",
                package.name, package.version, one.identity
            );
            // A name of base64 may have slashes, which are no directories here.
            archive.append_data(&mut header, path, &content[..])?;
        }
    }
    archive.into_inner()
}
