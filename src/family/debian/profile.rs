//! The packages that profiles add on Debian.

use crate::recipe::{EnginePackage, InitKind, Profile, Recipe};

use super::super::ProfilePackages;

/// What the daemon, its tools and the guest runtime need, and nothing else. Boot-tested by
/// removing packages one at a time.
const DIND_BASE: &[&str] = &[
    "base-files",
    "base-passwd",
    "libc6",
    "dash",
    "coreutils",
    "sed",
    "grep",
    "mawk",
    "util-linux",
    "mount",
    "hostname",
    "procps",
    "openssl",
    "ca-certificates",
    "xz-utils",
    "pigz",
    "kmod",
    "iproute2",
    "e2fsprogs",
    "netbase",
    "jq",
];
const DIND_ENGINE: &[&str] = &["iptables", "arptables", "ebtables"];
/// bookworm's init-system-helpers would otherwise pull in usrmerge and with it perl.
const DIND_OPTIONAL: &[&str] = &["usr-is-merged"];

/// The packages that bring an engine: those that must be there, the first of which has its version,
/// and those that only some suites have.
fn engine_packages(package: EnginePackage) -> (&'static [&'static str], &'static [&'static str]) {
    match package {
        // trixie and later split the client off.
        EnginePackage::DockerIo => (&["docker.io"], &["docker-cli"]),
        EnginePackage::DockerCe => (&["docker-ce", "docker-ce-cli", "containerd.io"], &[]),
    }
}

/// The packages of `profile`.
pub(super) fn packages(profile: Profile, recipe: &Recipe) -> ProfilePackages {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match profile {
        Profile::Dind => {
            let (needed, optional) = engine_packages(recipe.engine_package);
            let mut engine: Vec<String> = owned(needed);
            engine.extend(owned(DIND_ENGINE));
            engine.push(
                match recipe.init {
                    InitKind::Tini => "tini",
                    InitKind::DumbInit => "dumb-init",
                    InitKind::Catatonit => "catatonit",
                }
                .to_owned(),
            );
            ProfilePackages {
                base: owned(DIND_BASE),
                engine,
                optional: owned(&[optional, DIND_OPTIONAL].concat()),
                engine_package: recipe.engine_package.word().to_owned(),
            }
        }
    }
}
