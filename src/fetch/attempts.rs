//! When to ask again: exponential delays, what servers ask for, and which servers have shown
//! that asking again is of no use.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;
use url::Url;

use super::error::Reason;
use super::options::{BACKOFF_CAP, FetchOptions, RETRY_AFTER_CAP};
use crate::epoch::Epoch;

/// A failed attempt: why, and whether another may go better.
#[derive(Debug)]
pub(super) struct Trouble {
    pub reason: Reason,
    pub remedy: Remedy,
}

/// What may help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Remedy {
    /// Asking again after the usual delay.
    Later,
    /// Asking again after the delay that the server asked for.
    After(Duration),
    /// Asking again at once: the fault was on this side.
    Now,
    /// Asking elsewhere.
    Elsewhere,
}

impl Reason {
    pub(super) fn but(self, remedy: Remedy) -> Trouble {
        Trouble {
            reason: self,
            remedy,
        }
    }
}

/// What is known of each server, shared by all downloads: one that has used up its attempts for
/// one file is asked only once for each of the others, until it answers again. A dead mirror
/// then costs its delays once, not once for each package.
#[derive(Debug, Default)]
pub(super) struct Servers(Mutex<BTreeMap<String, Server>>);

#[derive(Debug, Default, Clone, Copy)]
struct Server {
    exhausted: bool,
    not_before: Option<Instant>,
    /// The highest attempt the user was told of: many files wait for one server.
    told: u32,
}

impl Servers {
    /// Waits until the server may be asked.
    pub async fn admit(&self, url: &Url) {
        let not_before = self.lock().get(&origin(url)).and_then(|s| s.not_before);
        if let Some(instant) = not_before {
            tokio::time::sleep_until(instant).await;
        }
    }

    /// Notes that the server serves.
    pub fn answered(&self, url: &Url) {
        if let Some(server) = self.lock().get_mut(&origin(url)) {
            server.exhausted = false;
            server.told = 0;
        }
    }

    fn exhausted(&self, url: &Url) -> bool {
        self.lock().get(&origin(url)).is_some_and(|s| s.exhausted)
    }

    /// Whether nobody has told of this attempt at the server yet.
    fn first_to_tell(&self, url: &Url, attempt: u32) -> bool {
        let mut servers = self.lock();
        let server = servers.entry(origin(url)).or_default();
        let first = attempt > server.told;
        server.told = server.told.max(attempt);
        first
    }

    fn note(&self, url: &Url, change: impl FnOnce(&mut Server)) {
        change(self.lock().entry(origin(url)).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Server>> {
        // The map is whole between any two statements, so a panic elsewhere does not matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The attempts at one address.
pub(super) struct Attempts<'a> {
    servers: &'a Servers,
    url: &'a Url,
    delays: ExponentialBackoff,
    limit: u32,
    made: u32,
    corrected: bool,
}

impl<'a> Attempts<'a> {
    /// Starts counting for `url`.
    pub fn new(options: &FetchOptions, servers: &'a Servers, url: &'a Url) -> Self {
        let limit = if servers.exhausted(url) {
            1
        } else {
            options.attempts.max(1)
        };
        Self {
            servers,
            url,
            delays: delays(options.backoff, limit),
            limit,
            made: 0,
            corrected: false,
        }
    }

    /// Attempts that have failed.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Judges a failed attempt: sleeps and returns when another is worth it, else gives the
    /// reason back. `tell` hears of each delay.
    pub async fn after(&mut self, trouble: Trouble, tell: impl Fn(String)) -> Result<(), Reason> {
        self.made += 1;
        let Trouble { reason, remedy } = trouble;
        let delay = match remedy {
            Remedy::Elsewhere => return Err(reason),
            Remedy::Now if self.corrected => return Err(reason),
            Remedy::Now => {
                self.corrected = true;
                return Ok(());
            }
            Remedy::Later => self.delays.next(),
            Remedy::After(asked) => self.delays.next().map(|_| asked.min(RETRY_AFTER_CAP)),
        };
        let Some(delay) = delay else {
            self.servers
                .note(self.url, |server| server.exhausted = true);
            return Err(reason);
        };
        if matches!(remedy, Remedy::After(_)) {
            let until = Instant::now() + delay;
            self.servers
                .note(self.url, |server| server.not_before = Some(until));
        }
        if self.servers.first_to_tell(self.url, self.made + 1) {
            tell(format!(
                "{}: {reason}; asking again in {} s (attempt {} of {})",
                self.url.host_str().unwrap_or("localhost"),
                delay.as_secs_f32(),
                self.made + 1,
                self.limit,
            ));
        }
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

/// The delays between `attempts` attempts. Without jitter: the servers asked are public mirrors
/// with many independent clients, and runs should be alike.
fn delays(first: Duration, attempts: u32) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_factor(2.0)
        .with_max_delay(BACKOFF_CAP)
        .with_max_times(attempts.saturating_sub(1) as usize)
        .build()
}

/// The delay that a `Retry-After` header asks for: seconds, or a date (RFC 9110, section
/// 10.2.3). A date is compared with the answer's own `Date`, so that only one clock counts.
pub(super) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = Epoch::parse_release_date(value).ok()?;
    let now = Epoch::parse_release_date(date?).ok()?;
    let seconds = until.seconds().saturating_sub(now.seconds());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_end() {
        let seconds: Vec<u64> = delays(Duration::from_secs(4), 6)
            .map(|d| d.as_secs())
            .collect();
        assert_eq!(seconds, [4, 8, 16, 30, 30]);
        assert_eq!(delays(Duration::from_secs(4), 1).count(), 0);
    }

    #[test]
    fn retry_after_reads_seconds_and_dates() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let cases = [
            ("120", None, Some(120)),
            (" 0 ", None, Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", date, Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", date, Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", None, None),
            ("soon", date, None),
            ("-1", date, None),
        ];
        for (value, date, expected) in cases {
            assert_eq!(
                retry_after(value, date),
                expected.map(Duration::from_secs),
                "{value}"
            );
        }
    }
}
