//! The outputs a user can ask for: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::progress::Reporter;

use super::archive::write_archive;
use super::blobs::BlobSource;
use super::docker_archive::write_docker_archive;
use super::error::OciError;
use super::image::ImageSet;
use super::layout::write_layout;

/// Where an image set goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An OCI image layout (image-spec, image-layout.md) in a directory.
    Layout(PathBuf),
    /// An OCI image layout in a tar archive.
    Archive(PathBuf),
    /// What `docker load` and `podman load` read.
    DockerArchive(PathBuf),
}

/// Why a text is not a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an output; use oci:DIRECTORY, oci-archive:FILE or docker-archive:FILE")]
pub struct TargetParseError(String);

/// What an image set is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The repository, `registry.example.com/ci/dind`.
    pub repository: Option<String>,
    /// Tags in it.
    pub tags: Vec<String>,
}

impl Names {
    /// The tags with the repository, as `docker load` applies them; none without a repository.
    pub fn references(&self) -> Vec<String> {
        let Some(repository) = &self.repository else {
            return Vec::new();
        };
        let tags = self.tags.iter();
        tags.map(|tag| format!("{repository}:{tag}")).collect()
    }

    /// Checks that the tags can be reference names (image-spec, annotations.md), which lets
    /// through every tag of the distribution specification.
    pub(super) fn check(&self) -> Result<(), OciError> {
        for name in &self.tags {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:@+/".contains(&byte);
            let start = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if !name.bytes().next().is_some_and(start) || !name.bytes().all(allowed) {
                return Err(OciError::Name(name.clone()));
            }
        }
        Ok(())
    }
}

impl Target {
    /// Writes `set` under `names`, with its layers from `blobs`. After a failure
    /// readers find what stood there before.
    pub fn write(
        &self,
        set: &ImageSet,
        names: &Names,
        blobs: &dyn BlobSource,
        reporter: &dyn Reporter,
    ) -> Result<(), OciError> {
        match self {
            Self::Layout(path) => write_layout(path, set, names, blobs, reporter),
            Self::Archive(path) => write_archive(path, set, names, blobs, reporter),
            Self::DockerArchive(path) => write_docker_archive(path, set, names, blobs, reporter),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, path) = match self {
            Self::Layout(path) => ("oci", path),
            Self::Archive(path) => ("oci-archive", path),
            Self::DockerArchive(path) => ("docker-archive", path),
        };
        write!(f, "{kind}:{}", path.display())
    }
}

impl FromStr for Target {
    type Err = TargetParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let make = match text.split_once(':') {
            Some(("oci", path)) if !path.is_empty() => Self::Layout(path.into()),
            Some(("oci-archive", path)) if !path.is_empty() => Self::Archive(path.into()),
            Some(("docker-archive", path)) if !path.is_empty() => Self::DockerArchive(path.into()),
            _ => return Err(TargetParseError(text.to_owned())),
        };
        Ok(make)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_print_as_they_parse() {
        for text in [
            "oci:./x.oci",
            "oci-archive:/a:b.tar",
            "docker-archive:d.tar",
        ] {
            assert_eq!(text.parse::<Target>().expect(text).to_string(), text);
        }
        for text in ["", "oci", "oci:", "docker:x", "./x.oci"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_no_reader_takes_are_refused() {
        let names = |tag: &str| Names {
            repository: None,
            tags: vec![tag.to_owned()],
        };
        for tag in ["bookworm", "20.10.24-bookworm", "_x", "a/b:c"] {
            assert!(names(tag).check().is_ok(), "{tag}");
        }
        for tag in ["", "-x", ".x", "a b", "é", "a\n"] {
            assert!(names(tag).check().is_err(), "{tag}");
        }
    }
}
