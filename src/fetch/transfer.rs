//! One file: from the addresses in turn, continuing what is there, until its digest is right.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
};
use reqwest::{Response, StatusCode, Version};
use tokio::task::block_in_place;
use url::Url;

use super::attempts::{Attempts, Remedy, Trouble};
use super::cache::{Cache, CacheError, DownloadLock, Pending};
use super::error::{Failure, Reason, Try};
use super::http::{Http, header, parse, shown};
use super::options::FILE_LIMIT;
use super::seek::{Found, Goal, Proof};
use crate::progress::{Reporter, Stage, TaskId};

/// Longest sleep between two looks at whether another process has finished a download.
const LOCK_POLL_CAP: Duration = Duration::from_millis(500);

/// Bytes copied at once from a local mirror.
const COPY_SIZE: usize = 256 * 1024;

/// What every download works with.
pub(super) struct Context {
    pub cache: Arc<Cache>,
    pub http: Http,
    pub reporter: Arc<dyn Reporter>,
}

impl Context {
    pub fn note(&self, message: &str) {
        self.reporter.note(Stage::Fetch, message);
    }
}

/// How a download ended: the outer error is the cache's, which ends everything; the inner one
/// says why no address gave the file.
pub(super) type Outcome = Result<Result<Found, Failure>, CacheError>;

/// Brings the file of `goal` into the cache.
pub(super) async fn transfer(context: &Context, goal: &Goal, task: TaskId) -> Outcome {
    let mut meter = Meter {
        reporter: &*context.reporter,
        task,
        told: 0,
    };
    if goal.size.is_some_and(|size| size > FILE_LIMIT) {
        let refused = |url: &String| Try {
            url: shown(url),
            reason: Reason::TooLarge(FILE_LIMIT),
            attempts: 0,
        };
        return Ok(Err(Failure {
            subject: goal.subject.clone(),
            tries: goal.addresses().map(refused).collect(),
            gone: false,
        }));
    }
    let lock = match lock(context, goal).await? {
        Right::There(found) => {
            meter.reach(found.size);
            return Ok(Ok(found));
        }
        Right::Download(lock) => lock,
    };
    let pending = block_in_place(|| context.cache.resume(&goal.key, &lock))?;
    let mut transfer = Transfer {
        context,
        goal,
        pending,
        meter,
    };
    let mut tries = Vec::new();
    for address in goal.addresses() {
        if let Some(last) = tries.last() {
            let next = shown(address);
            context.note(&format!("{}: {last}; trying {next}", goal.subject));
        }
        match transfer.from(address).await? {
            Ok(()) => {
                let pending = transfer.pending;
                let found = Found {
                    digest: pending.digest(),
                    size: pending.written(),
                };
                block_in_place(|| {
                    context
                        .cache
                        .put_blob(pending, &found.digest, found.size)
                        .and_then(|_| goal.remember(&context.cache, found))
                })?;
                return Ok(Ok(found));
            }
            Err(failed) => tries.push(failed),
        }
    }
    transfer.pending.leave();
    let mirrors = &tries[..goal.mirrors.len()];
    Ok(Err(Failure {
        subject: goal.subject.clone(),
        gone: !mirrors.is_empty() && mirrors.iter().all(|mirror| mirror.reason.is_gone()),
        tries,
    }))
}

/// Whether to download, or what is there.
enum Right {
    There(Found),
    Download(DownloadLock),
}

