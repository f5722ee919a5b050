//! Which fonts are drawn how, until bookworm: later packages bring the links themselves.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "fontconfig",
    replaces: "fontconfig-config.postinst (what its questions are answered by when nobody is asked)",
    covers: &["fontconfig-config"],
    apply,
};

/// The links to make: slight hinting, and no bitmaps.
const CHOSEN: [&str; 2] = ["10-hinting-slight.conf", "70-no-bitmaps.conf"];
/// The group staff, which may add fonts (base-passwd).
const STAFF: u32 = 50;

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let script = setup
        .package("fontconfig-config")
        .and_then(|package| package.control.text("postinst"));
    if !script.is_some_and(|script| script.contains("fontconfig/hinting_style")) {
        return Ok(());
    }
    for name in CHOSEN {
        setup.link(
            &format!("etc/fonts/conf.d/{name}"),
            &format!("/usr/share/fontconfig/conf.avail/{name}"),
        )?;
    }
    setup.directory("usr/local/share/fonts", 0o2775, STAFF)
}
