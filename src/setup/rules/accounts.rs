//! System users and groups that scripts add: the docker group, and what `sysusers.d` declares.

use super::super::accounts::{Accounts, Added, User};
use super::super::context::{Setup, SetupError};
use super::{Rule, openssh_client, passwd_files};

pub(super) const RULE: Rule = Rule {
    name: "system-accounts",
    replaces: "docker.io.postinst, docker-ce.postinst and openssh-client.postinst (addgroup), apt.postinst (adduser _apt), systemd-sysusers calls of debhelper and systemd",
    covers: &["apt", "docker-ce", "docker.io", "systemd"],
    apply,
};

/// A user that a script adds with adduser(8): its package, name and home, and whether it has a group
/// of its own.
const ADDED: [(&str, &str, &str, bool); 4] = [
    // base-passwd has it since bookworm.
    ("apt", "_apt", "/nonexistent", false),
    ("dbus", "messagebus", "/nonexistent", true),
    ("dbus-system-bus-common", "messagebus", "/nonexistent", true),
    ("openssh-server", "sshd", "/run/sshd", false),
];
/// The user of dockerd(8) `--userns-remap=default`.
const REMAPPED: &str = "dockremap";
/// First of its subordinate ids and their number, as in docker:dind.
const SUBORDINATE: &str = "165536:65536";
/// The id `nogroup` and `nobody` have in base-passwd's masters.
const NOBODY: u32 = 65_534;

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let (Some(passwd), Some(group)) = (
        setup.text("usr/share/base-passwd/passwd.master")?,
        setup.text("usr/share/base-passwd/group.master")?,
    ) else {
        return Ok(());
    };
    let mut accounts = Accounts::parse(&passwd, &group).map_err(|line| {
        setup.input("usr/share/base-passwd", format!("unreadable line `{line}`"))
    })?;
    let adduser = adduser(setup);
    // The one account that a file of the base layer belongs to comes first: its number is the same in
    // every image, and so is the layer.
    if let Some(group) = openssh_client::group(setup) {
        accounts.ensure_group(group, None, Added::Adduser);
    }
    for (package, name, home, own_group) in ADDED {
        if adds_user(setup, package) && accounts.uid(name).is_none() {
            let uid = accounts.free_uid();
            let gid = match own_group {
                true => accounts.ensure_group(name, None, Added::Adduser),
                false => NOBODY,
            };
            accounts.ensure_user(User {
                name: name.to_owned(),
                uid,
                gid,
                gecos: String::new(),
                home: home.to_owned(),
                shell: "/usr/sbin/nologin".to_owned(),
                added: adduser,
            });
        }
    }
    for (path, text) in sysusers_files(setup)? {
        for line in text.lines() {
            add(&mut accounts, line)
                .map_err(|message| setup.input(&path, format!("{message} in `{line}`")))?;
        }
    }
    if setup.has("docker.io") || setup.has("docker-ce") {
        accounts.ensure_group("docker", None, Added::Adduser);
        add_remapped(setup, &mut accounts)?;
    }
    passwd_files::write(setup, &accounts)
}

/// How the adduser of the image marks an account: before 3.130 as base-passwd does.
fn adduser(setup: &Setup<'_>) -> Added {
    const CHANGED: u32 = 130;
    let package = setup.package("adduser");
    let minor = package.and_then(|package| {
        let (_, rest) = package.version.split_once('.')?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse::<u32>().ok()
    });
    match minor {
        Some(minor) if minor < CHANGED => Added::Base,
        _ => Added::Adduser,
    }
}

/// Whether the script of a package calls adduser. From trixie on most prefer systemd-sysusers where
/// that is there.
fn adds_user(setup: &Setup<'_>, package: &str) -> bool {
    let package = setup.package(package);
    let Some(script) = package.and_then(|package| package.control.text("postinst")) else {
        return false;
    };
    let calls = |program| script.lines().any(|line| line.contains(program));
    calls("adduser ") && !(calls("systemd-sysusers ") && setup.has("systemd"))
}

/// The user that root of nested containers is outside of them with `--userns-remap=default`. The
/// daemon would make it at its first start, with programs that an image may not have and in files
/// that it may not write.
fn add_remapped(setup: &mut Setup<'_>, accounts: &mut Accounts) -> Result<(), SetupError> {
    let id = accounts.free_system_id();
    let gid = accounts.ensure_group(REMAPPED, Some(id), Added::Adduser);
    accounts.ensure_user(User {
        name: REMAPPED.to_owned(),
        uid: id,
        gid,
        gecos: String::new(),
        home: "/nonexistent".to_owned(),
        shell: "/usr/sbin/nologin".to_owned(),
        added: Added::Adduser,
    });
    for path in ["etc/subuid", "etc/subgid"] {
        let mut text = setup.text(path)?.unwrap_or_default();
        text.push_str(&format!("{REMAPPED}:{SUBORDINATE}\n"));
        setup.write(path, 0o644, text.as_str())?;
    }
    Ok(())
}

