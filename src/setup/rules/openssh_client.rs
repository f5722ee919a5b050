//! The group and mode of ssh-agent, and until bullseye the names of its predecessors.

use super::super::alternatives::Declaration;
use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "openssh-client",
    replaces: "openssh-client.postinst (group and set-group-id bit of ssh-agent, rsh alternatives)",
    covers: &["openssh-client"],
    apply,
};

const AGENT: &str = "usr/bin/ssh-agent";

/// The group ssh-agent belongs to, so that no other process of its user can trace it: `ssh` until
/// bullseye, `_ssh` since.
pub(super) fn group(setup: &Setup<'_>) -> Option<&'static str> {
    let script = setup.package("openssh-client")?.control.text("postinst")?;
    Some(if script.contains("--force-badname _ssh") {
        "_ssh"
    } else {
        "ssh"
    })
}

/// bullseye declares its programs under the names of rsh, in a loop.
pub(super) fn alternatives(setup: &Setup<'_>) -> Vec<Declaration> {
    let loops = setup
        .package("openssh-client")
        .and_then(|package| package.control.text("postinst"))
        .is_some_and(|script| script.contains("for cmd in rsh rlogin rcp; do"));
    let names: &[(&str, &str)] = if loops {
        &[("rsh", "ssh"), ("rlogin", "slogin"), ("rcp", "scp")]
    } else {
        &[]
    };
    names
        .iter()
        .map(|(old, new)| Declaration {
            link: format!("/usr/bin/{old}"),
            name: (*old).to_owned(),
            path: format!("/usr/bin/{new}"),
            priority: 20,
            slaves: vec![(
                format!("/usr/share/man/man1/{old}.1.gz"),
                format!("{old}.1.gz"),
                format!("/usr/share/man/man1/{new}.1.gz"),
            )],
        })
        .collect()
}

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let Some(name) = group(setup) else {
        return Ok(());
    };
    let Some(gid) = gid(setup, name)? else {
        return Ok(());
    };
    let path = setup.path(AGENT)?;
    setup.tree.amend(&path, |meta| {
        meta.mode = 0o2755;
        meta.gid = gid;
    });
    Ok(())
}

/// The id of a group of the image; none without account files.
pub(super) fn gid(setup: &Setup<'_>, name: &str) -> Result<Option<u32>, SetupError> {
    let groups = setup.text("etc/group")?.unwrap_or_default();
    Ok(groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    }))
}
