//! `/etc/shells`, from what packages declare or ship.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "shells",
    replaces: "debianutils.postinst (update-shells), dash.postinst and bash.postinst (add-shell)",
    covers: &["debianutils", "dash", "bash"],
    apply,
};

/// Packages without a `shells.d` file and the shells their scripts added (bullseye and older).
const ADDED: &[(&str, &[&str])] = &[
    ("bash", &["/bin/bash", "/bin/rbash"]),
    ("dash", &["/bin/dash"]),
];

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let Some(mut shells) = setup.text("usr/share/debianutils/shells")? else {
        return Ok(());
    };
    let declared: Vec<String> = setup
        .tree
        .below(&setup.path("usr/share/debianutils/shells.d")?)
        .into_iter()
        .map(|(path, _)| path.as_str().to_owned())
        .collect();
    if declared.is_empty() {
        for (package, added) in ADDED {
            let mut names: Vec<&str> = added
                .iter()
                .copied()
                .filter(|_| setup.has(package))
                .collect();
            names.retain(|name| !shells.lines().any(|line| line == *name));
            for name in names {
                shells.push_str(&format!("{name}\n/usr{name}\n"));
            }
        }
        return setup.write_new("etc/shells", 0o644, shells.as_str());
    }
    // update-shells lists each declared shell under both of its names where /usr is merged, and
    // remembers in its state file what it has added.
    let mut state = String::new();
    for path in declared {
        for shell in setup.text(&path)?.unwrap_or_default().lines() {
            if shell.is_empty() || shell.starts_with('#') {
                continue;
            }
            let merged = format!("/usr{}", shell.strip_prefix("/usr").unwrap_or(shell));
            for name in [shell.strip_prefix("/usr").unwrap_or(shell), &merged] {
                state.push_str(&format!("{name}\n"));
                if !shells.lines().any(|line| line == name) {
                    shells.push_str(&format!("{name}\n"));
                }
            }
        }
    }
    setup.write_new("etc/shells", 0o644, shells.as_str())?;
    setup.write_new("var/lib/shells.state", 0o644, state.as_str())
}
