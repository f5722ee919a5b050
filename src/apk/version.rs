//! Alpine package versions: their syntax and their order (apk-tools, `src/version.c`).
//!
//! `1.2.3a_rc1~c0ffee-r4`: numbers, a letter, suffixes, the hash of a commit and Alpine's revision.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Suffixes that come before the version without them, the earliest first.
const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];

/// Suffixes that come after it, the earliest first.
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// A package version.
///
/// Comparison follows apk, for which some texts are equal though they differ; equality here means
/// *equal in order*; compare [`Version::as_str`] where the very same text is meant.
#[derive(Clone)]
pub struct Version {
    text: Box<str>,
}

/// Why a text is not a [`Version`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no version that apk takes (numbers, a letter, suffixes as _rc1, a revision as -r0)"
)]
pub struct VersionError(String);

impl Version {
    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A version of an archive's own, which may be none: apk takes what is there, and compares it
    /// as far as it can be read.
    pub(super) fn as_written(text: &str) -> Self {
        Self { text: text.into() }
    }

    /// Whether this version is `other` or goes on where that ends: what `~` asks for.
    pub fn begins_with(&self, other: &Self) -> bool {
        order(&self.text, &other.text, true) == Ordering::Equal
    }

    /// The version without Alpine's revision and without the hash of a commit.
    pub fn upstream(&self) -> &str {
        let text = match self.text.rsplit_once("-r") {
            Some((text, _)) => text,
            None => &self.text,
        };
        text.split('~').next().unwrap_or(text)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut tokens = Tokens::new(text);
        loop {
            match tokens.kind {
                Kind::End => {
                    return Ok(Self { text: text.into() });
                }
                Kind::Invalid => return Err(VersionError(text.to_owned())),
                _ => tokens.value(),
            };
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.text, &other.text, false)
    }
}

/// What a part of a version is. The order is apk's: where two versions are equal so far, the one
/// whose next part stands further down here is the lesser one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Invalid,
    /// The number after a dot, whose leading zeros count.
    Fraction,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Commit,
    Revision,
    End,
}

/// The value of a part. Two parts of one kind have values of one form.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Value<'t> {
    Number(i64),
    /// Digits without leading zeros: longer is greater.
    Digits(usize, &'t [u8]),
    Text(&'t [u8]),
}

struct Tokens<'t> {
    rest: &'t [u8],
    kind: Kind,
}

impl<'t> Tokens<'t> {
    /// A version begins with a number.
    fn new(text: &'t str) -> Self {
        let rest = text.as_bytes();
        let kind = match rest.first() {
            Some(byte) if byte.is_ascii_digit() => Kind::Number,
            _ => Kind::Invalid,
        };
        Self { rest, kind }
    }

    /// The value of the part at hand; goes on to the next.
    fn value(&mut self) -> Value<'t> {
        let value = match self.kind {
            Kind::Invalid | Kind::End => Value::Number(0),
            Kind::Fraction if self.rest.first() == Some(&b'0') => {
                // The more zeros lead, the less it is; the digits behind them follow.
                let more = self.rest[1..].iter().take_while(|byte| **byte == b'0');
                let more = more.count();
                self.rest = &self.rest[more..];
                self.kind = Kind::Number;
                return Value::Number(-(more as i64));
            }
            Kind::Fraction | Kind::Number | Kind::SuffixNumber | Kind::Revision => {
                let digits = self.take(|byte| byte.is_ascii_digit());
                let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
                let digits = &digits[zeros..];
                Value::Digits(digits.len(), digits)
            }
            Kind::Letter => Value::Text(self.take_first()),
            Kind::Commit => Value::Text(self.take(|byte| byte.is_ascii_hexdigit())),
            Kind::Suffix => {
                let word = self.take(|byte| byte.is_ascii_lowercase());
                match rank(word) {
                    Some(rank) => Value::Number(rank),
                    None => {
                        self.kind = Kind::Invalid;
                        return Value::Number(0);
                    }
                }
            }
        };
        self.advance();
        value
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'t [u8] {
        let length = self.rest.iter().take_while(|byte| wanted(**byte)).count();
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn take_first(&mut self) -> &'t [u8] {
        let (taken, rest) = self.rest.split_at(self.rest.len().min(1));
        self.rest = rest;
        taken
    }

    /// What follows the part that was read, by its first characters.
    fn advance(&mut self) {
        let before = self.kind;
        let number = matches!(before, Kind::Number | Kind::Fraction);
        self.kind = match self.rest {
            [] => Kind::End,
            [b'a'..=b'z', ..] if number => Kind::Letter,
            [b'0'..=b'9', ..] if before == Kind::Letter => Kind::Number,
            [b'0'..=b'9', ..] if before == Kind::Suffix => Kind::SuffixNumber,
            [b'.', rest @ ..] => self.after(rest, Kind::Fraction),
            [b'_', rest @ ..] => self.after(rest, Kind::Suffix),
            [b'~', rest @ ..] => self.after(rest, Kind::Commit),
            [b'-', b'r', rest @ ..] => self.after(rest, Kind::Revision),
            _ => Kind::Invalid,
        };
        let repeats = matches!(
            (self.kind, before),
            (Kind::Fraction, Kind::Number | Kind::Fraction)
                | (Kind::Number, Kind::Letter)
                | (Kind::Suffix, Kind::SuffixNumber | Kind::Suffix)
        );
        if self.kind <= before && !repeats {
            self.kind = Kind::Invalid;
        }
    }

    /// A part of this kind begins at `rest`, which must have what such a part has.
    fn after(&mut self, rest: &'t [u8], kind: Kind) -> Kind {
        self.rest = rest;
        let fits = rest.first().is_some_and(|byte| match kind {
            Kind::Suffix => byte.is_ascii_lowercase(),
            Kind::Commit => byte.is_ascii_hexdigit(),
            _ => byte.is_ascii_digit(),
        });
        if fits { kind } else { Kind::Invalid }
    }
}

