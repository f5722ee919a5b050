//! Package URLs (purl-spec), by which scanners know packages.

use packageurl::PackageUrl;

use crate::recipe::Recipe;

use super::Named;

/// The URL of a package of this type. Those of the distribution are of `vendor`, those of a
/// repository that the recipe adds are of that repository.
pub(super) fn of(kind: &str, vendor: &str, package: &Named<'_>, recipe: &Recipe) -> String {
    let distribution = &recipe.distribution;
    let namespace = match distribution.adds(package.repository) {
        true => package.repository,
        false => vendor,
    };
    let distro = format!("{vendor}-{}", distribution.release());
    let upstream = Some(package.source).filter(|source| *source != package.name);
    let qualifiers = [
        ("arch", Some(package.architecture)),
        ("distro", Some(distro.as_str())),
        ("upstream", upstream),
    ];
    written(kind, namespace, package, &qualifiers).unwrap_or_default()
}

/// The qualifiers that have a value, in the order of their names.
fn written(
    kind: &str,
    namespace: &str,
    package: &Named<'_>,
    qualifiers: &[(&str, Option<&str>)],
) -> packageurl::Result<String> {
    let mut purl = PackageUrl::new(kind, package.name)?;
    purl.with_namespace(namespace)?;
    purl.with_version(package.version)?;
    for (key, value) in qualifiers {
        if let Some(value) = value {
            purl.add_qualifier(*key, *value)?;
        }
    }
    Ok(purl.to_string())
}
