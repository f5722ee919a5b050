//! What can be said of images that are published.

use std::path::PathBuf;

use clap::Args;

use crate::recipe::VariantName;
use crate::registry::{Reference, Repository};
use crate::release::Gate;

use super::{Batch, Make, RegistryAccess, RegistryFlags};

pub(super) const RELEASE_HELP: &str = "\
Every image of the recipes is built and sent by digest, with an SPDX and a CycloneDX bill of
materials for each platform and SLSA provenance, attached as OCI referrers. With --key each is a
signed attestation too, and the image is signed, as cosign verifies it: by tags (cosign 2) and by
referrers (cosign 3). When all of that is in the registry, the tags move. An interrupted release
is finished by running it again. Keys are ECDSA over P-256: `cosign generate-key-pair`, or
`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`. The password of an encrypted one
is in $COSIGN_PASSWORD.

Examples:
  dindimg release r.toml --repository registry.example.com/ci/docker --key cosign.key
      build, send, sign, and move the recipe's tags
  dindimg release r.toml --repository registry.example.com/staging --key cosign.key --no-tags
      the same without tags; prove it by the digest that is printed, then `promote` it
  dindimg release … --require smoke --trusted-key cosign.pub
      tags move only where `dindimg sign --statement` has said that the smoke checks passed";

pub(super) const VERIFY_HELP: &str = "\
Fails unless the image and each of its platforms is signed by the key, with signed bills of
materials for each platform and signed provenance. --rebuild RECIPE builds the image again from
its lock and compares.";

pub(super) const SIGN_HELP: &str = "\
The image, its index and each manifest, is signed as `release --key` signs: by tags (cosign 2) and
by referrers (cosign 3). Each --statement is attached, signed, to every digest of the image that
it names; a statement about something else, or test results that did not pass, are refused before
anything is sent. The same again sends nothing.

Example:
  dindimg smoke registry.example.com/staging@sha256:… --report smoke.intoto.json
  dindimg sign registry.example.com/staging@sha256:… --key KEY --statement smoke.intoto.json
      say, signed, that the smoke checks of the image passed; `promote --require smoke` asks for it";

pub(super) const PROMOTE_HELP: &str = "\
The image is copied by digest with all that is attached to it: bills of materials, provenance,
statements and signatures, which hold there as well. In one registry layers are mounted, between
two they are passed on without being kept. When all of it is there, the tags move: those of --tag,
or those of --recipe and its lock, immutable ones included, which never move. A failure leaves the
tags as they are, and the same again finishes it. Between two registries --registry-username is
for that of --to; credentials of the other come from files.

Examples:
  dindimg promote registry.example.com/staging@sha256:… --to registry.example.com/ci/docker \\
      --recipe r.toml --require smoke,audit --trusted-key cosign.pub
      give users what was proven, under the recipe's tags
  dindimg promote registry.example.com/ci/docker:29 --to mirror.example.com/ci --tag 29 --dry-run
      say where the tag leads and would lead, and how much would be sent";

/// What is published.
#[derive(Debug, Args)]
pub(in crate::cli) struct Release {
    #[command(flatten)]
    pub batch: Batch,
    /// Send by digest and move no tag
    #[arg(long, conflicts_with_all = ["tag", "channel", "move_immutable", "require"])]
    pub no_tags: bool,
    /// Move the tags of this channel of the recipe in place of its usual ones
    #[arg(long, value_name = "NAME", conflicts_with = "tag")]
    pub channel: Option<String>,
    /// Sign with this private key: a file, env://NAME, or exec:PROGRAM
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// The public key of exec:PROGRAM
    #[arg(long, value_name = "FILE", requires = "key")]
    pub public_key: Option<PathBuf>,
    /// Attach the test results of `dindimg smoke --report NAME.intoto.json`
    #[arg(long, value_name = "FILE")]
    pub test_results: Option<PathBuf>,
    /// Who builds, a URI for the provenance
    #[arg(long, value_name = "URI", env = "DINDIMG_BUILDER_ID")]
    pub builder_id: Option<String>,
    #[command(flatten)]
    pub gates: Gates,
    /// Move tags that are immutable
    #[arg(long)]
    pub move_immutable: bool,
    /// Build, and say what would be sent and which tags would move; gates are not asked
    #[arg(long)]
    pub dry_run: bool,
}

/// What has to be proven before tags move.
#[derive(Debug, Args)]
pub(in crate::cli) struct Gates {
    /// Move tags only where signed results of these say that they passed: smoke, audit
    #[arg(
        long,
        value_name = "GATE",
        value_delimiter = ',',
        requires = "trusted_key"
    )]
    pub require: Vec<Gate>,
    /// The public key (PEM) of one who may say so; several may be named
    #[arg(long, value_name = "FILE", requires = "require")]
    pub trusted_key: Vec<PathBuf>,
}

/// What is checked.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The image, by tag or digest
    #[arg(value_name = "IMAGE")]
    pub image: Reference,
    /// The public key that has to have signed
    #[arg(long, value_name = "FILE", required = true)]
    pub key: PathBuf,
    /// Build the image again from this recipe and its lock, and compare
    #[arg(long, value_name = "RECIPE")]
    pub rebuild: Option<PathBuf>,
    /// The image of the recipe to compare with
    #[arg(long, value_name = "VARIANT", requires = "rebuild")]
    pub variant: Option<VariantName>,
    #[command(flatten)]
    pub make: Make,
    #[command(flatten)]
    pub access: RegistryAccess,
}

/// What is signed.
#[derive(Debug, Args)]
pub(in crate::cli) struct Sign {
    /// The image, by tag or digest
    #[arg(value_name = "IMAGE")]
    pub image: Reference,
    /// The private key: a file, env://NAME, or exec:PROGRAM
    #[arg(long, value_name = "KEY")]
    pub key: String,
    /// The public key of exec:PROGRAM
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Attach this in-toto statement, signed, to what it names
    #[arg(long, value_name = "FILE")]
    pub statement: Vec<PathBuf>,
    #[command(flatten)]
    pub access: RegistryAccess,
}

/// What is copied, and which tags lead to it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Promote {
    /// The image, by digest or tag
    #[arg(value_name = "SOURCE")]
    pub source: Reference,
    /// The repository that it is brought to
    #[arg(long, value_name = "REPOSITORY")]
    pub to: Repository,
    /// Move the tags of this recipe and its lock, which is what the image was built from
    #[arg(long, value_name = "RECIPE", required_unless_present = "tag")]
    pub recipe: Option<PathBuf>,
    /// The image of the recipe; default is the recipe without a variant
    #[arg(long, value_name = "VARIANT", requires = "recipe")]
    pub variant: Option<VariantName>,
    /// The lock file in place of the one beside the recipe
    #[arg(long, value_name = "FILE", requires = "recipe")]
    pub lock_file: Option<PathBuf>,
    /// Tag in place of the recipe's, immutable ones included; with --recipe it can use the same templates
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Move the tags of this channel of the recipe in place of its usual ones
    #[arg(long, value_name = "NAME", requires = "recipe", conflicts_with = "tag")]
    pub channel: Option<String>,
    #[command(flatten)]
    pub gates: Gates,
    /// Move tags that are immutable
    #[arg(long)]
    pub move_immutable: bool,
    /// Judge the gates, and say what would be sent and which tags would move
    #[arg(long)]
    pub dry_run: bool,
    /// Write digest and tags to a JSON file
    #[arg(long, value_name = "FILE")]
    pub metadata_file: Option<PathBuf>,
    #[command(flatten)]
    pub registry: RegistryFlags,
}