/// Waits for the right to download, or for somebody else to bring the file.
async fn lock(context: &Context, goal: &Goal) -> Result<Right, CacheError> {
    let mut delay = Duration::from_millis(10);
    loop {
        if let Some(found) = goal.present(&context.cache)? {
            return Ok(Right::There(found));
        }
        if let Some(lock) = context.cache.lock_download(&goal.key)? {
            // Whoever had the lock may have finished between the look and the lock.
            return Ok(match goal.present(&context.cache)? {
                Some(found) => Right::There(found),
                None => Right::Download(lock),
            });
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(LOCK_POLL_CAP);
    }
}

/// Why an attempt ended: the cache is unusable, or this address had trouble.
enum Stop {
    Cache(CacheError),
    Trouble(Trouble),
}

impl From<CacheError> for Stop {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

struct Transfer<'a> {
    context: &'a Context,
    goal: &'a Goal,
    pending: Pending,
    meter: Meter<'a>,
}

impl Transfer<'_> {
    /// Asks one address until it has given the file or there is no hope.
    async fn from(&mut self, address: &str) -> Result<Result<(), Try>, CacheError> {
        let failed = |reason, attempts| Try {
            url: shown(address),
            reason,
            attempts,
        };
        let url = match parse(address) {
            Ok(url) => url,
            Err(reason) => return Ok(Err(failed(reason, 0))),
        };
        let http = &self.context.http;
        let mut attempts = Attempts::new(&http.options, &http.servers, &url);
        let mut version = None;
        loop {
            let trouble = match self.attempt(&url, &mut version).await {
                Ok(()) => return Ok(Ok(())),
                Err(Stop::Cache(error)) => return Err(error),
                Err(Stop::Trouble(trouble)) => trouble,
            };
            let tell = |line| {
                let subject = &self.goal.subject;
                self.context.note(&format!("{subject}: {line}"));
            };
            if let Err(reason) = attempts.after(trouble, tell).await {
                return Ok(Err(failed(reason, attempts.made())));
            }
        }
    }

    /// Gets what is missing and checks the whole.
    async fn attempt(&mut self, url: &Url, version: &mut Option<HeaderValue>) -> Result<(), Stop> {
        // Without a size nothing tells how much of the beginning is still the server's.
        let most = self.goal.size.unwrap_or(0);
        if self.pending.written() > most {
            self.pending.restart()?;
        }
        let resumed = self.pending.written();
        self.meter.reach(resumed);
        if self.goal.size.is_none_or(|size| resumed < size) {
            if url.scheme() == "file" {
                block_in_place(|| self.copy(url))?;
            } else {
                self.download(url, version).await?;
            }
        }
        let Some(reason) = self.judged()? else {
            return Ok(());
        };
        let continued = resumed > 0 && self.pending.written() > 0;
        self.pending.restart()?;
        // What was continued may have come from elsewhere: this address deserves a fresh start.
        let remedy = if continued {
            Remedy::Now
        } else {
            Remedy::Elsewhere
        };
        Err(reason.but(remedy).into())
    }

    /// Why the whole file is not the one that is wanted, if it is not.
    fn judged(&mut self) -> Result<Option<Reason>, CacheError> {
        match &self.goal.proof {
            Proof::Digest(expected) => {
                let found = self.pending.digest();
                let expected = *expected;
                Ok((found != expected).then_some(Reason::Content { expected, found }))
            }
            Proof::Judge(judge) => {
                let file = self.pending.read_again()?;
                Ok(block_in_place(|| judge(file)).err().map(Reason::Judged))
            }
        }
    }

    /// Appends the rest of the file. `version` is what the server called the version that it
    /// began to send.
    async fn download(&mut self, url: &Url, version: &mut Option<HeaderValue>) -> Result<(), Stop> {
        let start = self.pending.written();
        let headers = range(start, version.as_ref());
        let http = &self.context.http;
        let accepted: &[_] = if start > 0 {
            &[StatusCode::RANGE_NOT_SATISFIABLE]
        } else {
            &[]
        };
        let mut response = http.get(url, headers, accepted).await?;
        self.place(&response, start)?;
        *version = strong_validator(response.headers());
        while let Some(chunk) = http.chunk(&mut response).await? {
            // Whatever follows the announced size is cut off; the digest judges the rest.
            let most = self.goal.size.unwrap_or(self.goal.limit + 1);
            let missing = most - self.pending.written();
            let taken = usize::try_from(missing).map_or(chunk.len(), |n| n.min(chunk.len()));
            self.pending.append(&chunk[..taken])?;
            self.meter.reach(self.pending.written());
            if self.goal.size == Some(self.pending.written()) {
                return Ok(());
            }
            self.within_limit()?;
        }
        let found = self.pending.written();
        let Some(expected) = self.goal.size else {
            return Ok(());
        };
        if is_delimited(&response) {
            self.pending.restart()?;
            return Err(wrong_size(expected, found).into());
        }
        Err(Reason::Truncated { expected, found }
            .but(Remedy::Later)
            .into())
    }

    /// Makes sure that what the answer holds goes to the right place of the file.
    fn place(&mut self, response: &Response, start: u64) -> Result<(), Stop> {
        match response.status() {
            StatusCode::OK => {
                if let (Some(found), Some(expected)) = (response.content_length(), self.goal.size)
                    && found != expected
                {
                    return Err(wrong_size(expected, found).into());
                }
                if start > 0 {
                    self.pending.restart()?;
                }
                Ok(())
            }
            StatusCode::PARTIAL_CONTENT if start > 0 => {
                let value = header(response, &CONTENT_RANGE).unwrap_or_default();
                match content_range(value) {
                    Some((first, total)) if first == start => match (total, self.goal.size) {
                        (Some(total), Some(expected)) if total != expected => {
                            Err(wrong_size(expected, total).into())
                        }
                        _ => Ok(()),
                    },
                    _ => {
                        let reason = Reason::Protocol(format!(
                            "asked for bytes from {start} on, got `Content-Range: {value}`"
                        ));
                        self.pending.restart()?;
                        Err(reason.but(Remedy::Now).into())
                    }
                }
            }
            status => {
                self.pending.restart()?;
                let remedy = if status == StatusCode::RANGE_NOT_SATISFIABLE {
                    Remedy::Now
                } else {
                    Remedy::Elsewhere
                };
                Err(Reason::Status(status.as_u16()).but(remedy).into())
            }
        }
    }

    /// Appends the rest of the file from a local mirror.
    fn copy(&mut self, url: &Url) -> Result<(), Stop> {
        let local = |error| Reason::Local(error).but(Remedy::Elsewhere);
        let mut file = open_local(url).map_err(|reason| reason.but(Remedy::Elsewhere))?;
        let size = file.metadata().map_err(local)?.len();
        if let Some(expected) = self.goal.size
            && size != expected
        {
            return Err(wrong_size(expected, size).into());
        }
        if size > self.goal.limit {
            return Err(Reason::TooLarge(self.goal.limit)
                .but(Remedy::Elsewhere)
                .into());
        }
        file.seek(SeekFrom::Start(self.pending.written()))
            .map_err(local)?;
        let mut buffer = vec![0; COPY_SIZE];
        let mut rest = file.take(size - self.pending.written());
        loop {
            let n = rest.read(&mut buffer).map_err(local)?;
            if n == 0 {
                return Ok(());
            }
            self.pending.append(&buffer[..n])?;
            self.meter.reach(self.pending.written());
        }
    }

    fn within_limit(&mut self) -> Result<(), Stop> {
        if self.pending.written() <= self.goal.limit {
            return Ok(());
        }
        self.pending.restart()?;
        Err(Reason::TooLarge(self.goal.limit)
            .but(Remedy::Elsewhere)
            .into())
    }
}

