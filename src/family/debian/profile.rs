//! The packages that profiles add on Debian.

use std::collections::BTreeSet;

use crate::recipe::{EnginePackage, InitKind, PathPattern, Profile, Recipe, Userland};

use super::super::ProfilePackages;
use super::userland;

/// A shell with its tools, and what TLS needs.
const CLI_BASE: &[&str] = &[
    "base-files",
    "base-passwd",
    "libc6",
    "dash",
    "coreutils",
    "sed",
    "grep",
    "openssl",
    "ca-certificates",
    "netbase",
];
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
/// What makes a machine of it: kicbase's set, without what a container has no use for. `bash` is
/// root's shell, without which sshd lets nobody in.
const MACHINE: &[&str] = &[
    "bash",
    "containerd",
    "dbus",
    "libpam-modules",
    "libpam-runtime",
    "libpam-systemd",
    "login",
    "openssh-server",
    "passwd",
    "systemd",
    "systemd-sysv",
];
const DIND_ENGINE: &[&str] = &["iptables", "arptables", "ebtables"];
/// What a daemon of a user who is not root runs in: namespaces, a network, and overlays where the
/// kernel (before 5.11) or the host's file system has none for users.
const ROOTLESS: &[&str] = &["rootlesskit", "slirp4netns", "uidmap", "fuse-overlayfs"];
/// What makes a cluster and talks to it. A recipe can have them from elsewhere (`[[artifact]]`): the
/// build sees that they are there.
const CLUSTER: &[&str] = &["kind", "kubectl"];
/// bookworm's init-system-helpers would otherwise pull in usrmerge and with it perl.
const OPTIONAL: &[&str] = &["usr-is-merged"];

/// The packages that bring a daemon: those that must be there, the first of which has its version,
/// and those that only some suites have.
fn daemon_packages(package: EnginePackage) -> (&'static [&'static str], &'static [&'static str]) {
    match package {
        // trixie and later split the client off. The word of another distribution is refused when
        // the recipe is loaded.
        EnginePackage::DockerIo | EnginePackage::DockerEngine => (&["docker.io"], &["docker-cli"]),
        EnginePackage::DockerCe => (&["docker-ce", "docker-ce-cli", "containerd.io"], &[]),
    }
}

/// The same of the client alone, whose plugins are what an image of it is for.
fn client_packages(package: EnginePackage) -> (&'static [&'static str], &'static [&'static str]) {
    match package {
        EnginePackage::DockerIo | EnginePackage::DockerEngine => {
            (&["docker-cli"], userland::STANDARD_OPTIONAL)
        }
        EnginePackage::DockerCe => (
            &[
                "docker-ce-cli",
                "docker-buildx-plugin",
                "docker-compose-plugin",
            ],
            &[],
        ),
    }
}

/// The packages of `profile`.
pub(super) fn packages(profile: Profile, recipe: &Recipe) -> ProfilePackages {
    let (base, (needed, optional), tools) = match profile {
        Profile::Dind | Profile::Vmlc | Profile::Rootless | Profile::KindCluster => (
            DIND_BASE,
            daemon_packages(recipe.engine_package),
            DIND_ENGINE,
        ),
        Profile::Cli => (CLI_BASE, client_packages(recipe.engine_package), &[][..]),
    };
    let mut packages = ProfilePackages {
        base: owned(base),
        engine: owned(&[needed, tools].concat()),
        optional: owned(&[optional, OPTIONAL].concat()),
        engine_package: needed[0].to_owned(),
        exclude_paths: patterns(&[userland::NEVER, userland::USUAL_EXCLUDE].concat()),
        include_paths: patterns(userland::USUAL_INCLUDE),
        ..ProfilePackages::default()
    };
    match recipe.init {
        InitKind::Systemd => packages.extra = machine(recipe.engine_package),
        // Packages are called as their programs are.
        init => packages.engine.push(init.word().to_owned()),
    }
    if profile == Profile::Rootless {
        packages.extra = owned(ROOTLESS);
    }
    if profile == Profile::KindCluster {
        packages.optional_extra = owned(CLUSTER);
    }
    match recipe.userland {
        Userland::Standard => {
            packages.base.extend(owned(userland::STANDARD));
            packages.optional.extend(owned(userland::STANDARD_OPTIONAL));
        }
        Userland::Slim => {
            let wanted = |name: &str| recipe.include.iter().any(|package| package.name == name);
            packages.run_time_drops = userland::SLIM_RUN_TIME_DROPS
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect();
            packages.drop = userland::SLIM_DROPS
                .iter()
                .chain(userland::SLIM_RUN_TIME_DROPS)
                .filter(|(name, _)| !wanted(name) && !packages.extra.iter().any(|own| own == name))
                .map(|(name, reason)| ((*name).to_owned(), (*reason).to_owned()))
                .collect();
            packages
                .exclude_paths
                .extend(patterns(userland::SLIM_EXCLUDE));
        }
    }
    if !recipe.hardening.shell_extras {
        let known: BTreeSet<PathPattern> = packages.exclude_paths.iter().cloned().collect();
        let extras = patterns(userland::SHELL_EXTRAS);
        packages
            .exclude_paths
            .extend(extras.into_iter().filter(|one| !known.contains(one)));
    }
    packages
}

/// The packages of a machine. Docker's own come with a containerd of theirs.
fn machine(engine: EnginePackage) -> Vec<String> {
    let own = engine == EnginePackage::DockerCe;
    let packages = MACHINE
        .iter()
        .filter(|name| !(own && **name == "containerd"));
    packages.map(|name| (*name).to_owned()).collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn patterns(texts: &[&str]) -> Vec<PathPattern> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::PathFilters;

    #[test]
    fn every_pattern_of_a_userland_is_one() {
        for texts in [
            userland::NEVER,
            userland::USUAL_EXCLUDE,
            userland::USUAL_INCLUDE,
            userland::SLIM_EXCLUDE,
            userland::SHELL_EXTRAS,
        ] {
            assert_eq!(patterns(texts).len(), texts.len());
        }
    }

    #[test]
    fn a_shell_without_extras_keeps_the_functions_it_is_made_of() {
        let filters = PathFilters::new(patterns(userland::SHELL_EXTRAS), Vec::new());
        for (path, left_out) in [
            ("/usr/share/zsh/functions/Misc/colors", false),
            ("/usr/share/fish/config.fish", false),
            ("/usr/share/fish/functions/cd.fish", false),
            ("/usr/share/zsh/vendor-completions/_docker", true),
            ("/usr/share/fish/vendor_completions.d/docker.fish", true),
            ("/usr/share/bash-completion/completions/docker", true),
        ] {
            assert_eq!(filters.skips(path, false), left_out, "{path}");
        }
    }
}
