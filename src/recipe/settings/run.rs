//! `[run]`: how the daemon and commands start and stop.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::merge::{Merge, merge_fields};
use super::super::words::RunWait;

/// `docker stop` kills after ten seconds unless told otherwise.
const STOP_TIMEOUT: u32 = 10;
/// Seconds nested containers have to end by themselves.
const STOP_GRACE: u32 = 2;
/// Seconds a daemon may take to answer: a slow disk included, an endless wait not.
const START_TIMEOUT: u32 = 60;
/// Starts of a daemon that fails for a reason that may pass.
const START_ATTEMPTS: u32 = 3;
/// Seconds a job waits for its predecessor on one volume to end.
const LOCK_WAIT: u32 = 10;

/// `[run]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawRun {
    /// Which commands wait for the daemon. Variable `DIND_WAIT` (1 for every command).
    #[schemars(extend("default" = "command"))]
    pub wait: Option<RunWait>,
    /// Seconds between the stop signal and killing, not more than the outer engine's. Variable
    /// `DIND_STOP_TIMEOUT`.
    #[schemars(extend("default" = 10, "examples" = [30]))]
    pub stop_timeout: Option<u32>,
    /// Seconds nested containers have to end by themselves after the daemon was told to stop.
    /// Fewer than `stop-timeout`. Variable `DIND_STOP_GRACE`.
    #[schemars(extend("default" = 2, "examples" = [10]))]
    pub stop_grace: Option<u32>,
    /// Seconds the daemon has to answer for the first time. Variable `DIND_START_TIMEOUT`.
    #[schemars(extend("default" = 60, "examples" = [120]))]
    pub start_timeout: Option<NonZeroU32>,
    /// Starts of a daemon that ended for a reason that may pass. Variable `DIND_START_ATTEMPTS`.
    #[schemars(extend("default" = 3, "examples" = [1]))]
    pub start_attempts: Option<NonZeroU32>,
    /// Seconds to wait for a data directory that another daemon still holds. Variable
    /// `DIND_LOCK_WAIT`.
    #[schemars(extend("default" = 10, "examples" = [60]))]
    pub lock_wait: Option<u32>,
}

merge_fields!(RawRun {
    wait,
    stop_timeout,
    stop_grace,
    start_timeout,
    start_attempts,
    lock_wait
});

/// How the daemon and commands start and stop; times in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// Which commands wait for the daemon.
    pub wait: RunWait,
    /// Between the stop signal and killing.
    pub stop_timeout: u32,
    /// For nested containers to end by themselves.
    pub stop_grace: u32,
    /// For the daemon to answer.
    pub start_timeout: u32,
    /// How often a start that failed is tried in all.
    pub start_attempts: u32,
    /// For another daemon to leave the data directory.
    pub lock_wait: u32,
}

impl RawRun {
    pub(in crate::recipe) fn finish(self) -> Result<Run, String> {
        let (stop_timeout, stop_grace) = (
            self.stop_timeout.unwrap_or(STOP_TIMEOUT),
            self.stop_grace.unwrap_or(STOP_GRACE),
        );
        if stop_grace >= stop_timeout {
            return Err(format!(
                "[run] `stop-grace` is {stop_grace} and `stop-timeout` {stop_timeout}: nested containers would be killed with the daemon; make `stop-grace` less than `stop-timeout`"
            ));
        }
        let or = |given: Option<NonZeroU32>, default| given.map_or(default, NonZeroU32::get);
        Ok(Run {
            wait: self.wait.unwrap_or(RunWait::Command),
            stop_timeout,
            stop_grace,
            start_timeout: or(self.start_timeout, START_TIMEOUT),
            start_attempts: or(self.start_attempts, START_ATTEMPTS),
            lock_wait: self.lock_wait.unwrap_or(LOCK_WAIT),
        })
    }
}
