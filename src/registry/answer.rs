//! Answers of a registry, ours and `oci-client`'s, and what they mean.

use std::error::Error;

use bytes::Bytes;
use futures_util::StreamExt;
use oci_client::errors::{OciDistributionError, OciEnvelope};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response, StatusCode};

use super::challenge;
use super::error::RegistryError;
use super::retry::{Trouble, retry_after};

/// How much of an error's body is read, in bytes: registries send a few hundred, proxies a page.
const LARGEST_ERROR: u64 = 64 << 10;
/// How much of it is shown, in characters.
const LONGEST_REASON: usize = 300;

/// An answer to one of our own requests; only the head has been read.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    registry: &'a str,
    response: Response,
}

impl<'a> Answer<'a> {
    /// Sends `request` and waits for the head of its answer.
    pub(super) async fn of(request: RequestBuilder, registry: &'a str) -> Result<Self, Trouble> {
        let mut response = request
            .send()
            .await
            .map_err(|error| connection_trouble(registry, &error))?;
        Ok(Self {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            registry,
            response,
        })
    }

    /// The answer if it is 2xx, otherwise what is wrong. `task` is what was being done.
    pub(super) async fn success(self, task: &str) -> Result<Self, Trouble> {
        if self.status.is_success() {
            return Ok(self);
        }
        let (status, headers) = (self.status, self.headers.clone());
        let registry = self.registry;
        let reason = self.reason().await;
        Err(trouble(registry, task, status, Some(&headers), reason))
    }

    /// The whole body, at most `limit` bytes of it. `subject` names it in the error.
    pub(super) async fn body(self, limit: u64, subject: &str) -> Result<Vec<u8>, Trouble> {
        collect(self.response.bytes_stream(), limit, subject).await
    }

