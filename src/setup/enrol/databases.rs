//! The account databases as text: what is there keeps its lines, what is added follows.

use std::collections::BTreeSet;

use crate::epoch::Epoch;
use crate::recipe::{AccountName, Content, FirstGroup, Group, User};

use super::super::accounts::{Accounts, Added};
use super::ids;

/// Seconds in a day: shadow(5) counts days since 1970-01-01.
const DAY: i64 = 86_400;
/// Home directory of a system user that has none.
const NO_HOME: &str = "/nonexistent";

/// passwd(5), group(5), shadow(5), gshadow(5), subuid(5) and subgid(5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Databases {
    /// `/etc/passwd`
    pub passwd: String,
    /// `/etc/group`
    pub group: String,
    /// `/etc/shadow`
    pub shadow: String,
    /// `/etc/gshadow`
    pub gshadow: String,
    /// `/etc/subuid`
    pub subuid: String,
    /// `/etc/subgid`
    pub subgid: String,
}

/// What has to be done beyond the databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// Home directories to make.
    pub homes: Vec<Home>,
    /// Groups that got another number: the old and the new one.
    pub renumbered: Vec<(u32, u32)>,
}

/// A home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Where.
    pub path: String,
    /// Its owner.
    pub uid: u32,
    /// The owner's first group.
    pub gid: u32,
}

/// What cannot be added, and why.
type Refused = (String, String);

impl Databases {
    /// Adds the groups and users of `content`. People without a shell get `shell`, the system `no_shell`; `epoch` dates
    /// their passwords, which are locked. Numbers that are named are taken before any is handed
    /// out, then users get theirs in the order of their names, then groups.
    pub fn enrol(
        self,
        content: &Content,
        shell: &str,
        no_shell: &str,
        epoch: Epoch,
    ) -> Result<(Self, Enrolled), Refused> {
        let accounts = Accounts::parse(&self.passwd, &self.group).map_err(|line| {
            (
                "/etc/passwd".to_owned(),
                format!("unreadable line `{line}`"),
            )
        })?;
        let mut work = Work {
            files: self,
            uids: accounts.users.iter().map(|user| user.uid).collect(),
            gids: accounts.groups.iter().map(|group| group.gid).collect(),
            accounts,
            enrolled: Enrolled::default(),
        };
        work.take_named(content)?;
        let mut users = Vec::new();
        for (name, user) in &content.users {
            users.push((name, user, work.numbers(name, user)?));
        }
        for (name, group) in &content.groups {
            work.group(name, group)?;
        }
        for (name, user, (_, gid)) in &users {
            if let (FirstGroup::Own(_), Some(gid)) = (&user.group, gid) {
                work.add_group(name, *gid);
            }
        }
        for (name, user, (uid, gid)) in users {
            let shell = if user.system { no_shell } else { shell };
            work.user(name, user, uid, gid, shell, epoch)?;
        }
        Ok((work.files, work.enrolled))
    }
}

struct Work {
    files: Databases,
    accounts: Accounts,
    uids: BTreeSet<u32>,
    gids: BTreeSet<u32>,
    enrolled: Enrolled,
}

impl Work {
    /// Takes every number that the recipe names.
    fn take_named(&mut self, content: &Content) -> Result<(), Refused> {
        for (name, user) in &content.users {
            let subject = format!("[users.{name}]");
            if self.accounts.uid(name.as_str()).is_some() {
                let message = "the image has a user of that name without the recipe";
                return Err((subject, message.to_owned()));
            }
            if let Some(uid) = user.uid
                && !self.uids.insert(uid)
            {
                let owner = self.accounts.users.iter().find(|user| user.uid == uid);
                let owner = owner.map_or("another user", |user| &user.name);
                return Err((subject, format!("uid {uid} is {owner}'s")));
            }
            if let FirstGroup::Own(gid) = user.group {
                if self.accounts.gid(name.as_str()).is_some() {
                    let message = format!(
                        "the image has a group of that name; say `group = \"{name}\"` to use it"
                    );
                    return Err((subject, message));
                }
                self.take_gid(&subject, gid)?;
            }
        }
        for (name, group) in &content.groups {
            if self.accounts.gid(name.as_str()) != group.gid {
                self.take_gid(&format!("[groups.{name}]"), group.gid)?;
            }
        }
        Ok(())
    }

    fn take_gid(&mut self, subject: &str, gid: Option<u32>) -> Result<(), Refused> {
        let Some(gid) = gid else {
            return Ok(());
        };
        if self.gids.insert(gid) {
            return Ok(());
        }
        let owner = self.accounts.groups.iter().find(|group| group.gid == gid);
        let owner = owner.map_or("another group", |group| &group.name);
        Err((subject.to_owned(), format!("gid {gid} is {owner}'s")))
    }

    /// The number of a user, and that of a group of the user's own.
    fn numbers(&mut self, name: &AccountName, user: &User) -> Result<(u32, Option<u32>), Refused> {
        let refuse = |message| (format!("[users.{name}]"), message);
        let own = matches!(user.group, FirstGroup::Own(_));
        let wants_gid = user.group == FirstGroup::Own(None);
        let uid = match user.uid {
            Some(uid) => uid,
            None => ids::first(user.system, |id| {
                !(self.uids.contains(&id) || wants_gid && self.gids.contains(&id))
            })
            .map_err(refuse)?,
        };
        self.uids.insert(uid);
        let gid = match user.group {
            FirstGroup::Own(Some(gid)) => gid,
            _ if own && !self.gids.contains(&uid) => uid,
            _ if own => ids::first(user.system, |id| !self.gids.contains(&id)).map_err(refuse)?,
            _ => return Ok((uid, None)),
        };
        self.gids.insert(gid);
        Ok((uid, Some(gid)))
    }

