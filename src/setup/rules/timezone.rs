//! UTC as the time zone, where the zones are installed.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "timezone",
    replaces: "tzdata.postinst (/etc/localtime and, until bookworm, /etc/timezone)",
    covers: &["tzdata"],
    apply,
};

/// The answer to tzdata's questions that nobody was asked.
const ZONE: &str = "Etc/UTC";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let Some(script) = setup
        .package("tzdata")
        .and_then(|package| package.control.text("postinst"))
    else {
        return Ok(());
    };
    // From trixie on the file is kept up to date where it exists, and not made.
    let makes_timezone = !script.contains("if test -f \"$DPKG_ROOT/etc/timezone\"");
    if !setup.exists("etc/localtime") {
        setup.link("etc/localtime", &format!("/usr/share/zoneinfo/{ZONE}"))?;
    }
    if makes_timezone {
        setup.write_new("etc/timezone", 0o644, format!("{ZONE}\n").as_str())?;
    }
    Ok(())
}
