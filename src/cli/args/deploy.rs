//! What can be typed after `deploy`.

use std::path::PathBuf;

use clap::Args;

use super::Source;
use super::look::FailOn;

pub(super) const HELP: &str = "\
The manifest is rendered from what the image says of itself, and pinned by its digest where it is in a
registry. The same image and the same words give the same bytes.
Examples:
  dindimg deploy --list
      the targets; with --target what can be said about one
  dindimg deploy recipes/trixie.toml --target compose | docker compose -f - up
  dindimg deploy registry.example.com/ci/docker:trixie --target kubernetes-sidecar \\
      --set memory.limit=8Gi --set client.command='make test' --storage memory --output deploy/
  dindimg deploy recipes/trixie.toml --target kubernetes-pod --explain
      with a comment for each field that is not what everybody knows
  dindimg deploy --check deploy/*.yaml .gitlab-ci.yml
      what goes wrong in manifests of your own, whatever image they run";

#[derive(Debug, Args)]
pub(in crate::cli) struct Deploy {
    /// A recipe (FILE.toml), an OCI layout or archive (oci:DIR, oci-archive:FILE), or a reference
    #[arg(value_name = "RECIPE|IMAGE", required_unless_present_any = ["list", "check"])]
    pub subject: Option<String>,
    /// What to deploy to: a name of --list
    #[arg(long, short, value_name = "TARGET", required_unless_present_any = ["list", "check"])]
    pub target: Option<String>,
    /// Say something about the manifest; `--list --target T` has the keys
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// A TOML file of such keys; --set wins over it
    #[arg(long, value_name = "FILE")]
    pub values: Option<PathBuf>,
    /// What the daemon's data is kept on: disk, memory, loop, block, persistent
    #[arg(long, value_name = "KIND")]
    pub storage: Option<String>,
    /// RuntimeClass of the pod or runtime of the engine: kata, sysbox-runc, gvisor or another
    #[arg(long, value_name = "CLASS")]
    pub runtime_class: Option<String>,
    /// The image of the work container: a recipe or a reference
    #[arg(long, value_name = "RECIPE|IMAGE")]
    pub client: Option<String>,
    /// Write the files into a directory in place of printing them
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Replace files in that directory that have another content
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Say why each field is there, in comments
    #[arg(long)]
    pub explain: bool,
    /// A directory of templates that replace those of the same name in images/deploy
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
    /// Say what goes wrong in manifests that are there: of Kubernetes, Compose, GitLab CI, GitHub
    /// Actions; `-` is standard input
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["subject", "target", "list", "set", "values", "storage", "runtime_class", "client", "output", "explain", "templates"])]
    pub check: Vec<PathBuf>,
    /// With --check fail on findings of this level and above
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = FailOn::Warning)]
    pub fail_on: FailOn,
    /// List the targets, or what can be said about --target
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub source: Source,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("it is KEY=VALUE; an empty value is written KEY=")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}
