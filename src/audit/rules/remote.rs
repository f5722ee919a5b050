//! Rules about who is let in from elsewhere: sshd_config(5), authorized_keys in sshd(8),
//! hosts.equiv(5).

use glob::Pattern;

use crate::view::View;

use super::super::Finding;
use super::super::subject::Subject;

/// Where sshd is.
const SSHD: &str = "usr/sbin/sshd";
/// Its configuration.
const CONFIG: &str = "etc/ssh/sshd_config";
/// Relative names in it are of this directory.
const FOLDER: &str = "etc/ssh";
/// Deepest nesting of included files (`SERVCONF_MAX_DEPTH` of OpenSSH).
const DEPTH: usize = 16;
/// Most files of it that are read.
const FILES: usize = 256;
/// What lets a password in: keywords in lower case, of which the first is what is said of it, its
/// default, and the word that does.
const DOORS: [(&[&str], &str, &str); 3] = [
    (&["passwordauthentication"], "yes", "so passwords are tried"),
    (
        &["permitemptypasswords"],
        "no",
        "so accounts without a password are open",
    ),
    (
        &["permitrootlogin"],
        "prohibit-password",
        "so root may log in by any way that is open",
    ),
];
/// Questions and answers, which PAM makes passwords of; its older name counts too.
const QUESTIONS: [&str; 2] = [
    "kbdinteractiveauthentication",
    "challengeresponseauthentication",
];

pub(super) fn authorized_keys(subject: &Subject<'_>) -> Vec<Finding> {
    let files = subject.files().filter(|(path, file)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let keys = name.starts_with("authorized_keys")
            && (path.contains("/.ssh/") || path.starts_with("etc/ssh/"));
        let hosts = [".rhosts", ".shosts"].contains(&name)
            || ["etc/hosts.equiv", "etc/ssh/shosts.equiv"].contains(path);
        let text = subject.view.text(path);
        let says = |text: String| {
            let mut lines = text.lines().map(str::trim);
            lines.any(|line| !line.is_empty() && !line.starts_with('#'))
        };
        // A file whose content is not kept says something if it has any.
        file.is_regular() && (keys || hosts) && text.map_or(file.size() > 0, says)
    });
    files
        .map(|(path, _)| Finding::new(format!("/{path}"), format!("/{path} lets somebody in")))
        .collect()
}

pub(super) fn sshd(subject: &Subject<'_>) -> Vec<Finding> {
    let view = subject.view;
    if view.find(SSHD).is_none() {
        return Vec::new();
    }
    let mut said = Vec::new();
    let mut left = FILES;
    read(view, CONFIG, DEPTH, &mut left, &mut said);
    // The first value counts: sshd_config(5).
    let value = |names: &[&str], default: &'static str| {
        let first = said
            .iter()
            .find(|(known, _)| names.contains(&known.as_str()));
        first
            .map_or(default, |(_, value)| value.as_str())
            .to_owned()
    };
    let mut found: Vec<Finding> = Vec::new();
    for (names, default, consequence) in DOORS {
        let value = value(names, default);
        if value == "yes" {
            let message = format!("/{CONFIG}: `{}` is yes, {consequence}", names[0]);
            found.push(Finding::new(format!("/{CONFIG}"), message));
        }
    }
    if value(&QUESTIONS, "yes") == "yes" && value(&["usepam"], "no") == "yes" {
        let message = format!(
            "/{CONFIG}: `{}` is yes, so PAM asks for passwords",
            QUESTIONS[0]
        );
        found.push(Finding::new(format!("/{CONFIG}"), message));
    }
    found
}

/// The keywords of a file and of what it includes, up to conditions, in the order they are read.
fn read(view: &View, path: &str, depth: usize, left: &mut usize, said: &mut Vec<(String, String)>) {
    let Some(rest) = left.checked_sub(1) else {
        return;
    };
    *left = rest;
    let text = view.text(path).unwrap_or_default();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or(line).trim();
        let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
        let keyword = line[..end].to_ascii_lowercase();
        let value = line[end..].trim_matches([' ', '\t', '=', '"']);
        match keyword.as_str() {
            "match" => return,
            "include" if depth > 0 => {
                for pattern in value.split_whitespace() {
                    let pattern = match pattern.strip_prefix('/') {
                        Some(absolute) => absolute.to_owned(),
                        None => format!("{FOLDER}/{pattern}"),
                    };
                    let Ok(pattern) = Pattern::new(&pattern) else {
                        continue;
                    };
                    let found = view.files.keys().filter(|path| pattern.matches(path));
                    for path in found {
                        read(view, path, depth - 1, left, said);
                    }
                }
            }
            "" => {}
            _ => said.push((keyword, value.to_ascii_lowercase())),
        }
    }
}
