//! Licences in the words of packages, as SPDX writes them (SPDX 2.3, annex D).

use std::collections::{BTreeMap, BTreeSet};

/// What a package is under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licences {
    /// An SPDX licence expression; `None` where the package says nothing.
    pub expression: Option<String>,
    /// The licences in it that SPDX has no name for: their `LicenseRef-…`, and how the package calls
    /// them.
    pub references: BTreeMap<String, String>,
}

/// Short names of copyright-format/1.0 ("License short name") that SPDX writes otherwise.
const NAMES: [(&str, &str); 13] = [
    ("Expat", "MIT"),
    ("Apache-2", "Apache-2.0"),
    ("Apache", "Apache-2.0"),
    ("BSD-2-clause", "BSD-2-Clause"),
    ("BSD-3-clause", "BSD-3-Clause"),
    ("BSD-4-clause", "BSD-4-Clause"),
    ("Artistic", "Artistic-1.0"),
    ("Artistic-2", "Artistic-2.0"),
    ("MPL-1.1", "MPL-1.1"),
    ("MPL-2", "MPL-2.0"),
    ("zlib", "Zlib"),
    ("CC0", "CC0-1.0"),
    ("CC0-1", "CC0-1.0"),
];

/// Families whose versions SPDX ends in `-only` or `-or-later`.
const GNU: [&str; 4] = ["GPL", "LGPL", "AGPL", "GFDL"];

impl Licences {
    /// All of these hold, each for a part of the package.
    pub fn of(names: &BTreeSet<String>) -> Self {
        let mut references = BTreeMap::new();
        let parts: BTreeSet<String> = names
            .iter()
            .map(|name| expression(name, &mut references))
            .collect();
        let several = parts.len() > 1;
        let parts: Vec<String> = parts
            .into_iter()
            .map(|part| match several && part.contains(' ') {
                true => format!("({part})"),
                false => part,
            })
            .collect();
        Self {
            expression: (!parts.is_empty()).then(|| parts.join(" AND ")),
            references,
        }
    }
}

/// One licence, or licences joined by `and` or by `or`; what mixes both, or is under conditions,
/// stays whole.
fn expression(name: &str, references: &mut BTreeMap<String, String>) -> String {
    if spdx::Expression::parse(name).is_ok() {
        return name.to_owned();
    }
    let words: Vec<&str> = name.split(' ').collect();
    let has = |joint: &str| words.iter().any(|word| word.eq_ignore_ascii_case(joint));
    let joint = match (has("and"), has("or"), has("with"), name.contains(',')) {
        (true, false, false, false) => "and",
        (false, true, false, false) => "or",
        _ => return single(name, references),
    };
    let parts: Vec<String> = words
        .split(|word| word.eq_ignore_ascii_case(joint))
        .map(|part| single(&part.join(" "), references))
        .collect();
    parts.join(&format!(" {} ", joint.to_uppercase()))
}

fn single(name: &str, references: &mut BTreeMap<String, String>) -> String {
    if let Some((_, known)) = NAMES.iter().find(|(debian, _)| *debian == name) {
        return (*known).to_owned();
    }
    if let Some(known) = gnu(name).filter(|known| spdx::license_id(known).is_some()) {
        return known;
    }
    if spdx::license_id(name).is_some_and(|known| known.name == name) {
        return name.to_owned();
    }
    let legal = |c: char| match c.is_ascii_alphanumeric() || c == '.' {
        true => c,
        false => '-',
    };
    let reference = format!("LicenseRef-{}", name.chars().map(legal).collect::<String>());
    references.insert(reference.clone(), name.to_owned());
    reference
}

/// `GPL-2+` as `GPL-2.0-or-later`, `LGPL-2.1` as `LGPL-2.1-only`.
fn gnu(name: &str) -> Option<String> {
    let (family, version) = name.split_once('-')?;
    if !GNU.contains(&family) {
        return None;
    }
    let (version, ending) = match version.strip_suffix('+') {
        Some(version) => (version, "or-later"),
        None => (version, "only"),
    };
    let version = match version.contains('.') {
        true => version.to_owned(),
        false => format!("{version}.0"),
    };
    Some(format!("{family}-{version}-{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> (String, Vec<String>) {
        let found = Licences::of(&names.iter().map(ToString::to_string).collect());
        let references = found.references.into_keys().collect();
        (found.expression.unwrap_or_default(), references)
    }

    #[test]
    fn names_of_copyright_files_become_those_of_spdx() {
        for (name, spdx) in [
            ("GPL-2+", "GPL-2.0-or-later"),
            ("LGPL-2.1", "LGPL-2.1-only"),
            ("GFDL-1.3+", "GFDL-1.3-or-later"),
            ("Expat", "MIT"),
            ("MIT", "MIT"),
            ("GPL-2 or Expat", "GPL-2.0-only OR MIT"),
            (
                "GPL-3+ and BSD-3-clause",
                "GPL-3.0-or-later AND BSD-3-Clause",
            ),
            ("GPL-2.0-only AND MIT", "GPL-2.0-only AND MIT"),
        ] {
            assert_eq!(of(&[name]), (spdx.to_owned(), Vec::new()), "{name}");
        }
    }

    #[test]
    fn what_spdx_does_not_know_keeps_its_name_as_a_reference() {
        let (expression, references) = of(&["public-domain", "GPL-2+ with OpenSSL exception"]);
        let wanted = [
            "LicenseRef-GPL-2--with-OpenSSL-exception",
            "LicenseRef-public-domain",
        ];
        assert_eq!(references, wanted);
        assert_eq!(expression, wanted.join(" AND "));
        assert!(spdx::Expression::parse(&expression).is_ok());
    }

    #[test]
    fn every_part_holds_and_choices_are_kept_together() {
        let (expression, _) = of(&["Expat", "GPL-2 or Artistic"]);
        assert_eq!(expression, "(GPL-2.0-only OR Artistic-1.0) AND MIT");
        assert_eq!(of(&[]), (String::new(), Vec::new()));
    }
}