fn sysusers_files(setup: &Setup<'_>) -> Result<Vec<(String, String)>, SetupError> {
    // systemd-sysusers runs only where systemd is installed; elsewhere packages ship the files
    // beside scripts of their own.
    if !setup.has("systemd") && !setup.has("systemd-standalone-sysusers") {
        return Ok(Vec::new());
    }
    let paths: Vec<String> = setup
        .tree
        .below(&setup.path("usr/lib/sysusers.d")?)
        .into_iter()
        .map(|(path, _)| path.as_str().to_owned())
        .filter(|path| path.ends_with(".conf"))
        .collect();
    paths
        .into_iter()
        .map(|path| Ok((path.clone(), setup.text(&path)?.unwrap_or_default())))
        .collect()
}

/// Applies one line of a sysusers.d(5) file.
fn add(accounts: &mut Accounts, line: &str) -> Result<(), String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let mut words = words(line).into_iter();
    let (Some(kind), Some(name)) = (words.next(), words.next()) else {
        return Err("a line needs a type and a name".to_owned());
    };
    let id = words.next().filter(|id| id != "-");
    let mut field = |default: &str| match words.next() {
        Some(word) if word != "-" => word,
        _ => default.to_owned(),
    };
    let number = |text: &str| text.parse::<u32>().ok();
    match kind.trim_end_matches(['!', '-', '=', '~']) {
        "g" => {
            accounts.ensure_group(&name, id.as_deref().and_then(number), Added::Sysusers);
        }
        "u" if accounts.uid(&name).is_none() => {
            let (gecos, home, shell) = (field(""), field("/"), field("/usr/sbin/nologin"));
            let (uid, group) = match id
                .as_deref()
                .map(|id| id.split_once(':').unwrap_or((id, id)))
            {
                Some((uid, gid)) => (number(uid), Some(gid.to_owned())),
                None => (None, None),
            };
            let uid = uid.unwrap_or_else(|| accounts.free_system_id());
            let gid = match group {
                Some(group) if number(&group).is_none() => accounts
                    .gid(&group)
                    .ok_or_else(|| format!("group {group} is not known"))?,
                Some(group) if number(&group) == Some(NOBODY) => NOBODY,
                Some(group) => accounts.ensure_group(&name, number(&group), Added::Sysusers),
                None => accounts.ensure_group(&name, Some(uid), Added::Sysusers),
            };
            accounts.ensure_user(User {
                name,
                uid,
                gid,
                gecos,
                home,
                shell,
                added: match kind.contains('!') {
                    true => Added::SysusersLocked,
                    false => Added::Sysusers,
                },
            });
        }
        "m" => {
            let group = id.ok_or("a membership needs a group")?;
            accounts.ensure_group(&group, None, Added::Sysusers);
            if let Some(group) = accounts.groups.iter_mut().find(|g| g.name == group)
                && !group.members.contains(&name)
            {
                group.members.push(name);
            }
        }
        // A range of ids, and users that exist already, need nothing.
        "r" | "u" => {}
        other => return Err(format!("type `{other}` is not known")),
    }
    Ok(())
}

/// Splits a line at blanks, keeping double-quoted words whole.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quoted = false;
    let mut word = String::new();
    let mut any = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                any = true;
            }
            c if c.is_whitespace() && !quoted => {
                if any {
                    words.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysusers_lines_become_accounts() {
        let mut accounts = Accounts::parse("", "root:*:0:\nnogroup:*:65534:\n").expect("valid");
        for line in [
            "# comment",
            "g systemd-journal - -",
            "u! systemd-network 998 \"systemd Network Management\" - -",
            "u messagebus - \"D-Bus\" /nonexistent",
            "m messagebus systemd-journal",
        ] {
            add(&mut accounts, line).expect(line);
        }
        assert_eq!(
            accounts.passwd(),
            "systemd-network:x:998:998:systemd Network Management:/:/usr/sbin/nologin\n\
             messagebus:x:101:101:D-Bus:/nonexistent:/usr/sbin/nologin\n"
        );
        assert!(
            accounts
                .group()
                .contains("systemd-journal:x:100:messagebus\n")
        );
        assert!(add(&mut accounts, "x what").is_err());
    }
}
