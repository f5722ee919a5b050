//! Scripts that change nothing when a package is installed for the first time into an image.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "inert",
    replaces: "scripts without effect on a first installation",
    covers: &[],
    apply: nothing,
};

fn nothing(_: &mut Setup<'_>) -> Result<(), SetupError> {
    Ok(())
}

/// Packages and why their scripts have no effect here. Reviewed on bullseye to forky.
const INERT: &[(&str, &str)] = &[
    ("containerd", "starts the service"),
    ("containerd.io", "starts the service; enabled by `units`"),
    ("coreutils", "removes a directory of older versions"),
    ("dmsetup", "updates an initramfs"),
    (
        "debian-archive-keyring",
        "removes keys that older versions put into apt's own keyring",
    ),
    (
        "dpkg",
        "compatibility links the merged /usr already gives; timer enabled by `units`",
    ),
    (
        "e2fsprogs",
        "updates an initramfs and removes files of older versions",
    ),
    (
        "git",
        "repairs links and a configuration file of older versions",
    ),
    (
        "gzip",
        "guards diversions of zutils, which an empty system does not have",
    ),
    (
        "init-system-helpers",
        "removes diversions of older versions",
    ),
    (
        "iproute2",
        "asks whether /bin/ip gets capabilities; the default is no",
    ),
    (
        "libc6",
        "checks the kernel, restarts services on upgrade; diversions are read by `diversions`",
    ),
    ("libgcrypt20", "removes files of older versions"),
    (
        "libgssapi-krb5-2",
        "moves a plugin directory of older versions",
    ),
    ("libpam0g", "restarts services on upgrade"),
    ("libselinux1", "removes files of older versions"),
    ("libssl1.1", "restarts services on upgrade"),
    ("perl", "removes an alternative of older versions"),
    ("perl-base", "protects against a broken upgrade"),
    (
        "systemd-sysv",
        "updates a boot loader, repairs links of an upgrade to the merged /usr",
    ),
    (
        "util-linux-extra",
        "removes a configuration file of older versions",
    ),
];

/// Why the scripts of `package` have no effect here, if they have none.
pub(super) fn reason(package: &str) -> Option<&'static str> {
    INERT
        .iter()
        .find(|(name, _)| *name == package)
        .map(|(_, reason)| *reason)
}
