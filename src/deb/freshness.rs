//! Whether a verified `Release` may be used now: not expired, not from the future, not older than
//! one seen before.
//!
//! A signature proves who made an index, not that it is the current one. `Valid-Until` bounds how
//! long a mirror can withhold updates, and the newest date seen keeps it from going back.

use crate::deb::Release;
use crate::epoch::Epoch;

/// How far a `Release` or signature may lie in the future, in seconds. Mirrors push within
/// seconds of signing, and hosts without time synchronisation drift by minutes; more than that is
/// a wrong clock, on which no judgement of expiry can rest.
pub const MAX_CLOCK_SKEW: i64 = 5 * 60;

/// How a `Release` is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// The kind of archive it comes from.
    pub archive: Archive,
    /// Accept an expired `Release` with a warning (`--allow-expired`, `check-valid-until = false`).
    pub allow_expired: bool,
}

/// The kind of archive a `Release` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// A mirror that follows its suite: judged at the present.
    Live,
    /// A snapshot of the given time: judged at that time.
    Snapshot(Epoch),
    /// A suite that is no longer updated: `Valid-Until` is not checked.
    Archived,
}

/// Why a `Release` may not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FreshnessError {
    /// Its `Valid-Until` has passed.
    #[error(
        "Release of {name} has expired: Date {date}, Valid-Until {valid_until}, judged at {judged_at}; use a mirror that is up to date, or accept it with `--allow-expired` (`check-valid-until = false` in the recipe, `archived = true` for an archived suite)"
    )]
    Expired {
        /// The suite.
        name: String,
        /// Its `Date`.
        date: Epoch,
        /// Its `Valid-Until`.
        valid_until: Epoch,
        /// The time of judgement.
        judged_at: Epoch,
    },
    /// Its `Date` is later than the time of judgement.
    #[error(
        "Release of {name} is from the future: Date {date}, judged at {judged_at}; check this machine's clock and the recipe's `snapshot`"
    )]
    Future {
        /// The suite.
        name: String,
        /// Its `Date`.
        date: Epoch,
        /// The time of judgement.
        judged_at: Epoch,
    },
    /// A newer one was seen before.
    #[error(
        "Release of {name} went back in time: Date {date}, but {seen} was seen before; the mirror is behind or replays an old state, use another one"
    )]
    Rollback {
        /// The suite.
        name: String,
        /// Its `Date`.
        date: Epoch,
        /// The newest `Date` seen before, in the lock file or the cache.
        seen: Epoch,
    },
}

