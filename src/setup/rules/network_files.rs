//! `/etc/hosts` and `/etc/networks` (netbase), `/etc/modules` (kmod).

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "network-files",
    replaces: "netbase.postinst and kmod.postinst (files written from the script)",
    covers: &["netbase", "kmod"],
    apply,
};

const HOSTS: &str = "127.0.0.1\tlocalhost\n\
    ::1\t\tlocalhost ip6-localhost ip6-loopback\n\
    ff02::1\t\tip6-allnodes\n\
    ff02::2\t\tip6-allrouters\n";
const NETWORKS: &str = "default\t\t0.0.0.0\nloopback\t127.0.0.0\nlink-local\t169.254.0.0\n";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if setup.has("netbase") {
        setup.write_new("etc/hosts", 0o644, HOSTS)?;
        setup.write_new("etc/networks", 0o644, NETWORKS)?;
    }
    let modules = setup
        .package("kmod")
        .and_then(|kmod| here_document(kmod.control.text("postinst")?, "> /etc/modules"));
    if let Some(text) = modules {
        setup.write_new("etc/modules", 0o644, text.as_str())?;
    }
    Ok(())
}

/// The body of the here-document a script writes with `cat <<WORD redirection`.
fn here_document(script: &str, redirection: &str) -> Option<String> {
    let mut lines = script.lines();
    let word = lines.by_ref().find_map(|line| {
        let (_, rest) = line.split_once("cat <<")?;
        let (word, rest) = rest.split_once(char::is_whitespace)?;
        (rest.trim() == redirection).then(|| word.trim_matches(['\'', '"', '-']).to_owned())
    })?;
    let mut body = String::new();
    for line in lines {
        if line.trim() == word {
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
            here_document(script, "> /etc/modules").as_deref(),
            Some("# kernel modules\n\n")
        );
        assert_eq!(here_document(script, "> /etc/other"), None);
        assert_eq!(
            here_document("cat <<END > /etc/modules\nx\n", "> /etc/modules"),
            None
        );
    }
}
