//! The CA bundle and hash links, update-ca-certificates(8).

use std::collections::BTreeMap;

use super::super::context::{Setup, SetupError};
use super::super::subject_hash::subject_hash;
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "ca-certificates",
    replaces: "ca-certificates.postinst (configuration, update-ca-certificates)",
    covers: &["ca-certificates"],
    apply,
};

const SHIPPED: &str = "usr/share/ca-certificates";
const STORE: &str = "etc/ssl/certs";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let Some(package) = setup.package("ca-certificates") else {
        return Ok(());
    };
    let head = configuration_head(package.control.text("postinst").unwrap_or_default());
    let names = shipped(setup)?;
    let list: String = names.iter().map(|name| format!("{name}\n")).collect();
    setup.write_new(
        "etc/ca-certificates.conf",
        0o644,
        format!("{head}{list}").as_str(),
    )?;
    setup.directory("usr/local/share/ca-certificates", 0o755, 0)?;

    let mut bundle = String::new();
    let mut hashed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in &names {
        let path = format!("{SHIPPED}/{name}");
        let text = setup.text(&path)?.unwrap_or_default();
        let hash =
            subject_hash(&text).ok_or_else(|| setup.input(&path, "it is not a PEM certificate"))?;
        bundle.push_str(&text);
        if !text.ends_with('\n') {
            bundle.push('\n');
        }
        let link = store_name(name);
        setup.link(&format!("{STORE}/{link}"), &format!("/{path}"))?;
        hashed.entry(hash).or_default().push(link);
    }
    for (hash, mut links) in hashed {
        // `openssl rehash` numbers certificates with one subject in the order of their names.
        links.sort();
        for (number, link) in links.iter().enumerate() {
            setup.link(&format!("{STORE}/{hash}.{number}"), link)?;
        }
    }
    setup.write(
        &format!("{STORE}/ca-certificates.crt"),
        0o644,
        bundle.as_str(),
    )
}

/// The certificates that the package ships, by their paths below its directory, sorted.
pub(super) fn shipped(setup: &Setup<'_>) -> Result<Vec<String>, SetupError> {
    let mut names: Vec<String> = setup
        .tree
        .below(&setup.path(SHIPPED)?)
        .into_iter()
        .filter_map(|(path, _)| path.as_str().strip_prefix(&format!("{SHIPPED}/")))
        .filter(|name| name.ends_with(".crt"))
        .map(str::to_owned)
        .collect();
    names.sort();
    Ok(names)
}

/// The name of a certificate in the store: blanks, commas and brackets replaced as the script does.
fn store_name(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    let stem = base.strip_suffix(".crt").unwrap_or(base);
    stem.chars()
        .map(|c| match c {
            ' ' | ',' => '_',
            '(' | ')' => '=',
            c => c,
        })
        .chain(".pem".chars())
        .collect()
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

#[cfg(test)]
mod tests {
    use super::store_name;

    #[test]
    fn names_in_the_store_have_no_blanks_or_brackets() {
        assert_eq!(
            store_name("mozilla/NetLock_Arany_(Class_Gold)_Root.crt"),
            "NetLock_Arany_=Class_Gold=_Root.pem"
        );
    }
}
