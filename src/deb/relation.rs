//! Relationship fields of packages: `Depends`, `Conflicts`, `Provides` and their kin
//! (Debian Policy 7.1, deb-control(5)).
//!
//! A field is a list of clauses that must all hold; a clause is a list of alternatives, the
//! preferred one first. Values borrow from the field's text, since an index holds far more
//! fields than a resolution reads.

#[cfg(test)]
mod tests;

use std::fmt;

use super::version::{Version, VersionError};

/// A parsed field: clauses joined by `,`.
pub type Relations<'a> = Vec<Clause<'a>>;

/// Alternatives joined by `|`, in the order of preference. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause<'a> {
    /// The alternatives as parsed.
    pub alternatives: Vec<Relation<'a>>,
    /// The clause as it was written.
    pub text: &'a str,
}

/// One alternative: `name[:qualifier] [(op version)] [[architectures]] [<profiles>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The package name, real or virtual.
    pub name: &'a str,
    /// What follows the name after a colon.
    pub qualifier: Option<Qualifier<'a>>,
    /// The version restriction.
    pub constraint: Option<Constraint>,
    /// `[amd64 !arm64]`; in binary packages dpkg-gencontrol has already removed it.
    pub architectures: Vec<Restriction<'a>>,
    /// `<!nocheck> <cross>`, each list a conjunction; also for sources only.
    pub profiles: Vec<Vec<Restriction<'a>>>,
}

/// An architecture qualifier of a package name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier<'a> {
    /// `:any`: any architecture of a package marked `Multi-Arch: allowed`.
    Any,
    /// `:native`, meant for build dependencies: the host's own architecture.
    Native,
    /// `:arm64`: exactly that architecture.
    Architecture(&'a str),
}

/// A version restriction, `(>= 2.0)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// How the available version relates to [`Constraint::version`].
    pub operator: Operator,
    /// The version on the right-hand side.
    pub version: Version,
}

/// The relations of Policy 7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`, and the obsolete `<`, which dpkg has always read as this.
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`, and the obsolete `>`.
    LaterOrEqual,
    /// `>>`
    Later,
}

/// An architecture or profile name, possibly negated with `!`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restriction<'a> {
    /// Whether `!` stands before the name.
    pub negated: bool,
    /// An architecture, an architecture wildcard or a build profile.
    pub name: &'a str,
}

/// Why a relationship field cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{relation}`: {problem}")]
pub struct RelationError {
    /// The alternative that is wrong.
    pub relation: String,
    /// What is wrong with it.
    pub problem: RelationProblem,
}

/// What is wrong with a relation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelationProblem {
    /// Nothing stands between two separators.
    #[error("an alternative is empty")]
    Empty,
    /// Policy 5.6.1: lower-case letters, digits and `+-.`.
    #[error("`{0}` is not a package name")]
    Name(String),
    /// The text after `:` is not an architecture.
    #[error("`{0}` is not an architecture")]
    Qualifier(String),
    /// An opening bracket without its closing one.
    #[error("`{0}` is not closed")]
    Unclosed(char),
    /// A version restriction without a known operator.
    #[error("`({0})` does not begin with one of << <= = >= >>")]
    Operator(String),
    /// The version of a restriction.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A bracket that is empty, or repeated where one is allowed.
    #[error("`{0}` is empty or given twice")]
    Restriction(char),
    /// Text after the parts a relation has.
    #[error("`{0}` is not expected here")]
    Trailing(String),
}

impl Operator {
    /// Whether `available` stands in this relation to `wanted`.
    pub fn holds(self, available: &Version, wanted: &Version) -> bool {
        let order = available.cmp(wanted);
        match self {
            Self::Earlier => order.is_lt(),
            Self::EarlierOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::LaterOrEqual => order.is_ge(),
            Self::Later => order.is_gt(),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

impl Constraint {
    /// Whether `available` satisfies the restriction.
    pub fn accepts(&self, available: &Version) -> bool {
        self.operator.holds(available, &self.version)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} {})", self.operator, self.version)
    }
}

impl Relation<'_> {
    /// Whether the restriction list `[…]` lets this relation apply on `architecture`.
    ///
    /// Wildcards: `any`, `linux-any` and `any-CPU` match (Policy 11.1); other systems than
    /// Linux are never built for here.
    pub fn applies_to(&self, architecture: &str) -> bool {
        let matches = |name: &str| {
            name == architecture
                || matches!(name, "any" | "linux-any" | "any-any")
                || name.strip_prefix("any-") == Some(architecture)
                || name.strip_prefix("linux-") == Some(architecture)
        };
        match self.architectures.first() {
            None => true,
            Some(first) if first.negated => !self.architectures.iter().any(|r| matches(r.name)),
            Some(_) => self.architectures.iter().any(|r| matches(r.name)),
        }
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.qualifier {
            None => {}
            Some(Qualifier::Any) => f.write_str(":any")?,
            Some(Qualifier::Native) => f.write_str(":native")?,
            Some(Qualifier::Architecture(name)) => write!(f, ":{name}")?,
        }
        match &self.constraint {
            None => Ok(()),
            Some(constraint) => write!(f, " {constraint}"),
        }
    }
}

