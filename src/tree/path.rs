//! Paths inside an image.

use std::fmt;

/// Longest path accepted, in bytes: Linux's `PATH_MAX`.
pub const PATH_LIMIT: usize = 4096;
/// Longest name accepted, in bytes: Linux's `NAME_MAX`.
pub const NAME_LIMIT: usize = 255;

/// A path inside the image, relative to its root: no leading slash, no `.` or `..`, no empty
/// component. The root itself is the empty path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreePath(String);

/// Why a text is not a [`TreePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A `..` component could leave the tree.
    #[error("path {0:?} has a `..` component")]
    Traversal(String),
    /// The name holds a NUL byte.
    #[error("path {0:?} holds a NUL byte")]
    Nul(String),
    /// Longer than Linux can open.
    #[error("path of {length} bytes starting {start:?} is longer than {limit}")]
    TooLong {
        /// The first characters of the path.
        start: String,
        /// Its length in bytes.
        length: usize,
        /// [`PATH_LIMIT`] or [`NAME_LIMIT`].
        limit: usize,
    },
}

impl TreePath {
    /// The root of the image.
    pub fn root() -> Self {
        Self::default()
    }

    /// Parses `usr/bin`, `/usr/bin`, `./usr/bin` and `usr/bin/` alike.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let too_long = |length, limit| PathError::TooLong {
            start: text.chars().take(40).collect(),
            length,
            limit,
        };
        if text.contains('\0') {
            return Err(PathError::Nul(text.to_owned()));
        }
        let mut path = String::with_capacity(text.len());
        for name in text.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if name == ".." {
                return Err(PathError::Traversal(text.to_owned()));
            }
            if name.len() > NAME_LIMIT {
                return Err(too_long(name.len(), NAME_LIMIT));
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(name);
        }
        if path.len() > PATH_LIMIT {
            return Err(too_long(path.len(), PATH_LIMIT));
        }
        Ok(Self(path))
    }

    /// The path without a leading slash; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root of the image.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory this path lies in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(
            self.0
                .rsplit_once('/')
                .map_or("", |(dir, _)| dir)
                .to_owned(),
        ))
    }

    /// The last component; `None` for the root.
    pub fn file_name(&self) -> Option<&str> {
        self.0.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// This path extended by `rest`, which is parsed like a whole path.
    pub fn join(&self, rest: &str) -> Result<Self, PathError> {
        Self::parse(&format!("{}/{rest}", self.0))
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Whether this path is `other` or lies below it.
    pub fn starts_with(&self, other: &Self) -> bool {
        other.is_root()
            || self
                .0
                .strip_prefix(&other.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for TreePath {
    /// Absolute, as users write it: `/usr/bin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_one_path() {
        for text in ["usr/bin", "/usr/bin", "./usr/bin", "usr//bin/", "usr/./bin"] {
            assert_eq!(TreePath::parse(text).expect(text).as_str(), "usr/bin");
        }
        for text in ["", "/", ".", "./"] {
            assert!(TreePath::parse(text).expect(text).is_root());
        }
    }

    #[test]
    fn paths_that_could_leave_the_tree_are_refused() {
        for text in ["..", "a/../b", "/../etc", "a\0b"] {
            assert!(TreePath::parse(text).is_err(), "{text:?}");
        }
        assert!(TreePath::parse(&"a".repeat(NAME_LIMIT + 1)).is_err());
        assert!(TreePath::parse(&"a/".repeat(PATH_LIMIT)).is_err());
    }

    #[test]
    fn parents_end_at_the_root() {
        let path = TreePath::parse("usr/bin").expect("valid");
        assert_eq!(path.file_name(), Some("bin"));
        let usr = path.parent().expect("has a parent");
        assert_eq!(usr.to_string(), "/usr");
        assert_eq!(usr.parent(), Some(TreePath::root()));
        assert_eq!(TreePath::root().parent(), None);
        assert!(path.starts_with(&usr) && !usr.starts_with(&path));
    }
}
