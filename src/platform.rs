//! Target platforms, in OCI's words, and the names distributions give their architectures.

use std::fmt;
use std::str::FromStr;

/// A processor architecture that images can be built for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Architecture {
    /// x86-64, `amd64` in OCI and Debian, `x86_64` in Alpine.
    Amd64,
    /// 64-bit ARM, `arm64` in OCI and Debian, `aarch64` in Alpine.
    Arm64,
}

impl Architecture {
    /// Every architecture that can be named in a recipe.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// The `GOARCH` name the OCI image specification uses.
    pub fn oci(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name dpkg uses (`dpkg-architecture -qDEB_HOST_ARCH`).
    pub fn debian(self) -> &'static str {
        self.oci()
    }

    /// The name the kernel and Alpine use (`uname -m`).
    pub fn alpine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// The multi-arch triplet Debian puts libraries under (`DEB_HOST_MULTIARCH`).
    pub fn triplet(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }
}

/// An operating system and architecture, `linux/amd64`. Only Linux exists here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Platform {
    /// The processor architecture.
    pub architecture: Architecture,
}

/// Why a text is not a supported [`Platform`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a supported platform; supported are linux/amd64 and linux/arm64")]
pub struct PlatformParseError(String);

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture.oci())
    }
}

impl FromStr for Platform {
    type Err = PlatformParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Architecture::ALL
            .into_iter()
            .map(|architecture| Self { architecture })
            .find(|platform| platform.to_string() == text)
            .ok_or_else(|| PlatformParseError(text.to_owned()))
    }
}

crate::text::serde_as_text!(Platform);
