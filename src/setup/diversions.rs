//! Diversions that maintainer scripts add on a first installation, and dpkg's list of them.

/// One diversion (dpkg-divert(1)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diversion {
    /// The path other packages are kept from.
    pub from: String,
    /// Where their file goes instead.
    pub to: String,
    /// The package that diverts, whose own file stays.
    pub package: String,
}

/// The suffix of diversions that guard a moved file while a system is upgraded. Nothing else is
/// added by a preinst whatever the state of the system.
const PROTECTIVE: &str = ".usr-is-merged";

/// The protective diversions that the preinst of `package` adds in its own name: literal
/// `dpkg-divert` commands, or in a loop over literal words. What else it diverts hangs on a state
/// that an empty system does not have.
pub fn protective(package: &str, preinst: &str) -> Vec<Diversion> {
    commands(package, preinst, "--add")
}

/// Those that the postinst of `package` gives up again.
pub fn given_up(package: &str, postinst: &str) -> Vec<Diversion> {
    commands(package, postinst, "--remove")
}

fn commands(package: &str, preinst: &str, action: &str) -> Vec<Diversion> {
    let mut found = Vec::new();
    let mut over: Option<(String, Vec<String>)> = None;
    for line in preinst.replace("\\\n", " ").lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("for ") {
            over = rest
                .trim_end_matches("do")
                .trim_end()
                .trim_end_matches(';')
                .split_once(" in ")
                .map(|(name, words)| {
                    let words = words.split_whitespace().map(str::to_owned).collect();
                    (name.trim().to_owned(), words)
                });
        } else if line == "done" {
            over = None;
        } else if let Some(command) = line.strip_prefix("dpkg-divert ") {
            let (name, words) = over
                .clone()
                .unwrap_or_else(|| (String::new(), vec![String::new()]));
            for word in words {
                let command = if name.is_empty() {
                    command.to_owned()
                } else {
                    command
                        .replace(&format!("${{{name}}}"), &word)
                        .replace(&format!("${name}"), &word)
                };
                found.extend(diversion(package, &command, action));
            }
        }
    }
    found
}

/// The diversion of one command, if it is a protective one of `package` with this action.
fn diversion(package: &str, command: &str, action: &str) -> Option<Diversion> {
    if command.contains(['$', '`', '|', '&', ';']) {
        return None;
    }
    let mut words = command
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']));
    let (mut owner, mut to, mut from) = (package, None, None);
    while let Some(word) = words.next() {
        match word {
            "--package" => owner = words.next()?,
            "--divert" => to = Some(words.next()?),
            "--quiet" | "--no-rename" => {}
            word if word == action => {}
            path if path.starts_with('/') => from = Some(path),
            _ => return None,
        }
    }
    let (from, to) = (from?, to?);
    (owner == package && to.ends_with(PROTECTIVE)).then(|| Diversion {
        from: from.to_owned(),
        to: to.to_owned(),
        package: owner.to_owned(),
    })
}

/// `/var/lib/dpkg/diversions`: three lines each.
pub fn database(diversions: &[Diversion]) -> String {
    diversions
        .iter()
        .map(|one| format!("{}\n{}\n{}\n", one.from, one.to, one.package))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "if test \"$1\" = install; then\n\
        for lib in a.so.1 b.so.2; do\n\
        \tdpkg-divert --package libx --no-rename --divert \"/lib/$lib.usr-is-merged\" --add \"/lib/$lib\"\n\
        done\n\
        dpkg-divert --quiet --add --no-rename --divert /.d.usr-is-merged \\\n  /d\n\
        dpkg-divert --package other --no-rename --divert /e.usr-is-merged --add /e\n\
        dpkg-divert --package libx --no-rename --divert /f.distrib --add /f\n\
        dpkg-divert --package libx --divert \"/$x.usr-is-merged\" --add \"/$x\"\n\
        dpkg-divert --package libx --remove --divert /g.usr-is-merged /g\nfi\n";

    #[test]
    fn protective_diversions_of_the_package_itself_are_read() {
        let found = protective("libx", SCRIPT);
        assert_eq!(
            database(&found),
            "/lib/a.so.1\n/lib/a.so.1.usr-is-merged\nlibx\n\
             /lib/b.so.2\n/lib/b.so.2.usr-is-merged\nlibx\n\
             /d\n/.d.usr-is-merged\nlibx\n"
        );
    }

    #[test]
    fn what_the_postinst_gives_up_is_diverted_no_more() {
        let lines = |action: &str| {
            format!(
                "for f in /bin/fusermount /sbin/mount.fuse; do\n\
                 \tdpkg-divert --package fuse3 --no-rename --divert \"$f.usr-is-merged\" {action} \"$f\"\ndone\n"
            )
        };
        let added = protective("fuse3", &lines("--add"));
        assert_eq!(added.len(), 2);
        assert_eq!(given_up("fuse3", &lines("--remove")), added);
        assert_eq!(given_up("fuse3", &lines("--add")), []);
    }
}
