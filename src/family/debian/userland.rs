//! What the userlands of an image add and leave out on Debian.

/// The packages of the standard userland, in every suite.
///
/// *Essential packages*: dpkg and the scripts of other packages rely on them without saying so
/// (Policy 3.8), so an image in which packages are installed later has all of them: `base-files`,
/// `base-passwd`, `bash`, `bsdutils`, `coreutils`, `dash`, `debianutils`, `diffutils`, `dpkg`,
/// `findutils`, `grep`, `gzip`, `hostname`, `init-system-helpers`, `libc-bin`, `login`,
/// `ncurses-base`, `ncurses-bin`, `perl-base`, `sed`, `sysvinit-utils`, `tar`, `util-linux`. Some
/// suites drop one or two from the set; Debian then keeps them in priority `required`.
///
/// *Package management*: `apt` with the archive's keys, `adduser` and `debconf` for scripts,
/// `passwd` for accounts. What apt verifies signatures with differs between suites and comes as its
/// dependency.
///
/// *What builds and people reach for*: `curl`, `git`, `openssh-client` (git over SSH), `less` (pager
/// of git and systemctl), `procps`, `mount` (findmnt comes with util-linux), `e2fsprogs`, and
/// `tzdata`, without which `TZ=Europe/Berlin` is silently UTC; all but the first four have a
/// priority that every Debian system gets.
pub(super) const STANDARD: &[&str] = &[
    "adduser",
    "apt",
    "base-files",
    "base-passwd",
    "bash",
    "bsdutils",
    "ca-certificates",
    "coreutils",
    "curl",
    "dash",
    "debconf",
    "debian-archive-keyring",
    "debianutils",
    "diffutils",
    "dpkg",
    "e2fsprogs",
    "findutils",
    "git",
    "grep",
    "gzip",
    "hostname",
    "init-system-helpers",
    "less",
    "libc-bin",
    "login",
    "mount",
    "ncurses-base",
    "ncurses-bin",
    "openssh-client",
    "passwd",
    "perl-base",
    "procps",
    "sed",
    "sysvinit-utils",
    "tar",
    "tzdata",
    "util-linux",
];

/// Packages of the standard userland that only some suites have: `docker-buildx` since trixie, and
/// `docker-compose` where it is the plugin of the Docker client; before trixie that name is a
/// program in Python of its own, which `[packages] include` still adds to whoever wants it.
///
/// A name may carry the lowest version that counts.
pub(super) const STANDARD_OPTIONAL: &[&str] = &["docker-buildx", "docker-compose (>= 2)"];

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

/// Paths that no container needs and that a recipe can have back with `include-paths`: pages to
/// read, translations of messages, and containerd's debugging client.
pub(super) const USUAL_EXCLUDE: &[&str] = &[
    "/usr/bin/ctr",
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
];

/// What is kept of those: licences have to go with the files, and locales are found by alias.
pub(super) const USUAL_INCLUDE: &[&str] = &[
    "/usr/share/doc/*/copyright",
    "/usr/share/locale/locale.alias",
];

/// The extras of shells, which images without `[hardening] shell-extras` lack: code of other
/// packages that runs in interactive shells alone. What zsh and fish bring themselves they need.
pub(super) const SHELL_EXTRAS: &[&str] = &[
    "/usr/share/bash-completion/*",
    "/etc/bash_completion.d/*",
    "/usr/share/zsh/vendor-completions/*",
    "/usr/share/zsh/vendor-functions/*",
    "/usr/share/fish/vendor_*",
    "/etc/skel/.*",
];

/// Paths that the slim userland is without as well: aids for shells it does not have.
pub(super) const SLIM_EXCLUDE: &[&str] = &[
    "/usr/share/lintian/*",
    "/usr/share/bash-completion/*",
    "/usr/share/zsh/*",
    "/usr/share/fish/*",
    "/usr/share/bug/*",
];
