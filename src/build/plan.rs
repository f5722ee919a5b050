//! Which package goes into which layer.

use std::collections::{BTreeMap, BTreeSet};

use crate::lock::LockedPackage;
use crate::resolve::Roots;

/// The layers of an image, the first at the bottom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LayerName {
    /// What every image of a distribution has.
    Base,
    /// The container engine and what only it needs.
    Engine,
    /// Packages a recipe adds.
    Extra,
    /// Images for the engine inside.
    Preload,
    /// Everything generated, the guest runtime included.
    Guest,
}

impl LayerName {
    /// Every layer, bottom first.
    pub const ALL: [Self; 5] = [
        Self::Base,
        Self::Engine,
        Self::Extra,
        Self::Preload,
        Self::Guest,
    ];

    /// The name in messages and in the image's history.
    pub fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Engine => "engine",
            Self::Extra => "extra",
            Self::Preload => "preload",
            Self::Guest => "guest",
        }
    }
}

/// Assigns each package a layer: the closure of the base roots, then what the engine roots add,
/// then the rest. So images that share roots and versions share blobs.
pub fn assign<'a>(
    packages: impl Iterator<Item = &'a LockedPackage>,
    roots: &Roots,
) -> BTreeMap<String, LayerName> {
    let by_name: BTreeMap<&str, &LockedPackage> = packages
        .map(|package| (package.name.as_str(), package))
        .collect();
    let mut assigned: BTreeMap<String, LayerName> = BTreeMap::new();
    for (layer, from) in [
        (LayerName::Base, &roots.base),
        (LayerName::Engine, &roots.engine),
    ] {
        for name in closure(&by_name, from) {
            assigned.entry(name).or_insert(layer);
        }
    }
    for name in by_name.keys() {
        assigned
            .entry((*name).to_owned())
            .or_insert(LayerName::Extra);
    }
    assigned
}

fn closure(by_name: &BTreeMap<&str, &LockedPackage>, roots: &BTreeSet<String>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut ahead: Vec<&str> = roots.iter().map(String::as_str).collect();
    while let Some(name) = ahead.pop() {
        if let Some(package) = by_name.get(name)
            && reached.insert(name.to_owned())
        {
            ahead.extend(package.depends.iter().map(String::as_str));
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use crate::digest::Digest;

    use super::*;

    fn package(name: &str, depends: &[&str]) -> LockedPackage {
        LockedPackage {
            name: name.to_owned(),
            version: "1".to_owned(),
            architecture: "amd64".to_owned(),
            source: name.to_owned(),
            platforms: BTreeMap::new(),
            repository: "r".to_owned(),
            path: name.to_owned(),
            size: 0,
            sha256: Digest::of(name),
            depends: depends.iter().map(|name| (*name).to_owned()).collect(),
            scripts: BTreeMap::new(),
        }
    }

    #[test]
    fn shared_dependencies_lie_as_low_as_they_are_needed() {
        let packages = [
            package("coreutils", &["libc"]),
            package("docker", &["libc", "runc"]),
            package("runc", &["docker"]),
            package("libc", &[]),
            package("git", &["libc", "perl"]),
            package("perl", &[]),
        ];
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let roots = Roots {
            base: set(&["coreutils"]),
            engine: set(&["docker", "absent"]),
            engine_package: None,
        };
        let layers = assign(packages.iter(), &roots);
        assert_eq!(layers["libc"], LayerName::Base);
        assert_eq!(layers["runc"], LayerName::Engine);
        assert_eq!(
            (layers["git"], layers["perl"]),
            (LayerName::Extra, LayerName::Extra)
        );
        assert!(!layers.contains_key("absent"));
    }
}
