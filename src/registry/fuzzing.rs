//! Ways in for `tests/fuzz`, compiled for it alone: the parsers of what registries and token
//! services answer and of stored credentials, which nobody else needs to reach.

use std::path::Path;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use super::credentials::{NoHelpers, parse_login};
use super::{answer, challenge, retry, token};

/// `WWW-Authenticate` and `Retry-After`.
pub fn headers(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else {
        return;
    };
    let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, value.clone()), (RETRY_AFTER, value)]);
    let _ = challenge::challenges(&headers);
    let _ = retry::retry_after(&headers);
}

/// The answer of a token service.
pub fn token(body: &[u8]) {
    let _ = token::token_in(body);
}

/// The body of an error: what is shown of it is one line without control characters.
pub fn error_body(body: &[u8]) {
    let shown = answer::describe_body(StatusCode::BAD_REQUEST, body);
    assert!(!shown.chars().any(char::is_control));
}

/// A credentials file.
pub fn credentials(text: &[u8]) {
    for repository in ["docker.io/library/x", "registry.example.com:5000/ci/dind"] {
        if let Ok(repository) = repository.parse() {
            let _ = parse_login(Path::new("config.json"), text, &repository, &NoHelpers);
        }
    }
}
