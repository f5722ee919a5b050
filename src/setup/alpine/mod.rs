//! What Alpine's scripts would have done, and apk's database.

mod accounts;
mod certificates;
mod database;
mod engine;
mod iptables;
mod statements;

#[cfg(test)]
mod tests;

use crate::digest::Digest;

use super::census::Finding;
use super::context::{Setup, SetupError};
use super::conventions::Role;
use super::rules::Rule;

pub(super) use database::write_database;

/// The rules, in the order of application: later ones may build on files of earlier ones.
pub(super) const RULES: &[Rule] = &[
    accounts::SHADOW,
    statements::RULE,
    engine::RULE,
    certificates::RULE,
    BUSYBOX,
    iptables::RULE,
    INERT,
];

const INERT: Rule = Rule {
    name: "inert",
    replaces: "scripts that act on a kernel or a running system, neither of which an image has",
    covers: &[
        // Lists dependencies of kernel modules.
        "kmod",
        // Orders services, which openrc does again at each boot.
        "openrc",
        // Compiles what only udev reads.
        "eudev-hwids",
        // Makes the archive that a kernel boots from.
        "mkinitfs",
    ],
    apply: |_| Ok(()),
};

const BUSYBOX: Rule = Rule {
    name: "busybox-links",
    replaces: "busybox.post-install and .trigger, busybox-extras.post-install, busybox-suid.post-install (--install -s)",
    covers: &["busybox", "busybox-extras", "busybox-suid"],
    apply: install_applets,
};
/// Where each of the programs lists the applets it has, a path a line, and where it is.
const APPLETS: [(&str, &str); 3] = [
    ("etc/busybox-paths.d/bbsuid", "/bin/bbsuid"),
    ("etc/busybox-paths.d/busybox-extras", "/bin/busybox-extras"),
    ("etc/busybox-paths.d/busybox", "/bin/busybox"),
];

/// Links every applet whose name is free, as `busybox --install -s` does, to the program by its
/// full name.
fn install_applets(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    for (list, program) in APPLETS {
        if !setup.exists(program.trim_start_matches('/')) {
            continue;
        }
        let Some(text) = setup.text(list)? else {
            continue;
        };
        for path in text.lines().filter(|line| !line.is_empty()) {
            let path = path.trim_start_matches('/');
            if !setup.exists(path) {
                setup.link(path, program)?;
            }
        }
    }
    Ok(())
}

/// When apk would run a control file; none for what is no script.
pub(super) fn role(file: &str) -> Option<Role> {
    match file {
        ".pre-install" | ".post-install" | ".trigger" => Some(Role::Installing),
        ".pre-upgrade" | ".post-upgrade" | ".pre-deinstall" | ".post-deinstall" => {
            Some(Role::Other)
        }
        _ => None,
    }
}

/// The rule that stands for an installing script of `package`.
pub(super) fn classify(package: &str, script: &[u8]) -> Finding {
    let text = String::from_utf8_lossy(script);
    let rule = if statements::read(&text).is_some() {
        Some(statements::RULE.name)
    } else {
        let covering = RULES.iter().find(|rule| rule.covers.contains(&package));
        covering.map(|rule| rule.name)
    };
    Finding {
        digest: Digest::of(script),
        rule,
    }
}
