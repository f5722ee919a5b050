//! apt's sources, and its settings for builds of images.

use super::super::apt::{Keys, Stanza, one_line, pin, stanzas};
use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "apt",
    replaces: "what an installer writes: sources, keys, preferences, settings for containers",
    covers: &[],
    apply,
};

/// The distribution's keys as its keyring package ships them, the newer name first.
const KEYRINGS: &[&str] = &[
    "usr/share/keyrings/debian-archive-keyring.pgp",
    "usr/share/keyrings/debian-archive-keyring.gpg",
];
/// Priority that needs no preference.
const DEFAULT_PRIORITY: i32 = 500;

/// Settings that suit `RUN apt-get …` of a Dockerfile, under the names that Debian's own images
/// have made known: what removes or overrides them there does so here.
const SETTINGS: &[(&str, &str)] = &[
    (
        "etc/apt/apt.conf.d/docker-clean",
        "# Every RUN makes a layer: packages that are installed, and caches apt can rebuild, only add to it.\n\
         DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };\n\
         APT::Update::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };\n\
         Dir::Cache::pkgcache \"\";\n\
         Dir::Cache::srcpkgcache \"\";\n",
    ),
    (
        "etc/apt/apt.conf.d/docker-gzip-indexes",
        "# Package lists that stay in a layer stay compressed.\n\
         Acquire::GzipIndexes \"true\";\n",
    ),
    (
        "etc/apt/apt.conf.d/docker-no-languages",
        "# Translated descriptions are not downloaded.\n\
         Acquire::Languages \"none\";\n",
    ),
    (
        "etc/apt/apt.conf.d/docker-autoremove-suggests",
        "# `purge --auto-remove` takes everything that came with a package, suggested or not.\n\
         Apt::AutoRemove::SuggestsImportant \"false\";\n",
    ),
    (
        "etc/dpkg/dpkg.cfg.d/docker-apt-speedup",
        "# A build that dies is thrown away: nothing has to survive it on disk.\n\
         force-unsafe-io\n",
    ),
];

/// Asked by invoke-rc.d(8) before a package's script starts or stops a service.
const POLICY: &str = "#!/bin/sh\n\
    # Packages installed while an image is built start no service: what would run them later is not\n\
    # there. Remove this file where an init system runs and packages are to start theirs.\n\
    exit 101\n";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let Some(apt) = setup.package("apt") else {
        return Ok(());
    };
    // The form Debian's own images have had since bookworm.
    let deb822 = !apt.version.starts_with("1.") && !apt.version.starts_with("2.2.");
    for (path, text) in SETTINGS {
        setup.write_new(path, 0o644, *text)?;
    }
    if !setup.has("systemd-sysv") {
        setup.write_new("usr/sbin/policy-rc.d", 0o755, POLICY)?;
    }
    let shipped = KEYRINGS
        .iter()
        .find(|path| setup.exists(path))
        .map(|path| format!("/{path}"));
    for stanza in stanzas(setup.sources) {
        let keys = match &shipped {
            Some(keyring) if stanza.distribution_keys => vec![keyring.clone()],
            _ => write_keys(setup, &stanza)?,
        };
        let name = file_name(&stanza.name);
        if stanza.name == "debian" && !deb822 {
            let mut lines = setup.text("etc/apt/sources.list")?.unwrap_or_default();
            lines.push_str(&one_line(&stanza, &keys));
            setup.write("etc/apt/sources.list", 0o644, lines.as_str())?;
        } else {
            let path = format!("etc/apt/sources.list.d/{name}.sources");
            let mut text = setup.text(&path)?.unwrap_or_default();
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&stanza.deb822(&keys));
            setup.write(&path, 0o644, text.as_str())?;
        }
        if stanza.priority != DEFAULT_PRIORITY {
            let path = format!("etc/apt/preferences.d/{name}.pref");
            setup.write(&path, 0o644, pin(&stanza).as_str())?;
        }
    }
    Ok(())
}

/// Writes the certificates of a stanza and returns their paths for Signed-By.
fn write_keys(setup: &mut Setup<'_>, stanza: &Stanza) -> Result<Keys, SetupError> {
    let mut paths = Vec::new();
    for (position, certificate) in stanza.certificates.iter().enumerate() {
        // apt knows the two forms of a certificate by the ending of the name.
        let ending = if certificate.starts_with(b"-----BEGIN") {
            "asc"
        } else {
            "gpg"
        };
        let number = if position == 0 {
            String::new()
        } else {
            format!("-{}", position + 1)
        };
        let path = format!(
            "etc/apt/keyrings/{}{number}.{ending}",
            file_name(&stanza.name)
        );
        if setup
            .read(&path)?
            .is_some_and(|known| known != *certificate)
        {
            return Err(setup.input(
                &path,
                "two repositories have this name for their keys; rename the one the recipe adds",
            ));
        }
        setup.write(&path, 0o644, certificate.clone())?;
        paths.push(format!("/{path}"));
    }
    Ok(paths)
}

/// A repository's name as part of a file name that apt reads: letters, digits, `-`, `_` and `.`.
fn file_name(name: &str) -> String {
    name.replace(['/', '+'], "-")
}
