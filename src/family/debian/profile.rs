//! The packages that profiles add on Debian.

use crate::recipe::{InitKind, Profile, Recipe};

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
const DIND_ENGINE: &[&str] = &["docker.io", "iptables", "arptables", "ebtables"];
/// trixie and later split the client off; bookworm's init-system-helpers would otherwise pull in
/// usrmerge and with it perl.
const DIND_OPTIONAL: &[&str] = &["docker-cli", "usr-is-merged"];

/// The packages of `profile`.
pub(super) fn packages(profile: Profile, recipe: &Recipe) -> ProfilePackages {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match profile {
        Profile::Dind => {
            let mut engine: Vec<String> = owned(DIND_ENGINE);
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
                optional: owned(DIND_OPTIONAL),
                engine_package: "docker.io".to_owned(),
            }
        }
    }
}
