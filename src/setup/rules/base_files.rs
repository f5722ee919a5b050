//! base-files: directories of the hierarchy, root's dotfiles, `/var/run` and `/var/lock`.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "base-files",
    replaces: "base-files.postinst: default files, directories outside the package, log files",
    covers: &["base-files", "usr-is-merged", "usrmerge"],
    apply,
};

/// From `/usr/share/base-files` to where the script copies it.
const DEFAULTS: &[(&str, &str)] = &[
    ("dot.profile", "root/.profile"),
    ("dot.bashrc", "root/.bashrc"),
    ("profile", "etc/profile"),
    ("motd", "etc/motd"),
    ("info.dir", "usr/share/info/dir"),
];
const DIRECTORIES: &[&str] = &[
    "mnt",
    "srv",
    "opt",
    "etc/opt",
    "var/opt",
    "media",
    "usr/local",
    "usr/local/share",
    "usr/local/share/man",
    "usr/local/bin",
    "usr/local/games",
    "usr/local/lib",
    "usr/local/include",
    "usr/local/sbin",
    "usr/local/src",
    "usr/local/etc",
];
/// Group `mail` in base-passwd's master.
const MAIL: u32 = 8;
/// Group `utmp` in base-passwd's master.
const UTMP: u32 = 43;

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let Some(package) = setup.package("base-files") else {
        return Ok(());
    };
    let has_libexec = package
        .control
        .text("postinst")
        .is_some_and(|script| script.contains("/usr/local/libexec"));
    for (default, target) in DEFAULTS {
        if let Some(content) = setup.read(&format!("usr/share/base-files/{default}"))? {
            setup.write_new(target, 0o644, content)?;
        }
    }
    for directory in DIRECTORIES {
        setup.directory(directory, 0o755, 0)?;
    }
    if has_libexec {
        setup.directory("usr/local/libexec", 0o755, 0)?;
    }
    setup.link("usr/local/man", "share/man")?;
    setup.directory("var/mail", 0o2775, MAIL)?;
    setup.link("var/spool/mail", "../mail")?;
    setup.directory("run/lock", 0o1777, 0)?;
    setup.link("var/run", "/run")?;
    setup.link("var/lock", "/run/lock")?;
    for (log, mode) in [("wtmp", 0o664), ("btmp", 0o660), ("lastlog", 0o664)] {
        setup.write_as(&format!("var/log/{log}"), mode, UTMP, "")?;
    }
    if setup.exists("etc/dpkg/origins/debian") {
        setup.link("etc/dpkg/origins/default", "debian")?;
    }
    Ok(())
}
