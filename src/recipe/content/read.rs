//! From the tables as written to content that is complete and consistent.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::error::RecipeError;
use super::super::source::Source;
use super::at::At;
use super::raw::{RawCa, RawFiles, RawGroup, RawGroups, RawUser, RawUsers};
use super::values::AccountName;
use super::{Content, FirstGroup, Group, User, authorities, files};

/// Largest id of an account, (uid_t) -1 being no id and 65534 and 65535 others' (Debian Policy,
/// 9.2.2).
const ID_LIMIT: u32 = u32::MAX - 1;
const RESERVED_IDS: [u32; 2] = [65_534, 65_535];

/// The tables of a recipe's own content.
pub(in crate::recipe) struct Tables {
    pub files: RawFiles,
    pub users: RawUsers,
    pub groups: RawGroups,
    pub ca: RawCa,
}

/// Reads what the tables name and checks what can be known without the distribution's accounts.
pub(in crate::recipe) fn read(tables: Tables, source: &dyn Source) -> Result<Content, RecipeError> {
    let mut content = Content {
        files: files::read(tables.files, source)?,
        ..Content::default()
    };
    authorities::read(tables.ca, source, &mut content)?;
    let mut ids = Ids {
        source,
        users: BTreeMap::new(),
        groups: BTreeMap::new(),
    };
    for (name, raw) in tables.groups.0 {
        content.groups.insert(name.clone(), ids.group(name, raw)?);
    }
    for (name, raw) in tables.users.0 {
        if raw.group.is_none() && content.groups.contains_key(&name) {
            return Err(RecipeError::Text {
                rendered: format!(
                    "[users.{name}] and [groups.{name}] would both make the group `{name}`; leave [groups.{name}] out and set `gid` in [users.{name}]"
                ),
            });
        }
        content.users.insert(name.clone(), ids.user(name, raw)?);
    }
    Ok(content)
}

/// The ids that are spoken for.
struct Ids<'a> {
    source: &'a dyn Source,
    users: BTreeMap<u32, AccountName>,
    groups: BTreeMap<u32, AccountName>,
}

impl Ids<'_> {
    fn user(&mut self, name: AccountName, raw: RawUser) -> Result<User, RecipeError> {
        let uid = claim(self.source, &mut self.users, &name, "user", raw.uid)?;
        let group = match (raw.group, raw.gid) {
            (Some(group), Some(_)) => {
                return Err(group.error(
                    self.source,
                    &format!(
                        "user `{name}` has both `group` and `gid`; `gid` is the number of a group of its own"
                    ),
                ));
            }
            (Some(group), None) => FirstGroup::Named(group.value),
            (None, gid) => {
                FirstGroup::Own(claim(self.source, &mut self.groups, &name, "group", gid)?)
            }
        };
        Ok(User {
            uid,
            group,
            groups: raw.groups.unwrap_or_default(),
            home: raw.home,
            shell: raw.shell,
            comment: raw
                .comment
                .map_or_else(String::new, |text| text.to_string()),
            system: raw.system.unwrap_or(false),
            subordinate_ids: raw.subordinate_ids.unwrap_or(false),
        })
    }

    fn group(&mut self, name: AccountName, raw: RawGroup) -> Result<Group, RecipeError> {
        Ok(Group {
            gid: claim(self.source, &mut self.groups, &name, "group", raw.gid)?,
            system: raw.system.unwrap_or(false),
        })
    }
}

fn claim(
    source: &dyn Source,
    taken: &mut BTreeMap<u32, AccountName>,
    name: &AccountName,
    kind: &str,
    wanted: Option<At<u32>>,
) -> Result<Option<u32>, RecipeError> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let id = wanted.value;
    if id > ID_LIMIT || RESERVED_IDS.contains(&id) {
        let message = format!("{id} is not an id that an account can have");
        return Err(wanted.error(source, &message));
    }
    if let Some(other) = taken.insert(id, name.clone()) {
        let message = format!("{kind}s `{other}` and `{name}` have the same id {id}");
        return Err(wanted.error(source, &message));
    }
    Ok(Some(id))
}

/// Checks `[env]` and `[labels]`: what no image configuration could carry.
pub(in crate::recipe) fn check_image(
    path: &Path,
    env: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
) -> Result<(), RecipeError> {
    for (table, entries) in [("env", env), ("labels", labels)] {
        for (name, value) in entries {
            let bad_name = name.is_empty() || name.contains('\0');
            if bad_name || value.contains('\0') || (table == "env" && name.contains('=')) {
                return Err(RecipeError::whole(
                    path,
                    format!(
                        "[{table}] {name:?}: a name is not empty, neither name nor value holds a NUL, and that of a variable has no `=`"
                    ),
                ));
            }
        }
    }
    Ok(())
}
