//! The token exchange of the distribution project ("Token Authentication Specification" and
//! "OAuth2 Token Authentication").
//!
//! It is ours because `oci-client` asks for one scope only (a mount needs `pull` on its source as
//! well), cannot exchange identity tokens, and drops the errors of the token service.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;

use super::answer::{self, Answer};
use super::credentials::{Login, Secret};
use super::retry::Trouble;

/// How we name ourselves to token services that keep statistics or issue refresh tokens.
const CLIENT_ID: &str = "dindimg";
/// Largest answer of a token service that is read, in bytes; real ones are a few KiB.
const LARGEST_ANSWER: u64 = 1 << 20;

/// The question to a token service.
pub(super) struct Exchange<'a> {
    pub(super) http: &'a reqwest::Client,
    /// Host and port of the registry, for messages.
    pub(super) registry: &'a str,
    /// Address of the token service.
    pub(super) realm: &'a str,
    pub(super) service: Option<&'a str>,
    /// `repository:ci/dind:pull,push`, one for each repository.
    pub(super) scopes: &'a [String],
    pub(super) login: &'a Login,
    pub(super) timeout: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Exchange<'_> {
    /// One attempt to get a token. A refusal is [`Trouble::Unauthorized`] without challenges.
    pub(super) async fn token(&self) -> Result<Secret, Trouble> {
        let request = match self.login {
            Login::Identity(token) => self
                .http
                .post(self.realm)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(self.refresh_form(token)),
            login => {
                let mut query: Vec<(&str, &str)> = Vec::new();
                query.extend(self.service.map(|service| ("service", service)));
                query.extend(self.scopes.iter().map(|scope| ("scope", scope.as_str())));
                query.push(("client_id", CLIENT_ID));
                let request = self.http.get(self.realm);
                match login {
                    Login::Password { user, password } => {
                        query.push(("account", user));
                        request.basic_auth(user, Some(password.expose()))
                    }
                    _ => request,
                }
                .query(&query)
            }
        };
        let answer = Answer::of(request.timeout(self.timeout), self.registry).await?;
        if matches!(answer.status.as_u16(), 400 | 401 | 403) {
            let reason = answer.reason().await;
            return Err(Trouble::Unauthorized {
                challenges: Vec::new(),
                reason: format!("the token service {} refused: {reason}", self.realm),
            });
        }
        let answer = answer.success("asking for a token").await?;
        let body = answer.body(LARGEST_ANSWER, "the token").await?;
        token_in(&body).ok_or_else(|| {
            Trouble::Fatal(answer::refused(
                self.registry,
                "asking for a token",
                200,
                format!("{} gave no token", self.realm),
            ))
        })
    }

    fn refresh_form(&self, token: &Secret) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("client_id", CLIENT_ID)
            .append_pair("refresh_token", token.expose())
            .append_pair("scope", &self.scopes.join(" "));
        if let Some(service) = self.service {
            form.append_pair("service", service);
        }
        form.finish()
    }
}

/// The token in the body of an answer.
pub(super) fn token_in(body: &[u8]) -> Option<Secret> {
    let answer: TokenAnswer = serde_json::from_slice(body).ok()?;
    answer
        .token
        .or(answer.access_token)
        .filter(|token| !token.is_empty())
        .map(Secret::new)
}
