//! `/etc/adduser.conf`, where the package does not ship it.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "adduser",
    replaces: "adduser.postinst (bullseye copies its defaults; later ones remove old files)",
    covers: &["adduser"],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let copies = setup
        .package("adduser")
        .and_then(|package| package.control.text("postinst"))
        .is_some_and(|script| {
            script.contains("cp /usr/share/adduser/adduser.conf /etc/adduser.conf")
        });
    let defaults = setup.read("usr/share/adduser/adduser.conf")?;
    if let Some(defaults) = defaults.filter(|_| copies) {
        setup.write_new("etc/adduser.conf", 0o644, defaults)?;
    }
    Ok(())
}
