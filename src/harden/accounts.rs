//! No account has a password: passwd(5), shadow(5), gshadow(5).

use crate::tree::TreePath;

use super::{Check, HardenError, Subject};

pub(super) const CHECK: Check = Check {
    key: "lock-accounts",
    run,
};

/// The databases, and whether an empty field lets somebody in: a group without a password admits
/// its members only.
const DATABASES: [(&str, bool); 4] = [
    ("etc/passwd", true),
    ("etc/shadow", true),
    ("etc/group", false),
    ("etc/gshadow", false),
];

fn run(subject: &Subject<'_>) -> Result<Vec<String>, HardenError> {
    if !subject.hardening.lock_accounts {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    for (name, empty_admits) in DATABASES {
        let path = TreePath::parse(name).map_err(crate::tree::TreeError::from)?;
        let Some(content) = subject.tree.file(&path) else {
            continue;
        };
        let bytes = content.read().map_err(|source| HardenError::Read {
            path: path.clone(),
            source,
        })?;
        for account in unlocked(&String::from_utf8_lossy(&bytes), empty_admits) {
            findings.push(format!(
                "{path} has a password for {account}, which every container of the image would share"
            ));
        }
    }
    Ok(findings)
}

/// The accounts of one database whose password field lets somebody in.
fn unlocked(text: &str, empty_admits: bool) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let (account, password) = (fields.next()?, fields.next()?);
            let locked = match password {
                "" => !empty_admits,
                // In another database.
                "x" => true,
                other => other.starts_with(['!', '*']),
            };
            (!locked).then_some(account)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::unlocked;

    #[test]
    fn hashes_and_empty_fields_are_seen_and_locks_are_not() {
        let shadow =
            "root:*:1::::::\nci:!:1::::::\na:$y$j9T$x:1::::::\nb::1::::::\nc:!$6$x:1::::::\n";
        assert_eq!(unlocked(shadow, true), ["a", "b"]);
        assert_eq!(unlocked("root:x:0:0::/:/bin/sh\n", true), [""; 0]);
        assert_eq!(unlocked("docker:::\nstaff:$1$x::\n", false), ["staff"]);
    }
}
