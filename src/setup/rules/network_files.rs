//! `/etc/hosts` and `/etc/networks` (netbase), `/etc/modules` (kmod).

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "network-files",
    replaces: "netbase.postinst and kmod.postinst (files written from the script)",
    covers: &["netbase", "kmod"],
    apply,
};

/// The files, and the packages whose scripts hold their text.
const FILES: &[(&str, &str)] = &[
    ("netbase", "/etc/hosts"),
    ("netbase", "/etc/networks"),
    ("kmod", "/etc/modules"),
];

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    for (package, path) in FILES {
        let text = setup
            .package(package)
            .and_then(|package| here_document(package.control.text("postinst")?, path));
        if let Some(text) = text {
            setup.write_new(path, 0o644, text.as_str())?;
        }
    }
    Ok(())
}

/// The body of the here-document that a script writes to `path`, with `cat <<WORD > path` or
/// `cat > path <<WORD`; after `<<-` leading tabs are not part of it.
fn here_document(script: &str, path: &str) -> Option<String> {
    let mut lines = script.lines();
    let (word, tabs) = lines.by_ref().find_map(|line| {
        let command = line.trim().strip_prefix("cat ")?;
        let (before, after) = command.split_once("<<")?;
        let (word, rest) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
        let redirection = format!("> {path}");
        (before.trim() == redirection || rest.trim() == redirection).then(|| {
            let tabs = word.starts_with('-');
            (word.trim_matches(['\'', '"', '-']).to_owned(), tabs)
        })
    })?;
    let mut body = String::new();
    for line in lines {
        let line = if tabs {
            line.trim_start_matches('\t')
        } else {
            line
        };
        if line == word {
            return Some(body);
        }
        body.push_str(line);
        body.push('\n');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::here_document;

    #[test]
    fn a_here_document_is_read_and_a_lost_one_is_not() {
        let script = "x() {\n  cat <<END > /etc/modules\n# kernel modules\n\nEND\n}\n";
        assert_eq!(
            here_document(script, "/etc/modules").as_deref(),
            Some("# kernel modules\n\n")
        );
        assert_eq!(here_document(script, "/etc/other"), None);
        assert_eq!(
            here_document("cat <<END > /etc/modules\nx\n", "/etc/modules"),
            None
        );
    }
}
