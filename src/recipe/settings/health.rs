//! `[health]`: how an engine knows that the daemon can be used.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::merge::{Merge, merge_fields};

/// Seconds between two checks.
const INTERVAL: u32 = 30;
/// Seconds one check may take.
const TIMEOUT: u32 = 10;
/// Seconds a daemon may take to start: certificates, a loop file and a slow disk included.
const START_PERIOD: u32 = 60;
/// Failures in a row that make a container unhealthy.
const RETRIES: u32 = 3;

/// `[health]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawHealth {
    /// Whether the image has a health check, which asks `dindctl health`. The OCI image
    /// specification has no field for it: Docker keeps the one of its own format that is written
    /// beside OCI's, Podman drops it (`podman run --health-cmd 'dindctl health'`), and Kubernetes
    /// wants a probe of the pod's own, `exec` of the same command.
    #[schemars(extend("default" = true))]
    pub check: Option<bool>,
    /// Seconds between two checks.
    #[schemars(extend("default" = 30, "examples" = [10]))]
    pub interval: Option<NonZeroU32>,
    /// Seconds after which a check has failed.
    #[schemars(extend("default" = 10, "examples" = [5]))]
    pub timeout: Option<NonZeroU32>,
    /// Seconds after the start in which failures do not count.
    #[schemars(extend("default" = 60, "examples" = [120]))]
    pub start_period: Option<u32>,
    /// Failures in a row that make the container unhealthy.
    #[schemars(extend("default" = 3, "examples" = [5]))]
    pub retries: Option<NonZeroU32>,
}

merge_fields!(RawHealth {
    check,
    interval,
    timeout,
    start_period,
    retries
});

/// How often an engine asks whether the daemon can be used; times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Between two checks.
    pub interval: u32,
    /// For one check.
    pub timeout: u32,
    /// In which failures do not count.
    pub start_period: u32,
    /// Failures in a row that make a container unhealthy.
    pub retries: u32,
}

impl RawHealth {
    /// The check; `None` where the recipe wants none.
    pub(in crate::recipe) fn finish(self) -> Option<Health> {
        let or = |given: Option<NonZeroU32>, default| given.map_or(default, NonZeroU32::get);
        self.check.unwrap_or(true).then(|| Health {
            interval: or(self.interval, INTERVAL),
            timeout: or(self.timeout, TIMEOUT),
            start_period: self.start_period.unwrap_or(START_PERIOD),
            retries: or(self.retries, RETRIES),
        })
    }
}
