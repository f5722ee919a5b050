//! Which iptables the plain names mean. Alpine has no alternatives: `iptables` is what its package
//! links it to, nft since 3.19 and legacy before, and the others have names of their own. The
//! recipe's choice stands in a directory that PATH has first, so that no package's link changes.

use crate::recipe::IptablesBackend;
use crate::tree::TreePath;

use super::super::context::{Setup, SetupError};
use super::super::rules::Rule;

pub(super) const RULE: Rule = Rule {
    name: "iptables-links",
    replaces: "nothing of a package: what update-alternatives does on Debian",
    covers: &[],
    apply,
};

/// What people and dockerd call.
const NAMES: [&str; 6] = [
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
];
/// Where packages have them.
const DIRECTORIES: [&str; 2] = ["usr/sbin", "sbin"];
/// Where administrators have theirs.
const LOCAL: &str = "usr/local/sbin";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let backend = match setup.iptables {
        IptablesBackend::Legacy => "legacy",
        IptablesBackend::Nft => "nft",
        // The guest decides at start.
        IptablesBackend::Auto => return Ok(()),
    };
    let program = format!("xtables-{backend}-multi");
    for name in NAMES {
        let find = |name: &str| {
            let paths = DIRECTORIES.map(|directory| format!("{directory}/{name}"));
            paths.into_iter().find(|path| setup.exists(path))
        };
        if find(name).is_some_and(|path| leads_to(setup, &path, &program)) {
            continue;
        }
        let own = match name.split_once('-') {
            Some((base, rest)) => format!("{base}-{backend}-{rest}"),
            None => format!("{name}-{backend}"),
        };
        match find(&own) {
            Some(path) => setup.link(&format!("{LOCAL}/{name}"), &format!("/{path}"))?,
            // The daemon would start with the other one, whose rules nobody asked for.
            None if name == NAMES[0] && setup.has("docker-engine") => {
                let message = format!(
                    "the image has no {own}; [iptables] `backend` asks for it: add the package `{own}`, or choose another backend"
                );
                return Err(setup.input("iptables", message));
            }
            None => {}
        }
    }
    Ok(())
}

/// Whether the links of `path` end at a program of this name.
fn leads_to(setup: &Setup<'_>, path: &str, program: &str) -> bool {
    let parsed = TreePath::parse(path);
    let end = parsed.ok().and_then(|path| setup.tree.follow(&path).ok());
    end.is_some_and(|end| end.file_name() == Some(program))
}