fn wrong_size(expected: u64, found: u64) -> Trouble {
    Reason::Size { expected, found }.but(Remedy::Elsewhere)
}

/// Opens the file that a `file:` address names.
pub(super) fn open_local(url: &Url) -> Result<File, Reason> {
    let path = url.to_file_path().map_err(|()| {
        Reason::Address("a file: address needs an absolute path: file:///srv/mirror".into())
    })?;
    File::open(path).map_err(Reason::Local)
}

/// The headers that ask for the bytes from `start` on, if the server's version is still the one
/// that was begun (RFC 9110, sections 13.1.5 and 14.2).
fn range(start: u64, version: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if start > 0
        && let Ok(value) = HeaderValue::from_str(&format!("bytes={start}-"))
    {
        headers.insert(RANGE, value);
        if let Some(version) = version {
            headers.insert(IF_RANGE, version.clone());
        }
    }
    headers
}

/// What `If-Range` may carry: a strong entity tag, or else the date.
fn strong_validator(headers: &HeaderMap) -> Option<HeaderValue> {
    headers
        .get(ETAG)
        .filter(|tag| !tag.as_bytes().starts_with(b"W/"))
        .or_else(|| headers.get(LAST_MODIFIED))
        .cloned()
}

/// The first byte and the total of `bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4).
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    Some((first.parse().ok()?, total))
}

/// Whether the end of this body is marked, so that an early end is the server's own idea of the
/// file and not a connection that went away.
fn is_delimited(response: &Response) -> bool {
    response.version() >= Version::HTTP_2 || response.headers().contains_key(TRANSFER_ENCODING)
}

/// Tells the bytes of one file, each once although some may come twice.
struct Meter<'a> {
    reporter: &'a dyn Reporter,
    task: TaskId,
    told: u64,
}

impl Meter<'_> {
    fn reach(&mut self, bytes: u64) {
        if bytes > self.told {
            self.reporter.advance(self.task, bytes - self.told);
            self.told = bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        for (value, expected) in [
            ("bytes 100-199/200", Some((100, Some(200)))),
            ("bytes 100-199/*", Some((100, None))),
            ("bytes */200", None),
            ("items 1-2/3", None),
            ("", None),
        ] {
            assert_eq!(content_range(value), expected, "{value}");
        }
    }

    #[test]
    fn a_range_is_tied_to_the_version_that_was_begun() {
        let tag = HeaderValue::from_static("\"a\"");
        assert!(range(0, Some(&tag)).is_empty());
        let headers = range(7, Some(&tag));
        assert_eq!(headers[RANGE], "bytes=7-");
        assert_eq!(headers[IF_RANGE], "\"a\"");
        let mut answer = HeaderMap::new();
        answer.insert(ETAG, HeaderValue::from_static("W/\"a\""));
        assert_eq!(strong_validator(&answer), None);
        answer.insert(LAST_MODIFIED, HeaderValue::from_static("yesterday"));
        assert_eq!(
            strong_validator(&answer),
            Some(HeaderValue::from_static("yesterday"))
        );
    }
}
