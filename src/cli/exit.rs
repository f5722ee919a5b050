//! Exit codes, a public table: scripts branch on them.

use crate::apk::members::MemberError;
use crate::apk::package::PackageError as ApkError;
use crate::build::BuildError;
use crate::deb::archive::DebError;
use crate::deploy::{CheckError, DeployError, TemplateError};
use crate::family::{FamilyError, PackageError};
use crate::fetch::{CacheError, FetchError};
use crate::lock::LockError;
use crate::oci::{ForeignError, OciError};
use crate::registry::{ReferenceError, RegistryError};
use crate::release::{GivenError, ImageError, ReleaseError, VerifyError};
use crate::resolve::ResolveError;
use crate::smoke::SmokeError;
use crate::smoke::engine::EngineError;
use crate::smoke::report::{MergeError, ReportError};
use crate::view::ViewError;

/// Everything asked for was done.
pub const OK: u8 = 0;
/// Anything that is none of the others, a full disk for example.
pub const FAILURE: u8 = 1;
/// Arguments, recipe or configuration are wrong.
pub const INPUT: u8 = 2;
/// The packages cannot live together, or are not there.
pub const UNSATISFIABLE: u8 = 3;
/// A signature, digest or date cannot be trusted.
pub const TRUST: u8 = 4;
/// The network, a mirror or a registry failed.
pub const NETWORK: u8 = 5;
/// The lock file is missing, stale, or no longer what the archive says.
pub const LOCK: u8 = 6;

/// A smoke check or a gate did not hold, nothing was proven, or an audit or the check of a manifest has
/// findings.
pub const CHECKS: u8 = 7;
/// Ended by SIGINT or SIGTERM.
pub const INTERRUPTED: u8 = 130;

/// For `--help`.
pub const TABLE: &str = "\
Exit codes:
  0  everything asked for was done
  1  something else failed, a full disk for example
  2  arguments, recipe or configuration are wrong
  3  the packages cannot live together, or are not there
  4  a signature, digest or date cannot be trusted
  5  the network, a mirror or a registry failed
  6  the lock file is missing, stale, or no longer what the archive says
  7  a smoke check or a gate did not hold, nothing was proven, an audit or a manifest has findings
  130  interrupted";

/// The lock is not usable as it is; says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LockStale(pub String);

/// Smoke checks did not pass, or none did; an audit has open findings.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotProven(pub String);

/// The arguments do not go together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(pub String);

