//! The `Release` file of a suite (DebianRepository/Format, "Release files"): what the suite is and
//! the digest of every index below it.
//!
//! Parse only the text of a [`super::Verified`]: nothing here proves who wrote it.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::epoch::Epoch;

/// Largest `Release` parsed, in bytes. Debian's largest has 0.2 MB.
const MAX_RELEASE: usize = 32 << 20;

/// Most index files listed. Debian's suites list about 1,000.
const MAX_FILES: usize = 200_000;

/// Longest path of an index file, in bytes.
const MAX_PATH: usize = 1024;

/// What a suite says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `Origin`, such as `Debian`.
    pub origin: Option<String>,
    /// `Label`, such as `Debian-Security`.
    pub label: Option<String>,
    /// `Suite`, the role, such as `oldstable`.
    pub suite: Option<String>,
    /// `Codename`, such as `bookworm`.
    pub codename: Option<String>,
    /// `Version`, such as `12.11`; absent until a suite is released.
    pub version: Option<String>,
    /// `Date`: when the file was made.
    pub date: Epoch,
    /// `Valid-Until`: when it must have been replaced; absent in suites that rarely change.
    pub valid_until: Option<Epoch>,
    /// `Acquire-By-Hash`: indexes can be fetched by digest, untorn while the mirror is updated.
    pub acquire_by_hash: bool,
    /// `Components`, as they appear in the paths of the indexes: security suites announce
    /// `updates/main` for what lies below `main/`.
    pub components: Vec<String>,
    /// `Architectures`, `all` included where listed.
    pub architectures: Vec<String>,
    /// Whether packages of architecture `all` are only in the index of `all`. Debian repeats them
    /// in every architecture's index (`No-Support-for-Architecture-all: Packages`).
    pub separate_all: bool,
    /// The `SHA256` section: path below the directory of the `Release` file → digest and size.
    pub files: BTreeMap<String, FileEntry>,
}

/// One line of the `SHA256` section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileEntry {
    /// Digest of the file as it is stored.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// How an index is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexCompression {
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
    /// `.gz`
    Gzip,
    /// Stored as it is.
    None,
}

impl IndexCompression {
    /// In the order of preference: xz is smallest and what every Debian suite has.
    const ALL: [Self; 4] = [Self::Xz, Self::Zstd, Self::Gzip, Self::None];

    /// The ending of a file name, with its dot; empty for none.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
            Self::None => "",
        }
    }
}

/// An index file to fetch. Paths are below the directory of the `Release` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// Where it lies by name.
    pub path: String,
    /// Where it lies by digest, if the repository offers that; to be tried first.
    pub by_hash_path: Option<String>,
    /// How it is compressed.
    pub compression: IndexCompression,
    /// Digest and size of the file to fetch.
    pub entry: FileEntry,
    /// Digest and size after decompression, where listed: the exact bound for the decompressor.
    pub plain: Option<FileEntry>,
}

/// Why a text is not a usable `Release` file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// It has more bytes than any real one.
    #[error("Release file: {0} bytes, more than the {MAX_RELEASE} allowed")]
    TooLarge(usize),
    /// A line has not the form of the format.
    #[error("Release file, line {line}: {problem}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A needed field is missing.
    #[error("Release file: field `{0}` is missing")]
    Missing(&'static str),
    /// A field has a value that cannot be used.
    #[error("Release file: field `{field}` is `{value}`, not {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Only digests that can be forged.
    #[error(
        "Release file: it has no `SHA256` section, and MD5 and SHA-1 prove nothing; ask the repository to publish SHA-256 digests"
    )]
    WeakDigests,
}

impl Release {
    /// Parses the verified text of `InRelease` or `Release`.
    ///
    /// # Errors
    /// [`ReleaseError`]: anything malformed is refused, unknown fields are passed over.
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        if text.len() > MAX_RELEASE {
            return Err(ReleaseError::TooLarge(text.len()));
        }
        let fields = Fields::split(text)?;
        let files = match fields.lines("SHA256") {
            Some(lines) => files(lines)?,
            None => return Err(ReleaseError::WeakDigests),
        };
        let date = |field: &'static str| {
            fields
                .value(field)
                .map(|value| {
                    Epoch::parse_release_date(value).map_err(|_| ReleaseError::Value {
                        field,
                        value: value.to_owned(),
                        expected: "a date like `Sat, 11 Jul 2026 10:16:37 UTC`",
                    })
                })
                .transpose()
        };
        let owned = |field| fields.value(field).map(str::to_owned);
        let architectures = fields.words("Architectures");
        let separate_all = architectures.iter().any(|a| a == "all")
            && !fields
                .words("No-Support-for-Architecture-all")
                .iter()
                .any(|index| index == "Packages");
        Ok(Self {
            origin: owned("Origin"),
            label: owned("Label"),
            suite: owned("Suite"),
            codename: owned("Codename"),
            version: owned("Version"),
            date: date("Date")?.ok_or(ReleaseError::Missing("Date"))?,
            valid_until: date("Valid-Until")?,
            acquire_by_hash: fields
                .value("Acquire-By-Hash")
                .is_some_and(|value| value.eq_ignore_ascii_case("yes")),
            components: fields
                .words("Components")
                .into_iter()
                .map(|component| below_release(component, &files))
                .collect(),
            architectures,
            separate_all,
            files,
        })
    }

    /// The name of the suite for messages: codename, else suite, else label, else `unnamed`.
    pub fn name(&self) -> &str {
        [&self.codename, &self.suite, &self.label]
            .into_iter()
            .find_map(Option::as_deref)
            .unwrap_or("unnamed")
    }

    /// The `Packages` index of a component and architecture in its best listed compression:
    /// xz, zstd, gzip, plain. `None` if the suite lists none.
    pub fn packages_index(&self, component: &str, architecture: &str) -> Option<IndexFile> {
        self.index(&format!("{component}/binary-{architecture}/Packages"))
    }

    /// The best listed compression of the index `plain_path` (a path without its compression's
    /// ending). `None` if the suite lists none.
    pub fn index(&self, plain_path: &str) -> Option<IndexFile> {
        let (directory, _) = plain_path.rsplit_once('/').unwrap_or_default();
        IndexCompression::ALL.into_iter().find_map(|compression| {
            let path = format!("{plain_path}{}", compression.suffix());
            let entry = *self.files.get(&path)?;
            let by_hash = || format!("{directory}/by-hash/SHA256/{}", entry.digest.hex());
            Some(IndexFile {
                by_hash_path: self
                    .acquire_by_hash
                    .then(|| by_hash().trim_start_matches('/').to_owned()),
                path,
                compression,
                entry,
                plain: self.files.get(plain_path).copied(),
            })
        })
    }
}

