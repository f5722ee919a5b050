//! base-passwd and passwd: the account files from the distribution's masters.

use super::super::accounts::Accounts;
use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "account-files",
    replaces: "base-passwd.preinst and .postinst, passwd.postinst (shadowconfig on), login.postinst",
    covers: &["base-passwd", "passwd", "login", "login.defs"],
    apply,
};

/// Group `shadow` in base-passwd's master.
const SHADOW: u32 = 42;

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let masters = (
        setup.text("usr/share/base-passwd/passwd.master")?,
        setup.text("usr/share/base-passwd/group.master")?,
    );
    let (Some(passwd), Some(group)) = masters else {
        return Ok(());
    };
    let accounts = Accounts::parse(&passwd, &group).map_err(|line| {
        setup.input("usr/share/base-passwd", format!("unreadable line `{line}`"))
    })?;
    write(setup, &accounts)?;
    let logs_failures = setup
        .package("login")
        .and_then(|login| login.control.text("postinst"))
        .is_some_and(|script| script.contains("/var/log/faillog"));
    if logs_failures {
        setup.write_new("var/log/faillog", 0o644, "")?;
    }
    for path in ["etc/subuid", "etc/subgid"] {
        setup.write_new(path, 0o644, "")?;
    }
    Ok(())
}

/// Writes the four account files.
pub(super) fn write(setup: &mut Setup<'_>, accounts: &Accounts) -> Result<(), SetupError> {
    setup.write("etc/passwd", 0o644, accounts.passwd().as_str())?;
    setup.write("etc/group", 0o644, accounts.group().as_str())?;
    let shadow = accounts.shadow(setup.epoch);
    setup.write_as("etc/shadow", 0o640, SHADOW, shadow.as_str())?;
    setup.write_as("etc/gshadow", 0o640, SHADOW, accounts.gshadow().as_str())
}
