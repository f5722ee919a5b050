//! Packages with Alpine's names and dependencies, made of Debian's for amd64: programs that really
//! run where no mirror of Alpine can be reached. What they need of glibc is one package more,
//! `debian-runtime`, in directories where musl's loader does not look.

mod files;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use goblin::elf::Elf;

use super::package::{ApkPackage, Entry, Kind};
use plan::{PLANS, Plan, RUNTIME};

/// The package with glibc and every library that Alpine has no package for here.
const RUNTIME_NAME: &str = "debian-runtime";

/// Libraries that packages of the mini root file system provide, built for musl: no dependency may
/// lead to them, and no other package may pass for them.
const MUSL: [&str; 3] = ["libcrypto.so.3", "libssl.so.3", "libz.so.1"];

/// Directories of libraries that any program finds.
const LIBRARIES: [&str; 3] = [
    "lib/x86_64-linux-gnu/",
    "lib64/",
    "usr/lib/x86_64-linux-gnu/",
];

/// Directories of commands.
const COMMANDS: [&str; 4] = ["bin/", "sbin/", "usr/bin/", "usr/sbin/"];

/// The names of the Debian packages that are wanted.
pub fn sources() -> BTreeSet<&'static str> {
    let planned = PLANS.iter().map(|plan| plan.source);
    planned.chain(RUNTIME.iter().copied()).collect()
}

/// A Debian package.
struct Source {
    version: String,
    entries: BTreeMap<String, Entry>,
}

/// Every package that can be made of these `.deb` files. A package whose file is not among them is
/// left out, and so are files that are not of [`sources`].
pub fn packages(debs: &[PathBuf]) -> Vec<ApkPackage> {
    let wanted = sources();
    let mut sources: BTreeMap<String, Source> =
        debs.iter().filter_map(|deb| read(deb, &wanted)).collect();
    let mut packages: Vec<ApkPackage> = PLANS
        .iter()
        .filter_map(|plan| Some(make(plan, sources.get_mut(plan.source)?)))
        .collect();
    packages.push(runtime(&mut sources));
    packages.push(files::openrc());
    link(&mut packages);
    packages
}

fn read(deb: &Path, wanted: &BTreeSet<&str>) -> Option<(String, Source)> {
    let open = || File::open(deb).unwrap_or_else(|e| panic!("{}: {e}", deb.display()));
    let control = dindimg::deb::archive::control(open()).expect("a package file");
    let control = control.text("control").expect("text");
    let field = |name: &str| {
        let mut lines = control.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.expect("a field of the control file").to_owned()
    };
    let name = field("Package");
    if !wanted.contains(name.as_str()) {
        return None;
    }
    let mut payload = Vec::new();
    dindimg::deb::archive::unpack(open(), &mut payload).expect("a package file");
    let mut entries = BTreeMap::new();
    let mut archive = tar::Archive::new(payload.as_slice());
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = plain(&entry.path_bytes());
        let target = entry.link_name_bytes();
        let target = target.map(|target| String::from_utf8(target.into_owned()).expect("UTF-8"));
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => continue,
            tar::EntryType::Symlink => Kind::Symlink(target.expect("a target")),
            tar::EntryType::Link => Kind::Hardlink(plain(target.expect("a target").as_bytes())),
            _ => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).expect("a file");
                Kind::File(content)
            }
        };
        let mode = entry.header().mode().expect("a mode");
        entries.insert(path.clone(), Entry::new(path, kind, mode));
    }
    let version = version(&field("Version"));
    Some((name, Source { version, entries }))
}

/// A path as packages of Alpine have it.
fn plain(path: &[u8]) -> String {
    let path = String::from_utf8(path.to_vec()).expect("UTF-8");
    let path = path.trim_start_matches("./").trim_end_matches('/');
    path.to_owned()
}

/// The upstream version as far as apk takes it: `2:4.0.2-3` is `4.0.2-r0`.
fn version(of: &str) -> String {
    let of = of.split_once(':').map_or(of, |(_, rest)| rest);
    let end = of.find(|c: char| !c.is_ascii_digit() && c != '.');
    format!("{}-r0", of[..end.unwrap_or(of.len())].trim_end_matches('.'))
}

