//! Debian package versions: their syntax, their order, and the upstream part that tags show.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The largest epoch dpkg accepts: it keeps the number in a C `int` (`lib/dpkg/parsehelp.c`).
const MAX_EPOCH: u32 = i32::MAX.cast_unsigned();

/// A package version `[epoch:]upstream-version[-debian-revision]`, as deb-version(7) defines it.
///
/// The text is kept as it was written. Comparison follows dpkg, for which some texts are equal
/// though they differ (`1.0`, `0:1.0` and `1.0-0`), so equality here means *equal in order*;
/// compare [`Version::as_str`] where the very same text is meant.
#[derive(Clone)]
pub struct Version {
    text: Box<str>,
    epoch: u32,
    /// Where the upstream version begins, after the epoch and its colon.
    upstream: usize,
    /// Where the upstream version ends: at the last hyphen, or at the end of the text.
    revision: usize,
}

/// Why a text is not a [`Version`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// There is no text at all.
    #[error("a version is empty")]
    Empty,
    /// What stands before the first colon is not a number that dpkg takes.
    #[error("version `{0}`: the epoch before `:` must be a number up to {MAX_EPOCH}")]
    Epoch(String),
    /// The part between epoch and revision is missing.
    #[error("version `{0}`: there is no upstream version")]
    NoUpstream(String),
    /// A hyphen ends the version, with no revision after it.
    #[error("version `{0}`: the revision after the last `-` is empty")]
    NoRevision(String),
    /// A character that the part may not contain.
    #[error("version `{text}`: `{character}` is not allowed in its {part}")]
    Character {
        /// The whole version.
        text: String,
        /// The first character that is refused.
        character: char,
        /// `upstream version` or `revision`.
        part: &'static str,
    },
}

impl Version {
    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The epoch, 0 when none is written.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The Debian revision: what follows the last hyphen, if there is one.
    pub fn revision(&self) -> Option<&str> {
        self.text.get(self.revision + 1..)
    }

    /// The version that upstream published, for image tags and reports: without epoch, without
    /// revision and without the marks that only say how Debian made the tarball.
    ///
    /// `+dfsg`, `+ds` and `+repack` (also after `~`, `.` or `-`, also with a number) mark a
    /// tarball with files removed; `X+reallyY` is upstream `Y` under a number that sorts higher
    /// than an earlier mistake (Developer's Reference 6.7.8.2, Debian wiki `Versioning`).
    pub fn upstream(&self) -> &str {
        let mut upstream = self.upstream_version();
        if let Some((_, real)) = upstream.split_once("+really")
            && real.starts_with(|c: char| c.is_ascii_digit())
        {
            upstream = real;
        }
        upstream
            .match_indices(['+', '~', '.', '-'])
            .find(|(at, _)| is_repack_mark(&upstream[at + 1..]))
            .map_or(upstream, |(at, _)| &upstream[..at])
    }

    fn upstream_version(&self) -> &str {
        &self.text[self.upstream..self.revision]
    }
}

/// Whether `rest`, the text after a separator, begins with a repackaging mark of its own.
fn is_repack_mark(rest: &str) -> bool {
    ["dfsg", "ds", "repack"].iter().any(|mark| {
        rest.strip_prefix(mark)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    })
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        let (epoch, upstream) = match text.split_once(':') {
            None => (0, 0),
            Some((epoch, _)) => {
                let number = Some(epoch)
                    .filter(|epoch| epoch.bytes().all(|b| b.is_ascii_digit()))
                    .and_then(|epoch| epoch.parse().ok())
                    .filter(|&epoch: &u32| epoch <= MAX_EPOCH)
                    .ok_or_else(|| VersionError::Epoch(text.to_owned()))?;
                (number, epoch.len() + 1)
            }
        };
        let revision = text[upstream..]
            .rfind('-')
            .map_or(text.len(), |at| upstream + at);
        if revision == upstream {
            return Err(VersionError::NoUpstream(text.to_owned()));
        }
        if revision + 1 == text.len() {
            return Err(VersionError::NoRevision(text.to_owned()));
        }
        check(text, &text[upstream..revision], "upstream version", "+-.~:")?;
        check(
            text,
            text.get(revision + 1..).unwrap_or(""),
            "revision",
            "+.~",
        )?;
        Ok(Self {
            text: text.into(),
            epoch,
            upstream,
            revision,
        })
    }
}

fn check(text: &str, value: &str, part: &'static str, marks: &str) -> Result<(), VersionError> {
    match value
        .chars()
        .find(|&c| !c.is_ascii_alphanumeric() && !marks.contains(c))
    {
        None => Ok(()),
        Some(character) => Err(VersionError::Character {
            text: text.to_owned(),
            character,
            part,
        }),
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(self.upstream_version(), other.upstream_version()))
            .then_with(|| {
                compare_part(
                    self.revision().unwrap_or(""),
                    other.revision().unwrap_or(""),
                )
            })
    }
}

/// Compares two upstream versions or two revisions by deb-version(7), "Sorting algorithm":
/// a stretch of non-digits in the modified ASCII order, then a stretch of digits as a number,
/// and so on until a difference is found.
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (words_a, words_b) = (split(&mut a, false), split(&mut b, false));
        for i in 0..words_a.len().max(words_b.len()) {
            match weight(words_a.get(i)).cmp(&weight(words_b.get(i))) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        let (number_a, number_b) = (number(split(&mut a, true)), number(split(&mut b, true)));
        match (number_a.len(), number_a).cmp(&(number_b.len(), number_b)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        if a.is_empty() && b.is_empty() {
            return Ordering::Equal;
        }
    }
}

