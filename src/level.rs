//! How much a finding matters: of an image's audit, and of a manifest's check.

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// To be known.
    Note,
    /// To be mended, or waived with a reason: it works for a while, or for some.
    Warning,
    /// A door that is open, or what fails.
    Error,
}

impl Level {
    /// The word of it, which is SARIF's too.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
