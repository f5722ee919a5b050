//! What can be typed after `dindimg smoke`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand, ValueEnum};

use crate::recipe::VariantName;
use crate::smoke::matrix::{Axis, Cell, Choice, Form};
use crate::smoke::rules;

use super::{Make, RegistryAccess, engine_names};

pub(super) const HELP: &str = "\
A recipe is proven in a matrix of cells: engine, control group namespace, storage, iptables backend and
form of start. The first value of each axis is its default; the cell of defaults runs on each engine, and
on the first engine every other value runs once beside the defaults. [smoke] of the recipe, --engine and
--axis say which values there are; --cell runs single cells, of any values. An image without a recipe runs
in the cell of defaults.

The engine vm is a virtual machine with a Debian kernel, whose Docker is the image's own; it joins only where
it is named. Its axis host says which kernel and control groups: bookworm-v2 unless told otherwise. Where it
is the first engine, the data directory is also put on virtiofs, with extended attributes and, as Kata
Containers have it, without: over memory, in a loop file, and with nothing left, where the start has to be
refused. It wants QEMU and a Docker client, an archive or a recipe, and for virtiofs root; each host is booted
once for all of its cells, in a minute or two where KVM does not work.

A cell that cannot run here is unproven: never passed, and no failure unless --require-all.";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(in crate::cli) struct Smoke {
    #[command(subcommand)]
    pub verb: Option<SmokeVerb>,
    /// A recipe (FILE.toml), a docker-archive (FILE.tar), or an image reference
    #[arg(value_name = "RECIPE|IMAGE", required = true)]
    pub subject: Option<String>,
    /// The image of a recipe to run
    #[arg(long, value_name = "VARIANT", default_value = "default")]
    pub variant: VariantName,
    /// The engines to run it on, the first varying the other axes [default: the recipe's; for an
    /// image docker]
    #[arg(long, value_parser = engine_names())]
    pub engine: Vec<String>,
    /// The OCI runtime that containers run with, as the engine knows it (crun, runsc); of a cluster
    /// the RuntimeClass
    #[arg(long, value_name = "NAME", conflicts_with = "matrix")]
    pub runtime: Option<String>,
    /// The values of an axis: cgroup=private,host,mounted, storage=volume,tmpfs,loop,
    /// iptables=legacy,nft, mode=daemon,command, and of the engine vm
    /// host=bookworm-v2,trixie-v2,bookworm-v1,… and
    /// storage=virtiofs,virtiofs-memory,virtiofs-loop,virtiofs-refused
    #[arg(long, value_name = "KEY=V[,V]")]
    pub axis: Vec<AxisValues>,
    /// Run this cell, docker.private.volume.legacy.daemon, and no other
    #[arg(long, value_name = "NAME", conflicts_with_all = ["engine", "axis"])]
    pub cell: Vec<Cell>,
    /// Print the cells of a recipe, and which can run here or why not
    #[arg(long)]
    pub list: bool,
    /// Print the cells of a recipe for the fan-out of a CI system
    #[arg(long, value_name = "FORM", value_parser = forms(), conflicts_with = "list")]
    pub matrix: Option<Form>,
    /// Fail when a cell is unproven
    #[arg(long)]
    pub require_all: bool,
    /// Write the report as JSON (.json), JUnit (.xml), Markdown (.md), a page (.html) or an
    /// in-toto statement (.intoto.json)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "matrix"])]
    pub report: Vec<PathBuf>,
    /// Run this check, and what it builds on, instead of every check
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(rules().map(|rule| rule.id)))]
    pub check: Vec<String>,
    /// Prove as well that the data directory of this image, a docker-archive (FILE.tar) or a
    /// reference, is taken over
    #[arg(long, value_name = "IMAGE")]
    pub upgrade_from: Option<String>,
    /// Prove as well that an image of the profile `cli` works beside the daemon of this image, a
    /// docker-archive (FILE.tar) or a reference
    #[arg(long, value_name = "IMAGE")]
    pub daemon: Option<String>,
    /// Cells that run at once on one host [default: as many as its processors and memory carry]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
    /// Leave the containers of failed cells, or of every cell, for a look; `smoke clean` removes
    /// them. A machine's go with it
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "failed")]
    pub keep: Option<KeepWhen>,
    /// Where failed cells leave the container's log, its report and its configuration
    #[arg(long, value_name = "DIR", default_value = "smoke-failures")]
    pub artifacts: PathBuf,
    /// Seconds the daemon may take to become ready
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub ready_timeout: u64,
    #[command(flatten)]
    pub registry: RegistryAccess,
    #[command(flatten)]
    pub make: Make,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SmokeVerb {
    /// Join the JSON reports of several machines, of one image
    Merge(MergeReports),
    /// Remove what runs with --keep left on engines, and what an ended machine cut off; runs that
    /// go on lose their containers
    Clean(CleanEngines),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CleanEngines {
    /// The engines to clean [default: docker]
    #[arg(long, value_parser = engine_names(), default_value = "docker")]
    pub engine: Vec<String>,
}

/// Which containers are left.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum KeepWhen {
    /// Those of cells that failed.
    Failed,
    /// All.
    Always,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MergeReports {
    /// Reports as JSON
    #[arg(required = true, value_name = "REPORT")]
    pub reports: Vec<PathBuf>,
    /// Write the joined report as JSON (.json), JUnit (.xml), Markdown (.md), a page (.html) or
    /// an in-toto statement (.intoto.json)
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,
    /// Fail when a cell is unproven
    #[arg(long)]
    pub require_all: bool,
}

/// An axis with its values, of which the first is the default.
#[derive(Clone, Debug)]
pub(in crate::cli) struct AxisValues {
    axis: Axis,
    values: String,
}

impl AxisValues {
    /// Replaces the values of the axis in `choice`.
    pub fn put(&self, choice: &mut Choice) -> Result<(), String> {
        let values: Vec<&str> = self.values.split(',').collect();
        choice.set(self.axis, &values)
    }
}

impl FromStr for AxisValues {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (axis, values) = text
            .split_once('=')
            .ok_or("write it as KEY=VALUE[,VALUE], as in storage=volume,tmpfs")?;
        let parsed = Self {
            axis: axis.parse()?,
            values: values.to_owned(),
        };
        // Tried on a matrix that is thrown away, so that a wrong word is misuse of this argument.
        parsed.put(&mut Choice::of_image())?;
        Ok(parsed)
    }
}

fn forms() -> impl clap::builder::TypedValueParser<Value = Form> {
    let words = Form::WORDS.map(|(word, _)| word);
    PossibleValuesParser::new(words).try_map(|word| {
        let mut forms = Form::WORDS.into_iter();
        let form = forms.find(|(known, _)| *known == word);
        form.map(|(_, form)| form)
            .ok_or_else(|| format!("`{word}` is no form of a matrix"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_refused_with_the_nearest_word_where_it_is_typed() {
        for (text, part) in [
            ("storage", "KEY=VALUE"),
            ("sotrage=loop", "did you mean `storage`?"),
            ("storage=volume,lop", "did you mean `loop`?"),
            ("mode=", "`` is not a form of start"),
        ] {
            let error = text.parse::<AxisValues>().expect_err(text);
            assert!(error.contains(part), "{error}");
        }
        assert!("cgroup=host,private".parse::<AxisValues>().is_ok());
    }
}
