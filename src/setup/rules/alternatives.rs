//! Alternatives: links, `/etc/alternatives` and dpkg's database, from the packages' declarations.

use crate::recipe::IptablesBackend;

use super::super::alternatives::{Declaration, Group, declared, groups};
use super::super::context::{Setup, SetupError};
use super::{Rule, java, openssh_client};

pub(super) const RULE: Rule = Rule {
    name: "alternatives",
    replaces: "update-alternatives --install calls; update-alternatives --set for iptables",
    covers: &[
        "arptables",
        "ebtables",
        "iptables",
        "less",
        "mawk",
        "tar",
        "util-linux",
        "xz-utils",
        "procps",
    ],
    apply,
};

/// The groups a recipe's iptables backend chooses for.
const FIREWALL: &[&str] = &["iptables", "ip6tables", "arptables", "ebtables"];

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let scripts = setup
        .packages
        .iter()
        .filter_map(|package| package.control.text("postinst"));
    let mut declarations: Vec<Declaration> = scripts.flat_map(declared).collect();
    if setup.has("xz-utils") {
        declarations.push(xz());
    }
    declarations.extend(openssh_client::alternatives(setup));
    declarations.extend(java::alternatives(setup)?);
    // update-alternatives refuses what is not there, such as a manual page that is left out.
    declarations.retain(|one| setup.exists(&one.path) || !setup.filters.skips(&one.path, false));
    let mut groups = groups(declarations);
    // With `auto` the guest chooses at every start; the image itself holds the safe default.
    let suffix = match setup.iptables {
        IptablesBackend::Nft => "-nft",
        IptablesBackend::Legacy | IptablesBackend::Auto => "-legacy",
    };
    for name in FIREWALL {
        if let Some(group) = groups.get_mut(*name) {
            // Debian's iptables has only the nft forms of arptables and ebtables; without the
            // packages of the legacy forms the choice stays automatic rather than broken.
            // Where automatic mode gives the same there is nothing to set.
            let chosen = group
                .choices
                .keys()
                .find(|path| path.ends_with(suffix))
                .cloned();
            group.manual = chosen.filter(|path| group.current() != Some(path));
        }
    }
    for (name, group) in &groups {
        let database = group.database();
        setup.write(
            &format!("var/lib/dpkg/alternatives/{name}"),
            0o644,
            database.as_str(),
        )?;
        place(setup, name, group)?;
    }
    if !groups.is_empty() {
        setup.directory("var/log", 0o755, 0)?;
    }
    Ok(())
}

/// What xz-utils.postinst declares in a loop: every `xz` tool under its old `lz` name.
fn xz() -> Declaration {
    let mut slaves = Vec::new();
    let mut slave = |directory: &str, name: String, target: String| {
        slaves.push((
            format!("{directory}/{name}"),
            name,
            format!("{directory}/{target}"),
        ));
    };
    let mut tool = |name: &str, target: &str, itself: bool| {
        if itself {
            slave("/usr/bin", name.to_owned(), target.to_owned());
        }
        slave(
            "/usr/share/man/man1",
            format!("{name}.1.gz"),
            format!("{target}.1.gz"),
        );
    };
    tool("lzma", "xz", false);
    tool("unlzma", "unxz", true);
    for util in [
        "cat", "more", "less", "diff", "cmp", "grep", "egrep", "fgrep",
    ] {
        tool(&format!("lz{util}"), &format!("xz{util}"), true);
    }
    Declaration {
        link: "/usr/bin/lzma".to_owned(),
        name: "lzma".to_owned(),
        path: "/usr/bin/xz".to_owned(),
        priority: 20,
        slaves,
    }
}

fn place(setup: &mut Setup<'_>, name: &str, group: &Group) -> Result<(), SetupError> {
    for (position, (link, name, path)) in group.links(name).into_iter().enumerate() {
        // A slave whose file is not there (an excluded manual page) gets no link at all.
        if !setup.exists(&path) {
            if position == 0 {
                return Err(setup.input(
                    &path,
                    format!("the alternative chosen for {name} is not installed"),
                ));
            }
            continue;
        }
        setup.link(&format!("etc/alternatives/{name}"), &path)?;
        setup.link(&link, &format!("/etc/alternatives/{name}"))?;
    }
    Ok(())
}
