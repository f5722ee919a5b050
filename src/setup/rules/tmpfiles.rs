//! What `systemd-tmpfiles --create` makes while packages are installed (tmpfiles.d(5)): the
//! directories, links and modes that last. What lies in memory is made at boot.

use std::collections::BTreeMap;

use super::super::context::{Setup, SetupError};
use super::Rule;
use crate::tree::Meta;

pub(super) const RULE: Rule = Rule {
    name: "tmpfiles",
    replaces: "systemd-tmpfiles --create calls of debhelper's dh_installtmpfiles",
    covers: &[],
    apply,
};

/// Where packages ship the files, below which scripts name them.
const SHIPPED: &str = "usr/lib/tmpfiles.d";

/// What boot mounts something over, or what is not the image's to make.
const PASSING: &[&str] = &["/run/", "/tmp/", "/var/tmp/", "/dev/", "/proc/", "/sys/"];

/// One line of a file.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    path: &'a str,
    mode: Option<u32>,
    /// Whether mode and owner are only for what is made, as after a colon.
    once: bool,
    user: &'a str,
    group: &'a str,
    what: What<'a>,
}

#[derive(Debug, PartialEq, Eq)]
enum What<'a> {
    Directory,
    Link(&'a str),
    /// Owner and mode of what is there.
    Adjust,
}

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.exists("usr/bin/systemd-tmpfiles") {
        return Ok(());
    }
    let users = ids(&setup.text("etc/passwd")?.unwrap_or_default());
    let groups = ids(&setup.text("etc/group")?.unwrap_or_default());
    let scripts = setup.packages.iter();
    let files: Vec<String> = scripts
        .filter_map(|package| package.control.text("postinst"))
        .flat_map(created_by)
        .collect();
    for file in files {
        let text = setup.text(&format!("{SHIPPED}/{file}"))?;
        for line in text.unwrap_or_default().lines().filter_map(parse) {
            let (Some(&uid), Some(&gid)) = (users.get(line.user), groups.get(line.group)) else {
                continue;
            };
            create(setup, &line, uid, gid)?;
        }
    }
    Ok(())
}

fn create(setup: &mut Setup<'_>, line: &Line<'_>, uid: u32, gid: u32) -> Result<(), SetupError> {
    let path = line.path.trim_start_matches('/');
    let mode = line.mode;
    let change = |meta: &mut Meta| {
        meta.uid = uid;
        meta.gid = gid;
        meta.mode = mode.unwrap_or(meta.mode);
    };
    match line.what {
        What::Link(target) if !setup.exists(path) => setup.link(path, target),
        What::Link(_) => Ok(()),
        What::Directory if setup.exists(path) => {
            if !line.once && mode.is_some() {
                let at = setup.path(path)?;
                setup.tree.amend(&at, change);
            }
            Ok(())
        }
        What::Directory => {
            setup.directory(path, mode.unwrap_or(0o755), 0)?;
            let at = setup.path(path)?;
            setup.tree.amend(&at, change);
            Ok(())
        }
        What::Adjust => {
            let at = setup.path(path)?;
            setup.tree.amend(&at, change);
            Ok(())
        }
    }
}

/// The files that a maintainer script has created.
fn created_by(script: &str) -> Vec<String> {
    let calls = script.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("systemd-tmpfiles ")?
            .split_once("--create ")
    });
    let words = calls.flat_map(|(_, rest)| rest.split_whitespace());
    words
        .filter(|word| word.ends_with(".conf") && !word.contains(['/', '$']))
        .map(str::to_owned)
        .collect()
}

/// A line that makes something which lasts.
fn parse(line: &str) -> Option<Line<'_>> {
    let mut words = line.split_whitespace();
    let (kind, path) = (words.next()?, words.next()?);
    // Only at boot.
    if kind.starts_with('#') || kind.contains('!') {
        return None;
    }
    let lasts = path.starts_with('/')
        && !path.contains(['%', '*', '?', '['])
        && !PASSING.iter().any(|start| path.starts_with(start));
    let mut field = || words.next().filter(|word| *word != "-");
    let (mode, user, group, _age, argument) = (field(), field(), field(), field(), field());
    let what = match kind.trim_end_matches(['+', '-', '=', '~', '^', '$']) {
        "d" | "D" | "v" | "q" | "Q" => What::Directory,
        "L" => What::Link(argument?),
        "z" => What::Adjust,
        _ => return None,
    };
    let bare = |word: &'static str, given: Option<&'_ str>| given.is_none().then_some(word);
    let once = [mode, user, group]
        .into_iter()
        .flatten()
        .any(|word| word.starts_with(':'));
    lasts.then_some(Line {
        path,
        once,
        mode: mode
            .and_then(|mode| u32::from_str_radix(mode.trim_start_matches([':', '~']), 8).ok()),
        user: bare("root", user).or(user.map(|name| name.trim_start_matches(':')))?,
        group: bare("root", group).or(group.map(|name| name.trim_start_matches(':')))?,
        what,
    })
}

/// Names and ids of an account file.
fn ids(text: &str) -> BTreeMap<String, u32> {
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_made_and_what_boot_makes_is_left() {
        let line = parse("d- /root/.ssh :0700 root :root -").expect("a directory");
        assert_eq!(line.what, What::Directory);
        assert_eq!((line.path, line.mode), ("/root/.ssh", Some(0o700)));
        assert_eq!((line.user, line.group), ("root", "root"));
        let link = parse("L+ /etc/mtab - - - - ../proc/self/mounts").expect("a link");
        assert_eq!(link.what, What::Link("../proc/self/mounts"));
        let adjusted = parse("z /var/log/journal 2755 root systemd-journal - -").expect("a mode");
        assert_eq!(
            (adjusted.what, adjusted.group),
            (What::Adjust, "systemd-journal")
        );
        for other in [
            "# d /var/x",
            "d /run/lock/subsys 0755 root root -",
            "f+! /run/utmp 0664 root utmp -",
            "d! /var/x 0755",
            "Z /var/log/journal/%m ~2750 root systemd-journal - -",
            "a+ /var/log/journal - - - - d:group::r-x",
            "f^ /etc/hosts - - - - network.hosts",
            "d",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_files_are_those_that_the_script_names() {
        let script = "\t\tsystemd-tmpfiles ${DPKG_ROOT:+--root=\"$DPKG_ROOT\"} --create a.conf b.conf >/dev/null || true\n\
                      \tif [ -x \"$(command -v systemd-tmpfiles)\" ]; then\n";
        assert_eq!(created_by(script), ["a.conf", "b.conf"]);
    }
}
