//! What a recipe takes from elsewhere, as the lock records it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::platform::Platform;
use crate::recipe::VariantName;

/// One downloaded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedDownload {
    /// Name of the `[[artifact]]`.
    pub name: String,
    /// Its version, where the recipe says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it was.
    pub url: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// Digest of the file.
    pub sha256: Digest,
    /// The platforms it is placed on, by variant.
    pub platforms: BTreeMap<VariantName, BTreeSet<Platform>>,
}

impl LockedDownload {
    /// Whether `variant` has it on `platform`.
    pub fn is_in(&self, variant: &VariantName, platform: Platform) -> bool {
        self.platforms
            .get(variant)
            .is_some_and(|platforms| platforms.contains(&platform))
    }
}
