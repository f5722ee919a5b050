//! `[[file]]`, `[users]`, `[groups]` and `[ca]` as written, and how a later recipe lays its own
//! over them.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::merge::{Merge, merge_fields};
use super::super::raw::RawRecipe;
use super::super::values::RelativePath;
use super::at::At;
use super::values::{AccountField, AccountName, FileMode, ImagePath, OwnerText, RegistryHost};

/// The `[[file]]` tables of a recipe.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::recipe) struct RawFiles(pub Vec<RawFile>);

/// `[[file]]`: a file, directory or link of the recipe's own. Exactly one of `content`, `template`,
/// `source`, `link` and `directory` says what it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::recipe) struct RawFile {
    /// Where it is placed. Missing directories above are made, mode 0755, owned by root.
    #[schemars(extend("examples" = ["/etc/motd"]))]
    pub path: At<ImagePath>,
    /// The text of the file.
    #[schemars(extend("examples" = ["Ask the platform team.\n"]))]
    #[serde(default)]
    pub content: Option<String>,
    /// A handlebars file beside the recipe, rendered when the image is built: `engine.version`,
    /// `suite`, `architecture`, `env`, `labels` and what the guest's own data files use. A script
    /// is never rendered.
    #[schemars(extend("examples" = ["files/build.conf.hbs"]))]
    #[serde(default)]
    pub template: Option<At<RelativePath>>,
    /// A file or directory beside the recipe. Of a directory everything is placed, links as links.
    #[schemars(extend("examples" = ["files/profile.d"]))]
    #[serde(default)]
    pub source: Option<At<RelativePath>>,
    /// Target of a symbolic link.
    #[schemars(extend("examples" = ["../usr/share/zoneinfo/UTC"]))]
    #[serde(default)]
    pub link: Option<String>,
    /// Whether this is a directory. One that is there keeps owner and mode unless they are named.
    #[schemars(extend("default" = false))]
    #[serde(default)]
    pub directory: Option<bool>,
    /// Who owns it, `user` or `user:group`, by name or number; of a directory everything in it.
    #[schemars(extend("default" = "root:root", "examples" = ["ci:docker"]))]
    #[serde(default)]
    pub owner: Option<OwnerText>,
    /// Permissions in octal. Without it directories get 0755; scripts, and files beside the recipe
    /// that their owner may execute, 0755; all else 0644. Directories of a `source` get the
    /// permission to enter wherever `mode` has the one to read.
    #[schemars(extend("examples" = ["0640"]))]
    #[serde(default)]
    pub mode: Option<FileMode>,
    /// Whether it may take the place of a file that the image has without it. A package's
    /// configuration file counts as edited; another file of a package is kept beside it as
    /// NAME.distrib, by a local diversion, so that upgrades leave the recipe's alone.
    #[schemars(extend("default" = false))]
    #[serde(default)]
    pub replace: Option<bool>,
}

impl Merge for RawFiles {
    /// Files add up; one at the same path takes the earlier one's place.
    fn merge(mut self, over: Self) -> Self {
        let replaced = |file: &RawFile| over.0.iter().any(|new| new.path.value == file.path.value);
        self.0.retain(|file| !replaced(file));
        self.0.extend(over.0);
        self
    }
}

/// The `[users]` of a recipe, by name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::recipe) struct RawUsers(pub BTreeMap<AccountName, RawUser>);

/// `[users.NAME]`: a user, who has no password and is locked out of password logins.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawUser {
    /// Number of the user. Without it the first free one from 1000 (from 100 for a system user),
    /// users in the order of their names: name it where volumes outlive images.
    #[schemars(extend("examples" = [1000]))]
    pub uid: Option<At<u32>>,
    /// Number of the user's own group; the user's number where that is free.
    #[schemars(extend("examples" = [1000]))]
    pub gid: Option<At<u32>>,
    /// The user's first group, in place of a group of the user's own.
    #[schemars(extend("examples" = ["users"]))]
    pub group: Option<At<AccountName>>,
    /// Further groups.
    #[schemars(extend("default" = [], "examples" = [["docker"]]))]
    pub groups: Option<Vec<AccountName>>,
    /// Home directory, made with the content of `/etc/skel` and mode 0700 unless it is there.
    /// `/home/NAME` by default; for a system user `/nonexistent`, which is not made.
    #[schemars(extend("examples" = ["/srv/ci"]))]
    pub home: Option<ImagePath>,
    /// Login shell. `/bin/bash` where the image has it and `/bin/sh` where not;
    /// `/usr/sbin/nologin` for a system user.
    #[schemars(extend("examples" = ["/bin/sh"]))]
    pub shell: Option<ImagePath>,
    /// Name for people.
    #[schemars(extend("default" = "", "examples" = ["Continuous integration"]))]
    pub comment: Option<AccountField>,
    /// Whether this is a system user.
    #[schemars(extend("default" = false))]
    pub system: Option<bool>,
    /// Whether the user gets 65536 subordinate user and group ids, for rootless engines.
    #[schemars(extend("default" = false))]
    pub subordinate_ids: Option<bool>,
}

