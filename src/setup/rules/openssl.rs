//! `/usr/lib/ssl`, where the package does not ship it.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "openssl",
    replaces: "openssl.postinst (link to /etc/ssl)",
    covers: &["openssl"],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if setup.has("openssl") && !setup.exists("usr/lib/ssl") {
        setup.link("usr/lib/ssl", "/etc/ssl")?;
    }
    Ok(())
}