/// Judges `release` at `now`, where `seen` is the newest `Date` known for the same repository
/// (from its lock entry or the cache); `None` if there is none.
///
/// Returns the warnings of what was let pass. They name no clock time, so that a lock file that
/// records them stays the same.
///
/// # Errors
/// [`FreshnessError`], see its variants.
pub fn judge(
    release: &Release,
    now: Epoch,
    policy: Freshness,
    seen: Option<Epoch>,
) -> Result<Vec<String>, FreshnessError> {
    let name = release.name().to_owned();
    let date = release.date;
    let judged_at = match policy.archive {
        Archive::Live | Archive::Archived => now,
        Archive::Snapshot(stamp) => stamp,
    };
    if let Some(seen) = seen.filter(|seen| date < *seen) {
        return Err(FreshnessError::Rollback { name, date, seen });
    }
    if date.seconds() > judged_at.seconds().saturating_add(MAX_CLOCK_SKEW) {
        return Err(FreshnessError::Future {
            name,
            date,
            judged_at,
        });
    }
    let expired = match policy.archive {
        Archive::Archived => None,
        Archive::Live | Archive::Snapshot(_) => release.valid_until.filter(|end| *end < judged_at),
    };
    match expired {
        None => Ok(Vec::new()),
        Some(valid_until) if policy.allow_expired => Ok(vec![format!(
            "Release of {name} has expired and was accepted: Date {date}, Valid-Until {valid_until}"
        )]),
        Some(valid_until) => Err(FreshnessError::Expired {
            name,
            date,
            valid_until,
            judged_at,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "2026-11-18T22:17:41Z";
    const VALID_UNTIL: &str = "2026-11-25T22:17:41Z";

    fn epoch(text: &str) -> Epoch {
        text.parse().expect(text)
    }

    fn security() -> Release {
        Release::parse(
            "Codename: bookworm-security\n\
             Date: Wed, 18 Nov 2026 22:17:41 UTC\n\
             Valid-Until: Wed, 25 Nov 2026 22:17:41 UTC\n\
             SHA256:\n",
        )
        .expect("parses")
    }

    fn at(now: &str, archive: Archive, allow_expired: bool) -> Result<Vec<String>, FreshnessError> {
        let policy = Freshness {
            archive,
            allow_expired,
        };
        judge(&security(), epoch(now), policy, None)
    }

    #[test]
    fn a_live_suite_is_good_from_its_date_to_its_valid_until() {
        for now in [DATE, "2026-11-20T00:00:00Z", VALID_UNTIL] {
            assert_eq!(at(now, Archive::Live, false), Ok(vec![]), "{now}");
        }
        let error = at("2026-11-25T22:17:42Z", Archive::Live, false).expect_err("expired");
        let message = error.to_string();
        for part in ["bookworm-security", DATE, VALID_UNTIL, "--allow-expired"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn an_expired_one_can_be_accepted_with_a_warning_that_names_no_clock_time() {
        let warnings = at("2027-01-01T00:00:00Z", Archive::Live, true).expect("accepted");
        assert_eq!(
            warnings,
            [format!(
                "Release of bookworm-security has expired and was accepted: Date {DATE}, Valid-Until {VALID_UNTIL}"
            )]
        );
        assert_eq!(at("2026-11-20T00:00:00Z", Archive::Live, true), Ok(vec![]));
    }

    #[test]
    fn a_snapshot_is_judged_at_its_own_time() {
        let years_later = "2031-01-01T00:00:00Z";
        let taken = Archive::Snapshot(epoch("2026-11-20T00:00:00Z"));
        assert_eq!(at(years_later, taken, false), Ok(vec![]));
        let stale = Archive::Snapshot(epoch("2026-12-01T00:00:00Z"));
        assert!(matches!(
            at(years_later, stale, false),
            Err(FreshnessError::Expired { .. })
        ));
        let before = Archive::Snapshot(epoch("2026-11-01T00:00:00Z"));
        assert!(matches!(
            at(years_later, before, false),
            Err(FreshnessError::Future { .. })
        ));
    }

    #[test]
    fn an_archived_suite_does_not_expire() {
        assert_eq!(
            at("2040-01-01T00:00:00Z", Archive::Archived, false),
            Ok(vec![])
        );
    }

    #[test]
    fn a_date_in_the_future_is_refused_beyond_the_skew() {
        for archive in [Archive::Live, Archive::Archived] {
            assert_eq!(at("2026-11-18T22:12:41Z", archive, false), Ok(vec![]));
            assert!(matches!(
                at("2026-11-18T22:12:40Z", archive, true),
                Err(FreshnessError::Future { .. })
            ));
        }
    }

    #[test]
    fn going_back_in_time_is_refused_even_when_expiry_is_allowed() {
        let policy = Freshness {
            archive: Archive::Live,
            allow_expired: true,
        };
        let now = epoch("2026-11-20T00:00:00Z");
        let same = judge(&security(), now, policy, Some(epoch(DATE)));
        assert_eq!(same, Ok(vec![]));
        let newer = epoch("2026-11-18T22:17:42Z");
        assert_eq!(
            judge(&security(), now, policy, Some(newer)),
            Err(FreshnessError::Rollback {
                name: "bookworm-security".to_owned(),
                date: epoch(DATE),
                seen: newer,
            })
        );
    }
}
