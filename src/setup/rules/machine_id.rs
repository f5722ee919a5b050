//! An empty `/etc/machine-id`: filled at first boot, and no first-boot presets.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "machine-id",
    replaces: "systemd.postinst (systemd-machine-id-setup, /var/log/journal)",
    covers: &[],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("systemd") {
        return Ok(());
    }
    // An identity baked into an image would be shared by every container (machine-id(5)).
    setup.write_new("etc/machine-id", 0o444, "")?;
    setup.directory("var/log/journal", 0o755, 0)
}
