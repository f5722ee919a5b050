//! Enablement links of systemd units, and the state deb-systemd-helper keeps of them.

use super::super::context::{Setup, SetupError};
use super::super::units::{enabled_by, installs};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "units",
    replaces: "deb-systemd-helper enable calls of debhelper",
    covers: &[],
    apply,
};

/// One kind of manager, and where its units are.
struct Manager {
    user: bool,
    /// Where units are shipped, in the order systemd searches.
    shipped: &'static [&'static str],
    /// Where enabling makes links.
    enabled: &'static str,
    /// The path by which deb-systemd-helper names a unit: in the unmerged /lib.
    named: &'static str,
    /// Where it remembers the links it made.
    state: &'static str,
}

const MANAGERS: &[Manager] = &[
    Manager {
        user: false,
        shipped: &["usr/lib/systemd/system", "lib/systemd/system"],
        enabled: "etc/systemd/system",
        named: "/lib/systemd/system",
        state: "var/lib/systemd/deb-systemd-helper-enabled",
    },
    Manager {
        user: true,
        shipped: &["usr/lib/systemd/user"],
        enabled: "etc/systemd/user",
        named: "/lib/systemd/user",
        state: "var/lib/systemd/deb-systemd-user-helper-enabled",
    },
];

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("init-system-helpers") {
        return Ok(());
    }
    for manager in MANAGERS {
        let enabled: Vec<String> = setup
            .packages
            .iter()
            .filter_map(|package| package.control.text("postinst"))
            .flat_map(|script| enabled_by(script, manager.user))
            .collect();
        for unit in enabled {
            enable(setup, manager, &unit)?;
        }
    }
    Ok(())
}

fn enable(setup: &mut Setup<'_>, manager: &Manager, unit: &str) -> Result<(), SetupError> {
    let shipped = manager
        .shipped
        .iter()
        .map(|directory| format!("{directory}/{unit}"))
        .find(|path| setup.exists(path));
    let Some(path) = shipped else { return Ok(()) };
    let text = setup.text(&path)?.unwrap_or_default();
    let mut also = String::new();
    for link in installs(unit, &text) {
        let at = format!("{}/{link}", manager.enabled);
        setup.link(&at, &format!("{}/{unit}", manager.named))?;
        setup.write(&format!("{}/{link}", manager.state), 0o644, "")?;
        also.push_str(&format!("/{at}\n"));
    }
    if also.is_empty() {
        return Ok(());
    }
    let remembered = format!("{}/{unit}.dsh-also", manager.state);
    setup.write(&remembered, 0o644, also.as_str())
}