/// Where a suffix stands around the version without one, which is 0.
fn rank(word: &[u8]) -> Option<i64> {
    let place = |words: &[&str]| words.iter().position(|one| one.as_bytes() == word);
    match (place(&BEFORE), place(&AFTER)) {
        (Some(at), _) => Some(at as i64 - BEFORE.len() as i64),
        (None, Some(at)) => Some(at as i64 + 1),
        (None, None) => None,
    }
}

/// Compares two versions part by part; with `fuzzy` they are equal where `b` ends first.
fn order(a: &str, b: &str, fuzzy: bool) -> Ordering {
    let (mut a, mut b) = (Tokens::new(a), Tokens::new(b));
    while a.kind == b.kind && !matches!(a.kind, Kind::End | Kind::Invalid) {
        match a.value().cmp(&b.value()) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    if a.kind == b.kind || (fuzzy && b.kind == Kind::End) {
        return Ordering::Equal;
    }
    // What goes on is the greater one, unless it goes on with what comes before a release.
    let early =
        |tokens: &mut Tokens<'_>| tokens.kind == Kind::Suffix && tokens.value() < Value::Number(0);
    if early(&mut a) {
        return Ordering::Less;
    }
    if early(&mut b) {
        return Ordering::Greater;
    }
    b.kind.cmp(&a.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn the_parts_of_a_version_have_their_order() {
        let ascending = [
            "0.1_alpha",
            "0.1_alpha2",
            "0.1_beta",
            "0.1_rc1",
            "0.1",
            "0.1-r0",
            "0.1-r1",
            "0.1_p1",
            "0.1.1",
            "0.2",
            "1.0",
            "1.0a",
            "1.0b",
            "1.0.01",
            "1.0.1",
            "1.0.9",
            "1.0.10",
            "2",
            "20230506.1",
            "18446744073709551616",
            "18446744073709551617",
        ];
        for pair in ascending.windows(2) {
            let [a, b] = [version(pair[0]), version(pair[1])];
            assert_eq!(a.cmp(&b), Ordering::Less, "{a} < {b}");
            assert_eq!(b.cmp(&a), Ordering::Greater, "{b} > {a}");
        }
    }

    #[test]
    fn what_apk_does_not_take_is_no_version() {
        for text in [
            "",
            "a",
            ".1",
            "1.",
            "1..2",
            "1_",
            "1_foo",
            "1-1",
            "1-r",
            "1 2",
            "1.0-r1_p1",
            "1aa",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        for text in [
            "1",
            "1.2.3a_rc1_p2-r4",
            "2.0~c0ffee-r0",
            "0.0.0_git20230101-r12",
        ] {
            assert!(text.parse::<Version>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_tilde_asks_for_a_beginning_that_ends_with_a_part() {
        assert!(version("1.2.3-r4").begins_with(&version("1.2")));
        assert!(version("1.2-r4").begins_with(&version("1.2")));
        assert!(!version("1.20").begins_with(&version("1.2")));
        assert!(!version("1").begins_with(&version("1.2")));
    }

    #[test]
    fn upstream_has_neither_revision_nor_commit() {
        assert_eq!(version("25.0.5-r1").upstream(), "25.0.5");
        assert_eq!(version("2.0_rc1~c0ffee-r0").upstream(), "2.0_rc1");
    }
}
