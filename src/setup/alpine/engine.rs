//! The user of `dockerd --userns-remap=default`, which the daemon would make at its first start,
//! with programs that an image may not have and in files that it may not write.

use super::super::context::{Setup, SetupError};
use super::super::rules::Rule;
use super::accounts::{Account, Files};

pub(super) const RULE: Rule = Rule {
    name: "remapped-user",
    replaces: "nothing of a package: dockerd(8) --userns-remap=default",
    covers: &[],
    apply,
};

const REMAPPED: &str = "dockremap";
/// First of its subordinate ids and their number, as in docker:dind.
const SUBORDINATE: &str = "165536:65536";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("docker-engine") || !setup.exists("etc/group") {
        return Ok(());
    }
    let mut files = Files::of(setup)?;
    let id = files.free_for_both();
    files.ensure_group(REMAPPED, Some(id));
    files.ensure_user(Account {
        name: REMAPPED.to_owned(),
        uid: Some(id),
        group: Some(REMAPPED.to_owned()),
        comment: String::new(),
        home: "/nonexistent".to_owned(),
        shell: "/sbin/nologin".to_owned(),
    });
    files.write(setup)?;
    for path in ["etc/subuid", "etc/subgid"] {
        let mut text = setup.text(path)?.unwrap_or_default();
        text.push_str(&format!("{REMAPPED}:{SUBORDINATE}\n"));
        setup.write(path, 0o644, text.as_str())?;
    }
    Ok(())
}
