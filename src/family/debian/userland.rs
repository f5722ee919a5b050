//! What the userlands of an image add and leave out on Debian.

/// Packages that a base image has beyond what the daemon needs: every `Essential: yes` package,
/// which maintainer scripts may use without depending on it (Policy 3.8), the package manager, and
/// the tools pipelines expect.
pub(super) const STANDARD: &[&str] = &[];

/// As [`STANDARD`], where the suite has them.
pub(super) const STANDARD_OPTIONAL: &[&str] = &[];

/// What the daemon never uses, left out of the slim userland though others depend on it.
pub(super) const SLIM_DROPS: &[(&str, &str)] = &[
    ("adduser", "accounts are made when the image is built"),
    ("debconf", "no maintainer script is run"),
    ("dmsetup", "the engine uses the library alone"),
    ("dpkg", "no package is installed later"),
    ("init-system-helpers", "no init script is run"),
    ("libpam-modules", "nobody logs in"),
    ("logsave", "file systems are checked by hand"),
    ("lsb-base", "no init script is run"),
    ("passwd", "accounts are made when the image is built"),
    ("sysvinit-utils", "no init script is run"),
    ("util-linux-extra", "no hardware clock or console is set"),
];

/// As [`SLIM_DROPS`], of what other packages use at run time.
pub(super) const SLIM_RUN_TIME_DROPS: &[(&str, &str)] = &[(
    "perl",
    "only the -save tools of arptables and ebtables are written in it",
)];

/// Paths that no image needs: the tools of a library's developers, and shims of a runtime version
/// that no engine here starts.
pub(super) const NEVER: &[&str] = &[
    "/usr/sbin/dnet",
    "/usr/bin/dnet",
    "/usr/sbin/ovrouter",
    "/usr/bin/containerd-shim",
    "/usr/bin/containerd-shim-runc-v1",
];

/// Paths that the slim userland is without: pages to read, and containerd's debugging client.
pub(super) const SLIM_EXCLUDE: &[&str] = &[
    "/usr/bin/ctr",
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/bash-completion/*",
    "/usr/share/zsh/*",
    "/usr/share/fish/*",
    "/usr/share/bug/*",
];

/// What is kept of those: licences have to go with the files.
pub(super) const SLIM_INCLUDE: &[&str] = &["/usr/share/doc/*/copyright"];
