//! Enablement links of systemd units, and the state deb-systemd-helper keeps of them.

use super::super::context::{Setup, SetupError};
use super::super::units::{enabled_by, enabled_by_systemctl, installs, kept_by, template_of};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "units",
    replaces: "deb-systemd-helper enable calls of debhelper, systemctl enable calls of systemd.postinst",
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
    /// The path by which systemctl does, which deb-systemd-helper calls from trixie on where it is
    /// there already.
    preset: &'static str,
    /// Where it remembers the links it made.
    state: &'static str,
}

const MANAGERS: &[Manager] = &[
    Manager {
        user: false,
        shipped: &["usr/lib/systemd/system", "lib/systemd/system"],
        enabled: "etc/systemd/system",
        named: "/lib/systemd/system",
        preset: "/usr/lib/systemd/system",
        state: "var/lib/systemd/deb-systemd-helper-enabled",
    },
    Manager {
        user: true,
        shipped: &["usr/lib/systemd/user"],
        enabled: "etc/systemd/user",
        named: "/lib/systemd/user",
        preset: "/usr/lib/systemd/user",
        state: "var/lib/systemd/deb-systemd-user-helper-enabled",
    },
];

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let presets = presets(setup)?;
    enable_of_systemd(setup, presets)?;
    // The one remembers what it enabled, the other acts on it.
    let remembers = setup.has("init-system-helpers");
    if !remembers && !setup.has("systemd-sysv") {
        return Ok(());
    }
    for manager in MANAGERS {
        let mut enabled: Vec<(String, &str)> = Vec::new();
        for package in setup.packages {
            let script = package.control.text("postinst").unwrap_or_default();
            // What every system has is configured before systemd is there.
            let essential = package.control.field("Essential").as_deref() == Some("yes");
            let directory = match presets && !essential {
                true => manager.preset,
                false => manager.named,
            };
            let units = enabled_by(script, manager.user).into_iter();
            enabled.extend(units.map(|unit| (unit, directory)));
        }
        for (unit, directory) in enabled {
            let links = links(setup, manager, &unit)?;
            for link in &links {
                let at = format!("{}/{link}", manager.enabled);
                setup.link(&at, &format!("{directory}/{unit}"))?;
                if remembers {
                    setup.write(&format!("{}/{link}", manager.state), 0o644, "")?;
                }
            }
            if remembers {
                remember(setup, manager, &unit, &links)?;
            }
        }
    }
    // What is not enabled is remembered with the links that it would have.
    let scripts = setup.packages.iter().filter(|_| remembers);
    let kept: Vec<String> = scripts
        .filter_map(|package| package.control.text("postinst"))
        .flat_map(kept_by)
        .collect();
    for unit in kept {
        let links = links(setup, &MANAGERS[0], &unit)?;
        remember(setup, &MANAGERS[0], &unit, &links)?;
    }
    Ok(())
}

/// Whether units are enabled by a `systemctl preset` that knows them below `/usr`: systemd's own
/// are there since 255, in trixie.
fn presets(setup: &Setup<'_>) -> Result<bool, SetupError> {
    const MOVED: u32 = 255;
    let systemd = setup.package("systemd").and_then(|systemd| {
        let end = systemd.version.find(|c: char| !c.is_ascii_digit());
        systemd.version[..end?].parse::<u32>().ok()
    });
    if systemd.is_none_or(|major| major < MOVED) {
        return Ok(false);
    }
    let helper = setup
        .text("usr/bin/deb-systemd-helper")?
        .unwrap_or_default();
    Ok(setup.exists("usr/bin/systemctl") && helper.contains("systemctl preset"))
}

/// systemctl(1) makes the links and remembers nothing.
fn enable_of_systemd(setup: &mut Setup<'_>, presets: bool) -> Result<(), SetupError> {
    let script = setup
        .package("systemd")
        .and_then(|package| package.control.text("postinst"));
    let units = script.map(enabled_by_systemctl).unwrap_or_default();
    let manager = &MANAGERS[0];
    for unit in units {
        let template = template_of(&unit);
        let Some(text) = text(setup, manager, &template)? else {
            continue;
        };
        for link in installs(&template, &text) {
            let directory = match presets {
                true => manager.preset,
                false => manager.named,
            };
            let target = format!("{directory}/{template}");
            setup.link(&format!("{}/{link}", manager.enabled), &target)?;
        }
    }
    Ok(())
}

/// The text of a unit that is shipped.
fn text(setup: &Setup<'_>, manager: &Manager, unit: &str) -> Result<Option<String>, SetupError> {
    let paths = manager
        .shipped
        .iter()
        .map(|directory| format!("{directory}/{unit}"));
    match paths.into_iter().find(|path| setup.exists(path)) {
        Some(path) => setup.text(&path),
        None => Ok(None),
    }
}

/// The links of a unit below the directory of those that are enabled; none where it is not shipped.
fn links(setup: &Setup<'_>, manager: &Manager, unit: &str) -> Result<Vec<String>, SetupError> {
    let text = text(setup, manager, unit)?;
    Ok(text.map_or_else(Vec::new, |text| installs(unit, &text)))
}

/// What deb-systemd-helper keeps of a unit (`UNIT.dsh-also`).
fn remember(
    setup: &mut Setup<'_>,
    manager: &Manager,
    unit: &str,
    links: &[String],
) -> Result<(), SetupError> {
    if links.is_empty() {
        return Ok(());
    }
    let lines = links
        .iter()
        .map(|link| format!("/{}/{link}\n", manager.enabled));
    let text: String = lines.collect();
    setup.write(
        &format!("{}/{unit}.dsh-also", manager.state),
        0o644,
        text.as_str(),
    )
}
