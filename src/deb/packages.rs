//! `Packages` indices and `control` stanzas: what an archive says about each binary package
//! (Debian Policy 5.3, deb-control(5); for the index fields, the Debian wiki's
//! `DebianRepository/Format`).

mod stanza;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use deb822_fast::borrowed::{BorrowedParagraph, BorrowedParagraphIter};

use super::version::{Version, VersionError};
use crate::digest::{Digest, DigestParseError};
use stanza::Fields;

/// A binary package of an index: its control data and where its file is.
#[derive(Debug, Clone)]
pub struct PackageRecord {
    /// The fields that also stand in the package's own `control` file.
    pub control: Control,
    /// The path of the `.deb` below the repository's root: relative, without `.` or `..`.
    pub filename: Box<str>,
    /// The size of the `.deb` in bytes.
    pub size: u64,
    /// The digest of the whole `.deb`.
    pub sha256: Digest,
}

/// The control data of a binary package.
///
/// Relationship fields are kept as text and parsed with [`super::relation`] when a resolution
/// reaches the package; a field that is absent is empty.
#[derive(Debug, Clone)]
pub struct Control {
    /// `Package`
    pub name: Box<str>,
    /// `Version`
    pub version: Version,
    /// `Architecture`, `all` for packages that fit every one.
    pub architecture: Box<str>,
    /// `Multi-Arch`
    pub multi_arch: MultiArch,
    /// `Essential: yes`
    pub essential: bool,
    /// `Important: yes` or, its later name, `Protected: yes`.
    pub protected: bool,
    /// `Priority`
    pub priority: Priority,
    /// `Section`
    pub section: Box<str>,
    /// `Source`: the source package's name, where it is not the package's own.
    pub source_name: Option<Box<str>>,
    /// The version in brackets after the name in `Source`, where it is not the package's own.
    pub source_version: Option<Version>,
    /// `Depends`
    pub depends: Box<str>,
    /// `Pre-Depends`
    pub pre_depends: Box<str>,
    /// `Recommends`
    pub recommends: Box<str>,
    /// `Suggests`
    pub suggests: Box<str>,
    /// `Enhances`
    pub enhances: Box<str>,
    /// `Conflicts`
    pub conflicts: Box<str>,
    /// `Breaks`
    pub breaks: Box<str>,
    /// `Replaces`
    pub replaces: Box<str>,
    /// `Provides`
    pub provides: Box<str>,
    /// `Installed-Size` in KiB.
    pub installed_size: Option<u64>,
}

/// How a package behaves where several architectures are installed (the `Multi-Arch` field).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MultiArch {
    /// Absent or `no`.
    #[default]
    No,
    /// `same`: co-installable with itself.
    Same,
    /// `foreign`: serves packages of any architecture.
    Foreign,
    /// `allowed`: the depending package decides, with `:any`.
    Allowed,
}

/// How much a package belongs to every system (Policy 2.5), the most wanted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// The system does not work without it.
    Required,
    /// Expected on any Unix-like system.
    Important,
    /// A reasonable text-mode system has it.
    Standard,
    /// Everything else; also assumed where the field is absent or unknown.
    #[default]
    Optional,
    /// Deprecated: `optional`, but likely to conflict.
    Extra,
}

/// Why an index or a control file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The bytes are not UTF-8 (Policy 5.1).
    #[error("line {line}: the text is not UTF-8")]
    Encoding {
        /// The line, counted from 1.
        line: usize,
    },
    /// A line that is neither a field, a continuation nor blank.
    #[error("line {line}: `{text}` is not a field")]
    Syntax {
        /// The line, counted from 1; 0 where the parser cannot say.
        line: usize,
        /// The line, or the beginning of it.
        text: String,
    },
    /// A control file holds exactly one stanza.
    #[error("a control file holds one stanza, this one has {0}")]
    Stanzas(usize),
    /// A stanza that does not describe a package.
    #[error("line {line}: package `{package}`: {problem}")]
    Stanza {
        /// The line where the stanza begins, counted from 1.
        line: usize,
        /// The value of `Package`, empty if there is none.
        package: String,
        /// What is wrong.
        problem: StanzaProblem,
    },
}

