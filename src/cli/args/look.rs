//! What can be typed after the verbs that look at images.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::level::Level;
use crate::recipe::VariantName;

use super::{Make, RegistryAccess};

pub(in crate::cli) const AUDIT_HELP: &str = "\
The layers of the finished image are read and judged by the rules of `dindimg audit --rules`: privileges,
open doors, secrets, accounts, and the daemon's settings of the CIS Docker Benchmark. A finding is mended,
or waived in the recipe with a reason:

  [[audit.waive]]
  rules = [\"package-manager\"]
  reason = \"jobs install their own tools\"

An image of a registry has no recipe; --recipe names the one whose waivers and set-id programs hold for it.
Examples:
  dindimg audit recipes/bookworm.toml --report audit.sarif
  dindimg audit registry.example.com/ci/docker:trixie --recipe recipes/trixie.toml --report audit.intoto.json";

pub(in crate::cli) const INSPECT_HELP: &str = "\
Examples:
  dindimg inspect recipes/bookworm.toml
  dindimg inspect registry.example.com/ci/docker:trixie --platform linux/arm64 --packages";

pub(in crate::cli) const DIFF_HELP: &str = "\
Two images, by recipe, layout, archive or reference, or two lock files.
Examples:
  dindimg diff registry.example.com/ci/docker:bookworm recipes/bookworm.toml --markdown
  dindimg diff old.lock recipes/bookworm.lock";

pub(in crate::cli) const WHY_HELP: &str = "\
Examples:
  dindimg why recipes/bookworm.toml libnftables1
  dindimg why bookworm.oci /usr/sbin/iptables";

/// Where an image is, and how it is made or reached.
#[derive(Debug, Args)]
pub(in crate::cli) struct Source {
    /// The image of a recipe
    #[arg(long, value_name = "VARIANT")]
    pub variant: Vec<VariantName>,
    #[command(flatten)]
    pub make: Make,
    #[command(flatten)]
    pub access: RegistryAccess,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Audit {
    /// Recipes (FILE.toml), OCI layouts or archives (oci:DIR, oci-archive:FILE), or references
    #[arg(value_name = "RECIPE|IMAGE", required_unless_present = "rules")]
    pub subjects: Vec<String>,
    /// The recipe whose waivers and set-id programs hold for images without one
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<PathBuf>,
    /// Fail on open findings of this level and above
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = FailOn::Warning)]
    pub fail_on: FailOn,
    /// Write the report as SARIF (.sarif), JSON (.json), Markdown (.md) or an in-toto statement of
    /// one image (.intoto.json)
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,
    /// Show waived findings too, and waivers that accept nothing
    #[arg(long)]
    pub show_waived: bool,
    /// Print the rules and their reasons
    #[arg(long, conflicts_with_all = ["subjects", "report"])]
    pub rules: bool,
    #[command(flatten)]
    pub source: Source,
}

/// From which level on an audit fails.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum FailOn {
    /// Everything that is not waived.
    Note,
    /// What is to be mended.
    Warning,
    /// Open doors alone.
    Error,
}

impl From<FailOn> for Level {
    fn from(level: FailOn) -> Self {
        match level {
            FailOn::Note => Self::Note,
            FailOn::Warning => Self::Warning,
            FailOn::Error => Self::Error,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Inspect {
    /// A recipe (FILE.toml), an OCI layout or archive (oci:DIR, oci-archive:FILE), or a reference
    #[arg(value_name = "RECIPE|IMAGE")]
    pub subject: String,
    /// List the packages too
    #[arg(long)]
    pub packages: bool,
    #[command(flatten)]
    pub source: Source,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    /// What was: a recipe, a layout, an archive, a reference or a lock file
    #[arg(value_name = "OLD")]
    pub old: String,
    /// What is
    #[arg(value_name = "NEW")]
    pub new: String,
    /// Print Markdown, for a pull request
    #[arg(long)]
    pub markdown: bool,
    /// Most files listed
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub files: usize,
    /// Fail with code 6 if anything has changed
    #[arg(long)]
    pub exit_code: bool,
    #[command(flatten)]
    pub source: Source,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Why {
    /// A recipe (FILE.toml), an OCI layout or archive (oci:DIR, oci-archive:FILE), or a reference
    #[arg(value_name = "RECIPE|IMAGE")]
    pub subject: String,
    /// A package by its name, or an absolute path
    #[arg(value_name = "PACKAGE|PATH")]
    pub what: String,
    #[command(flatten)]
    pub source: Source,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Tree {
    /// A recipe (FILE.toml), an OCI layout or archive (oci:DIR, oci-archive:FILE), or a reference
    #[arg(value_name = "RECIPE|IMAGE")]
    pub subject: String,
    /// Start from this package
    #[arg(long, value_name = "NAME")]
    pub package: Option<String>,
    /// Show what needs the package instead of what it needs
    #[arg(long, requires = "package")]
    pub inverted: bool,
    /// Deepest level shown
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    #[command(flatten)]
    pub source: Source,
}
