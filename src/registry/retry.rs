//! Trying again: which failures pass, how long to wait, and when to give up.
//!
//! `oci-client` tries nothing twice, and the client inside it cannot be given a middleware that
//! would, so whole operations are repeated here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use super::challenge::Challenge;
use super::error::RegistryError;
use crate::progress::{Reporter, Stage};

/// Longest pause between two attempts.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// Longest `Retry-After` that is waited for. Registries that limit rates ask for seconds; one that
/// asks for more has a quota that ends hours later, which the user should hear of at once.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Why one attempt at an operation failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The registry wants to know who we are (401), and how it wants to be told.
    Unauthorized {
        /// The ways it offers; empty if it offers none.
        challenges: Vec<Challenge>,
        /// What it said.
        reason: String,
    },
    /// The registry wants to be left alone for a while (429, or 503 with `Retry-After`).
    Busy {
        /// For how long, if it said so.
        wait: Option<Duration>,
        /// What it said.
        reason: String,
    },
    /// It may go better next time: 5xx, a closed connection, a stalled transfer.
    Passing(String),
    /// Trying again will not help.
    Fatal(RegistryError),
}

impl From<RegistryError> for Trouble {
    fn from(error: RegistryError) -> Self {
        Self::Fatal(error)
    }
}

/// How often and how patiently operations are repeated. Shared by all operations on one registry:
/// when it asks one of them to wait, all wait.
pub(super) struct Retry {
    attempts: u32,
    base: Duration,
    reporter: Arc<dyn Reporter>,
    closed_until: Mutex<Option<Instant>>,
}

impl Retry {
    pub(super) fn new(attempts: u32, base: Duration, reporter: Arc<dyn Reporter>) -> Self {
        Self {
            attempts: attempts.max(1),
            base,
            reporter,
            closed_until: Mutex::new(None),
        }
    }

    /// Repeats `attempt` until it succeeds, fails for good, or was tried often enough. `task` names
    /// the operation in messages: `uploading sha256:… to registry.example.com/ci/dind`.
    pub(super) async fn run<T>(
        &self,
        task: &str,
        attempt: impl AsyncFn() -> Result<T, Trouble>,
    ) -> Result<T, RegistryError> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(self.base)
            .with_max_delay(LONGEST_BACK_OFF)
            .with_max_times(self.attempts as usize - 1)
            .build();
        let mut tried = 0;
        loop {
            tried += 1;
            self.wait_until_open().await;
            let (reason, wait) = match attempt().await {
                Ok(value) => return Ok(value),
                Err(Trouble::Fatal(error)) => return Err(error),
                // Met by whoever knows credentials; without them it is an answer like any other.
                Err(Trouble::Unauthorized { reason, .. } | Trouble::Passing(reason)) => {
                    (reason, None)
                }
                Err(Trouble::Busy { wait, reason }) => (reason, wait),
            };
            let give_up = |reason| RegistryError::Unavailable {
                task: task.to_owned(),
                attempts: tried,
                reason,
            };
            let Some(pause) = pauses.next() else {
                return Err(give_up(reason));
            };
            let pause = wait.map_or(pause, |asked| asked.max(pause));
            if pause > LONGEST_WAIT {
                return Err(give_up(format!(
                    "{reason}; it asks to wait for {} seconds",
                    pause.as_secs()
                )));
            }
            if wait.is_some() {
                self.close_for(pause);
            }
            self.reporter.note(
                Stage::Push,
                &format!(
                    "{task}: {reason}; trying again in {:.1} s (attempt {} of {})",
                    pause.as_secs_f64(),
                    tried + 1,
                    self.attempts
                ),
            );
            tokio::time::sleep(pause).await;
        }
    }

    fn close_for(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut closed = self.lock();
        *closed = Some(closed.map_or(until, |earlier| earlier.max(until)));
    }

    async fn wait_until_open(&self) {
        loop {
            let until = *self.lock();
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.closed_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long `Retry-After` asks to wait (RFC 9110, section 10.2.3). A date is compared with the
/// answer's own `Date`, so that the clocks of the two machines do not matter.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let value = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let seconds = |text: &str| {
        rfc2822::DateTimeParser::new()
            .parse_zoned(text)
            .ok()
            .map(|time| time.timestamp().as_second())
    };
    let wait = seconds(value)? - seconds(text(DATE)?)?;
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::progress::Silent;

    fn retry(attempts: u32) -> Retry {
        Retry::new(attempts, Duration::from_millis(1), Arc::new(Silent))
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("runtime")
            .block_on(future)
    }

    #[test]
    fn passing_trouble_is_tried_again_and_fatal_trouble_is_not() {
        let tried = Cell::new(0);
        let value = block_on(retry(3).run("x", async || {
            tried.set(tried.get() + 1);
            match tried.get() {
                3 => Ok(7),
                _ => Err(Trouble::Passing("closed".to_owned())),
            }
        }));
        assert_eq!((value.expect("third attempt"), tried.get()), (7, 3));

        tried.set(0);
        let error = block_on(retry(3).run("x", async || {
            tried.set(tried.get() + 1);
            Err::<(), _>(Trouble::Fatal(RegistryError::Setup("broken".to_owned())))
        }));
        assert!(matches!(error, Err(RegistryError::Setup(_))));
        assert_eq!(tried.get(), 1);
    }

    #[test]
    fn attempts_end() {
        let error = block_on(retry(2).run("uploading x", async || {
            Err::<(), _>(Trouble::Passing("closed".to_owned()))
        }))
        .expect_err("never succeeds");
        assert_eq!(
            error.to_string(),
            "uploading x failed after 2 attempts: closed; run the command again to continue where it stopped"
        );
    }

    #[test]
    fn a_quota_of_hours_is_not_waited_for() {
        let error = block_on(retry(5).run("x", async || {
            Err::<(), _>(Trouble::Busy {
                wait: Some(Duration::from_secs(7200)),
                reason: "429".to_owned(),
            })
        }))
        .expect_err("gives up");
        assert!(error.to_string().contains("7200 seconds"), "{error}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let headers = |retry: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry.parse().expect("header"));
            if let Some(date) = date {
                headers.insert(DATE, date.parse().expect("header"));
            }
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(headers("7", None), Some(7));
        assert_eq!(
            headers("Wed, 21 Oct 2015 07:28:30 GMT", Some(date)),
            Some(30)
        );
        assert_eq!(
            headers("Wed, 21 Oct 2015 07:27:30 GMT", Some(date)),
            Some(0)
        );
        assert_eq!(headers(date, None), None);
        assert_eq!(headers("soon", Some(date)), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