/// Takes the leading run of digits, or of non-digits, off `text`.
fn split<'a>(text: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let length = text
        .iter()
        .position(|byte| byte.is_ascii_digit() != digits)
        .unwrap_or(text.len());
    let (run, rest) = text.split_at(length);
    *text = rest;
    run
}

/// Digits without leading zeros: equal numbers are then equal bytes, however long they are.
fn number(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

/// A tilde sorts before the end of a part, the end before letters, letters before the rest.
fn weight(byte: Option<&u8>) -> i16 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i16::from(*byte),
        Some(byte) => i16::from(*byte) + 256,
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

crate::text::serde_as_text!(Version);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn versions_sort_as_dpkg_sorts_them() {
        for (a, b) in [
            ("0~~", "0~~a"),
            ("0~~a", "0~"),
            ("0~", "0"),
            ("1.0~rc1-1", "1.0"),
            ("1.0", "1.0-0.1"),
            ("1.0-1", "1.0-1+b1"),
            ("1.0-1+b1", "1.0-1.1"),
            ("1.0a", "1.0+dfsg"),
            ("1.2", "1.10"),
            ("99", "1:0"),
        ] {
            assert!(version(a) < version(b), "{a} < {b}");
        }
        assert_eq!(version("1.0"), version("0:1.0-0"));
        assert_eq!(version("1.001"), version("1.1"));
    }

    #[test]
    fn malformed_versions_are_refused() {
        for (text, expected) in [
            ("", VersionError::Empty),
            ("a:1", VersionError::Epoch("a:1".into())),
            (":1", VersionError::Epoch(":1".into())),
            ("2147483648:1", VersionError::Epoch("2147483648:1".into())),
            ("1:", VersionError::NoUpstream("1:".into())),
            ("-1", VersionError::NoUpstream("-1".into())),
            ("1.0-", VersionError::NoRevision("1.0-".into())),
        ] {
            assert_eq!(text.parse::<Version>().expect_err(text), expected);
        }
        for text in ["1 0", "1.0_1", "1:1.0-1:2", "1.0-é"] {
            assert!(matches!(
                text.parse::<Version>(),
                Err(VersionError::Character { .. })
            ));
        }
    }

    #[test]
    fn the_upstream_part_is_what_upstream_published() {
        for (text, upstream) in [
            ("20.10.24+dfsg1-1+deb12u1", "20.10.24"),
            ("1:28.5.2+dfsg4-1", "28.5.2"),
            ("18.09.1+dfsg1-7.1+deb10u3", "18.09.1"),
            ("1.6.20~ds1-1+deb12u1", "1.6.20"),
            ("1:1.2.13.dfsg-1", "1.2.13"),
            ("2.0~rc1+ds-1", "2.0~rc1"),
            ("5:24.0.7-1~debian.12~bookworm", "24.0.7"),
            ("0.19.0-1", "0.19.0"),
            ("1.0+really0.9-1", "0.9"),
            ("9.1", "9.1"),
            ("1.0+git20240101-1", "1.0+git20240101"),
            ("1.0.dsc-1", "1.0.dsc"),
            ("1-2-3", "1-2"),
        ] {
            assert_eq!(version(text).upstream(), upstream, "{text}");
        }
    }

    #[test]
    fn a_version_is_a_string_in_documents() {
        let json = serde_json::to_string(&version("1:2.0-1")).expect("a string");
        assert_eq!(json, "\"1:2.0-1\"");
        let back: Version = serde_json::from_str(&json).expect("a version");
        assert_eq!(back.as_str(), "1:2.0-1");
        assert!(serde_json::from_str::<Version>("\"1 0\"").is_err());
    }

    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn every_pair_of_the_fixture_is_in_order() {
        let Some(root) = std::env::var_os("DINDIMG_FIXTURES") else {
            eprintln!("skipped: DINDIMG_FIXTURES is not set");
            return;
        };
        let path = std::path::Path::new(&root).join("versions/debian-pairs.txt");
        let text = std::fs::read_to_string(path).expect("the fixture");
        let mut pairs = 0;
        for line in text.lines() {
            let (a, b) = line.split_once(" < ").expect("`a < b`");
            assert!(version(a) < version(b), "{line}");
            assert!(version(b) > version(a), "{line}");
            pairs += 1;
        }
        assert!(pairs > 7_000, "{pairs} pairs");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_order_is_that_of_the_oracle(
            a in "([0-9]:)?[0-9][0-9a-c.+~]{0,8}(-[0-9a-c.+~]{1,5})?",
            b in "([0-9]:)?[0-9][0-9a-c.+~]{0,8}(-[0-9a-c.+~]{1,5})?",
        ) {
            let oracle = |text: &str| text.parse::<debversion::Version>().expect("the oracle parses");
            prop_assert_eq!(version(&a).cmp(&version(&b)), oracle(&a).cmp(&oracle(&b)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.as_str(), &text);
                let _ = version.upstream();
            }
        }
    }
}
