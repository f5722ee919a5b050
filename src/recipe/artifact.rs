//! `[[artifact]]`: files from elsewhere that no package of the distribution has, pinned by digest.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::platform::Platform;

use super::content::at::At;
use super::content::{FileMode, ImagePath, reserved};
use super::error::RecipeError;
use super::merge::Merge;
use super::raw::RawRecipe;
use super::source::Source;
use super::values::{MirrorUrl, VariantName, Word};

/// What ends a member of an archive that stands for everything below it.
const EVERYTHING: &str = "/*";
/// Mode of what is downloaded as it is: programs, nearly always.
const PROGRAM: FileMode = FileMode(0o755);

/// The `[[artifact]]` tables of a recipe.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct RawArtifacts(pub Vec<RawArtifact>);

/// `[[artifact]]`: a download, pinned by digest, of which one file or parts of an archive are placed.
/// Exactly one of `path` and `extract` says which.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawArtifact {
    /// Name in the lock, in messages and in the bill of materials.
    #[schemars(extend("examples" = ["docker-buildx"]))]
    pub name: At<VariantName>,
    /// Its version, for the lock and the bill of materials.
    #[serde(default)]
    #[schemars(extend("examples" = ["0.29.1"]))]
    pub version: Option<Word>,
    /// Address and SHA-256 of the file for each platform of the image.
    #[schemars(extend("examples" = [{
        "linux/amd64": {
            "url": "https://example.com/buildx-v0.29.1.linux-amd64",
            "sha256": "b9f1c1a1c0a1f3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"
        }
    }]))]
    pub files: BTreeMap<Platform, Download>,
    /// Where the downloaded file is placed.
    #[serde(default)]
    #[schemars(extend("examples" = ["/usr/local/libexec/docker/cli-plugins/docker-buildx"]))]
    pub path: Option<ImagePath>,
    /// Its permissions in octal.
    #[serde(default)]
    #[schemars(extend("default" = "0755"))]
    pub mode: Option<FileMode>,
    /// What is taken of an archive (tar, plain or compressed by gzip, xz or zstd) and where it is
    /// placed: a member by its name, or everything below a directory with `/*` at the end, whose
    /// place is a directory. Owners become root, modes 0755 or 0644.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "docker/*": "/usr/local/bin" }]))]
    pub extract: Option<BTreeMap<String, ImagePath>>,
}

/// One file of a download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Download {
    /// Address, `https://`, `http://` or `file://`.
    #[schemars(extend("examples" = ["https://example.com/buildx-v0.29.1.linux-amd64"]))]
    pub url: MirrorUrl,
    /// SHA-256 of the file, 64 hex digits.
    #[schemars(with = "String", extend("examples" = [
        "d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d"
    ]))]
    pub sha256: Digest,
}

impl Merge for RawArtifacts {
    /// Artifacts add up; one of the same name takes the earlier one's place.
    fn merge(mut self, over: Self) -> Self {
        let replaced =
            |one: &RawArtifact| over.0.iter().any(|new| new.name.value == one.name.value);
        self.0.retain(|one| !replaced(one));
        self.0.extend(over.0);
        self
    }
}

impl RawArtifacts {
    /// Notes the recipe that the tables stand in.
    pub fn locate(&mut self, recipe: &std::path::Path) {
        for artifact in &mut self.0 {
            artifact.name.locate(recipe);
        }
    }
}

impl RawRecipe {
    pub(super) fn locate_artifacts(&mut self, path: &std::path::Path) {
        self.artifact.locate(path);
        for variant in &mut self.variant.0 {
            variant.artifact.locate(path);
        }
    }
}

/// `[[artifact]]`, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// Name in the lock.
    pub name: String,
    /// Its version, where the recipe says one.
    pub version: Option<String>,
    /// The file for each platform.
    pub files: BTreeMap<Platform, Download>,
    /// What of it is placed.
    pub take: Take,
}

/// What of a download is placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Take {
    /// The file as it is.
    Whole {
        /// Where.
        path: ImagePath,
        /// Its permissions.
        mode: FileMode,
    },
    /// Members of an archive.
    Members(Vec<Member>),
}

/// A part of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its path in the archive, without a slash at either end.
    pub from: String,
    /// Whether everything below it is meant.
    pub below: bool,
    /// Where it is placed.
    pub to: ImagePath,
}

/// Checks the tables for an image of `platforms`.
pub(super) fn read(
    raw: RawArtifacts,
    platforms: &[Platform],
    source: &dyn Source,
) -> Result<Vec<Artifact>, RecipeError> {
    let mut names = BTreeSet::new();
    raw.0
        .into_iter()
        .map(|one| {
            let name = one.name.clone();
            let wrong = |message: String| name.error(source, &message);
            if !names.insert(name.value.clone()) {
                return Err(wrong(format!(
                    "artifact `{}` is there twice; give each its own name",
                    name.value
                )));
            }
            finish(one, platforms).map_err(wrong)
        })
        .collect()
}

fn finish(raw: RawArtifact, platforms: &[Platform]) -> Result<Artifact, String> {
    let name = raw.name.value;
    if let Some(missing) = platforms.iter().find(|one| !raw.files.contains_key(one)) {
        return Err(format!(
            "artifact `{name}` has no file for {missing}, a platform of the image; name it in `files`"
        ));
    }
    let free = |path: &ImagePath| match reserved(path.as_str()) {
        Some(reason) => Err(format!("artifact `{name}`: {reason}")),
        None => Ok(()),
    };
    let take = match (raw.path, raw.extract) {
        (Some(path), None) => {
            free(&path)?;
            Take::Whole {
                path,
                mode: raw.mode.unwrap_or(PROGRAM),
            }
        }
        (None, Some(members)) if !members.is_empty() => {
            if raw.mode.is_some() {
                return Err(format!(
                    "artifact `{name}`: `mode` is of a whole file; members of an archive keep whether they can be executed"
                ));
            }
            let members = members.into_iter().map(|(from, to)| {
                free(&to)?;
                member(&from, to).ok_or_else(|| {
                    format!("artifact `{name}`: `{from}` is no path in an archive: `docker/dockerd`, or `docker/*` for everything below")
                })
            });
            Take::Members(members.collect::<Result<_, String>>()?)
        }
        _ => {
            return Err(format!(
                "artifact `{name}` has either `path`, for a whole file, or `extract`, for parts of an archive"
            ));
        }
    };
    Ok(Artifact {
        version: raw.version.map(|version| version.to_string()),
        name: name.to_string(),
        files: raw.files,
        take,
    })
}

fn member(from: &str, to: ImagePath) -> Option<Member> {
    let (path, below) = match from.strip_suffix(EVERYTHING) {
        Some(path) => (path, true),
        None if from == "*" => ("", true),
        None => (from, false),
    };
    let path = path.trim_start_matches("./");
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('*');
    let fits = (below && path.is_empty()) || path.split('/').all(plain);
    fits.then(|| Member {
        from: path.to_owned(),
        below,
        to,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_files_or_everything_below_a_directory() {
        let to = || "/usr/local/bin".parse::<ImagePath>().expect("a path");
        for (from, expected) in [
            ("docker/dockerd", Some(("docker/dockerd", false))),
            ("./docker/*", Some(("docker", true))),
            ("*", Some(("", true))),
            ("a/../b", None),
            ("/a", None),
            ("a*", None),
            ("", None),
        ] {
            let found = member(from, to());
            let found = found.as_ref().map(|one| (one.from.as_str(), one.below));
            assert_eq!(found, expected, "{from}");
        }
    }
}
