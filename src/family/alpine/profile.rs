//! The packages that profiles add on Alpine.

use crate::recipe::{PathPattern, Profile, Recipe, Userland};

use super::super::ProfilePackages;

/// What the daemon, its tools and the guest runtime need. Busybox is the shell and most tools;
/// `mount`, `procps-ng` and `util-linux-misc` have what busybox's do not: `mount -a -T`, `ps -A`.
const BASE: &[&str] = &[
    "alpine-baselayout",
    "alpine-keys",
    "busybox",
    "ca-certificates-bundle",
    "e2fsprogs",
    "iproute2-minimal",
    "jq",
    "kmod",
    "losetup",
    "mount",
    "musl",
    "openssl",
    "pigz",
    "procps-ng",
    "umount",
    "util-linux-misc",
    "xz",
];
/// A base image: the package manager, the shell that scripts ask for, and the tools of pipelines.
const STANDARD: &[&str] = &[
    "apk-tools",
    "bash",
    "ca-certificates",
    "coreutils",
    "curl",
    "findutils",
    "git",
    "grep",
    "gzip",
    "less",
    "libc-utils",
    "musl-utils",
    "openssh-client",
    "sed",
    "shadow",
    "tar",
    "tzdata",
];
const ENGINE: &[&str] = &[
    "containerd",
    "docker-cli",
    "docker-engine",
    "iptables",
    "runc",
];
/// What only some branches have: until 3.18 `iptables` was legacy itself, and `ip6tables` a package
/// of its own; `/bin/sh` became a package in 3.17.
const OPTIONAL: &[&str] = &["busybox-binsh", "ip6tables", "iptables-legacy"];
/// Plugins of the client that people expect of a base image.
const STANDARD_OPTIONAL: &[&str] = &["docker-cli-buildx", "docker-cli-compose"];
/// Never of use in a container image.
const EXCLUDE: &[&str] = &["/etc/init.d/*", "/etc/conf.d/*"];

/// The packages of `profile`.
pub(super) fn packages(profile: Profile, recipe: &Recipe) -> ProfilePackages {
    let Profile::Dind = profile;
    let mut packages = ProfilePackages {
        base: owned(BASE),
        engine: owned(ENGINE),
        optional: owned(OPTIONAL),
        engine_package: recipe.engine_package.word().to_owned(),
        ..ProfilePackages::default()
    };
    // Packages are called as their programs are.
    packages.engine.push(recipe.init.word().to_owned());
    match recipe.userland {
        Userland::Standard => {
            packages.base.extend(owned(STANDARD));
            packages.optional.extend(owned(STANDARD_OPTIONAL));
        }
        Userland::Slim => {
            packages.exclude_paths = EXCLUDE
                .iter()
                .filter_map(|text| text.parse::<PathPattern>().ok())
                .collect();
        }
    }
    packages
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
