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

/// Where units are shipped, in the order systemd searches.
const UNIT_DIRECTORIES: &[&str] = &["usr/lib/systemd/system", "lib/systemd/system"];
const STATE: &str = "var/lib/systemd/deb-systemd-helper-enabled";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("init-system-helpers") {
        return Ok(());
    }
    let enabled: Vec<String> = setup
        .packages
        .iter()
        .filter_map(|package| package.control.text("postinst"))
        .flat_map(enabled_by)
        .collect();
    for unit in enabled {
        let shipped = UNIT_DIRECTORIES
            .iter()
            .map(|directory| format!("{directory}/{unit}"))
            .find(|path| setup.exists(path));
        let Some(path) = shipped else { continue };
        let text = setup.text(&path)?.unwrap_or_default();
        let mut also = String::new();
        for link in installs(&unit, &text) {
            let at = format!("etc/systemd/system/{link}");
            // deb-systemd-helper names the unit by its path in the unmerged /lib.
            setup.link(&at, &format!("/lib/systemd/system/{unit}"))?;
            setup.write(&format!("{STATE}/{link}"), 0o644, "")?;
            also.push_str(&format!("/{at}\n"));
        }
        if !also.is_empty() {
            setup.write(&format!("{STATE}/{unit}.dsh-also"), 0o644, also.as_str())?;
        }
    }
    Ok(())
}
