//! Single requests: what is sent, and what the answers mean.

use std::error::Error;
use std::io;

use bytes::Bytes;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::time::timeout;
use url::Url;

use super::attempts::{Remedy, Servers, Trouble, retry_after};
use super::error::{FetchError, Reason};
use super::options::{FetchOptions, REDIRECT_LIMIT};

/// The HTTP client with what it has learnt of its servers.
pub(super) struct Http {
    client: Client,
    has_roots: bool,
    pub options: FetchOptions,
    pub servers: Servers,
}

impl Http {
    /// Sets up the client. Where the system has no CA certificates, as in a bare Debian
    /// container, HTTP works all the same: packages are trusted by signature and digest.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        // Fails only when a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .user_agent(&options.user_agent)
                .connect_timeout(options.connect_timeout)
                .redirect(redirect::Policy::limited(REDIRECT_LIMIT))
                .referer(false)
        };
        let (client, has_roots) = match builder().build() {
            Ok(client) => (client, true),
            Err(first) => match builder().tls_certs_only([]).build() {
                Ok(client) => (client, false),
                Err(_) => return Err(FetchError::Setup(cause(&first))),
            },
        };
        Ok(Self {
            client,
            has_roots,
            options,
            servers: Servers::default(),
        })
    }

    /// Asks for `url`; answers that are no success are sorted into what may help. `accepted`
    /// names the statuses other than success that the caller understands.
    pub async fn get(
        &self,
        url: &Url,
        headers: HeaderMap,
        accepted: &[StatusCode],
    ) -> Result<Response, Trouble> {
        self.servers.admit(url).await;
        let request = self.client.get(url.clone()).headers(headers).send();
        let response = timeout(
            self.options.connect_timeout + self.options.read_timeout,
            request,
        )
        .await
        .map_err(|_| self.stalled())?
        .map_err(|error| self.trouble(&error, url))?;
        let status = response.status();
        if status.is_success() || accepted.contains(&status) {
            self.servers.answered(url);
            return Ok(response);
        }
        let reason = Reason::Status(status.as_u16());
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let asked = header(&response, &RETRY_AFTER)
                    .and_then(|value| retry_after(value, header(&response, &DATE)));
                reason.but(asked.map_or(Remedy::Later, Remedy::After))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => reason.but(Remedy::Later),
            _ if status.is_server_error() => reason.but(Remedy::Later),
            _ => {
                // A server that refuses is alive.
                self.servers.answered(url);
                reason.but(Remedy::Elsewhere)
            }
        })
    }

    /// The next piece of the body; `None` at its end.
    pub async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Trouble> {
        timeout(self.options.read_timeout, response.chunk())
            .await
            .map_err(|_| self.stalled())?
            .map_err(|error| Reason::Broken(cause(&error)).but(Remedy::Later))
    }

    fn stalled(&self) -> Trouble {
        Reason::Stalled(self.options.read_timeout).but(Remedy::Later)
    }

    fn trouble(&self, error: &reqwest::Error, url: &Url) -> Trouble {
        if error.is_redirect() {
            return Reason::Redirects(cause(error)).but(Remedy::Elsewhere);
        }
        if is_tls(error) {
            let mut text = cause(error);
            if !self.has_roots {
                text.push_str(
                    "; this system has no CA certificates: install ca-certificates or name a \
                     bundle in SSL_CERT_FILE",
                );
            }
            return Reason::Untrusted(text).but(Remedy::Elsewhere);
        }
        if error.is_builder() {
            let scheme = url.scheme();
            return Reason::Address(format!("{} ({scheme})", cause(error))).but(Remedy::Elsewhere);
        }
        if error.is_connect() || error.is_timeout() {
            return Reason::Unreachable(cause(error)).but(Remedy::Later);
        }
        Reason::Broken(cause(error)).but(Remedy::Later)
    }
}

/// A header of the answer, where it is there and is text.
pub(super) fn header<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Parses an address and checks that it is of a kind that can be fetched from.
pub(super) fn parse(url: &str) -> Result<Url, Reason> {
    let parsed = Url::parse(url).map_err(|error| Reason::Address(error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" | "file" => Ok(parsed),
        other => Err(Reason::Address(format!(
            "`{other}:` is none of http:, https:, file:"
        ))),
    }
}

/// The address as it may be shown: without user name and password.
pub(super) fn shown(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    if parsed.username().is_empty() && parsed.password().is_none() {
        return url.to_owned();
    }
    // Both fail only for addresses that cannot have credentials.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.into()
}

/// The innermost cause of an error: what the layers around it say is where it happened, which
/// the reason says already, and the address again.
fn cause(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

/// Whether the TLS layer refused the connection.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An I/O error names the cause of what it wraps, and passes over what it wraps itself.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        assert_eq!(
            shown("http://ann:secret@mirror.example/debian"),
            "http://mirror.example/debian"
        );
        assert_eq!(
            shown("http://mirror.example/a%2fb"),
            "http://mirror.example/a%2fb"
        );
    }

    #[test]
    fn only_known_schemes_are_fetched_from() {
        for (url, fine) in [
            ("http://a/b", true),
            ("https://a/b", true),
            ("file:///a/b", true),
            ("ftp://a/b", false),
            ("a/b", false),
        ] {
            assert_eq!(parse(url).is_ok(), fine, "{url}");
        }
    }

    #[test]
    fn a_client_without_roots_can_be_made() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert!(Client::builder().tls_certs_only([]).build().is_ok());
    }
}
