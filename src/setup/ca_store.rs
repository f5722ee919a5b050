//! The certificate store, as update-ca-certificates(8) leaves it: bundle, links, hash links.

use std::collections::{BTreeMap, BTreeSet};

use crate::recipe::certificate;

use super::context::{Setup, SetupError};
use super::java_store;
use super::subject_hash::subject_hash;

/// Certificates of the package, named in [`CONFIGURATION`].
pub(super) const SHIPPED: &str = "usr/share/ca-certificates";
/// Certificates of an administrator: every `.crt` file below is trusted.
pub(super) const LOCAL: &str = "usr/local/share/ca-certificates";
/// The shipped certificates that are trusted, one a line; `!` before one that is not.
pub(super) const CONFIGURATION: &str = "etc/ca-certificates.conf";
const STORE: &str = "etc/ssl/certs";

/// Writes the bundle and the links for the certificates that are in the tree. As the script does,
/// a later run adds to what an earlier one left.
pub fn update(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let configuration = setup.text(CONFIGURATION)?.unwrap_or_default();
    let shipped = configuration
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
        .map(|name| format!("{SHIPPED}/{name}"));
    let mut paths: Vec<String> = shipped.collect();
    paths.extend(certificates_below(setup, LOCAL)?);

    let mut bundle = String::new();
    let mut store: BTreeMap<String, String> = BTreeMap::new();
    let mut trusted: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut hashed: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for path in paths {
        let text = setup.text(&path)?.unwrap_or_default();
        let certificates =
            certificate::read(&text).map_err(|why| setup.input(&path, format!("it {why}")))?;
        bundle.push_str(&text);
        if !text.ends_with('\n') {
            bundle.push('\n');
        }
        let link = format!(
            "{}{}",
            setup.conventions.certificate_prefix,
            store_name(&path)
        );
        if let Some(other) = store.insert(link.clone(), path.clone()) {
            return Err(setup.input(
                &path,
                format!("/{other} has the same name in /{STORE}; give it another"),
            ));
        }
        setup.link(&format!("{STORE}/{link}"), &format!("/{path}"))?;
        if let Some(first) = certificates.first() {
            trusted.insert(link.clone(), first.der.clone());
        }
        // `openssl rehash` leaves out files of several certificates.
        if let [only] = &certificates[..] {
            let hash = subject_hash(&text)
                .ok_or_else(|| setup.input(&path, "its subject cannot be read"))?;
            hashed
                .entry(hash)
                .or_default()
                .insert(link, only.der.clone());
        }
    }
    for (hash, links) in hashed {
        // It numbers certificates with one subject in the order of their names, and links one
        // certificate once.
        let mut seen = BTreeSet::new();
        let links = links
            .into_iter()
            .filter(|(_, der)| seen.insert(der.clone()));
        for (number, (link, _)) in links.enumerate() {
            setup.link(&format!("{STORE}/{hash}.{number}"), &link)?;
        }
    }
    if setup.has(java_store::PACKAGE) {
        let trusted = trusted.iter();
        let trusted: Vec<(&str, &[u8])> = trusted
            .map(|(name, der)| (name.as_str(), der.as_slice()))
            .collect();
        let keystore = java_store::keystore(&trusted, setup.epoch);
        setup.write(java_store::STORE, 0o644, keystore)?;
    }
    setup.write(
        &format!("{STORE}/ca-certificates.crt"),
        0o644,
        bundle.as_str(),
    )
}

/// The `.crt` files below a directory, in the order of their paths.
pub(super) fn certificates_below(
    setup: &Setup<'_>,
    directory: &str,
) -> Result<Vec<String>, SetupError> {
    let mut paths: Vec<String> = setup
        .tree
        .below(&setup.path(directory)?)
        .into_iter()
        .map(|(path, _)| path.as_str().to_owned())
        .filter(|path| path.ends_with(".crt"))
        .collect();
    paths.sort();
    Ok(paths)
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