/// The part of a component's name that is below the directory of the `Release` file. Suites that
/// do not lie directly below `dists/`, or used to, announce the rest of their own path with it
/// (DebianRepository/Format, "Components").
fn below_release(component: String, files: &BTreeMap<String, FileEntry>) -> String {
    let listed = |name: &str| {
        let directory = format!("{name}/");
        files
            .range(directory.clone()..)
            .next()
            .is_some_and(|(path, _)| path.starts_with(&directory))
    };
    match component.rsplit_once('/') {
        Some((_, last)) if !listed(&component) && listed(last) => last.to_owned(),
        _ => component,
    }
}

/// The fields of the one paragraph of a control file, by lower-case name.
struct Fields<'a>(BTreeMap<String, Field<'a>>);

struct Field<'a> {
    /// What follows the colon.
    value: &'a str,
    /// The continuation lines with their numbers.
    lines: Vec<(usize, &'a str)>,
}

impl<'a> Fields<'a> {
    fn split(text: &'a str) -> Result<Self, ReleaseError> {
        let mut fields: BTreeMap<String, Field<'a>> = BTreeMap::new();
        let mut current: Option<String> = None;
        let body = text.trim_end_matches('\n');
        for (line, number) in body.split('\n').zip(1..) {
            let fail = |problem: &str| ReleaseError::Syntax {
                line: number,
                problem: problem.to_owned(),
            };
            if line.starts_with([' ', '\t']) {
                let field = current
                    .as_ref()
                    .and_then(|name| fields.get_mut(name))
                    .ok_or_else(|| fail("it continues no field"))?;
                field.lines.push((number, line.trim()));
                continue;
            }
            if line.is_empty() {
                return Err(fail("a second paragraph begins"));
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| fail("it is no field, colon missing"))?;
            // Field names do not depend on case (deb822(5)).
            let name = name.to_ascii_lowercase();
            if fields.contains_key(&name) {
                return Err(fail("its field was given before"));
            }
            fields.insert(
                name.clone(),
                Field {
                    value: value.trim(),
                    lines: Vec::new(),
                },
            );
            current = Some(name);
        }
        Ok(Self(fields))
    }

    fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.0.get(&name.to_ascii_lowercase())
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.field(name)
            .map(|field| field.value)
            .filter(|value| !value.is_empty())
    }

    fn words(&self, name: &str) -> Vec<String> {
        self.value(name)
            .unwrap_or_default()
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect()
    }

    fn lines(&self, name: &str) -> Option<&[(usize, &'a str)]> {
        self.field(name).map(|field| field.lines.as_slice())
    }
}

/// Reads the lines `DIGEST SIZE PATH` of the `SHA256` section.
fn files(lines: &[(usize, &str)]) -> Result<BTreeMap<String, FileEntry>, ReleaseError> {
    let mut files = BTreeMap::new();
    for (number, line) in lines {
        let fail = |problem: String| ReleaseError::Syntax {
            line: *number,
            problem,
        };
        let mut words = line.split_ascii_whitespace();
        let (Some(digest), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(fail("it is not `DIGEST SIZE PATH`".to_owned()));
        };
        let entry = FileEntry {
            digest: digest
                .parse()
                .map_err(|e: crate::digest::DigestParseError| fail(e.to_string()))?,
            size: size
                .parse()
                .map_err(|_| fail(format!("`{size}` is not a size in bytes")))?,
        };
        if !is_safe(path) {
            return Err(fail(format!("`{path}` is not a path below the suite")));
        }
        if files
            .insert(path.to_owned(), entry)
            .is_some_and(|previous| previous != entry)
        {
            return Err(fail(format!(
                "`{path}` was given before with another digest"
            )));
        }
        if files.len() > MAX_FILES {
            return Err(fail(format!("more than {MAX_FILES} files are listed")));
        }
    }
    Ok(files)
}

/// Whether a path stays below the directory it is relative to, on any mirror and in any cache.
fn is_safe(path: &str) -> bool {
    path.len() <= MAX_PATH
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
        && !path.contains(['\\', '?', '#', '%'])
        && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
