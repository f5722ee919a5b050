//! Paths that have a table of their own in the recipe, or that the program keeps consistent.

/// The account databases.
const ACCOUNTS: &[&str] = &[
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/subuid",
    "/etc/subgid",
];
/// What update-ca-certificates(8) reads and writes.
const CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs",
    "/usr/local/share/ca-certificates",
    "/etc/ca-certificates.conf",
];
/// The package managers' records.
const DATABASES: &[&str] = &["/var/lib/dpkg", "/lib/apk/db"];

/// Why a recipe's own file cannot stand at `path`, and what to write instead; `None` where it can.
pub fn reserved(path: &str) -> Option<String> {
    let within = |top: &str| {
        path.strip_prefix(top)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let instead = if ACCOUNTS.iter().any(|top| within(top)) {
        "is written from [users] and [groups]"
    } else if CERTIFICATES.iter().any(|top| within(top)) {
        "is written from [ca]; name the certificate in its `bundle`"
    } else if DATABASES.iter().any(|top| within(top)) {
        "is the package database, which records what the image has"
    } else {
        return None;
    };
    Some(format!("{path} {instead}"))
}

#[cfg(test)]
mod tests {
    use super::reserved;

    #[test]
    fn databases_are_reserved_and_their_neighbours_are_not() {
        for path in [
            "/etc/passwd",
            "/etc/ssl/certs/x.pem",
            "/var/lib/dpkg",
            "/var/lib/dpkg/status",
        ] {
            assert!(reserved(path).is_some(), "{path}");
        }
        for path in [
            "/",
            "/etc",
            "/etc/passwd.d",
            "/etc/ssl/certs.d/x",
            "/etc/docker/certs.d",
        ] {
            assert!(reserved(path).is_none(), "{path}");
        }
    }
}
