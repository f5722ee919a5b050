//! dpkg's list of diversions.

use super::super::context::{Setup, SetupError};
use super::super::diversions::{Diversion, database, given_up, protective};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "diversions",
    replaces: "dash.postinst (its own /bin/sh and manual page); preinst scripts of files moved to /usr",
    covers: &["libext2fs2t64", "libsystemd-shared", "libtirpc3t64"],
    apply,
};

/// How dash's script adds a diversion; from trixie on it only gives them up.
const CLAIM: &str = "dpkg-divert --package dash --no-rename --divert";
/// What dash's script claims for itself until bookworm: path and where another's goes.
const SHELL: &[(&str, &str)] = &[
    ("/bin/sh", "/bin/sh.distrib"),
    (
        "/usr/share/man/man1/sh.1.gz",
        "/usr/share/man/man1/sh.distrib.1.gz",
    ),
];

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let mut diversions: Vec<Diversion> = setup
        .packages
        .iter()
        .filter_map(|package| Some((package, package.control.text("preinst")?)))
        .flat_map(|(package, script)| protective(&package.name, script))
        .collect();
    let packages = setup.packages.iter();
    let given_up: Vec<Diversion> = packages
        .filter_map(|package| Some((package, package.control.text("postinst")?)))
        .flat_map(|(package, script)| given_up(&package.name, script))
        .collect();
    diversions.retain(|one| !given_up.contains(one));
    let claims_shell = setup
        .package("dash")
        .and_then(|dash| dash.control.text("postinst"))
        .is_some_and(|script| script.contains(CLAIM));
    if claims_shell {
        // Only where there are manual pages at all, as the script asks.
        let pages = setup.exists("usr/share/man/man1");
        diversions.extend(
            SHELL
                .iter()
                .filter(|(from, _)| pages || !from.starts_with("/usr/share/man/"))
                .map(|(from, to)| Diversion {
                    from: (*from).to_owned(),
                    to: (*to).to_owned(),
                    package: "dash".to_owned(),
                }),
        );
    }
    // dpkg writes the order of its hash table; any order reads the same.
    diversions.sort();
    let text = database(&diversions);
    setup.write("var/lib/dpkg/diversions", 0o644, text.as_str())
}
