//! `APKINDEX`: what an Alpine repository says of its packages (apk-tools, `src/package.c`; the
//! Alpine wiki's "Apk spec", "APKINDEX Format").

use std::str::FromStr;

use super::checksum::Checksum;
use super::version::{Version, VersionError};

/// A package of an index. Relations are kept as text and parsed when a resolution reaches the
/// package; a field that is absent is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRecord {
    /// `C:`, which is also what a `><` dependency names.
    pub checksum: Checksum,
    /// `P:`
    pub name: Box<str>,
    /// `V:`
    pub version: Version,
    /// `A:`, an architecture as Alpine names it, or `noarch`.
    pub architecture: Box<str>,
    /// `S:`, bytes of the package file.
    pub size: u64,
    /// `I:`, bytes of its files.
    pub installed_size: u64,
    /// `o:`, the source package.
    pub origin: Box<str>,
    /// `L:`
    pub licence: Box<str>,
    /// `t:`, seconds since 1970.
    pub built: i64,
    /// `k:`, the preference among packages that provide one name; without one a package is no
    /// answer to a name that it only provides.
    pub provider_priority: Option<u32>,
    /// `D:`
    pub depends: Box<str>,
    /// `p:`
    pub provides: Box<str>,
    /// `i:`, what has to be there for this package to come by itself.
    pub install_if: Box<str>,
    /// `r:`
    pub replaces: Box<str>,
}

impl PackageRecord {
    /// The name of its file: `NAME-VERSION.apk`, in the directory of its architecture.
    pub fn file_name(&self) -> String {
        format!("{}-{}.apk", self.name, self.version)
    }
}

/// Why an index cannot be read. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Not text.
    #[error("it is not UTF-8")]
    Encoding,
    /// A line without `X:` at its beginning.
    #[error("line {line}: `{text}` is no field")]
    Syntax {
        /// The line.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A field that an older apk cannot ignore (fields of capital letters).
    #[error("line {line}: the field `{field}` is not known; it is of a newer format")]
    Field {
        /// The line.
        line: usize,
        /// The letter.
        field: char,
    },
    /// A value that is none of its field.
    #[error("line {line}: {reason}")]
    Value {
        /// The line.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A package without a field that every package has.
    #[error("the package that ends at line {line} has no `{field}`")]
    Missing {
        /// The line.
        line: usize,
        /// The field.
        field: char,
    },
    /// A name or architecture that would lead to another file.
    #[error("line {line}: `{value}` is no part of a file name")]
    Path {
        /// The line.
        line: usize,
        /// The value.
        value: String,
    },
}

/// Every package of an index, in its order.
///
/// # Errors
/// [`IndexError`] for the first line that cannot be read.
pub fn parse(bytes: &[u8]) -> Result<Vec<PackageRecord>, IndexError> {
    let text = std::str::from_utf8(bytes).map_err(|_| IndexError::Encoding)?;
    let mut records = Vec::new();
    let mut open = Open::default();
    let mut last = 0;
    for (number, line) in text.lines().enumerate() {
        last = number + 1;
        if line.is_empty() {
            records.extend(std::mem::take(&mut open).close(last)?);
        } else {
            open.field(line, last)?;
        }
    }
    records.extend(open.close(last + 1)?);
    Ok(records)
}

/// A package whose fields are being read.
#[derive(Default)]
struct Open {
    any: bool,
    checksum: Option<Checksum>,
    name: Option<Box<str>>,
    version: Option<Version>,
    architecture: Option<Box<str>>,
    size: u64,
    installed_size: u64,
    origin: Box<str>,
    licence: Box<str>,
    built: i64,
    provider_priority: Option<u32>,
    depends: Box<str>,
    provides: Box<str>,
    install_if: Box<str>,
    replaces: Box<str>,
}

impl Open {
    fn field(&mut self, text: &str, line: usize) -> Result<(), IndexError> {
        let mut characters = text.chars();
        let (Some(field), Some(':')) = (characters.next(), characters.next()) else {
            return Err(IndexError::Syntax {
                line,
                text: text.chars().take(80).collect(),
            });
        };
        let value = characters.as_str();
        self.any = true;
        match field {
            'C' => self.checksum = Some(read(value, line)?),
            'P' => self.name = Some(part(value, line)?),
            'V' => {
                let version = value.parse();
                self.version = Some(version.map_err(|error: VersionError| IndexError::Value {
                    line,
                    reason: error.to_string(),
                })?);
            }
            'A' => self.architecture = Some(part(value, line)?),
            'S' => self.size = read(value, line)?,
            'I' => self.installed_size = read(value, line)?,
            'o' => self.origin = value.into(),
            'L' => self.licence = value.into(),
            't' => self.built = read(value, line)?,
            'k' => self.provider_priority = Some(read(value, line)?),
            'D' => self.depends = value.into(),
            'p' => self.provides = value.into(),
            'i' => self.install_if = value.into(),
            'r' => self.replaces = value.into(),
            'T' | 'U' => {}
            _ if field.is_ascii_lowercase() => {}
            _ => return Err(IndexError::Field { line, field }),
        }
        Ok(())
    }

    fn close(self, line: usize) -> Result<Option<PackageRecord>, IndexError> {
        if !self.any {
            return Ok(None);
        }
        let missing = |field| move || IndexError::Missing { line, field };
        let name = self.name.ok_or_else(missing('P'))?;
        Ok(Some(PackageRecord {
            checksum: self.checksum.ok_or_else(missing('C'))?,
            version: self.version.ok_or_else(missing('V'))?,
            architecture: self.architecture.ok_or_else(missing('A'))?,
            size: self.size,
            installed_size: self.installed_size,
            origin: match &*self.origin {
                "" => name.clone(),
                _ => self.origin,
            },
            licence: self.licence,
            built: self.built,
            provider_priority: self.provider_priority,
            depends: self.depends,
            provides: self.provides,
            install_if: self.install_if,
            replaces: self.replaces,
            name,
        }))
    }
}

fn read<T: FromStr>(value: &str, line: usize) -> Result<T, IndexError>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error: T::Err| IndexError::Value {
        line,
        reason: format!("`{value}`: {error}"),
    })
}