    /// Adds a group of the recipe, or gives one that a package added its number.
    fn group(&mut self, name: &AccountName, group: &Group) -> Result<(), Refused> {
        let subject = format!("[groups.{name}]");
        let Some(present) = self.accounts.gid(name.as_str()) else {
            let gid = match group.gid {
                Some(gid) => gid,
                None => ids::first(group.system, |id| !self.gids.contains(&id))
                    .map_err(|message| (subject, message))?,
            };
            self.gids.insert(gid);
            self.add_group(name, gid);
            return Ok(());
        };
        let Some(gid) = group.gid.filter(|gid| *gid != present) else {
            return Ok(());
        };
        // gshadow(5): base-passwd's own groups have `*`, added ones `!`.
        let fixed = self
            .files
            .gshadow
            .lines()
            .any(|line| line.starts_with(&format!("{name}:*:")));
        if fixed {
            let message = format!(
                "the distribution fixes the number of this group as {present}, and files of packages rely on it"
            );
            return Err((subject, message));
        }
        self.files.group = edit(&self.files.group, name.as_str(), |fields| {
            fields[2] = gid.to_string();
        });
        // A user of the group follows it.
        let old = present.to_string();
        self.files.passwd = self
            .files
            .passwd
            .lines()
            .map(|line| {
                let mut fields: Vec<&str> = line.split(':').collect();
                let new = gid.to_string();
                if fields.get(3) == Some(&old.as_str()) {
                    fields[3] = &new;
                }
                format!("{}\n", fields.join(":"))
            })
            .collect();
        for group in &mut self.accounts.groups {
            if group.name == name.as_str() {
                group.gid = gid;
            }
        }
        self.enrolled.renumbered.push((present, gid));
        Ok(())
    }

    fn add_group(&mut self, name: &AccountName, gid: u32) {
        self.files.group.push_str(&format!("{name}:x:{gid}:\n"));
        self.files.gshadow.push_str(&format!("{name}:!::\n"));
        self.accounts
            .ensure_group(name.as_str(), Some(gid), Added::Adduser);
    }

    fn user(
        &mut self,
        name: &AccountName,
        user: &User,
        uid: u32,
        own: Option<u32>,
        shell: &str,
        epoch: Epoch,
    ) -> Result<(), Refused> {
        let known = |work: &Self, group: &AccountName| {
            work.accounts.gid(group.as_str()).ok_or_else(|| {
                let known = work.accounts.groups.iter().map(|group| group.name.as_str());
                let message = ids::unknown("group", group.as_str(), known);
                (format!("[users.{name}]"), message)
            })
        };
        let gid = match (&user.group, own) {
            (FirstGroup::Named(group), _) => known(self, group)?,
            (FirstGroup::Own(_), gid) => gid.unwrap_or(uid),
        };
        let default_home = format!("/home/{name}");
        let home = if user.system {
            NO_HOME
        } else {
            default_home.as_str()
        };
        let made = user.home.is_some() || !user.system;
        let home = user.home.as_ref().map_or(home, |home| home.as_str());
        let shell = user.shell.as_ref().map_or(shell, |shell| shell.as_str());
        let comment = &user.comment;
        self.files
            .passwd
            .push_str(&format!("{name}:x:{uid}:{gid}:{comment}:{home}:{shell}\n"));
        let day = epoch.seconds().div_euclid(DAY);
        let ageing = if user.system {
            "::::::"
        } else {
            ":0:99999:7:::"
        };
        self.files
            .shadow
            .push_str(&format!("{name}:!:{day}{ageing}\n"));
        for group in &user.groups {
            known(self, group)?;
            self.files.group = edit(&self.files.group, group.as_str(), |f| join(f, name));
            self.files.gshadow = edit(&self.files.gshadow, group.as_str(), |f| join(f, name));
        }
        if user.subordinate_ids {
            for file in [&mut self.files.subuid, &mut self.files.subgid] {
                let line = ids::subordinate(file, name.as_str())
                    .map_err(|message| (format!("[users.{name}]"), message))?;
                file.push_str(&line);
            }
        }
        if made {
            self.enrolled.homes.push(Home {
                path: home.to_owned(),
                uid,
                gid,
            });
        }
        Ok(())
    }
}

/// Changes the four fields of the line of `name`.
fn edit(text: &str, name: &str, change: impl Fn(&mut [String])) -> String {
    text.lines()
        .map(|line| {
            let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
            if fields.len() == 4 && fields[0] == name {
                change(&mut fields);
            }
            format!("{}\n", fields.join(":"))
        })
        .collect()
}

/// Adds a member to the last field, the list of members.
fn join(fields: &mut [String], name: &AccountName) {
    if let Some(members) = fields.last_mut()
        && !members.split(',').any(|member| member == name.as_str())
    {
        if !members.is_empty() {
            members.push(',');
        }
        members.push_str(name.as_str());
    }
}

#[cfg(test)]
mod tests;
