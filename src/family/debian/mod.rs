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

use crate::deb::archive::{self, Control, DebError};
use crate::deb::relation;
use crate::deb::version::Version;
use crate::platform::Architecture;
use crate::recipe::{Profile, Recipe};

use super::{
    Family, FamilyError, Mirrors, OpenContext, Opened, PackageSource, ProfilePackages, Repository,
    SolveRequest, Solved,
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

    fn sources(&self, recipe: &Recipe) -> Result<Vec<PackageSource>, FamilyError> {
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

    fn control(&self, package: File) -> Result<Control, DebError> {
        archive::control(std::io::BufReader::new(package))
    }

    fn unpack(&self, package: File, mut spool: &mut dyn Write) -> Result<Control, DebError> {
        archive::unpack(
            std::io::BufReader::with_capacity(128 << 10, package),
            &mut spool,
        )
    }

    fn upstream_version(&self, version: &str) -> String {
        version.parse::<Version>().map_or_else(
            |_| version.to_owned(),
            |version| version.upstream().to_owned(),
        )
    }

    fn replaces(&self, control: &Control, other: &str, other_version: &str) -> bool {
        let Some(field) = control.field("Replaces") else {
            return false;
        };
        let (Ok(relations), Ok(version)) =
            (relation::parse(&field), other_version.parse::<Version>())
        else {
            return false;
        };
        relations.iter().any(|clause| {
            clause.alternatives.iter().any(|wanted| {
                wanted.name == other
                    && wanted
                        .constraint
                        .as_ref()
                        .is_none_or(|constraint| constraint.accepts(&version))
            })
        })
    }
}
