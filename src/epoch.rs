//! Points in time, always passed in: nothing outside `cli` reads the clock.

use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, fmt::rfc2822, fmt::strtime};

/// Seconds since 1970-01-01T00:00:00Z, the unit of `SOURCE_DATE_EPOCH`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(i64);

/// Why a text is not a point in time of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {form}")]
pub struct EpochParseError {
    text: String,
    form: &'static str,
}

impl Epoch {
    /// From seconds since the Unix epoch; `None` outside the years that a timestamp can print
    /// (-9999 to 9999).
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        Timestamp::from_second(seconds).ok().map(|_| Self(seconds))
    }

    /// Seconds since the Unix epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Parses the date form of a Debian `Release` file, `Sat, 11 Jul 2026 10:16:37 UTC`
    /// (RFC 2822 with a named zone, DebianRepository/Format "Date, Valid-Until").
    pub fn parse_release_date(text: &str) -> Result<Self, EpochParseError> {
        let fail = || EpochParseError {
            text: text.to_owned(),
            form: "date of a Release file (`Sat, 11 Jul 2026 10:16:37 UTC`)",
        };
        let numeric = text
            .trim()
            .strip_suffix("UTC")
            .map_or_else(|| text.trim().to_owned(), |rest| format!("{rest}+0000"));
        let zoned = rfc2822::DateTimeParser::new()
            .relaxed_weekday(true)
            .parse_zoned(&numeric)
            .map_err(|_| fail())?;
        Ok(Self(zoned.timestamp().as_second()))
    }

    /// Parses the stamp of a snapshot archive, `20260818T000000Z`.
    pub fn parse_snapshot(text: &str) -> Result<Self, EpochParseError> {
        let fail = || EpochParseError {
            text: text.to_owned(),
            form: "snapshot stamp (`20260818T000000Z`)",
        };
        if text.len() != 16 {
            return Err(fail());
        }
        strtime::parse("%Y%m%dT%H%M%SZ", text)
            .and_then(|parsed| parsed.to_datetime())
            .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
            .map(|zoned| Self(zoned.timestamp().as_second()))
            .map_err(|_| fail())
    }

    /// The stamp form of a snapshot archive, `20260818T000000Z`.
    pub fn to_snapshot(self) -> String {
        strtime::format("%Y%m%dT%H%M%SZ", self.timestamp()).unwrap_or_default()
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Epoch {
    /// RFC 3339 in UTC, `2026-07-11T10:16:37Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl FromStr for Epoch {
    type Err = EpochParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Timestamp>()
            .map(|t| Self(t.as_second()))
            .map_err(|_| EpochParseError {
                text: text.to_owned(),
                form: "RFC 3339 time (`2026-07-11T10:16:37Z`)",
            })
    }
}

crate::text::serde_as_text!(Epoch);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_dates_snapshot_stamps_and_rfc3339_name_the_same_second() {
        let release = Epoch::parse_release_date("Sat, 11 Jul 2026 10:16:37 UTC").expect("parses");
        assert_eq!(release.to_string(), "2026-07-11T10:16:37Z");
        assert_eq!("2026-07-11T10:16:37Z".parse(), Ok(release));
        assert_eq!(release.to_snapshot(), "20260711T101637Z");
        assert_eq!(Epoch::parse_snapshot("20260711T101637Z"), Ok(release));
    }

    #[test]
    fn a_zero_padded_or_numeric_zone_is_read() {
        let expected = Epoch::parse_release_date("Sat, 01 Aug 2026 00:00:00 UTC");
        assert!(expected.is_ok());
        assert_eq!(
            Epoch::parse_release_date("Sat,  1 Aug 2026 00:00:00 +0000"),
            expected
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "yesterday",
            "2026-07-11",
            "Sat, 32 Jul 2026 10:16:37 UTC",
        ] {
            assert!(Epoch::parse_release_date(text).is_err(), "{text}");
            assert!(Epoch::parse_snapshot(text).is_err(), "{text}");
        }
    }
}
