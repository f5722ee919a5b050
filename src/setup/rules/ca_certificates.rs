//! The CA bundle and hash links, update-ca-certificates(8).

use super::super::ca_store::{CONFIGURATION, LOCAL, SHIPPED, certificates_below, update};
use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "ca-certificates",
    replaces: "ca-certificates.postinst (configuration, update-ca-certificates)",
    covers: &["ca-certificates"],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let Some(package) = setup.package("ca-certificates") else {
        return Ok(());
    };
    let head = configuration_head(package.control.text("postinst").unwrap_or_default());
    let names = shipped(setup)?;
    let list: String = names.iter().map(|name| format!("{name}\n")).collect();
    setup.write_new(CONFIGURATION, 0o644, format!("{head}{list}").as_str())?;
    setup.directory(LOCAL, 0o755, 0)?;
    update(setup)
}

/// The certificates that the package ships, by their paths below its directory, sorted.
pub(super) fn shipped(setup: &Setup<'_>) -> Result<Vec<String>, SetupError> {
    Ok(certificates_below(setup, SHIPPED)?
        .iter()
        .filter_map(|path| path.strip_prefix(SHIPPED)?.strip_prefix('/'))
        .map(str::to_owned)
        .collect())
}

/// The comment at the head of `ca-certificates.conf`, as the script writes it.
fn configuration_head(script: &str) -> String {
    script
        .lines()
        .skip_while(|line| !line.contains("This file lists certificates"))
        .take_while(|line| line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect()
}