fn make(plan: &Plan, source: &mut Source) -> ApkPackage {
    let words = |text: &str| -> Vec<String> {
        text.replace("{v}", &source.version)
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let mut package = ApkPackage {
        origin: plan.origin.to_owned(),
        description: format!("{} as Debian has it", plan.name),
        depends: words(plan.depends),
        install_if: words(plan.install_if),
        provides: words(plan.provides),
        ..ApkPackage::new(plan.name, &source.version)
    };
    for wanted in plan.paths {
        if let Some((path, target)) = wanted.split_once(" -> ") {
            package.entries.push(Entry::symlink(path, target));
            continue;
        }
        let (from, to) = wanted.split_once(" = ").unwrap_or((wanted, wanted));
        for path in matching(&source.entries, from) {
            let mut entry = source.entries.remove(&path).expect("it was found");
            if from.contains('/') {
                let rest = &path[from.trim_end_matches('*').len()..];
                entry.path = format!("{}{rest}", to.trim_end_matches('*'));
            }
            package.entries.push(entry);
        }
    }
    files::complete(package)
}

/// The paths that a pattern is for.
fn matching(entries: &BTreeMap<String, Entry>, pattern: &str) -> Vec<String> {
    let directories: &[&str] = match pattern.contains('/') {
        true => &[""],
        false => &LIBRARIES,
    };
    let fits = |path: &str| match pattern.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path == pattern,
    };
    let found = entries.keys().filter(|path| {
        let mut below = directories.iter().filter_map(|at| path.strip_prefix(at));
        below.any(fits)
    });
    found.cloned().collect()
}

/// The libraries that no other package has.
fn runtime(sources: &mut BTreeMap<String, Source>) -> ApkPackage {
    let version = sources.get("libc6").map(|source| source.version.clone());
    let mut package = ApkPackage::new(RUNTIME_NAME, &version.expect("libc6 is among the files"));
    package.description = "libraries that Debian's programs need".to_owned();
    for source in sources.values_mut() {
        let left = std::mem::take(&mut source.entries);
        let libraries = left.into_values().filter(|entry| is_library(&entry.path));
        package.entries.extend(libraries);
    }
    package
}

fn is_library(path: &str) -> bool {
    let name = LIBRARIES
        .iter()
        .find_map(|directory| path.strip_prefix(directory));
    name.is_some_and(|name| !name.contains('/') && name.contains(".so"))
}

/// Has every package provide its commands and libraries, and depend on the libraries that its
/// programs ask for, as abuild does.
fn link(packages: &mut [ApkPackage]) {
    let mut asked: Vec<BTreeSet<String>> = Vec::new();
    for package in packages.iter_mut() {
        let mut wants = BTreeSet::new();
        let mut gives = BTreeSet::new();
        for entry in &package.entries {
            gives.extend(command(entry).map(|name| format!("cmd:{name}={}", package.version)));
            let Kind::File(content) = &entry.kind else {
                continue;
            };
            // What a program loads when it is told to has needs of its own.
            let plugin =
                LIBRARIES.iter().any(|at| entry.path.starts_with(at)) && !is_library(&entry.path);
            let Some(elf) = elf(content).filter(|_| !plugin) else {
                continue;
            };
            wants.extend(elf.libraries.iter().map(|name| (*name).to_owned()));
            if let Some(name) = elf.soname.filter(|name| !MUSL.contains(name))
                && is_library(&entry.path)
            {
                let of_file = entry.path.rsplit_once(".so.").map(|(_, version)| version);
                gives.insert(format!("so:{name}={}", of_file.unwrap_or("0")));
                wants.remove(name);
            }
        }
        package.provides.extend(gives);
        asked.push(wants);
    }
    for (package, wants) in packages.iter_mut().zip(asked) {
        let own: BTreeSet<&str> = package
            .provides
            .iter()
            .filter_map(|name| Some(name.strip_prefix("so:")?.split_once('=')?.0))
            .collect();
        let wants = wants
            .iter()
            .filter(|name| !own.contains(name.as_str()) && !MUSL.contains(&name.as_str()));
        let wants: Vec<String> = wants.map(|name| format!("so:{name}")).collect();
        package.depends.extend(wants);
    }
}

/// A program or library that is linked at run time.
fn elf(content: &[u8]) -> Option<Elf<'_>> {
    content
        .starts_with(b"\x7fELF")
        .then(|| Elf::parse(content).expect("a program"))
}

/// The command that an entry is.
fn command(entry: &Entry) -> Option<&str> {
    let name = COMMANDS
        .iter()
        .find_map(|directory| entry.path.strip_prefix(directory))?;
    (entry.mode & 0o111 != 0 && !name.contains('/')).then_some(name)
}