merge_fields!(RawUser {
    uid,
    gid,
    group,
    groups,
    home,
    shell,
    comment,
    system,
    subordinate_ids,
});

/// The `[groups]` of a recipe, by name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::recipe) struct RawGroups(pub BTreeMap<AccountName, RawGroup>);

/// `[groups.NAME]`: a group, or the number of one that a package adds, such as `docker`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawGroup {
    /// Number of the group. Without it the first free one from 1000, or from 100 for a system
    /// group.
    #[schemars(extend("examples" = [998]))]
    pub gid: Option<At<u32>>,
    /// Whether this is a system group.
    #[schemars(extend("default" = false))]
    pub system: Option<bool>,
}

merge_fields!(RawGroup { gid, system });

/// Entry by entry, and within one key by key.
fn merge_each<V: Merge>(
    mut below: BTreeMap<AccountName, V>,
    over: BTreeMap<AccountName, V>,
) -> BTreeMap<AccountName, V> {
    for (name, new) in over {
        let merged = match below.remove(&name) {
            Some(old) => old.merge(new),
            None => new,
        };
        below.insert(name, merged);
    }
    below
}

impl Merge for RawUsers {
    fn merge(self, over: Self) -> Self {
        Self(merge_each(self.0, over.0))
    }
}

impl Merge for RawGroups {
    fn merge(self, over: Self) -> Self {
        Self(merge_each(self.0, over.0))
    }
}

/// `[ca]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawCa {
    /// PEM files of certificate authorities that every program of the image trusts, as
    /// update-ca-certificates(8) installs them from `/usr/local/share/ca-certificates`.
    #[schemars(extend("default" = [], "examples" = [["ca/corp.crt"]]))]
    pub bundle: Option<Vec<At<RelativePath>>>,
    /// PEM files of certificate authorities that the inner engine trusts for one registry, by its
    /// host and port: `"registry.corp:5000" = ["ca/corp.crt"]`, placed in `/etc/docker/certs.d`.
    #[schemars(extend("examples" = [{ "registry.corp:5000": ["ca/corp.crt"] }]))]
    pub registries: RawRegistries,
}

merge_fields!(RawCa { bundle, registries });

/// `[ca.registries]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::recipe) struct RawRegistries(pub BTreeMap<RegistryHost, Vec<At<RelativePath>>>);

impl Merge for RawRegistries {
    fn merge(mut self, over: Self) -> Self {
        self.0.extend(over.0);
        self
    }
}

impl RawRecipe {
    /// Notes which recipe the tables stand in, those of its variants too: paths are relative to
    /// it, and errors show its text.
    pub(in crate::recipe) fn locate(&mut self, recipe: &Path) {
        let mut own = (
            &mut self.file,
            &mut self.users,
            &mut self.groups,
            &mut self.ca,
        );
        locate(recipe, &mut own);
        for variant in &mut self.variant.0 {
            let mut own = (
                &mut variant.file,
                &mut variant.users,
                &mut variant.groups,
                &mut variant.ca,
            );
            locate(recipe, &mut own);
        }
    }
}

type OwnTables<'a> = (
    &'a mut RawFiles,
    &'a mut RawUsers,
    &'a mut RawGroups,
    &'a mut RawCa,
);

fn locate(recipe: &Path, (files, users, groups, ca): &mut OwnTables<'_>) {
    for file in &mut files.0 {
        file.path.locate(recipe);
        let named = file.template.iter_mut().chain(&mut file.source);
        named.for_each(|path| path.locate(recipe));
    }
    for user in users.0.values_mut() {
        let ids = user.uid.iter_mut().chain(&mut user.gid);
        ids.for_each(|id| id.locate(recipe));
        user.group.iter_mut().for_each(|group| group.locate(recipe));
    }
    for group in groups.0.values_mut() {
        group.gid.iter_mut().for_each(|id| id.locate(recipe));
    }
    let certificates = ca.bundle.iter_mut().chain(ca.registries.0.values_mut());
    certificates.flatten().for_each(|path| path.locate(recipe));
}
