//! `[compose]`: services that are started when the daemon is ready.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::content::ImagePath;
use super::super::merge::{Merge, merge_fields};

/// Seconds the services may take to be started, pulls included.
const TIMEOUT: u32 = 300;

/// `[compose]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawCompose {
    /// A Compose file in the image, which `[[file]]` brings: its services are started at every start,
    /// before the container counts as ready. Their images are best brought by `[[preload]]`.
    /// Variable `DIND_COMPOSE` (`off` for none).
    #[schemars(extend("examples" = ["/opt/demo/compose.yaml"]))]
    pub file: Option<ImagePath>,
    /// Seconds in which they have to be started. Variable `DIND_COMPOSE_TIMEOUT`.
    #[schemars(extend("default" = 300, "examples" = [900]))]
    pub timeout: Option<NonZeroU32>,
}

merge_fields!(RawCompose { file, timeout });

/// Services that are started when the daemon is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Compose {
    /// The Compose file in the image.
    pub file: Option<ImagePath>,
    /// Seconds in which they have to be started.
    pub timeout: u32,
}

impl RawCompose {
    pub(in crate::recipe) fn finish(self) -> Compose {
        Compose {
            file: self.file,
            timeout: self.timeout.map_or(TIMEOUT, NonZeroU32::get),
        }
    }
}
