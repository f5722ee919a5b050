//! Which numbers accounts get.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::recipe::suggest;

/// Numbers of people: `UID_MIN` and `UID_MAX` of login.defs(5), and adduser.conf(5)'s first.
const PEOPLE: RangeInclusive<u32> = 1000..=59_999;
/// Numbers of system accounts that adduser(8) hands out.
const SYSTEM: RangeInclusive<u32> = 100..=999;

/// The first number from which on `free` holds.
pub(super) fn first(system: bool, free: impl Fn(u32) -> bool) -> Result<u32, String> {
    let mut range = if system { SYSTEM } else { PEOPLE };
    range
        .find(|id| free(*id))
        .ok_or_else(|| "no number is free".to_owned())
}

/// First number and count of the subordinate ids of one user: `SUB_UID_MIN` and `SUB_UID_COUNT`
/// of login.defs(5).
const SUBORDINATE: (u64, u64) = (100_000, 65_536);

/// The line that gives `user` the first range that none of `text` overlaps, as useradd(8) looks for
/// it (subuid(5)). The kernel's ids end with 32 bits.
pub(super) fn subordinate(text: &str, user: &str) -> Result<String, String> {
    let mut taken: Vec<(u64, u64)> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':').skip(1);
            let start: u64 = fields.next()?.parse().ok()?;
            let count: u64 = fields.next()?.parse().ok()?;
            Some((start, start.checked_add(count)?))
        })
        .collect();
    taken.sort_unstable();
    let (first, count) = SUBORDINATE;
    let start = taken.into_iter().fold(first, |free, (start, end)| {
        if free.saturating_add(count) <= start || end <= free {
            free
        } else {
            end
        }
    });
    start
        .checked_add(count)
        .filter(|end| *end <= u64::from(u32::MAX))
        .map(|_| format!("{user}:{start}:{count}\n"))
        .ok_or_else(|| {
            format!(
                "no {count} subordinate ids in a row are free; give back a range of another user"
            )
        })
}

/// Says that `name` is not known, with the nearest name that is.
pub(super) fn unknown<'a>(
    kind: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let known: BTreeSet<&str> = known.into_iter().collect();
    let hint = suggest::hint(name, known);
    format!("the image has no {kind} `{name}`{hint}; declare it in [{kind}s.{name}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_subordinate_ids_follow_one_another() {
        let mut text = String::new();
        for user in ["a", "b"] {
            text.push_str(&subordinate(&text, user).expect("free"));
        }
        assert_eq!(text, "a:100000:65536\nb:165536:65536\n");
    }

    #[test]
    fn a_range_fits_before_or_between_those_that_are_taken() {
        assert_eq!(
            subordinate("dockremap:165536:65536\n", "a").as_deref(),
            Ok("a:100000:65536\n")
        );
        assert_eq!(
            subordinate("dockremap:165536:65536\nx:100100:1\n", "a").as_deref(),
            Ok("a:231072:65536\n")
        );
    }

    #[test]
    fn ranges_end_where_ids_do() {
        for taken in [
            "x:0:4294967295\n",
            "x:100000:4294801760\n",
            "x:100000:18446744073709451615\n",
        ] {
            assert!(subordinate(taken, "a").is_err(), "{taken}");
        }
        assert_eq!(
            subordinate("x:100000:4294801759\n", "a").as_deref(),
            Ok("a:4294901759:65536\n")
        );
    }

    #[test]
    fn the_first_free_number_of_the_range_is_taken() {
        assert_eq!(first(false, |id| id != 1000), Ok(1001));
        assert_eq!(first(true, |_| true), Ok(100));
        assert!(first(true, |_| false).is_err());
    }
}
