//! The Alpine family: signed branches, packages of apk's second format, apk's rules.

mod identify;
mod open;
mod profile;
mod replaces;
mod select;
mod sources;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Write};

use crate::apk::checksum::Checksum;
use crate::apk::package;
use crate::apk::version::Version;
use crate::deb::archive::Control;
use crate::fetch::{FetchError, Fetcher};
use crate::platform::Architecture;
use crate::recipe::{Alpine as Table, Distribution, Profile, Recipe};

use super::{
    Described, Family, FamilyError, Identity, Mirrors, Named, OpenContext, Opened, PackageError,
    PackageSource, ProfilePackages, Repository, SolveRequest, Solved, described, purl,
};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Alpine;

impl Family for Alpine {
    fn id(&self) -> &'static str {
        "alpine"
    }

    fn repositories(
        &self,
        recipe: &Recipe,
        mirrors: &Mirrors,
    ) -> Result<Vec<Repository>, FamilyError> {
        sources::repositories(recipe, mirrors)
    }

    fn sources(
        &self,
        recipe: &Recipe,
        fetcher: &Fetcher,
    ) -> Result<Vec<PackageSource>, FamilyError> {
        sources::of_image(recipe, fetcher)
    }

    fn profile(&self, profile: Profile, recipe: &Recipe) -> ProfilePackages {
        profile::packages(profile, recipe)
    }

    fn open(
        &self,
        repositories: &[Repository],
        architectures: &BTreeSet<Architecture>,
        context: &OpenContext<'_>,
    ) -> Result<Vec<Opened>, FamilyError> {
        open::open(repositories, architectures, context)
    }

    fn solve(
        &self,
        opened: &[Opened],
        architecture: Architecture,
        requests: &[SolveRequest],
    ) -> Result<Vec<Solved>, FamilyError> {
        select::solve(opened, architecture, requests)
    }

    fn pin(
        &self,
        solved: &mut [Solved],
        opened: &[Opened],
        fetcher: &Fetcher,
    ) -> Result<(), FetchError> {
        identify::pin(solved, opened, fetcher)
    }

    fn control(&self, file: File) -> Result<Control, PackageError> {
        let head = package::head(&mut BufReader::new(file))?;
        Ok(control(head))
    }

    fn unpack(&self, file: File, mut spool: &mut dyn Write) -> Result<Control, PackageError> {
        let mut reader = BufReader::with_capacity(128 << 10, file);
        let head = package::head(&mut reader)?;
        head.payload(&mut reader, &mut spool)?;
        Ok(control(head))
    }

    fn describe(&self, control: &Control, _: Option<&str>) -> Described {
        Described {
            supplier: described::name(&field(control, "maintainer")),
            licences: Some(field(control, "license"))
                .filter(|licence| !licence.is_empty())
                .into_iter()
                .collect(),
        }
    }

    fn purl(&self, package: &Named<'_>, recipe: &Recipe) -> String {
        purl::of("apk", "alpine", package, recipe)
    }

    fn identity(&self, control: &Control) -> Identity {
        Identity {
            name: field(control, "pkgname"),
            version: field(control, "pkgver"),
        }
    }

    fn upstream_version(&self, version: &str) -> String {
        version.parse::<Version>().map_or_else(
            |_| version.to_owned(),
            |version| version.upstream().to_owned(),
        )
    }

    fn replaces(&self, winner: &Control, loser: &Control) -> bool {
        replaces::replaces(winner, loser)
    }
}

/// A field of `.PKGINFO`; empty where it is not there.
fn field(control: &Control, name: &str) -> String {
    let fields = package::fields(control.files.get(package::INFO).map_or(b"", |b| &b[..]));
    let fields = fields.unwrap_or_default();
    let found = fields.into_iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value).unwrap_or_default()
}

/// The control files as rules see them.
fn control(head: package::Head) -> Control {
    Control {
        identity: Some(Checksum::sha1(&head.signed).to_string()),
        files: head.control.files,
    }
}

/// The table of a recipe of this family.
fn table(recipe: &Recipe) -> Result<&Table, FamilyError> {
    match &recipe.distribution {
        Distribution::Alpine(alpine) => Ok(alpine),
        other => Err(FamilyError::Recipe(format!(
            "{}: the recipe is of {other}, not of Alpine",
            recipe.name
        ))),
    }
}