    /// What the answer says is wrong, in one line.
    pub(super) async fn reason(self) -> String {
        let status = self.status;
        let mut body = Vec::new();
        let mut stream = self.response.bytes_stream();
        while let Some(Ok(chunk)) = stream.next().await {
            body.extend_from_slice(&chunk);
            if body.len() as u64 > LARGEST_ERROR {
                break;
            }
        }
        describe_body(status, &body)
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why an attempt through `oci-client` failed. It keeps no headers, so that 401 and 429 come
/// without their challenges and waiting times: the caller asks again itself.
pub(super) fn oci_trouble(registry: &str, task: &str, error: OciDistributionError) -> Trouble {
    let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
    match error {
        OciDistributionError::RequestError(error) => match error.status() {
            Some(status) => trouble(registry, task, status, None, describe_body(status, &[])),
            None => connection_trouble(registry, &error),
        },
        OciDistributionError::ServerError { code, message, .. } => {
            let status = status(code);
            let reason = describe_body(status, message.as_bytes());
            trouble(registry, task, status, None, reason)
        }
        OciDistributionError::UnauthorizedError { .. } => trouble(
            registry,
            task,
            StatusCode::UNAUTHORIZED,
            None,
            describe_body(StatusCode::UNAUTHORIZED, &[]),
        ),
        OciDistributionError::RegistryError { envelope, .. } => {
            // The status is gone; of the codes only these two decide what happens next.
            let reason = describe_envelope(&envelope);
            let status = if reason.contains("TOOMANYREQUESTS") {
                StatusCode::TOO_MANY_REQUESTS
            } else if reason.contains("DENIED") {
                StatusCode::FORBIDDEN
            } else {
                StatusCode::BAD_REQUEST
            };
            trouble(registry, task, status, None, reason)
        }
        OciDistributionError::IoError(error) => Trouble::Passing(chain(&error)),
        other => Trouble::Fatal(refused(registry, task, 200, other.to_string())),
    }
}

/// What a status that is not a success means.
fn trouble(
    registry: &str,
    task: &str,
    status: StatusCode,
    headers: Option<&HeaderMap>,
    reason: String,
) -> Trouble {
    let wait = headers.and_then(retry_after);
    match status {
        StatusCode::UNAUTHORIZED => Trouble::Unauthorized {
            challenges: headers.map(challenge::challenges).unwrap_or_default(),
            reason,
        },
        // No challenge to meet: whoever we are, it is not enough.
        StatusCode::FORBIDDEN => Trouble::Unauthorized {
            challenges: Vec::new(),
            reason,
        },
        StatusCode::TOO_MANY_REQUESTS => Trouble::Busy { wait, reason },
        StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => Trouble::Busy { wait, reason },
        StatusCode::REQUEST_TIMEOUT => Trouble::Passing(reason),
        // An upload session that vanished: a new attempt opens another.
        StatusCode::NOT_FOUND if reason.contains("BLOB_UPLOAD_UNKNOWN") => Trouble::Passing(reason),
        // "Not implemented" and "HTTP version not supported" stay so.
        _ if status.is_server_error() && !matches!(status.as_u16(), 501 | 505) => {
            Trouble::Passing(reason)
        }
        _ => Trouble::Fatal(refused(registry, task, status.as_u16(), reason)),
    }
}

pub(super) fn refused(registry: &str, task: &str, status: u16, reason: String) -> RegistryError {
    RegistryError::Refused {
        registry: registry.to_owned(),
        task: task.to_owned(),
        status,
        reason,
    }
}

/// A request that got no answer. Missing trust and missing encryption stay so, all else may pass.
fn connection_trouble(registry: &str, error: &reqwest::Error) -> Trouble {
    let registry = registry.to_owned();
    match tls_error(error) {
        Some(tls @ rustls::Error::InvalidCertificate(_)) => {
            Trouble::Fatal(RegistryError::Untrusted {
                registry,
                reason: tls.to_string(),
            })
        }
        Some(
            tls @ (rustls::Error::InvalidMessage(_)
            | rustls::Error::AlertReceived(_)
            | rustls::Error::PeerIncompatible(_)),
        ) => Trouble::Fatal(RegistryError::NoTls {
            registry,
            reason: tls.to_string(),
        }),
        _ => Trouble::Passing(chain(error)),
    }
}

/// The TLS failure inside a connection error.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // The `source` of an io::Error is not what it was made of, but the cause of that.
        cause = match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// An error with its causes in one line; `reqwest` alone says "error sending request".
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// What the body of an error says, in one line.
pub(super) fn describe_body(status: StatusCode, body: &[u8]) -> String {
    if let Ok(envelope) = serde_json::from_slice::<OciEnvelope>(body)
        && !envelope.errors.is_empty()
    {
        return one_line(&describe_envelope(&envelope));
    }
    let text = String::from_utf8_lossy(body);
    // A page of a proxy says less than its status.
    if text.trim().is_empty() || text.trim_start().starts_with('<') {
        return format!("HTTP {status}");
    }
    format!("HTTP {status}: {}", one_line(&text))
}

/// `DENIED: requested access to the resource is denied` (distribution-spec, "Error Codes").
fn describe_envelope(envelope: &OciEnvelope) -> String {
    let errors: Vec<String> = envelope
        .errors
        .iter()
        .map(|error| {
            let code = match serde_json::to_value(&error.code) {
                Ok(serde_json::Value::String(code)) => code,
                _ => "error".to_owned(),
            };
            if error.message.is_empty() {
                code
            } else {
                format!("{code}: {}", error.message)
            }
        })
        .collect();
    errors.join("; ")
}

/// Text of others, fit for a terminal: one line, no control characters, not too long.
fn one_line(text: &str) -> String {
    let clean: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_REASON)
        .collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first bytes of a stream that must not be longer than `limit`.
pub(super) async fn collect<E: Error + 'static>(
    mut stream: impl futures_util::Stream<Item = Result<Bytes, E>> + Unpin,
    limit: u64,
    subject: &str,
) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Trouble::Passing(chain(&error)))?;
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(RegistryError::TooLarge {
                subject: subject.to_owned(),
                limit,
            }
            .into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn tls_failures_are_found_however_deep() {
        let tls = rustls::Error::HandshakeNotComplete;
        let nested = io::Error::other(io::Error::other(tls.clone()));
        assert_eq!(tls_error(&nested), Some(&tls));
        assert_eq!(tls_error(&io::Error::other("x")), None);
    }

    #[test]
    fn statuses_mean_what_the_specification_says() {
        let kind = |code, reason: &str| {
            let status = StatusCode::from_u16(code).expect("a status");
            match trouble("r", "t", status, None, reason.to_owned()) {
                Trouble::Unauthorized { .. } => "unauthorized",
                Trouble::Busy { .. } => "busy",
                Trouble::Passing(_) => "passing",
                Trouble::Fatal(_) => "fatal",
            }
        };
        for (code, reason, expected) in [
            (401, "", "unauthorized"),
            (403, "", "unauthorized"),
            (404, "", "fatal"),
            (404, "BLOB_UPLOAD_UNKNOWN", "passing"),
            (408, "", "passing"),
            (413, "", "fatal"),
            (429, "", "busy"),
            (500, "", "passing"),
            (501, "", "fatal"),
            (502, "", "passing"),
            (503, "", "passing"),
        ] {
            assert_eq!(kind(code, reason), expected, "{code}");
        }
    }

    #[test]
    fn reasons_are_short_and_clean() {
        let status = StatusCode::FORBIDDEN;
        for (body, expected) in [
            (
                r#"{"errors":[{"code":"DENIED","message":"no\n\u001b[31mway"}]}"#,
                "DENIED: no [31mway",
            ),
            (r#"{"errors":[{"code":"ODD"}]}"#, "ODD"),
            ("", "HTTP 403 Forbidden"),
            ("<html>…", "HTTP 403 Forbidden"),
            (" plain\ntext ", "HTTP 403 Forbidden: plain text"),
        ] {
            assert_eq!(describe_body(status, body.as_bytes()), expected);
        }
        assert!(describe_body(status, "x".repeat(9000).as_bytes()).len() < 400);
    }
}
