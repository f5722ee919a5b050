//! The database of logins, which moved to where logs are.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "wtmpdb",
    replaces: "libwtmpdb0.postinst (link to the database)",
    covers: &["libwtmpdb0"],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    match setup.has("libwtmpdb0") {
        true => setup.link("var/lib/wtmpdb/wtmp.db", "../../log/wtmp.db"),
        false => Ok(()),
    }
}
