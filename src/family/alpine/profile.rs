//! The packages that profiles add on Alpine.

use crate::recipe::{PathPattern, Profile, Recipe, Userland};

use super::super::ProfilePackages;

/// A shell with its tools, and what TLS needs.
const CLI_BASE: &[&str] = &[
    "alpine-baselayout",
    "alpine-keys",
    "busybox",
    "ca-certificates-bundle",
    "musl",
];
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
/// The first has the engine's version.
const DAEMON: &[&str] = &[
    "docker-engine",
    "containerd",
    "docker-cli",
    "iptables",
    "runc",
];
/// What a daemon of a user who is not root runs in.
const ROOTLESS: &[&str] = &[
    "rootlesskit",
    "slirp4netns",
    "shadow-subids",
    "fuse-overlayfs",
];
/// What makes a cluster and talks to it, where the branch has them.
const CLUSTER: &[&str] = &["kind", "kubectl"];
/// The first has the engine's version.
const CLIENT: &[&str] = &["docker-cli"];
/// What only some branches have: `/bin/sh` became a package in 3.17.
const OPTIONAL: &[&str] = &["busybox-binsh"];
/// Until 3.18 `iptables` was legacy itself, and `ip6tables` a package of its own.
const DAEMON_OPTIONAL: &[&str] = &["ip6tables", "iptables-legacy"];
/// Plugins of the client that people expect of a base image, and what an image of the client is for.
const PLUGINS: &[&str] = &["docker-cli-buildx", "docker-cli-compose"];
/// Never of use in a container image.
const EXCLUDE: &[&str] = &["/etc/init.d/*", "/etc/conf.d/*"];

/// The packages of `profile`.
pub(super) fn packages(profile: Profile, recipe: &Recipe) -> ProfilePackages {
    let (base, engine, optional) = match profile {
        // There is no systemd: a recipe that asks for it is refused when it is loaded.
        Profile::Dind | Profile::Vmlc | Profile::Rootless | Profile::KindCluster => {
            (BASE, DAEMON, DAEMON_OPTIONAL)
        }
        Profile::Cli => (CLI_BASE, CLIENT, PLUGINS),
    };
    let mut packages = ProfilePackages {
        base: owned(base),
        engine: owned(engine),
        optional: owned(&[optional, OPTIONAL].concat()),
        engine_package: engine[0].to_owned(),
        ..ProfilePackages::default()
    };
    // Packages are called as their programs are.
    packages.engine.push(recipe.init.word().to_owned());
    if profile == Profile::Rootless {
        packages.extra = owned(ROOTLESS);
    }
    if profile == Profile::KindCluster {
        packages.optional_extra = owned(CLUSTER);
    }
    match recipe.userland {
        Userland::Standard => {
            packages.base.extend(owned(STANDARD));
            packages.optional.extend(owned(PLUGINS));
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
