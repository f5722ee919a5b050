//! What several fuzz targets share: a tree with files of the fuzzer's making, and temporary files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::LazyLock;

use dindimg::deb::archive::Control;
use dindimg::epoch::Epoch;
use dindimg::platform::Architecture;
use dindimg::recipe::{IptablesBackend, PathFilters};
use dindimg::setup::conventions::DEBIAN;
use dindimg::setup::{Package, RULES, Setup, SetupError};
use dindimg::tree::{Kind, Meta, Node, Tree, TreePath};

/// Where temporary files are made: in memory, where the system has such a place.
pub fn scratch() -> &'static Path {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        shared
    } else {
        Path::new("/tmp")
    }
}

/// An unnamed file that holds `bytes`, at its start.
pub fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile_in(scratch()).expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    file.rewind().expect("rewinds");
    file
}

/// The parts of an input that stands for several texts, cut at NUL bytes.
pub fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut rest = data.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| rest.next().unwrap_or_default())
}

/// A tree with these files.
pub fn tree(files: &[(&str, &[u8])]) -> Tree {
    let mut tree = Tree::new(0);
    for (path, content) in files {
        let path = TreePath::parse(path).expect("a path of the target's own");
        let kind = Kind::File(content.to_vec().into());
        let meta = Meta::root(0o644, 0);
        tree.set(&path, Node { kind, meta })
            .expect("nothing is in the way");
    }
    tree
}

/// A package with these control files.
pub fn package(name: &str, files: &[(&str, &[u8])]) -> Package {
    let owned = |(name, bytes): &(&str, &[u8])| ((*name).to_owned(), bytes.to_vec());
    Package {
        name: name.to_owned(),
        version: "1".to_owned(),
        architecture: "amd64".to_owned(),
        control: Control {
            files: files.iter().map(owned).collect::<BTreeMap<_, _>>(),
            identity: None,
        },
        size: 0,
        paths: vec!["/.".to_owned()],
        entries: Vec::new(),
        published: true,
    }
}

/// Nothing is left out.
static FILTERS: LazyLock<PathFilters> = LazyLock::new(PathFilters::default);

/// A set-up of `tree` with `packages`.
pub fn setup<'a>(tree: &'a mut Tree, packages: &'a [Package]) -> Setup<'a> {
    Setup {
        tree,
        conventions: &DEBIAN,
        packages,
        architecture: Architecture::Amd64,
        epoch: Epoch::from_seconds(1_700_000_000).expect("in range"),
        sources: &[],
        world: &[],
        tags: BTreeMap::new(),
        iptables: IptablesBackend::Auto,
        filters: &FILTERS,
        rule: "",
    }
}

/// Applies the rule called `name`.
pub fn rule(name: &str, setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let rule = RULES
        .iter()
        .find(|rule| rule.name == name)
        .expect("a rule of that name");
    (rule.apply)(setup)
}
