//! What a package says of itself, for bills of materials.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Who brings a package, and under which licences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Whoever maintains it, without an address.
    pub supplier: Option<String>,
    /// Its licences, in the words of the package: of each of its parts, or one expression.
    pub licences: BTreeSet<String>,
}

/// A person or group without their address: `Debian Docker Team <x@y>`.
pub(super) fn name(maintainer: &str) -> Option<String> {
    let name = maintainer.split('<').next().unwrap_or_default().trim();
    let name = name.trim_matches('"').trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The short names of licences in a machine-readable copyright file (copyright-format/1.0,
/// "License"): of the paragraphs about files and of the licences' own. One that is not
/// machine-readable says none.
pub(super) fn copyright(text: &str) -> BTreeSet<String> {
    let mut lines = text.lines();
    let format = lines.find(|line| !line.trim().is_empty());
    if !format.is_some_and(|line| line.to_ascii_lowercase().starts_with("format:")) {
        return BTreeSet::new();
    }
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("License:"));
    let names = names.map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "));
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supplier_has_a_name_and_no_address() {
        let names = [
            "Debian Docker Team <x@y.example>",
            "\"A, B\" <x@y>",
            "<x@y>",
            "",
        ]
        .map(name);
        assert_eq!(
            names,
            [
                Some("Debian Docker Team".to_owned()),
                Some("A, B".to_owned()),
                None,
                None
            ]
        );
    }

    #[test]
    fn only_machine_readable_copyright_files_say_licences() {
        let text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense:  GPL-2+  and MIT\n text\n\nFiles: b\nLicense: Expat\n text\n\nLicense: Expat\n Permission\n";
        let found: Vec<String> = copyright(text).into_iter().collect();
        assert_eq!(found, ["Expat", "GPL-2+ and MIT"]);
        assert!(copyright("This is foo.\nLicense: x\n").is_empty());
    }
}
