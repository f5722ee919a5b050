//! Users and groups: passwd(5), group(5), shadow(5) and gshadow(5) as shadow-utils writes them.

use std::collections::BTreeSet;

use crate::epoch::Epoch;

/// Seconds in a day: shadow(5) counts days since 1970-01-01.
const DAY: i64 = 86_400;
/// First id `adduser --system` and `addgroup --system` hand out (adduser.conf FIRST_SYSTEM_UID).
const FIRST_SYSTEM: u32 = 100;
/// Last id they hand out.
const LAST_SYSTEM: u32 = 999;

/// One line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Comment.
    pub gecos: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// What added it.
    pub added: Added,
}

/// What adds an account, which shows in how shadow(5) and gshadow(5) say that nobody has its
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// base-passwd, and adduser(8) until bullseye.
    Base,
    /// adduser(8).
    Adduser,
    /// systemd-sysusers(8).
    Sysusers,
    /// The same, of a line that locks the account fully, `u!`.
    SysusersLocked,
}

impl Added {
    /// The password field.
    fn password(self) -> &'static str {
        match self {
            Self::Base => "*",
            Self::Adduser => "!",
            Self::Sysusers | Self::SysusersLocked => "!*",
        }
    }
}

/// One line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Numeric id.
    pub gid: u32,
    /// Supplementary members.
    pub members: Vec<String>,
    /// What added it.
    pub added: Added,
}

/// The account databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Users in file order.
    pub users: Vec<User>,
    /// Groups in file order.
    pub groups: Vec<Group>,
}

impl Accounts {
    /// Reads the master files of base-passwd. The error is the offending line.
    pub fn parse(passwd: &str, group: &str) -> Result<Self, String> {
        let users = lines(passwd).map(parse_user).collect::<Result<_, _>>()?;
        let groups = lines(group).map(parse_group).collect::<Result<_, _>>()?;
        Ok(Self { users, groups })
    }

    /// The id of a group.
    pub fn gid(&self, name: &str) -> Option<u32> {
        self.groups.iter().find(|g| g.name == name).map(|g| g.gid)
    }

    /// The id of a user.
    pub fn uid(&self, name: &str) -> Option<u32> {
        self.users.iter().find(|u| u.name == name).map(|u| u.uid)
    }

    /// The group's id, which is `wanted`, or the first free system id, if it has to be added.
    pub fn ensure_group(&mut self, name: &str, wanted: Option<u32>, added: Added) -> u32 {
        if let Some(gid) = self.gid(name) {
            return gid;
        }
        let taken = self.groups.iter().map(|group| group.gid).collect();
        let gid = wanted.unwrap_or_else(|| first_free(&taken));
        self.groups.push(Group {
            name: name.to_owned(),
            gid,
            members: Vec::new(),
            added,
        });
        gid
    }

    /// Adds a system user unless there is one of that name.
    pub fn ensure_user(&mut self, user: User) {
        if self.uid(&user.name).is_none() {
            self.users.push(user);
        }
    }

    /// The first system id that is no user's.
    pub fn free_uid(&self) -> u32 {
        first_free(&self.users.iter().map(|user| user.uid).collect())
    }

    /// The first system id that is neither a user's nor a group's.
    pub fn free_system_id(&self) -> u32 {
        let users = self.users.iter().map(|user| user.uid);
        let groups = self.groups.iter().map(|group| group.gid);
        first_free(&users.chain(groups).collect())
    }

    /// `/etc/passwd`.
    pub fn passwd(&self) -> String {
        self.users
            .iter()
            .map(|u| {
                format!(
                    "{}:x:{}:{}:{}:{}:{}\n",
                    u.name, u.uid, u.gid, u.gecos, u.home, u.shell
                )
            })
            .collect()
    }

    /// `/etc/group`.
    pub fn group(&self) -> String {
        self.groups
            .iter()
            .map(|g| format!("{}:x:{}:{}\n", g.name, g.gid, g.members.join(",")))
            .collect()
    }

