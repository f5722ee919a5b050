//! What the standard image has beyond the profile: a userland that teams build on.
#![expect(dead_code, reason = "recipes have no word for the userland yet")]

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