/// A value that becomes a part of a path.
fn part(value: &str, line: usize) -> Result<Box<str>, IndexError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    if value.is_empty() || value.starts_with(['.', '-']) || !value.chars().all(fits) {
        return Err(IndexError::Path {
            line,
            value: value.chars().take(80).collect(),
        });
    }
    Ok(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "C:Q1tduNGDYV/KwvztK0sMium7UfSj0=\nP:a-doc\nV:2.15-r1\nA:aarch64\nS:8948\nI:32768\n\
                       T:Text: of a\nU:https://a\nL:MIT\no:a\nt:1666619671\nk:10\nD:b so:c.so.1\np:cmd:a=1\n\
                       i:docs a=2.15-r1\nr:c\nq:3\n\n";

    #[test]
    fn every_field_is_read_and_those_of_small_letters_may_be_unknown() {
        let records =
            parse(format!("{ONE}C:Q1tduNGDYV/KwvztK0sMium7UfSj0=\nP:b\nV:1\nA:noarch").as_bytes());
        let [a, b] = &records.expect("an index")[..] else {
            panic!("two packages");
        };
        assert_eq!(a.file_name(), "a-doc-2.15-r1.apk");
        assert_eq!(a.checksum.to_string(), "Q1tduNGDYV/KwvztK0sMium7UfSj0=");
        assert_eq!(
            (a.size, a.installed_size, a.built),
            (8948, 32768, 1_666_619_671)
        );
        assert_eq!(a.provider_priority, Some(10));
        assert_eq!((&*a.depends, &*a.provides), ("b so:c.so.1", "cmd:a=1"));
        assert_eq!((&*a.install_if, &*a.replaces), ("docs a=2.15-r1", "c"));
        assert_eq!((&*a.origin, &*b.origin), ("a", "b"));
        assert_eq!(parse(b"").expect("an index"), []);
    }

    #[test]
    fn what_cannot_be_read_says_where_and_why() {
        for (change, expected) in [
            (
                ("P:a-doc", "P:../../x"),
                "line 2: `../../x` is no part of a file name",
            ),
            (
                ("V:2.15-r1", "V:x"),
                "line 3: `x` is no version that apk takes (numbers, a letter, suffixes as _rc1, a revision as -r0)",
            ),
            (
                ("S:8948", "S:many"),
                "line 5: `many`: invalid digit found in string",
            ),
            (
                ("A:aarch64\n", ""),
                "the package that ends at line 17 has no `A`",
            ),
            (
                ("C:Q1", "C:Q9"),
                "line 1: `Q9tduNGDYV/KwvztK0sMium7UfSj0=`: neither Q1 and a SHA-1 nor Q2 and a SHA-256 in base64",
            ),
            (
                ("T:Text", "Z:Text"),
                "line 7: the field `Z` is not known; it is of a newer format",
            ),
            (("T:Text", "Text"), "line 7: `Text: of a` is no field"),
        ] {
            let text = ONE.replace(change.0, change.1);
            let error = parse(text.as_bytes()).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(parse(b"P:\xff"), Err(IndexError::Encoding));
    }
}
