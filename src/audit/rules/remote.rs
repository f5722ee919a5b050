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
/// What lets a password in: a keyword in lower case, its default, and the values that do.
const DOORS: [(&str, &str, &[&str]); 3] = [
    ("passwordauthentication", "yes", &["yes"]),
    ("permitemptypasswords", "no", &["yes"]),
    ("permitrootlogin", "prohibit-password", &["yes"]),
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
    read(view, CONFIG, DEPTH, &mut said);
    DOORS
        .iter()
        .filter_map(|(keyword, default, open)| {
            // The first value counts: sshd_config(5).
            let first = said.iter().find(|(known, _)| known == keyword);
            let value = first.map_or(*default, |(_, value)| value.as_str());
            let message = format!("/{CONFIG}: `{keyword}` is {value}, so passwords are tried");
            open.contains(&value)
                .then(|| Finding::new(format!("/{CONFIG}"), message))
        })
        .collect()
}

/// The keywords of a file and of what it includes, up to conditions, in the order they are read.
fn read(view: &View, path: &str, depth: usize, said: &mut Vec<(String, String)>) -> bool {
    let text = view.text(path).unwrap_or_default();
    for line in text.lines() {
        let line = line.trim();
        let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
        let keyword = line[..end].to_ascii_lowercase();
        let value = line[end..].trim_matches([' ', '\t', '=', '"']);
        match keyword.as_str() {
            "match" => return false,
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
                        read(view, path, depth - 1, said);
                    }
                }
            }
            "" => {}
            _ if keyword.starts_with('#') => {}
            _ => said.push((keyword, value.to_ascii_lowercase())),
        }
    }
    true
}
