//! The repositories that apt inside the image uses: the recipe's own, without this machine's mirrors.

use crate::recipe::{Distribution, MirrorUrl, Recipe, Trust};

use super::super::repositories::public;
use super::super::{FamilyError, Mirrors, PackageSource, Repository};
use super::sources;

/// The sources of `recipe`: for each suite the first mirror the recipe names that a container can
/// reach, or the distribution's default.
pub(super) fn of(recipe: &Recipe) -> Result<Vec<PackageSource>, FamilyError> {
    let asked = super::table(recipe)?;
    let mut debian = asked.clone();
    // Directories beside the recipe are of the machine that builds.
    debian.local.clear();
    debian.mirrors.retain(is_remote);
    debian.security_mirrors.retain(is_remote);
    debian
        .repositories
        .retain(|extra| extra.mirrors.iter().any(is_remote));
    for extra in &mut debian.repositories {
        extra.mirrors.retain(is_remote);
    }
    let distribution_keys = matches!(asked.trust, Trust::Distribution);
    let check = asked.check_valid_until && !asked.archived;
    let reachable = Recipe {
        distribution: Distribution::Debian(debian),
        ..recipe.clone()
    };
    let repositories = sources::repositories(&reachable, &Mirrors::default())?;
    // One keyring for all suites of the distribution, as its keyring package has it.
    let mut archive: Vec<Vec<u8>> = Vec::new();
    for repository in repositories.iter().filter(|repository| is_own(repository)) {
        for (_, certificate) in &repository.certificates {
            if !archive.contains(certificate) {
                archive.push(certificate.clone());
            }
        }
    }
    repositories
        .into_iter()
        .map(|repository| {
            let own = is_own(&repository);
            let mirror = repository.mirrors.first().map_or("", String::as_str);
            Ok(PackageSource {
                name: if own {
                    "debian".to_owned()
                } else {
                    repository.name
                },
                uri: public(mirror)?,
                suite: repository.suite,
                components: repository.components,
                certificates: if own {
                    archive.clone()
                } else {
                    let certificates = repository.certificates.into_iter();
                    certificates.map(|(_, certificate)| certificate).collect()
                },
                keys: Vec::new(),
                tag: None,
                distribution_keys: own && distribution_keys,
                priority: repository.priority,
                check_valid_until: if own {
                    check
                } else {
                    repository.check_valid_until
                },
            })
        })
        .collect()
}

/// Whether it is a suite of the distribution rather than one a recipe adds.
fn is_own(repository: &Repository) -> bool {
    repository.name.starts_with("debian/")
}

fn is_remote(mirror: &MirrorUrl) -> bool {
    mirror.as_str().starts_with("http://") || mirror.as_str().starts_with("https://")
}
