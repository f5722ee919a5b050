//! Documents that change under their address: `InRelease`, `Release` and its signature.

use std::io::Read;

use reqwest::header::{
    CACHE_CONTROL, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::{Response, StatusCode};
use url::Url;

use super::attempts::{Attempts, Remedy, Trouble};
use super::cache::{CacheError, Stored, Validators};
use super::client::{Fetcher, is_local};
use super::error::{Failure, FetchError, Reason, Try};
use super::http::{header, parse, shown};
use super::transfer::{Context, open_local};

/// A fetched document. Nothing vouches for its content yet: check its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The content.
    pub bytes: Vec<u8>,
    /// The address that gave it, as it was asked.
    pub url: String,
}

/// How the copy in the cache is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// The server is asked whether the copy is still its version.
    Conditional,
    /// The document is downloaded whole, as after a copy whose signature failed.
    Always,
}

impl Fetcher {
    /// Gets a document of at most `limit` bytes from the first address that has it. Offline, the
    /// copy in the cache serves, however old: judging its age is the caller's.
    ///
    /// Must not be called from asynchronous code.
    ///
    /// # Errors
    /// [`FetchError::NotFound`] when every address says that there is none,
    /// [`FetchError::Offline`] when there is no copy to use, [`FetchError::Failed`] otherwise.
    pub fn document(
        &self,
        urls: &[String],
        limit: u64,
        validity: Validity,
    ) -> Result<Document, FetchError> {
        let mut tries = Vec::new();
        for address in urls {
            let failed = |reason, attempts| Try {
                url: shown(address),
                reason,
                attempts,
            };
            let url = match parse(address) {
                Ok(url) => url,
                Err(reason) => {
                    tries.push(failed(reason, 0));
                    continue;
                }
            };
            let read = if url.scheme() == "file" {
                read_local(&url, limit).map_err(|reason| failed(reason, 1))
            } else if self.options.offline {
                match self.cache.document(address)? {
                    Some(stored) => Ok(stored.bytes),
                    None => continue,
                }
            } else {
                let stored = match validity {
                    Validity::Conditional => self.cache.document(address)?,
                    Validity::Always => None,
                };
                let engine = self.engine()?;
                let request = Request {
                    context: &engine.context,
                    address,
                    url: &url,
                    limit,
                };
                engine
                    .runtime
                    .block_on(request.run(stored))?
                    .map_err(|(reason, attempts)| failed(reason, attempts))
            };
            match read {
                Ok(bytes) => {
                    return Ok(Document {
                        bytes,
                        url: address.clone(),
                    });
                }
                Err(failed) => tries.push(failed),
            }
        }
        Err(self.no_document(urls, tries))
    }

    fn no_document(&self, urls: &[String], tries: Vec<Try>) -> FetchError {
        let shown: Vec<String> = urls.iter().map(|url| shown(url)).collect();
        let gone = !tries.is_empty() && tries.iter().all(|attempt| attempt.reason.is_gone());
        if self.options.offline && !urls.iter().all(|url| is_local(url)) {
            FetchError::Offline { missing: shown }
        } else if gone {
            FetchError::NotFound { urls: shown }
        } else {
            let name = |url: &String| url.rsplit('/').next().unwrap_or_default().to_owned();
            let subject = shown.first().map(name).unwrap_or_default();
            FetchError::Failed {
                failures: vec![Failure {
                    subject,
                    tries,
                    gone,
                }],
            }
        }
    }
}

/// One document from one address.
struct Request<'a> {
    context: &'a Context,
    address: &'a str,
    url: &'a Url,
    limit: u64,
}

impl Request<'_> {
    /// Asks until there is an answer or no hope.
    async fn run(
        &self,
        stored: Option<Stored>,
    ) -> Result<Result<Vec<u8>, (Reason, u32)>, CacheError> {
        let http = &self.context.http;
        let mut attempts = Attempts::new(&http.options, &http.servers, self.url);
        loop {
            let trouble = match self.attempt(stored.as_ref()).await {
                Ok(None) => return Ok(Ok(stored.map(|s| s.bytes).unwrap_or_default())),
                Ok(Some(new)) => {
                    self.context.cache.put_document(self.address, &new)?;
                    return Ok(Ok(new.bytes));
                }
                Err(trouble) => trouble,
            };
            let tell = |line: String| {
                self.context
                    .note(&format!("{}: {line}", shown(self.address)));
            };
            if let Err(reason) = attempts.after(trouble, tell).await {
                return Ok(Err((reason, attempts.made())));
            }
        }
    }

    /// One request; `None` when the stored version is still the server's.
    async fn attempt(&self, stored: Option<&Stored>) -> Result<Option<Stored>, Trouble> {
        let http = &self.context.http;
        let headers = conditions(stored.map(|stored| &stored.validators));
        let accepted: &[_] = if stored.is_some() {
            &[StatusCode::NOT_MODIFIED]
        } else {
            &[]
        };
        let mut response = http.get(self.url, headers, accepted).await?;
        match response.status() {
            StatusCode::NOT_MODIFIED => return Ok(None),
            StatusCode::OK => {}
            other => return Err(Reason::Status(other.as_u16()).but(Remedy::Elsewhere)),
        }
        let too_large = || Reason::TooLarge(self.limit).but(Remedy::Elsewhere);
        if response.content_length().is_some_and(|n| n > self.limit) {
            return Err(too_large());
        }
        let validators = Validators {
            etag: value(&response, &ETAG),
            last_modified: value(&response, &LAST_MODIFIED),
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = http.chunk(&mut response).await? {
            if (bytes.len() + chunk.len()) as u64 > self.limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(Stored { validators, bytes }))
    }
}

/// The headers of a conditional request. Caches on the way are told to ask the server: an old
/// `InRelease` beside new indexes would look like tampering.
fn conditions(validators: Option<&Validators>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
    let Some(validators) = validators else {
        return headers;
    };
    for (name, value) in [
        (IF_NONE_MATCH, &validators.etag),
        (IF_MODIFIED_SINCE, &validators.last_modified),
    ] {
        let value = value.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(value)) = value {
            headers.insert(name, value);
        }
    }
    headers
}

fn value(response: &Response, name: &HeaderName) -> Option<String> {
    header(response, name).map(str::to_owned)
}

fn read_local(url: &Url, limit: u64) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    open_local(url)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(Reason::Local)?;
    if bytes.len() as u64 > limit {
        return Err(Reason::TooLarge(limit));
    }
    Ok(bytes)
}
