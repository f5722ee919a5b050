//! The links of init scripts below `/etc/rc?.d`.

use std::collections::BTreeSet;

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "init-scripts",
    replaces: "update-rc.d NAME defaults, of debhelper's dh_installinit",
    covers: &[],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("init-system-helpers") {
        return Ok(());
    }
    let names: BTreeSet<String> = setup
        .packages
        .iter()
        .filter_map(|package| package.control.text("postinst"))
        .flat_map(enabled_by)
        .collect();
    for name in names {
        let Some(script) = setup.text(&format!("etc/init.d/{name}"))? else {
            continue;
        };
        for (letter, field) in [('S', "Default-Start"), ('K', "Default-Stop")] {
            for level in levels(&script, field) {
                // Without insserv every script has the same place in the order.
                let path = format!("etc/rc{level}.d/{letter}01{name}");
                setup.link(&path, &format!("../init.d/{name}"))?;
            }
        }
    }
    Ok(())
}

/// The init scripts that a maintainer script enables by their own defaults.
fn enabled_by(script: &str) -> Vec<String> {
    script
        .lines()
        .filter_map(|line| {
            let mut words = line.trim().strip_prefix("update-rc.d ")?.split_whitespace();
            let name = words.next().filter(|name| !name.contains('$'))?;
            (words.next() == Some("defaults")).then(|| name.to_owned())
        })
        .collect()
}

/// The run levels of a field of an init script's header (LSB, "Comment Conventions for Init
/// Scripts").
fn levels<'a>(script: &'a str, field: &str) -> Vec<&'a str> {
    script
        .lines()
        .skip_while(|line| line.trim() != "### BEGIN INIT INFO")
        .take_while(|line| line.trim() != "### END INIT INFO")
        .find_map(|line| {
            let (name, levels) = line.strip_prefix('#')?.split_once(':')?;
            (name.trim() == field).then_some(levels)
        })
        .unwrap_or_default()
        .split_whitespace()
        .filter(|level| matches!(*level, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "S"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{enabled_by, levels};

    #[test]
    fn names_come_from_the_maintainer_script_and_levels_from_the_header() {
        let script = "\tif [ -x \"/etc/init.d/docker\" ]; then\n\t\tupdate-rc.d docker defaults >/dev/null\n\
                      update-rc.d ebtables remove\nupdate-rc.d $x defaults\n";
        assert_eq!(enabled_by(script), ["docker"]);
        let init = "### BEGIN INIT INFO\n# Default-Start:\t2 3\n# Default-Stop:\n### END INIT INFO\n# Default-Stop: 6\n";
        assert_eq!(levels(init, "Default-Start"), ["2", "3"]);
        assert!(levels(init, "Default-Stop").is_empty());
    }
}