/// The exit code for an error, by the first cause that has one.
pub fn code(error: &anyhow::Error) -> u8 {
    let carried = |error: &(dyn std::error::Error + 'static)| within(error.downcast_ref()?);
    // A cache that does not serve is that for whoever reads from it.
    let cache = error.chain().find_map(carried);
    cache
        .or_else(|| error.chain().find_map(one))
        .unwrap_or(FAILURE)
}

fn one(error: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if error.is::<crate::recipe::RecipeError>() || error.is::<super::settings::SettingsError>() {
        return Some(INPUT);
    }
    if error.is::<LockStale>() || error.is::<LockError>() {
        return Some(LOCK);
    }
    if error.is::<NotProven>() {
        return Some(CHECKS);
    }
    if error.is::<Misuse>()
        || error.is::<MergeError>()
        || error.is::<DeployError>()
        || error.is::<TemplateError>()
        || error.is::<CheckError>()
    {
        return Some(INPUT);
    }
    if let Some(error) = error.downcast_ref::<SmokeError>() {
        return match error {
            SmokeError::NoCells => Some(INPUT),
            other => other.is_interrupt().then_some(INTERRUPTED),
        };
    }
    if let Some(ReportError::Format(_)) = error.downcast_ref() {
        return Some(INPUT);
    }
    if let Some(error) = error.downcast_ref::<RegistryError>() {
        return Some(registry(error));
    }
    if let Some(error) = error.downcast_ref::<EngineError>() {
        return match error {
            EngineError::Unknown { .. } => Some(INPUT),
            other if other.is_interrupt() => Some(INTERRUPTED),
            _ => None,
        };
    }
    if error.is::<super::keys::KeyTrouble>() || error.is::<super::verify::Differs>() {
        return Some(TRUST);
    }
    if let Some(error) = error.downcast_ref::<VerifyError>() {
        return match error {
            VerifyError::Registry(error) => Some(registry(error)),
            VerifyError::Image(error) => Some(image(error)),
            _ => Some(TRUST),
        };
    }
    if let Some(error) = error.downcast_ref::<ViewError>() {
        return match error {
            ViewError::Platform { .. } => Some(INPUT),
            // Why it cannot be read stands behind it.
            ViewError::Foreign(ForeignError::Read { .. }) => None,
            _ => Some(TRUST),
        };
    }
    if let Some(
        OciError::NotALayout { .. } | OciError::NoSuchName { .. } | OciError::Ambiguous { .. },
    ) = error.downcast_ref()
    {
        return Some(INPUT);
    }
    if let Some(error) = error.downcast_ref::<ReleaseError>() {
        return release(error);
    }
    if let Some(error) = error.downcast_ref::<ImageError>() {
        return Some(image(error));
    }
    if let Some(error) = error.downcast_ref::<GivenError>() {
        return Some(given(error));
    }
    if error.is::<ReferenceError>() {
        return Some(INPUT);
    }
    if let Some(error) = error.downcast_ref::<BuildError>() {
        return build(error);
    }
    if let Some(error) = error.downcast_ref::<ResolveError>() {
        return resolve(error);
    }
    if let Some(error) = error.downcast_ref::<std::io::Error>() {
        return within(error);
    }
    error.downcast_ref::<FetchError>().map(fetch)
}

/// The cache's error that an I/O error carries: of a stream into or out of the cache.
fn within(error: &std::io::Error) -> Option<u8> {
    error.get_ref()?.downcast_ref().map(cached)
}

fn build(error: &BuildError) -> Option<u8> {
    match error {
        BuildError::Resolve(error) => resolve(error),
        BuildError::Fetch(error) => Some(fetch(error)),
        BuildError::Payload { .. } | BuildError::Identity { .. } => Some(TRUST),
        BuildError::Conflict { .. } | BuildError::Placement { .. } => Some(UNSATISFIABLE),
        BuildError::Guest(_)
        | BuildError::Artifact { .. }
        | BuildError::Content(_)
        | BuildError::Harden(_)
        | BuildError::Tag { .. } => Some(INPUT),
        BuildError::Platform(_) | BuildError::Changed(_) => Some(LOCK),
        _ => None,
    }
}

fn resolve(error: &ResolveError) -> Option<u8> {
    match error {
        ResolveError::Family(FamilyError::Recipe(_)) | ResolveError::Uncovered { .. } => {
            Some(INPUT)
        }
        ResolveError::Family(FamilyError::Unsatisfiable(_)) => Some(UNSATISFIABLE),
        ResolveError::Family(FamilyError::Fetch(error)) | ResolveError::Fetch(error) => {
            Some(fetch(error))
        }
        ResolveError::Package {
            source:
                PackageError::Deb(DebError::Io { source, .. })
                | PackageError::Apk(ApkError::Member(MemberError::Io { source, .. })),
            ..
        } => within(source).or(Some(TRUST)),
        ResolveError::Family(_) | ResolveError::Package { .. } => Some(TRUST),
        ResolveError::Gone { .. } | ResolveError::Vanished { .. } => Some(NETWORK),
        ResolveError::Repository { .. } => Some(LOCK),
        ResolveError::Census { .. } => Some(TRUST),
    }
}

fn release(error: &ReleaseError) -> Option<u8> {
    match error {
        ReleaseError::Registry(error) => Some(registry(error)),
        ReleaseError::Image(error) => Some(image(error)),
        ReleaseError::Given(error) => Some(given(error)),
        ReleaseError::Immutable(_) => Some(INPUT),
        ReleaseError::Foreign { .. } => Some(NETWORK),
        ReleaseError::Gate(_) => Some(CHECKS),
        ReleaseError::Sign(_) | ReleaseError::Crowded(_) => None,
    }
}

fn image(error: &ImageError) -> u8 {
    match error {
        ImageError::Registry(error) => registry(error),
        ImageError::Absent(_) | ImageError::Kind(_) | ImageError::Many(_) => INPUT,
        ImageError::Part { .. } => NETWORK,
    }
}

fn given(error: &GivenError) -> u8 {
    match error {
        GivenError::Failed { .. } => CHECKS,
        _ => INPUT,
    }
}

fn registry(error: &RegistryError) -> u8 {
    match error {
        RegistryError::Changed { .. }
        | RegistryError::Altered { .. }
        | RegistryError::Untrusted { .. } => TRUST,
        RegistryError::Reference(_) | RegistryError::Certificate { .. } => INPUT,
        _ => NETWORK,
    }
}

fn fetch(error: &FetchError) -> u8 {
    match error {
        FetchError::Cache(error) => cached(error),
        FetchError::Failed { failures } if failures.iter().any(|failure| failure.untrusted()) => {
            TRUST
        }
        _ => NETWORK,
    }
}

fn cached(error: &CacheError) -> u8 {
    match error {
        CacheError::Altered { .. }
        | CacheError::Mismatch { .. }
        | CacheError::Ambiguous { .. }
        | CacheError::Unsafe { .. } => TRUST,
        _ => FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::digest::Digest;
    use crate::fetch::Difference;
    use crate::setup::SetupError;
    use crate::tree::PayloadError;

    #[test]
    fn a_cache_that_was_altered_is_that_for_whoever_reads_from_it() {
        let altered = || {
            io::Error::other(CacheError::Altered {
                path: "/cache/v1/spool/00/00".into(),
                difference: Box::new(Difference {
                    expected: Digest::of("a"),
                    expected_size: None,
                    found: Digest::of("b"),
                    found_size: 1,
                }),
                removed: true,
            })
        };
        let by_a_rule = BuildError::from(SetupError::Read {
            rule: "ld-cache",
            path: "usr/lib/libx.so.1".to_owned(),
            source: altered(),
        });
        let by_the_reader = BuildError::Payload {
            package: "x".to_owned(),
            source: PayloadError::from(altered()),
        };
        for error in [by_a_rule, by_the_reader] {
            assert_eq!(code(&anyhow::Error::from(error)), TRUST);
        }
        let missing = SetupError::Read {
            rule: "ld-cache",
            path: "x".to_owned(),
            source: io::ErrorKind::NotFound.into(),
        };
        assert_eq!(code(&anyhow::Error::from(missing)), FAILURE);
    }
}
