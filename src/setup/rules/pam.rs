//! `/etc/pam.d/common-*` as pam-auth-update(8) writes them, and the files pam's scripts add.

use std::collections::BTreeMap;

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "pam",
    replaces: "libpam-runtime.postinst (pam-auth-update), libpam-modules.postinst (empty files)",
    covers: &[
        "libpam-runtime",
        "libpam-modules",
        "libpam-modules-bin",
        "libpam-systemd",
    ],
    apply,
};

const TYPES: &[&str] = &[
    "account",
    "auth",
    "password",
    "session",
    "session-noninteractive",
];

/// One file of `/usr/share/pam-configs`, its fields with continuation lines joined by newlines.
pub(super) struct Profile {
    /// Its file name.
    pub name: String,
    priority: i64,
    fields: BTreeMap<String, String>,
}

impl Profile {
    /// Whether it is enabled unless an administrator says otherwise.
    pub fn is_default(&self) -> bool {
        self.fields
            .get("Default")
            .is_some_and(|value| value == "yes")
    }

    /// What it is called in the question about profiles.
    pub fn title(&self) -> &str {
        self.fields.get("Name").map_or("", String::as_str)
    }
}

/// The profiles that packages ship, in the order in which pam-auth-update lists them.
pub(super) fn profiles(setup: &Setup<'_>) -> Result<Vec<Profile>, SetupError> {
    let paths: Vec<String> = setup
        .tree
        .below(&setup.path("usr/share/pam-configs")?)
        .into_iter()
        .map(|(path, _)| path.as_str().to_owned())
        .collect();
    let mut profiles = Vec::new();
    for path in paths {
        let name = path.rsplit('/').next().unwrap_or_default();
        profiles.push(parse(name, &setup.text(&path)?.unwrap_or_default()));
    }
    // Among equals the last name is first (pam-auth-update, `@sorted`).
    profiles.sort_by(|a, b| b.priority.cmp(&a.priority).then(b.name.cmp(&a.name)));
    Ok(profiles)
}

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if setup.has("libpam-modules") {
        setup.write_new("etc/environment", 0o644, "")?;
        setup.write_new("etc/security/opasswd", 0o600, "")?;
    }
    if !setup.has("libpam-runtime") {
        return Ok(());
    }
    let (mut profiles, mut seen) = (profiles(setup)?, String::new());
    for profile in &profiles {
        seen.push_str(&profile.name);
        seen.push('\n');
    }
    profiles.retain(Profile::is_default);
    for kind in TYPES {
        let Some(template) = setup.text(&format!("usr/share/pam/common-{kind}"))? else {
            continue;
        };
        let stack = Stack::of(kind, &profiles);
        setup.write_new(
            &format!("etc/pam.d/common-{kind}"),
            0o644,
            stack.fill(&template).as_str(),
        )?;
        setup.write_new(&format!("var/lib/pam/{kind}"), 0o644, stack.state.as_str())?;
    }
    setup.write_new("var/lib/pam/seen", 0o644, seen.as_str())
}

fn parse(name: &str, text: &str) -> Profile {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = fields.get_mut(&last) {
                if !value.is_empty() {
                    value.push('\n');
                }
                value.push_str(line.trim_start());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            last = key.to_owned();
            fields.insert(last.clone(), value.trim().to_owned());
        }
    }
    let priority = fields
        .get("Priority")
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    Profile {
        name: name.to_owned(),
        priority,
        fields,
    }
}

/// The modules of one type, and what `/var/lib/pam` remembers of them.
struct Stack {
    kind: &'static str,
    primary: Vec<String>,
    additional: Vec<String>,
    state: String,
}

