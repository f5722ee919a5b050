//! The program by which the system bus starts services as other users.

use super::super::context::{Setup, SetupError};
use super::{Rule, openssh_client};

pub(super) const RULE: Rule = Rule {
    name: "dbus",
    replaces: "dbus.postinst (dpkg-statoverride), dbus-daemon.postinst (dbus-uuidgen, whose file is a link to /etc/machine-id), dbus-system-bus-common.postinst (adduser, by `system-accounts`)",
    covers: &["dbus", "dbus-daemon", "dbus-system-bus-common"],
    apply,
};

const LAUNCHER: &str = "usr/lib/dbus-1.0/dbus-daemon-launch-helper";
/// Only the bus may run it, which it does as root.
const GROUP: &str = "messagebus";
const MODE: u32 = 0o4754;
const OVERRIDES: &str = "var/lib/dpkg/statoverride";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("dbus") {
        return Ok(());
    }
    let Some(gid) = openssh_client::gid(setup, GROUP)? else {
        return Ok(());
    };
    let path = setup.path(LAUNCHER)?;
    setup.tree.amend(&path, |meta| {
        meta.mode = MODE;
        meta.gid = gid;
    });
    if !setup.has("dpkg") {
        return Ok(());
    }
    let mut text = setup.text(OVERRIDES)?.unwrap_or_default();
    text.push_str(&format!("root {GROUP} {MODE:o} /{LAUNCHER}\n"));
    setup.write(OVERRIDES, 0o644, text.as_str())
}
