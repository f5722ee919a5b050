//! GLib's compiled lists of settings and modules, of which an image of the command line has none.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "glib",
    replaces: "libglib2.0-0.postinst and libglib2.0-0t64.postinst (glib-compile-schemas, gio-querymodules) where nothing is to be compiled",
    covers: &["libglib2.0-0", "libglib2.0-0t64"],
    apply,
};

const SCHEMAS: &str = "usr/share/glib-2.0/schemas";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("libglib2.0-0") && !setup.has("libglib2.0-0t64") {
        return Ok(());
    }
    let triplet = setup.architecture.triplet();
    for directory in [SCHEMAS, &format!("usr/lib/{triplet}/gio/modules")] {
        let below = setup.tree.below(&setup.path(directory)?);
        let mut names = below.into_iter().filter_map(|(path, _)| path.file_name());
        let compiled = names.find(|name| name.ends_with(".gschema.xml") || name.ends_with(".so"));
        if let Some(name) = compiled {
            let message = format!(
                "{name} has to be compiled into a list, which no rule does; exclude it with [packages] `exclude-paths`"
            );
            return Err(setup.input(directory, message));
        }
    }
    Ok(())
}
