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
            for shell in added.iter().filter(|_| setup.has(package)) {
                push_new(&mut shells, shell);
                push_new(&mut shells, &format!("/usr{shell}"));
            }
        }
        return setup.write_new("etc/shells", 0o644, shells.as_str());
    }
    // update-shells lists each declared shell as declared and by its real directory, and
    // remembers in its state file which of them are packaged.
    let mut state = String::new();
    let template = shells.clone();
    let mut texts = vec![template];
    for path in declared {
        texts.push(setup.text(&path)?.unwrap_or_default());
    }
    for shell in texts.iter().flat_map(|text| text.lines()) {
        let shell = shell.split('#').next().unwrap_or_default().trim();
        if shell.is_empty() {
            continue;
        }
        let real = setup
            .tree
            .locate(&setup.path(shell)?)
            .map_or_else(|_| shell.to_owned(), |path| path.to_string());
        for name in [shell, &real] {
            push_new(&mut state, name);
            push_new(&mut shells, name);
        }
    }
    setup.write_new("etc/shells", 0o644, shells.as_str())?;
    setup.write_new("var/lib/shells.state", 0o644, state.as_str())
}

/// Appends a line unless the text has it.
fn push_new(text: &mut String, line: &str) {
    if !text.lines().any(|present| present == line) {
        text.push_str(line);
        text.push('\n');
    }
}