    /// `/etc/shadow`: every password locked; `epoch` dates the last change.
    pub fn shadow(&self, epoch: Epoch) -> String {
        let day = epoch.seconds().div_euclid(DAY);
        self.users
            .iter()
            .map(|user| {
                let (name, password) = (&user.name, user.added.password());
                match user.added {
                    Added::Base => format!("{name}:{password}:{day}:0:99999:7:::\n"),
                    Added::Adduser | Added::Sysusers => {
                        format!("{name}:{password}:{day}::::::\n")
                    }
                    // Expired since the first day there is.
                    Added::SysusersLocked => format!("{name}:{password}:{day}:::::1:\n"),
                }
            })
            .collect()
    }

    /// `/etc/gshadow`: no group has a password.
    pub fn gshadow(&self) -> String {
        self.groups
            .iter()
            .map(|g| {
                format!(
                    "{}:{}::{}\n",
                    g.name,
                    g.added.password(),
                    g.members.join(",")
                )
            })
            .collect()
    }
}

fn first_free(taken: &BTreeSet<u32>) -> u32 {
    (FIRST_SYSTEM..=LAST_SYSTEM)
        .find(|id| !taken.contains(id))
        .unwrap_or(LAST_SYSTEM)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty())
}

fn parse_user(line: &str) -> Result<User, String> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, gecos, home, shell] = fields[..] else {
        return Err(line.to_owned());
    };
    Ok(User {
        name: name.to_owned(),
        uid: uid.parse().map_err(|_| line.to_owned())?,
        gid: gid.parse().map_err(|_| line.to_owned())?,
        gecos: gecos.to_owned(),
        home: home.to_owned(),
        shell: shell.to_owned(),
        added: Added::Base,
    })
}

fn parse_group(line: &str) -> Result<Group, String> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, gid, members] = fields[..] else {
        return Err(line.to_owned());
    };
    Ok(Group {
        name: name.to_owned(),
        gid: gid.parse().map_err(|_| line.to_owned())?,
        members: members
            .split(',')
            .filter(|m| !m.is_empty())
            .map(str::to_owned)
            .collect(),
        added: Added::Base,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
    const GROUP: &str = "root:*:0:\nusers:*:100:\nnogroup:*:65534:\n";

    #[test]
    fn masters_become_locked_accounts() {
        let mut accounts = Accounts::parse(PASSWD, GROUP).expect("valid");
        assert_eq!(accounts.ensure_group("docker", None, Added::Adduser), 101);
        assert_eq!(accounts.ensure_group("docker", None, Added::Adduser), 101);
        assert!(
            accounts
                .passwd()
                .starts_with("root:x:0:0:root:/root:/bin/bash\n")
        );
        assert!(accounts.group().ends_with("docker:x:101:\n"));
        assert!(accounts.gshadow().ends_with("nogroup:*::\ndocker:!::\n"));
        let epoch = Epoch::from_seconds(20_778 * DAY + 5).expect("in range");
        for (name, added) in [
            ("a", Added::Adduser),
            ("b", Added::Sysusers),
            ("c", Added::SysusersLocked),
        ] {
            accounts.ensure_user(User {
                name: name.to_owned(),
                uid: 101,
                gid: 101,
                gecos: String::new(),
                home: "/".to_owned(),
                shell: "/usr/sbin/nologin".to_owned(),
                added,
            });
        }
        assert_eq!(
            accounts.shadow(epoch),
            "root:*:20778:0:99999:7:::\nnobody:*:20778:0:99999:7:::\n\
             a:!:20778::::::\nb:!*:20778::::::\nc:!*:20778:::::1:\n"
        );
    }

    #[test]
    fn a_damaged_master_names_its_line() {
        assert_eq!(Accounts::parse("root:x", ""), Err("root:x".to_owned()));
        assert_eq!(Accounts::parse("", "a:x:y:"), Err("a:x:y:".to_owned()));
    }
}