/// Parses a whole field. An empty field has no clauses, and an empty clause is skipped:
/// substitution at build time leaves trailing and doubled commas behind.
///
/// # Errors
/// The first relation that does not follow the syntax.
pub fn parse(field: &str) -> Result<Relations<'_>, RelationError> {
    field
        .split(',')
        .map(str::trim)
        .filter(|clause| !clause.is_empty())
        .map(|text| {
            let alternatives = text
                .split('|')
                .map(parse_relation)
                .collect::<Result<_, _>>()?;
            Ok(Clause { alternatives, text })
        })
        .collect()
}

/// Every name a field mentions, in order, with the qualifier after its colon if it has one: what
/// an index of names needs, at a fraction of the cost of [`parse`]. What is not a name where one
/// should stand is left to [`parse`] to refuse.
pub fn mentions(field: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    field.split([',', '|']).filter_map(|entry| {
        let entry = entry.trim_start();
        let end = entry
            .find(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '<'))
            .unwrap_or(entry.len());
        let head = &entry[..end];
        let (name, qualifier) = match head.split_once(':') {
            None => (head, None),
            Some((name, qualifier)) => (name, Some(qualifier)),
        };
        (!name.is_empty()).then_some((name, qualifier))
    })
}

fn parse_relation(text: &str) -> Result<Relation<'_>, RelationError> {
    let text = text.trim();
    relation(text).map_err(|problem| RelationError {
        relation: text.to_owned(),
        problem,
    })
}

fn relation(text: &str) -> Result<Relation<'_>, RelationProblem> {
    if text.is_empty() {
        return Err(RelationProblem::Empty);
    }
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '<'))
        .unwrap_or(text.len());
    let (head, mut rest) = text.split_at(end);
    let (name, qualifier) = match head.split_once(':') {
        None => (head, None),
        Some((name, qualifier)) => (name, Some(parse_qualifier(qualifier)?)),
    };
    if !is_package_name(name) {
        return Err(RelationProblem::Name(name.to_owned()));
    }
    let mut relation = Relation {
        name,
        qualifier,
        constraint: None,
        architectures: Vec::new(),
        profiles: Vec::new(),
    };
    loop {
        rest = rest.trim_start();
        if let Some(inner) = bracketed(&mut rest, '(', ')')? {
            if relation.constraint.is_some() {
                return Err(RelationProblem::Restriction('('));
            }
            relation.constraint = Some(parse_constraint(inner)?);
        } else if let Some(inner) = bracketed(&mut rest, '[', ']')? {
            if !relation.architectures.is_empty() {
                return Err(RelationProblem::Restriction('['));
            }
            relation.architectures = parse_restrictions(inner, '[')?;
        } else if let Some(inner) = bracketed(&mut rest, '<', '>')? {
            relation.profiles.push(parse_restrictions(inner, '<')?);
        } else if rest.is_empty() {
            return Ok(relation);
        } else {
            return Err(RelationProblem::Trailing(rest.to_owned()));
        }
    }
}

/// Takes `open…close` off the front of `rest` and returns what stands between them.
fn bracketed<'a>(
    rest: &mut &'a str,
    open: char,
    close: char,
) -> Result<Option<&'a str>, RelationProblem> {
    let Some(inner) = rest.strip_prefix(open) else {
        return Ok(None);
    };
    let (inner, after) = inner
        .split_once(close)
        .ok_or(RelationProblem::Unclosed(open))?;
    *rest = after;
    Ok(Some(inner.trim()))
}

fn parse_constraint(inner: &str) -> Result<Constraint, RelationProblem> {
    let end = inner
        .find(|c| !matches!(c, '<' | '=' | '>'))
        .unwrap_or(inner.len());
    let (operator, version) = inner.split_at(end);
    let operator = match operator {
        "<<" => Operator::Earlier,
        "<=" | "<" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        _ => return Err(RelationProblem::Operator(inner.to_owned())),
    };
    let version = version.trim_start().parse()?;
    Ok(Constraint { operator, version })
}

fn parse_restrictions(inner: &str, open: char) -> Result<Vec<Restriction<'_>>, RelationProblem> {
    let list: Vec<_> = inner
        .split_whitespace()
        .map(|word| match word.strip_prefix('!') {
            Some(name) => Restriction {
                negated: true,
                name,
            },
            None => Restriction {
                negated: false,
                name: word,
            },
        })
        .collect();
    if list.is_empty() {
        return Err(RelationProblem::Restriction(open));
    }
    Ok(list)
}

fn parse_qualifier(text: &str) -> Result<Qualifier<'_>, RelationProblem> {
    match text {
        "any" => Ok(Qualifier::Any),
        "native" => Ok(Qualifier::Native),
        _ if is_architecture_name(text) => Ok(Qualifier::Architecture(text)),
        _ => Err(RelationProblem::Qualifier(text.to_owned())),
    }
}

fn is_architecture_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether `text` can name a package: letters, digits, `+`, `-`, `.`, beginning with a letter or
/// digit (Policy 5.6.1). dpkg also accepts capitals and `_`, which some third-party archives
/// use, and one-character names; so does this.
pub fn is_package_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_'))
}
