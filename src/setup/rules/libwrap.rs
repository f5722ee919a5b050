//! `/etc/hosts.allow` and `/etc/hosts.deny`, whose text is in the script that makes them.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "libwrap",
    replaces: "libwrap0.postinst (hosts.allow, hosts.deny)",
    covers: &["libwrap0"],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let package = setup.package("libwrap0");
    let Some(script) = package.and_then(|package| package.control.text("postinst")) else {
        return Ok(());
    };
    let script = script.to_owned();
    for path in ["etc/hosts.allow", "etc/hosts.deny"] {
        let text = here_document(&script, path).ok_or_else(|| {
            setup.input(
                "libwrap0",
                format!("its script writes no /{path} as it is known to"),
            )
        })?;
        setup.write_new(path, 0o644, text.as_str())?;
    }
    Ok(())
}

/// The lines that `cat > /PATH <<EOF` writes.
fn here_document(script: &str, path: &str) -> Option<String> {
    let start = format!("cat > /{path} <<EOF");
    let mut lines = script.lines().skip_while(|line| line.trim() != start);
    lines.next()?;
    let body: Vec<&str> = lines.take_while(|line| *line != "EOF").collect();
    Some(body.iter().map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::here_document;

    #[test]
    fn the_text_is_what_the_script_would_write() {
        let script = "if x; then\n    cat > /etc/hosts.deny <<EOF\n# one\n\nEOF\nfi\n";
        let text = here_document(script, "etc/hosts.deny");
        assert_eq!(text.as_deref(), Some("# one\n\n"));
        assert_eq!(here_document(script, "etc/hosts.allow"), None);
    }
}
