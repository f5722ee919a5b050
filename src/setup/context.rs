//! What a rule sees and may do.

use std::collections::BTreeMap;
use std::io;

use super::conventions::Conventions;
use crate::deb::archive::Control;
use crate::epoch::Epoch;
use crate::family::PackageSource;
use crate::platform::Architecture;
use crate::recipe::{IptablesBackend, PathFilters};
use crate::tree::{Content, Kind, Meta, Node, PathError, Tree, TreeError, TreePath};

/// Most bytes of a file that a rule reads whole. What rules read has a few kilobytes; Debian's
/// largest conffile has less than 2 MiB.
const READ_LIMIT: u64 = 64 << 20;

/// Why a rule cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// An entry cannot be placed.
    #[error("rule `{rule}`: {source}")]
    Tree {
        /// The rule.
        rule: &'static str,
        /// Why.
        source: TreeError,
    },
    /// A file the rule builds on cannot be read.
    #[error("rule `{rule}`: {path} cannot be read: {source}")]
    Read {
        /// The rule.
        rule: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file the rule builds on is not what it expects.
    #[error("rule `{rule}`: {subject}: {message}")]
    Input {
        /// The rule.
        rule: &'static str,
        /// The file or package.
        subject: String,
        /// What is wrong with it.
        message: String,
    },
}

/// An installed package, as rules see it.
#[derive(Clone, Debug)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version in the distribution's notation.
    pub version: String,
    /// Architecture of the package: the target's, or `all`.
    pub architecture: String,
    /// Bytes of its file.
    pub size: u64,
    /// Its control files.
    pub control: Control,
    /// The paths it ships, as it names them and in its order (for dpkg's file lists).
    pub paths: Vec<String>,
    /// What it ships, as it ships it (for apk's database).
    pub entries: Vec<(TreePath, Node)>,
    /// Whether it is the distribution's own, which everybody can download.
    pub published: bool,
}

impl Package {
    /// Name and version, for messages.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// The base name of its info files: qualified with the architecture where several may be
    /// installed at once.
    pub fn info_name(&self) -> String {
        let same = self
            .control
            .text("control")
            .is_some_and(|control| control.lines().any(|line| line == "Multi-Arch: same"));
        if same {
            format!("{}:{}", self.name, self.architecture)
        } else {
            self.name.clone()
        }
    }
}

/// The tree under construction and what the rules need to know.
pub struct Setup<'a> {
    /// The tree, with every package placed.
    pub tree: &'a mut Tree,
    /// The ways of its distribution.
    pub conventions: &'static Conventions,
    /// The installed packages, by name.
    pub packages: &'a [Package],
    /// The target architecture.
    pub architecture: Architecture,
    /// Date of everything generated.
    pub epoch: Epoch,
    /// The repositories the package manager inside the image is to use.
    pub sources: &'a [PackageSource],
    /// What the recipe asks for, as the package manager notes it (apk-world(5)).
    pub world: &'a [String],
    /// The tags of the repositories that packages come from, by package.
    pub tags: BTreeMap<String, String>,
    /// Which iptables the alternatives select.
    pub iptables: IptablesBackend,
    /// The paths left out of every package.
    pub filters: &'a PathFilters,
    /// The rule at work, for errors.
    pub rule: &'static str,
}

impl Setup<'_> {
    /// Whether the package is installed.
    pub fn has(&self, name: &str) -> bool {
        self.package(name).is_some()
    }

    /// An installed package.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Whether anything stands at `path`; the last link is not followed.
    pub fn exists(&self, path: &str) -> bool {
        TreePath::parse(path).is_ok_and(|path| self.tree.contains(&path))
    }

    /// The content of the file `path` leads to.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SetupError> {
        let parsed = self.path(path)?;
        let Some(content) = self.tree.file(&parsed) else {
            return Ok(None);
        };
        if content.len() > READ_LIMIT {
            let problem = format!(
                "it has {} bytes, more than the {READ_LIMIT} allowed",
                content.len()
            );
            return Err(self.input(path, problem));
        }
        let bytes = content.read().map_err(|error| self.unread(path, error))?;
        Ok(Some(bytes))
    }

    /// The content of a text file; one that is not UTF-8 is an error.
    pub fn text(&self, path: &str) -> Result<Option<String>, SetupError> {
        self.read(path)?
            .map(|bytes| {
                String::from_utf8(bytes).map_err(|_| self.input(path, "it is not UTF-8 text"))
            })
            .transpose()
    }

    /// Writes a file owned by root.
    pub fn write(
        &mut self,
        path: &str,
        mode: u32,
        content: impl Into<Content>,
    ) -> Result<(), SetupError> {
        self.write_as(path, mode, 0, content)
    }

    /// Writes a file owned by root and the group `gid`.
    pub fn write_as(
        &mut self,
        path: &str,
        mode: u32,
        gid: u32,
        content: impl Into<Content>,
    ) -> Result<(), SetupError> {
        self.set(path, Kind::File(content.into()), mode, gid)
    }

    /// Writes a file owned by root unless something is there.
    pub fn write_new(
        &mut self,
        path: &str,
        mode: u32,
        content: impl Into<Content>,
    ) -> Result<(), SetupError> {
        if self.exists(path) {
            return Ok(());
        }
        self.write(path, mode, content)
    }

    /// Makes a directory unless something is there.
    pub fn directory(&mut self, path: &str, mode: u32, gid: u32) -> Result<(), SetupError> {
        if self.exists(path) {
            return Ok(());
        }
        self.set(path, Kind::Directory, mode, gid)
    }

    /// Makes a symbolic link, over whatever is there.
    pub fn link(&mut self, path: &str, target: &str) -> Result<(), SetupError> {
        self.set(path, Kind::Symlink(target.to_owned()), 0o777, 0)
    }

    /// An error about `subject` in the rule at work.
    pub fn input(&self, subject: &str, message: impl Into<String>) -> SetupError {
        SetupError::Input {
            rule: self.rule,
            subject: subject.to_owned(),
            message: message.into(),
        }
    }

    /// Checks a path of a rule.
    pub fn path(&self, path: &str) -> Result<TreePath, SetupError> {
        TreePath::parse(path).map_err(|error: PathError| self.input(path, error.to_string()))
    }

    /// An error of reading a file in the rule at work.
    pub fn unread(&self, path: &str, source: io::Error) -> SetupError {
        SetupError::Read {
            rule: self.rule,
            path: path.to_owned(),
            source,
        }
    }

    fn set(&mut self, path: &str, kind: Kind, mode: u32, gid: u32) -> Result<(), SetupError> {
        let path = self.path(path)?;
        let mut meta = Meta::root(mode, self.epoch.seconds());
        meta.gid = gid;
        self.tree
            .set(&path, Node { kind, meta })
            .map(|_| ())
            .map_err(|source| SetupError::Tree {
                rule: self.rule,
                source,
            })
    }
}
