//! The Debian family: signed suites, `.deb` packages, dpkg's rules.

mod local;
mod open;
mod package_sources;
mod profile;
mod select;
mod sources;
mod userland;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;

use crate::deb::archive::{self, Control};
use crate::deb::relation;
use crate::deb::version::Version;
use crate::fetch::{FetchError, Fetcher};
use crate::platform::Architecture;
use crate::recipe::{Debian as Table, Distribution, Profile, Recipe};

use super::{
    Described, Family, FamilyError, Identity, Mirrors, Named, OpenContext, Opened, PackageError,
    PackageSource, ProfilePackages, Repository, SolveRequest, Solved, described, purl,
};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Debian;

impl Family for Debian {
    fn id(&self) -> &'static str {
        "debian"
    }

    fn repositories(
        &self,
        recipe: &Recipe,
        mirrors: &Mirrors,
    ) -> Result<Vec<Repository>, FamilyError> {
        sources::repositories(recipe, mirrors)
    }

    fn sources(&self, recipe: &Recipe, _: &Fetcher) -> Result<Vec<PackageSource>, FamilyError> {
        package_sources::of(recipe)
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

    /// Indexes of Debian have the digest of every file.
    fn pin(&self, _: &mut [Solved], _: &[Opened], _: &Fetcher) -> Result<(), FetchError> {
        Ok(())
    }

    fn control(&self, package: File) -> Result<Control, PackageError> {
        Ok(archive::control(std::io::BufReader::new(package))?)
    }

    fn unpack(&self, package: File, mut spool: &mut dyn Write) -> Result<Control, PackageError> {
        Ok(archive::unpack(
            std::io::BufReader::with_capacity(128 << 10, package),
            &mut spool,
        )?)
    }

    fn identity(&self, control: &Control) -> Identity {
        Identity {
            name: control.field("Package").unwrap_or_default(),
            version: control.field("Version").unwrap_or_default(),
        }
    }

    fn upstream_version(&self, version: &str) -> String {
        version.parse::<Version>().map_or_else(
            |_| version.to_owned(),
            |version| version.upstream().to_owned(),
        )
    }

    fn describe(&self, control: &Control, copyright: Option<&str>) -> Described {
        Described {
            supplier: described::name(&control.field("Maintainer").unwrap_or_default()),
            licences: copyright.map(described::copyright).unwrap_or_default(),
        }
    }

    fn purl(&self, package: &Named<'_>, recipe: &Recipe) -> String {
        purl::of("deb", "debian", package, recipe)
    }

    fn replaces(&self, winner: &Control, loser: &Control) -> bool {
        let Some(field) = winner.field("Replaces") else {
            return false;
        };
        let other = self.identity(loser);
        let (Ok(relations), Ok(version)) =
            (relation::parse(&field), other.version.parse::<Version>())
        else {
            return false;
        };
        relations.iter().any(|clause| {
            clause.alternatives.iter().any(|wanted| {
                wanted.name == other.name
                    && wanted
                        .constraint
                        .as_ref()
                        .is_none_or(|constraint| constraint.accepts(&version))
            })
        })
    }
}

/// The table of a recipe of this family.
fn table(recipe: &Recipe) -> Result<&Table, FamilyError> {
    match &recipe.distribution {
        Distribution::Debian(debian) => Ok(debian),
        other => Err(FamilyError::Recipe(format!(
            "{}: the recipe is of {other}, not of Debian",
            recipe.name
        ))),
    }
}
