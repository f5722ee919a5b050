//! What can be typed.

mod deploy;
mod look;
mod publishing;
mod smoke;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::layer::Compression;
use crate::oci::Target;
use crate::platform::Platform;
use crate::recipe::VariantName;
use crate::registry::Repository;

use super::exit;

pub(super) use deploy::Deploy;
pub(super) use look::{Audit, Diff, Inspect, Source, Tree, Why};
pub(super) use publishing::{Promote, Release, Sign, Verify};
pub(super) use smoke::{CleanEngines, KeepWhen, MergeReports, Smoke, SmokeVerb};

const EXAMPLES: &str = "\
Examples:
  dindimg build recipes/bookworm.toml
      build the OCI layouts bookworm.oci and bookworm-slim.oci for every platform of the recipe
  dindimg build recipes/trixie.toml --push --repository registry.example.com/ci/docker
      build, and push with the recipe's tags
  dindimg build recipes/bookworm.toml --variant slim --load docker --tag test && docker run --privileged …
  dindimg lock recipes/*.toml --update
      move every recipe to the newest packages, and say what has changed
  dindimg smoke recipes/bookworm.toml --engine podman
      prove the image on a real engine";

/// Docker-in-Docker images from signed packages: no daemon, no root, no maintainer scripts.
#[derive(Debug, Parser)]
#[command(name = "dindimg", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub(super) struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Say nothing but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print one JSON object on standard output when done
    #[arg(long, global = true)]
    pub json: bool,
    /// Directory of the cache [default: $XDG_CACHE_HOME/dindimg]
    #[arg(long, global = true, value_name = "DIR", env = "DINDIMG_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Configuration file [default: $XDG_CONFIG_HOME/dindimg/config.toml]
    #[arg(long, global = true, value_name = "FILE", env = "DINDIMG_CONFIG")]
    pub config: Option<PathBuf>,
    /// Use only what is in the cache
    #[arg(long, global = true)]
    pub offline: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Build images from recipes
    #[command(after_help = "\
Every image of the recipe is built: the recipe itself and each [[variant]].
Without --output, --load or --push each is written to oci:NAME.oci in the current directory,
NAME-VARIANT.oci for a variant.
A recipe without a lock file gets one; a changed recipe is resolved again, keeping locked versions.")]
    Build(Build),
    /// Resolve recipes into lock files
    Lock(Lock),
    /// Run an image on real engines and check that it keeps its promises
    #[command(after_help = smoke::HELP)]
    Smoke(Smoke),
    /// Publish images with bills of materials, provenance and signatures, tags last
    #[command(after_help = publishing::RELEASE_HELP)]
    Release(Release),
    /// Check what is said of a published image, and who says it
    #[command(after_help = publishing::VERIFY_HELP)]
    Verify(Verify),
    /// Sign an image in a registry, and what is said of it
    #[command(after_help = publishing::SIGN_HELP)]
    Sign(Sign),
    /// Copy a published image with all that is attached to it, tags last
    #[command(after_help = publishing::PROMOTE_HELP)]
    Promote(Promote),
    /// Judge what is in an image by rules: privileges, open doors, secrets, the daemon's settings
    #[command(after_help = look::AUDIT_HELP)]
    Audit(Audit),
    /// Show what is in an image: configuration, layers, packages, sizes
    #[command(after_help = look::INSPECT_HELP)]
    Inspect(Inspect),
    /// Show what has changed between two images, recipes or locks
    #[command(after_help = look::DIFF_HELP)]
    Diff(Diff),
    /// Show which request brought a package or a file into an image
    #[command(after_help = look::WHY_HELP)]
    Why(Why),
    /// Show the packages of an image as a tree of what needs what
    Tree(Tree),
    /// Print the manifest that starts an image where it runs, or say what is wrong with one
    #[command(after_help = deploy::HELP)]
    Deploy(Deploy),
    /// Move locks to the newest packages, and say what has changed
    Update(Update),
    /// Print the JSON Schema of recipes
    Schema {
        /// Print the reference page made from it
        #[arg(long)]
        markdown: bool,
        /// Print the schema of smoke reports instead
        #[arg(long, conflicts_with = "markdown")]
        report: bool,
    },
    /// Show or clean the cache
    Cache(Cache),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct Build {
    #[command(flatten)]
    pub batch: Batch,
    /// Write the image: oci:DIR, oci-archive:FILE or docker-archive:FILE
    #[arg(long, short, value_name = "KIND:PATH")]
    pub output: Vec<Target>,
    /// Load the image into a local engine
    #[arg(long, value_name = "ENGINE", value_parser = engine_stores())]
    pub load: Vec<String>,
    /// Push to the repository, tags last
    #[arg(long)]
    pub push: bool,
}

/// The images of a run, how they are made and where they go, for `build` and `release`.
#[derive(Debug, Args)]
pub(super) struct Batch {
    /// Recipe files
    #[arg(required = true, value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    /// Make only these images of the recipes; default is the recipe itself and each variant
    #[arg(long, value_name = "VARIANT")]
    pub variant: Vec<VariantName>,
    #[command(flatten)]
    pub make: Make,
    /// Registry and repository, registry.example.com/ci/dind [env: DINDIMG_REPOSITORY]
    #[arg(long, value_name = "REPOSITORY")]
    pub repository: Option<Repository>,
    /// Tag in place of the recipe's, immutable ones included; can use the same templates
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Write digests, tags and platforms to a JSON file
    #[arg(long, value_name = "FILE")]
    pub metadata_file: Option<PathBuf>,
    #[command(flatten)]
    pub registry: RegistryFlags,
}

/// How an image is made, for `build` and `smoke`.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Make {
    /// Build only these platforms of the recipe
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Vec<Platform>,
    #[command(flatten)]
    pub locking: Locking,
    /// Fail if the lock file is missing or stale
    #[arg(long, conflicts_with = "update")]
    pub locked: bool,
    /// Resolve to the newest packages first
    #[arg(long)]
    pub update: bool,
    /// Codec and level of the layers, gzip[:N] or zstd[:N] [default: the recipe's, gzip:5]
    #[arg(long, value_name = "CODEC")]
    pub compression: Option<Compression>,
    /// Threads for decoding and compressing [default: one for each processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<usize>,
    /// Derive everything anew from the package files
    #[arg(long)]
    pub no_layer_cache: bool,
    /// Take the guest runtime from a directory laid out like images/
    #[arg(long, value_name = "DIR")]
    pub guest_dir: Option<PathBuf>,
}

/// Where locks are and how old their sources may be.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Locking {
    /// Lock file to read and write in place of the one beside the recipe
    #[arg(long, value_name = "FILE")]
    pub lock_file: Option<PathBuf>,
    /// Accept expired repositories with a warning, which the lock records
    #[arg(long)]
    pub allow_expired: bool,
}

#[derive(Debug, Args)]
pub(super) struct Lock {
    /// Recipe files
    #[arg(required = true, value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    #[command(flatten)]
    pub locking: Locking,
    /// Move every package to its newest version
    #[arg(long)]
    pub update: bool,
    /// Move only this package
    #[arg(long, value_name = "NAME", conflicts_with = "update")]
    pub update_package: Vec<String>,
    /// Change nothing; fail if the recipe or the archive has moved on
    #[arg(long, conflicts_with_all = ["update", "update_package"])]
    pub check: bool,
}

#[derive(Debug, Args)]
pub(super) struct Update {
    /// Recipe files
    #[arg(required = true, value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    #[command(flatten)]
    pub locking: Locking,
    /// Change nothing; fail with code 6 if a lock would move
    #[arg(long)]
    pub check: bool,
    /// Write what has changed as Markdown, for a pull request
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// How to reach the registry.
#[derive(Debug, Args)]
pub(super) struct RegistryFlags {
    #[command(flatten)]
    pub access: RegistryAccess,
    /// Mount layers from these repositories of the same registry
    #[arg(long, value_name = "REPOSITORY")]
    pub mount_from: Vec<Repository>,
}

/// How registries are reached.
#[derive(Clone, Debug, Args)]
pub(super) struct RegistryAccess {
    /// Speak plain HTTP to this registry (host:port)
    #[arg(long, value_name = "HOST")]
    pub plain_http: Vec<String>,
    /// Trust this certificate authority (PEM) for registries
    #[arg(long, value_name = "FILE")]
    pub registry_ca: Vec<PathBuf>,
    /// User name, with the password in $DINDIMG_REGISTRY_PASSWORD
    #[arg(long, value_name = "NAME", env = "DINDIMG_REGISTRY_USERNAME")]
    pub registry_username: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Cache {
    #[command(subcommand)]
    pub verb: CacheVerb,
}

#[derive(Debug, Subcommand)]
pub(super) enum CacheVerb {
    /// Show what is stored
    Info,
    /// Remove entries
    Prune {
        /// Keep what was used within this many days
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        older_than: u32,
        /// Remove everything
        #[arg(long, conflicts_with = "older_than")]
        all: bool,
    },
}

fn engine_stores() -> clap::builder::PossibleValuesParser {
    crate::smoke::engine::stores().into()
}

fn engine_names() -> clap::builder::PossibleValuesParser {
    crate::smoke::engine::names().into()
}
