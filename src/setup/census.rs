//! The script census: which rule stands for each preinst and postinst, and whether one does.

use crate::digest::Digest;

use super::conventions::Role;
use super::rules;

/// The debhelper programs whose snippets have no effect on a first installation, or one that a
/// rule reads from the snippet itself (`units`, `system-accounts`, `ld-cache`).
const UNDERSTOOD: &[&str] = &[
    "dh_installdeb",
    "dh_installinit",
    "dh_installsystemd",
    "dh_installsystemduser",
    "dh_installtmpfiles",
    "dh_installsysusers",
    "dh_systemd_enable",
    "dh_systemd_start",
    "dh_makeshlibs",
    "dh_installmenu",
    "dh_installdebconf",
    "dh_python3",
    "dh_python2",
    "dh_installmime",
    "dh_icons",
    "dh_installudev",
    "dh_apparmor",
    "dh_movetousr",
    "dh_installalternatives",
];

/// What the census found about one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// SHA-256 of the script as shipped.
    pub digest: Digest,
    /// The rule that stands for it: `debhelper` when nothing but understood snippets remains.
    pub rule: Option<&'static str>,
}

/// When dpkg would run a control file; none for what is no script.
pub fn role(file: &str) -> Option<Role> {
    match file {
        "preinst" | "postinst" => Some(Role::Installing),
        "prerm" | "postrm" => Some(Role::Other),
        _ => None,
    }
}

/// Classifies one preinst or postinst of `package`.
pub fn classify(package: &str, script: &[u8]) -> Finding {
    let digest = Digest::of(script);
    let text = String::from_utf8_lossy(script);
    let rule = if residue(&text).is_empty() {
        Some("debhelper")
    } else {
        rules::covering(package)
    };
    Finding { digest, rule }
}

/// The lines of a script that do something of their own: without comments, understood debhelper
/// snippets, and the skeleton around them.
fn residue(script: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in script.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("# Automatically added by ") {
            let program = rest.split('/').next().unwrap_or_default().trim();
            inside = UNDERSTOOD.contains(&program);
        } else if line.starts_with("# End automatically added section") {
            inside = false;
        } else if !inside && !is_skeleton(line) {
            lines.push(line);
        }
    }
    // What is left of `case "$1" in … esac` whose branches do nothing.
    if lines.iter().all(|line| is_empty_branch(line)) {
        lines.clear();
    }
    lines
}

fn is_skeleton(line: &str) -> bool {
    line.is_empty()
        || line.starts_with('#')
        || matches!(line, "set -e" | "set -eu" | "exit 0" | ":" | "true")
}

/// The arguments dpkg calls preinst and postinst with (deb-postinst(5)), and the rest.
const CALLED_WITH: &[&str] = &[
    "install",
    "upgrade",
    "configure",
    "triggered",
    "abort-upgrade",
    "abort-remove",
    "abort-deconfigure",
    "*",
];

fn is_empty_branch(line: &str) -> bool {
    let pattern = line.strip_suffix(')').is_some_and(|text| {
        let text = text.strip_prefix('(').unwrap_or(text);
        text.split('|')
            .all(|word| CALLED_WITH.contains(&word.trim()))
    });
    let complaint = line.starts_with("echo ")
        && line.contains("called with unknown argument")
        && ![";", "&&", "|", "$("]
            .iter()
            .any(|more| line.contains(more));
    pattern
        || complaint
        || matches!(
            line,
            "esac" | ";;" | "exit 1" | "case \"$1\" in" | "case $1 in"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understood_snippets_and_empty_skeletons_need_no_rule() {
        let script = b"#!/bin/sh\nset -e\ncase \"$1\" in\n  configure)\n  ;;\n  abort-upgrade|abort-remove)\n  ;;\n  *)\n    echo \"postinst called with unknown argument\" >&2\n    exit 1\n  ;;\nesac\n# Automatically added by dh_installsystemd/13\nif true; then\n  x\nfi\n# End automatically added section\nexit 0\n";
        assert_eq!(classify("some-package", script).rule, Some("debhelper"));
    }

    #[test]
    fn a_script_of_its_own_needs_a_rule() {
        let script = b"#!/bin/sh\nadduser --system x\n";
        assert_eq!(classify("some-package", script).rule, None);
        assert_eq!(classify("docker.io", script).rule, Some("system-accounts"));
        assert_eq!(classify("libc6", script).rule, Some("inert"));
    }

    #[test]
    fn a_command_that_looks_like_a_skeleton_is_a_command() {
        for line in [
            "(adduser --system x)",
            "(ldconfig)",
            "case $(x) in",
            "echo called with unknown argument; x",
        ] {
            let script = format!("#!/bin/sh\n{line}\nesac\n");
            assert_eq!(
                classify("some-package", script.as_bytes()).rule,
                None,
                "{line}"
            );
        }
    }

    #[test]
    fn a_snippet_of_an_unknown_program_is_not_understood() {
        let script = b"# Automatically added by dh_surprise/1\nrm -rf /x\n# End automatically added section\n";
        assert_eq!(classify("some-package", script).rule, None);
    }
}
