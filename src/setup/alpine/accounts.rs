//! Users and groups as busybox's addgroup and adduser add them: lines at the end of passwd(5),
//! group(5) and shadow(5).

use std::collections::BTreeSet;

use crate::epoch::Epoch;

use super::super::context::{Setup, SetupError};
use super::super::rules::Rule;

/// The group that may read passwords, in the distribution's own file.
const SHADOW_GROUP: u32 = 42;
/// The ids handed out to the system (busybox, `FIRST_SYSTEM_ID` and `LAST_SYSTEM_ID`).
const SYSTEM: std::ops::RangeInclusive<u32> = 100..=999;
/// The group of a user who is in none of its own: `nogroup`.
const NO_GROUP: u32 = 65_533;
/// Seconds in a day: shadow(5) counts days since 1970-01-01.
const DAY: i64 = 86_400;

pub(super) const SHADOW: Rule = Rule {
    name: "shadow-file",
    replaces: "alpine-baselayout.pre-install and .post-install (group shadow, owner and mode of /etc/shadow), and what the makers of Alpine's images do to root's password",
    covers: &["alpine-baselayout"],
    apply: protect,
};

fn protect(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("alpine-baselayout") || !setup.exists("etc/group") {
        return Ok(());
    }
    let mut files = Files::of(setup)?;
    let gid = files.ensure_group("shadow", Some(SHADOW_GROUP));
    files.lock();
    files.write(setup)?;
    let path = setup.path("etc/shadow")?;
    if let Ok(at) = setup.tree.locate(&path) {
        setup.tree.amend(&at, |meta| {
            (meta.uid, meta.gid, meta.mode) = (0, gid, 0o640);
        });
    }
    Ok(())
}

/// A user to add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub name: String,
    pub uid: Option<u32>,
    /// Its first group; `nogroup` where it names none.
    pub group: Option<String>,
    pub comment: String,
    pub home: String,
    pub shell: String,
}

/// The files, to be added to.
pub(super) struct Files {
    passwd: String,
    group: String,
    shadow: Option<String>,
    before: (String, String, Option<String>),
    epoch: Epoch,
}

impl Files {
    pub fn of(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let passwd = setup.text("etc/passwd")?.unwrap_or_default();
        let group = setup.text("etc/group")?.unwrap_or_default();
        let shadow = setup.text("etc/shadow")?;
        Ok(Self {
            before: (passwd.clone(), group.clone(), shadow.clone()),
            passwd,
            group,
            shadow,
            epoch: setup.epoch,
        })
    }

    /// Writes what has changed; a file that was there keeps owner and mode.
    pub fn write(self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let (passwd, group, shadow) = &self.before;
        if self.passwd != *passwd {
            setup.write("etc/passwd", 0o644, self.passwd.as_str())?;
        }
        if self.group != *group {
            setup.write("etc/group", 0o644, self.group.as_str())?;
        }
        if let Some(text) = &self.shadow
            && self.shadow != *shadow
        {
            setup.write_as("etc/shadow", 0o640, SHADOW_GROUP, text.as_str())?;
        }
        Ok(())
    }

    /// The group's id, which is `wanted`, or the first free system id, if it has to be added.
    pub fn ensure_group(&mut self, name: &str, wanted: Option<u32>) -> u32 {
        if let Some(gid) = number(&self.group, name) {
            return gid;
        }
        let gid = wanted.unwrap_or_else(|| free(&ids(&self.group)));
        add(&mut self.group, &format!("{name}:x:{gid}:"));
        gid
    }

    /// Adds a user unless there is one of that name. One of the same id as its group where that is
    /// free.
    pub fn ensure_user(&mut self, account: Account) {
        let name = &account.name;
        if number(&self.passwd, name).is_some() {
            return;
        }
        let gid = match &account.group {
            Some(group) => self.ensure_group(group, None),
            None => NO_GROUP,
        };
        let uid = account.uid.unwrap_or_else(|| free(&ids(&self.passwd)));
        let line = format!(
            "{name}:x:{uid}:{gid}:{}:{}:{}",
            account.comment, account.home, account.shell
        );
        add(&mut self.passwd, &line);
        if let Some(shadow) = &mut self.shadow {
            let day = self.epoch.seconds().div_euclid(DAY);
            add(shadow, &format!("{name}:!:{day}:0:99999:7:::"));
        }
    }

    /// The first system id that is neither a user's nor a group's.
    pub fn free_for_both(&self) -> u32 {
        let mut taken = ids(&self.passwd);
        taken.extend(ids(&self.group));
        free(&taken)
    }

    /// Locks what has no password: root in the distribution's own file, as in its container images.
    pub fn lock(&mut self) {
        let Some(shadow) = &mut self.shadow else {
            return;
        };
        let lines = shadow.lines().map(|line| match line.split_once(':') {
            Some((name, rest)) if rest.starts_with(':') => format!("{name}:*{rest}\n"),
            _ => format!("{line}\n"),
        });
        *shadow = lines.collect();
    }

    /// Makes a user a member of a group, both of which have to be there.
    pub fn join(&mut self, user: &str, group: &str) {
        if number(&self.passwd, user).is_none() {
            return;
        }
        let lines = self.group.lines().map(|line| {
            let mut fields: Vec<&str> = line.split(':').collect();
            let [name, _, _, members] = fields[..] else {
                return format!("{line}\n");
            };
            if name != group || members.split(',').any(|member| member == user) {
                return format!("{line}\n");
            }
            let blank = if members.is_empty() { "" } else { "," };
            let members = format!("{members}{blank}{user}");
            fields[3] = &members;
            format!("{}\n", fields.join(":"))
        });
        self.group = lines.collect();
    }
}

fn add(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

/// The id of a line of passwd(5) or group(5).
fn number(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

fn ids(text: &str) -> BTreeSet<u32> {
    let ids = text.lines().filter_map(|line| line.split(':').nth(2));
    ids.filter_map(|id| id.parse().ok()).collect()
}

fn free(taken: &BTreeSet<u32>) -> u32 {
    SYSTEM
        .into_iter()
        .find(|id| !taken.contains(id))
        .unwrap_or(*SYSTEM.end())
}