/// What is wrong with a stanza.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StanzaProblem {
    /// A field without which the package cannot be used.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field that stands twice in the stanza.
    #[error("the field {0} is given twice")]
    Repeated(String),
    /// `Package` is not a package name.
    #[error("the package name is not valid")]
    Name,
    /// `Version`, or the version in `Source`.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// `SHA256`
    #[error(transparent)]
    Digest(#[from] DigestParseError),
    /// A field with a value it cannot have.
    #[error("the field {field} cannot be `{value}`")]
    Value {
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// `Filename` leaves the repository or is not a plain path.
    #[error("the path `{0}` is not a plain path below the repository")]
    Filename(String),
    /// The same name, version and architecture with different files.
    #[error("version {version} for {architecture} is listed twice, with different files")]
    Duplicate {
        /// The version in question.
        version: String,
        /// The architecture in question.
        architecture: String,
    },
}

/// Reads a `Packages` index.
///
/// An entry that repeats an earlier one, file digest included, is dropped; dpkg-scanpackages
/// writes such entries when a file is reachable by two paths.
///
/// # Errors
/// [`IndexError`] at the first stanza that is malformed, lacks `SHA256` or `Filename`, or
/// contradicts an earlier one: a half-read index would resolve to something else unnoticed.
pub fn parse_index(bytes: &[u8]) -> Result<Vec<PackageRecord>, IndexError> {
    let mut records: Vec<PackageRecord> = Vec::new();
    // From name, version and architecture to a place in `records`.
    let mut seen = HashMap::new();
    for_each_stanza(bytes, |stanza| {
        let mut fields = Fields::collect(stanza)?;
        let record = fields.record()?;
        match seen.entry((
            fields.name.unwrap_or_default(),
            fields.version.unwrap_or_default(),
            fields.architecture.unwrap_or_default(),
        )) {
            Entry::Vacant(place) => {
                place.insert(records.len());
                records.push(record);
                Ok(())
            }
            Entry::Occupied(first) if records[*first.get()].sha256 == record.sha256 => Ok(()),
            Entry::Occupied(_) => Err(StanzaProblem::Duplicate {
                version: record.control.version.to_string(),
                architecture: record.control.architecture.into(),
            }),
        }
    })?;
    Ok(records)
}

/// Reads the `control` file of one binary package.
///
/// # Errors
/// [`IndexError`], also where there is not exactly one stanza.
pub fn parse_control(bytes: &[u8]) -> Result<Control, IndexError> {
    let mut found = Vec::new();
    for_each_stanza(bytes, |stanza| {
        found.push(Fields::collect(stanza)?.control()?);
        Ok(())
    })?;
    match <[Control; 1]>::try_from(found) {
        Ok([control]) => Ok(control),
        Err(found) => Err(IndexError::Stanzas(found.len())),
    }
}

impl Control {
    /// The source package this one was built from, with its version.
    pub fn source(&self) -> (&str, &Version) {
        (
            self.source_name.as_deref().unwrap_or(&self.name),
            self.source_version.as_ref().unwrap_or(&self.version),
        )
    }

    /// Whether the package can be installed on `architecture`: built for it, or for all.
    pub fn fits(&self, architecture: &str) -> bool {
        matches!(&*self.architecture, "all") || &*self.architecture == architecture
    }
}

fn for_each_stanza<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(&BorrowedParagraph<'a>) -> Result<(), StanzaProblem>,
) -> Result<(), IndexError> {
    let text = std::str::from_utf8(bytes).map_err(|e| IndexError::Encoding {
        line: line_at(bytes, e.valid_up_to()),
    })?;
    // The parser reports no positions; its values borrow from `text`, which gives them back.
    let offset = |part: &str| {
        (part.as_ptr().addr())
            .saturating_sub(text.as_ptr().addr())
            .min(text.len())
    };
    let mut read_to = 0;
    for stanza in BorrowedParagraphIter::new(text) {
        let stanza = stanza.map_err(|e| match e {
            deb822_fast::Error::UnexpectedToken(token) => IndexError::Syntax {
                line: text[read_to..]
                    .find(&token)
                    .map_or(0, |at| line_at(bytes, read_to + at)),
                text: token.chars().take(80).collect(),
            },
            other => IndexError::Syntax {
                line: 0,
                text: other.to_string(),
            },
        })?;
        visit(&stanza).map_err(|problem| IndexError::Stanza {
            line: stanza
                .iter()
                .next()
                .map_or(0, |field| line_at(bytes, offset(field.name()))),
            package: stanza.get_single("Package").unwrap_or_default().to_owned(),
            problem,
        })?;
        if let Some(last) = stanza.iter().last().and_then(|field| field.lines().last()) {
            read_to = offset(last) + last.len();
        }
    }
    Ok(())
}

fn line_at(bytes: &[u8], offset: usize) -> usize {
    1 + bytes[..offset].iter().filter(|&&b| b == b'\n').count()
}