impl Stack {
    fn of(kind: &'static str, profiles: &[Profile]) -> Self {
        let key = match kind {
            "account" => "Account",
            "auth" => "Auth",
            "password" => "Password",
            _ => "Session",
        };
        let mut stack = Self {
            kind,
            primary: Vec::new(),
            additional: Vec::new(),
            state: String::new(),
        };
        for block in ["Primary", "Additional"] {
            let members = profiles.iter().filter(|profile| {
                let is = |field: &str, value: &str| {
                    profile
                        .fields
                        .get(field)
                        .is_some_and(|found| found == value)
                };
                is(&format!("{key}-Type"), block)
                    && !(kind == "session-noninteractive" && is("Session-Interactive-Only", "yes"))
            });
            let mut lines = Vec::new();
            for profile in members {
                let initial = profile.fields.get(&format!("{key}-Initial"));
                let field = initial
                    .filter(|_| lines.is_empty())
                    .or_else(|| profile.fields.get(key));
                let Some(value) = field else { continue };
                let trimmed: Vec<&str> = value.lines().map(str::trim_end).collect();
                stack.state.push_str(&format!(
                    "Module: {}\n{}\n",
                    profile.name,
                    trimmed.join("\n")
                ));
                lines.extend(value.lines().map(module_line));
            }
            if block == "Primary" {
                stack.primary = lines;
            } else {
                stack.additional = lines;
            }
        }
        if stack.primary.is_empty() {
            const PERMIT: &str = "[default=1]\t\t\tpam_permit.so";
            stack.primary.push(PERMIT.to_owned());
            stack
                .state
                .insert_str(0, &format!("Module: null\n{PERMIT}\n"));
        }
        stack
    }

    fn fill(&self, template: &str) -> String {
        let word = self.kind.split('-').next().unwrap_or_default();
        let total = self.primary.len();
        let primary: Vec<String> = self
            .primary
            .iter()
            .enumerate()
            .map(|(position, line)| {
                // `end` jumps over the rest of the block and the fallback behind it.
                let jump = total - position;
                format!("{word}\t{}", line.replace("=end", &format!("={jump}")))
            })
            .collect();
        let additional: Vec<String> = self
            .additional
            .iter()
            .map(|line| format!("{word}\t{line}"))
            .collect();
        let mut out = String::new();
        for line in template.lines() {
            match line.trim() {
                marker if marker == format!("${word}_primary") => push_lines(&mut out, &primary),
                marker if marker == format!("${word}_additional") => {
                    push_lines(&mut out, &additional)
                }
                "$session_nonint_primary" => push_lines(&mut out, &primary),
                "$session_nonint_additional" => push_lines(&mut out, &additional),
                _ => {
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        out
    }
}

/// A module line as pam-auth-update prints it: control, module, a blank, options.
fn module_line(line: &str) -> String {
    let line = line.trim_end();
    if line.ends_with(".so") {
        return format!("{line} ");
    }
    line.to_owned()
}

fn push_lines(out: &mut String, lines: &[String]) {
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIX: &str = "Name: Unix\nDefault: yes\nPriority: 256\nAuth-Type: Primary\nAuth:\n\t[success=end default=ignore]\tpam_unix.so try_first_pass\nAuth-Initial:\n\t[success=end default=ignore]\tpam_unix.so\nSession-Type: Additional\nSession:\n\trequired\tpam_unix.so \n";

    #[test]
    fn the_primary_block_jumps_past_its_end() {
        let other = UNIX.replace("pam_unix", "pam_other").replace("256", "300");
        let profiles = [parse("other", &other), parse("unix", UNIX)];
        let filled = Stack::of("auth", &profiles)
            .fill("# head\n$auth_primary\nauth\trequisite\tpam_deny.so\n");
        assert_eq!(
            filled,
            "# head\nauth\t[success=2 default=ignore]\tpam_other.so \n\
             auth\t[success=1 default=ignore]\tpam_unix.so try_first_pass\n\
             auth\trequisite\tpam_deny.so\n"
        );
    }

    #[test]
    fn an_empty_primary_block_permits_and_the_rest_is_additional() {
        let stack = Stack::of("session", &[parse("unix", UNIX)]);
        assert_eq!(
            stack.fill("$session_primary\n$session_additional\n"),
            "session\t[default=1]\t\t\tpam_permit.so\nsession\trequired\tpam_unix.so \n"
        );
        assert_eq!(
            stack.state,
            "Module: null\n[default=1]\t\t\tpam_permit.so\nModule: unix\nrequired\tpam_unix.so\n"
        );
    }
}
