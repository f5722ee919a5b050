//! `/etc/nsswitch.conf`, so that names are looked up in files first and then in DNS.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "name-service",
    replaces: "libc-bin.postinst (nsswitch.conf)",
    covers: &["libc-bin"],
    apply,
};

/// What glibc's own default lacks for containers: `files` before `dns`, said explicitly, as Go
/// programs read this file themselves.
const MINIMAL: &str = "\
passwd:         files
group:          files
shadow:         files
gshadow:        files

hosts:          files dns
networks:       files

protocols:      db files
services:       db files
ethers:         db files
rpc:            db files
";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("libc6") {
        return Ok(());
    }
    let shipped = setup.read("usr/share/libc-bin/nsswitch.conf")?;
    let content = shipped.unwrap_or_else(|| MINIMAL.as_bytes().to_vec());
    setup.write_new("etc/nsswitch.conf", 0o644, content)
}
