//! Dependencies: `name`, `name>=1.2`, `!name`, `name~1.2`, `name@tag`, one after the other with
//! blanks between them (apk-world(5), apk-package(5)).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::version::{Version, VersionError};

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Whether it must not be there.
    pub conflict: bool,
    /// A package, or what packages provide: `so:libc.musl-x86_64.so.1`, `cmd:sh`, `/bin/sh`.
    pub name: String,
    /// The tagged repository that it may come from.
    pub tag: Option<String>,
    /// Which versions will do.
    pub constraint: Option<Constraint>,
}

/// Which versions will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// Those in this relation to a version.
    Version {
        /// Whether lesser, equal and greater ones will do.
        less: bool,
        /// See `less`.
        equal: bool,
        /// See `less`.
        greater: bool,
        /// Whether one that goes on where the version ends counts as equal.
        fuzzy: bool,
        /// The version.
        version: Version,
    },
    /// The one package of this identity (`><`).
    Checksum(String),
}

/// Why a text is not a [`Dependency`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// There is no name, or one with characters that names do not have.
    #[error("`{0}` names no package")]
    Name(String),
    /// The signs between name and version are none that apk knows.
    #[error("`{0}`: between name and version stands one of = < > <= >= ~ <~ >~ ><")]
    Operator(String),
    /// What follows them is no version.
    #[error("`{text}`: {source}")]
    Version {
        /// The dependency.
        text: String,
        /// What is wrong with its version.
        source: VersionError,
    },
}

impl Constraint {
    /// Whether a version will do.
    pub fn accepts(&self, found: &Version) -> bool {
        match self {
            Self::Version {
                less,
                equal,
                greater,
                fuzzy,
                version,
            } => match found.cmp(version) {
                _ if *fuzzy && found.begins_with(version) => *equal,
                Ordering::Less => *less,
                Ordering::Equal => *equal,
                Ordering::Greater => *greater,
            },
            Self::Checksum(_) => false,
        }
    }
}

impl FromStr for Dependency {
    type Err = RelationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text, str::parse)
    }
}

impl Dependency {
    fn read(
        text: &str,
        version: impl Fn(&str) -> Result<Version, VersionError>,
    ) -> Result<Self, RelationError> {
        let (conflict, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let end = rest.find(['=', '<', '>', '~']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let (name, tag) = match name.split_once('@') {
            Some((name, tag)) => (name, Some(tag)),
            None => (name, None),
        };
        let odd = |part: &str| part.is_empty() || part.contains(|c: char| c.is_whitespace());
        if odd(name) || tag.is_some_and(odd) {
            return Err(RelationError::Name(text.to_owned()));
        }
        let end = rest.find(|c| !matches!(c, '=' | '<' | '>' | '~'));
        let (operator, rest) = rest.split_at(end.unwrap_or(rest.len()));
        Ok(Self {
            conflict,
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            constraint: constraint(text, operator, rest, version)?,
        })
    }
}

fn constraint(
    text: &str,
    operator: &str,
    rest: &str,
    version: impl Fn(&str) -> Result<Version, VersionError>,
) -> Result<Option<Constraint>, RelationError> {
    if operator.is_empty() && rest.is_empty() {
        return Ok(None);
    }
    if operator == "><" {
        return Ok(Some(Constraint::Checksum(rest.to_owned())));
    }
    let has = |sign: char| operator.contains(sign);
    let known = [
        "=", "<", ">", "<=", ">=", "~", "~=", "=~", "<~", ">~", "<=~", ">=~",
    ];
    if !known.contains(&operator) {
        return Err(RelationError::Operator(text.to_owned()));
    }
    let version = version(rest).map_err(|source| RelationError::Version {
        text: text.to_owned(),
        source,
    })?;
    Ok(Some(Constraint::Version {
        less: has('<'),
        equal: has('=') || has('~'),
        greater: has('>'),
        fuzzy: has('~'),
        version,
    }))
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conflict {
            f.write_str("!")?;
        }
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, "@{tag}")?;
        }
        match &self.constraint {
            None => Ok(()),
            Some(Constraint::Checksum(sum)) => write!(f, "><{sum}"),
            Some(Constraint::Version {
                less,
                equal,
                greater,
                fuzzy,
                version,
            }) => {
                let signs = [
                    (*less, "<"),
                    (*greater, ">"),
                    (*equal && !fuzzy, "="),
                    (*fuzzy, "~"),
                ];
                for (_, sign) in signs.into_iter().filter(|(is, _)| *is) {
                    f.write_str(sign)?;
                }
                write!(f, "{version}")
            }
        }
    }
}

/// A list of dependencies of an archive's own, whose versions are taken as they are written.
///
/// # Errors
/// The first that is none.
pub fn parse(field: &str) -> Result<Vec<Dependency>, RelationError> {
    let words = field.split_whitespace();
    words
        .map(|word| Dependency::read(word, |text| Ok(Version::as_written(text))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(dependency: &str, version: &str) -> bool {
        let dependency: Dependency = dependency.parse().expect("a dependency");
        let constraint = dependency.constraint.expect("a constraint");
        constraint.accepts(&version.parse().expect("a version"))
    }

    #[test]
    fn every_form_is_read_and_written() {
        let forms = "!a a=1 a<1 a>1 a<=1 a>=1 a~1 a<~1 a>~1 so:libc.musl-aarch64.so.1=1 cmd:sh=1.35.0-r29 \
                     /bin/sh pc:x>=1.2 a@edge a@edge=1 a><Q1LLq2qDNrS/qRnhxQ3hsY/sHbQnc=";
        for form in forms.split_whitespace() {
            let dependency: Dependency = form.parse().expect(form);
            assert_eq!(dependency.to_string(), form);
        }
    }

    #[test]
    fn a_version_is_accepted_by_its_order_and_by_its_beginning() {
        assert!(accepts("a>=1.2", "1.2") && !accepts("a>1.2", "1.2"));
        assert!(accepts("a<1.2", "1.2_rc1"));
        assert!(accepts("a~1.2", "1.2.9-r3") && !accepts("a~1.2", "1.3"));
        assert!(accepts("a>~1.2", "1.3") && accepts("a>~1.2", "1.2.1"));
        assert!(!accepts("a><Q1x", "1"));
    }

    #[test]
    fn what_is_no_dependency_is_refused() {
        for text in ["", "!", "=1", "a=", "a==1", "a<>1", "a=x", "a@"] {
            assert!(text.parse::<Dependency>().is_err(), "{text}");
        }
        assert!(parse("a b=1  c").is_ok_and(|list| list.len() == 3));
        // As an archive has it.
        assert!(parse("pc:librtmp=v2.4").is_ok() && parse("a=").is_ok());
    }
}
