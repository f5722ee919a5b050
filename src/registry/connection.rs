//! The connection to one repository: address, transport, and who we are there.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Url};
use tokio::sync::{Mutex, OnceCell};

use super::RegistryOptions;
use super::answer::Answer;
use super::challenge::Challenge;
use super::credentials::{Credential, Credentials, Login, Secret};
use super::error::{Denial, RegistryError};
use super::reference::Repository;
use super::retry::{Retry, Trouble};
use super::token::Exchange;
use super::transport::{Authorization, introduce, oci, own_client, probe};
use crate::progress::Reporter;

/// What is asked of a repository.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Access {
    Pull,
    Push,
}

impl Access {
    fn scope(self, repository: &Repository) -> String {
        let actions = match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
        };
        format!("repository:{}:{actions}", repository.name())
    }

    fn action(self) -> &'static str {
        match self {
            Self::Pull => "pull from",
            Self::Push => "push to",
        }
    }
}

/// What requests are made with until the registry asks anew who we are.
///
/// `oci-client` keeps the first authentication it is given and decides by the local clock when a
/// token has ended, so each authentication gets a client of its own.
pub(super) struct Pass {
    generation: u64,
    authorization: Authorization,
    pub(super) oci: oci_client::Client,
}

/// Everything needed to open a [`Connection`].
pub(super) struct Opening<'a> {
    pub(super) repository: &'a Repository,
    pub(super) access: Access,
    /// Repositories of the same registry that blobs are mounted from.
    pub(super) sources: &'a [Repository],
    pub(super) options: &'a RegistryOptions,
    pub(super) certificates: &'a [Vec<u8>],
    pub(super) credentials: &'a Credentials,
    pub(super) reporter: &'a Arc<dyn Reporter>,
}

/// A repository that can be reached, with the transport that reaches it.
pub(super) struct Connection {
    pub(super) repository: Repository,
    /// Host and port that requests go to, and messages name.
    pub(super) host: String,
    pub(super) retry: Retry,
    pub(super) answer_timeout: Duration,
    pub(super) stall_timeout: Duration,
    base: Url,
    access: Access,
    scopes: Vec<String>,
    certificates: Vec<Vec<u8>>,
    connect_timeout: Duration,
    http: reqwest::Client,
    credentials: Credentials,
    credential: OnceCell<Credential>,
    pass: RwLock<Arc<Pass>>,
    renewing: Mutex<()>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.repository).finish()
    }
}

impl Connection {
    /// Finds out how the registry is reached, and authenticates if it asks for that at once.
    pub(super) async fn open(opening: Opening<'_>) -> Result<Self, RegistryError> {
        let Opening {
            repository,
            access,
            options,
            ..
        } = opening;
        let host = repository.api_host();
        let http = own_client(repository, options, opening.certificates)?;
        let retry = Retry::new(options.attempts, options.back_off, opening.reporter.clone());
        let task = format!("connecting to {host}");
        let (base, asked) = retry
            .run(&task, async || probe(&http, repository, options).await)
            .await
            .map_err(|error| match error {
                RegistryError::Unavailable {
                    attempts, reason, ..
                } => RegistryError::Unreachable {
                    registry: host.clone(),
                    attempts,
                    reason,
                },
                other => other,
            })?;
        let mut scopes = vec![access.scope(repository)];
        scopes.extend(
            opening
                .sources
                .iter()
                .map(|source| Access::Pull.scope(source)),
        );
        let certificates = opening.certificates.to_vec();
        let pass = Pass {
            generation: 0,
            authorization: Authorization::None,
            oci: oci(&base, repository, &certificates, options.connect_timeout)?,
        };
        let connection = Self {
            repository: repository.clone(),
            host,
            retry,
            answer_timeout: options.answer_timeout,
            stall_timeout: options.stall_timeout,
            base,
            access,
            scopes,
            certificates,
            connect_timeout: options.connect_timeout,
            http,
            credentials: opening.credentials.clone(),
            credential: OnceCell::new(),
            pass: RwLock::new(Arc::new(pass)),
            renewing: Mutex::new(()),
        };
        if !asked.is_empty() {
            connection
                .retry
                .run(&task, async || {
                    connection.renew(0, &asked, "authentication required").await
                })
                .await?;
        }
        Ok(connection)
    }

    /// Repeats `attempt` as [`Retry::run`] does; when the registry asks who we are, that is
    /// answered once per attempt.
    pub(super) async fn run<T>(
        &self,
        task: &str,
        attempt: impl AsyncFn(&Pass) -> Result<T, Trouble>,
    ) -> Result<T, RegistryError> {
        self.retry
            .run(task, async || {
                let pass = self.pass();
                let (challenges, reason) = match attempt(&pass).await {
                    Err(Trouble::Unauthorized { challenges, reason }) => (challenges, reason),
                    other => return other,
                };
                if challenges.is_empty() {
                    return Err(self.denied(&reason).await);
                }
                self.renew(pass.generation, &challenges, &reason).await?;
                match attempt(&self.pass()).await {
                    Err(Trouble::Unauthorized { reason, .. }) => Err(self.denied(&reason).await),
                    other => other,
                }
            })
            .await
    }

    /// An address below this repository, `…/v2/ci/dind/` + `path`.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{path}", self.repository.name()));
        url
    }

    /// A request of our own with our authorization, which only ever goes to the registry itself.
    pub(super) fn request(&self, pass: &Pass, method: Method, url: Url) -> RequestBuilder {
        let ours = url.origin() == self.base.origin();
        let request = self.http.request(method, url).timeout(self.answer_timeout);
        match &pass.authorization {
            _ if !ours => request,
            Authorization::None => request,
            Authorization::Basic { user, password } => {
                request.basic_auth(user, Some(password.expose()))
            }
            Authorization::Bearer(token) => request.bearer_auth(token.expose()),
        }
    }

    /// Resolves the `Location` of an answer.
    pub(super) fn location(&self, answer: &Answer<'_>) -> Option<Url> {
        self.base.join(answer.header("location")?).ok()
    }

    fn pass(&self) -> Arc<Pass> {
        self.pass
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Answers a challenge; does nothing if another operation has answered it meanwhile.
    async fn renew(
        &self,
        seen: u64,
        challenges: &[Challenge],
        reason: &str,
    ) -> Result<(), Trouble> {
        let _renewing = self.renewing.lock().await;
        if self.pass().generation != seen {
            return Ok(());
        }
        let credential = self.credential().await?;
        let authorization = match (challenges.first(), &credential.login) {
            (Some(Challenge::Bearer { .. }), Login::Bearer(token)) => {
                Authorization::Bearer(token.clone())
            }
            (Some(challenge @ Challenge::Bearer { .. }), login) => {
                Authorization::Bearer(self.exchange(challenge, login).await?)
            }
            (Some(Challenge::Basic), Login::Password { user, password }) => Authorization::Basic {
                user: user.clone(),
                password: password.clone(),
            },
            (Some(Challenge::Basic), Login::Anonymous) => return Err(self.denied(reason).await),
            (Some(Challenge::Basic), Login::Identity(_) | Login::Bearer(_)) => {
                let reason = "it asks for a user name and password, not for a token";
                return Err(self.denied(reason).await);
            }
            (None, _) => return Err(self.denied(reason).await),
        };
        let oci = oci(
            &self.base,
            &self.repository,
            &self.certificates,
            self.connect_timeout,
        )?;
        introduce(&oci, &self.repository, &authorization).await;
        *self.pass.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Pass {
            generation: seen + 1,
            authorization,
            oci,
        });
        Ok(())
    }

    async fn exchange(&self, challenge: &Challenge, login: &Login) -> Result<Secret, Trouble> {
        let Challenge::Bearer {
            realm,
            service,
            scope,
        } = challenge
        else {
            return Err(self.denied("it offers no token service").await);
        };
        let encrypted = realm.starts_with("https://") || self.base.scheme() == "http";
        if !encrypted && *login != Login::Anonymous {
            return Err(RegistryError::InsecureRealm {
                registry: self.host.clone(),
                realm: realm.clone(),
            }
            .into());
        }
        let mut scopes = self.scopes.clone();
        scopes.extend(scope.clone().filter(|scope| !self.scopes.contains(scope)));
        let ask = async |scopes: &[String]| {
            Exchange {
                http: &self.http,
                registry: &self.host,
                realm,
                service: service.as_deref(),
                scopes,
                login,
                timeout: self.answer_timeout,
            }
            .token()
            .await
        };
        let token = match ask(&scopes).await {
            // Perhaps only the sources of mounts are closed to us: those we can do without.
            Err(Trouble::Unauthorized { .. }) if scopes.len() > 1 => ask(&self.scopes[..1]).await,
            other => other,
        };
        match token {
            Err(Trouble::Unauthorized { reason, .. }) => Err(self.denied(&reason).await),
            other => other,
        }
    }

    async fn credential(&self) -> Result<&Credential, RegistryError> {
        self.credential
            .get_or_try_init(|| async {
                let credentials = self.credentials.clone();
                let repository = self.repository.clone();
                // Files are read and a helper may be run, which may ask its user.
                tokio::task::spawn_blocking(move || credentials.lookup(&repository))
                    .await
                    .map_err(|error| RegistryError::Setup(error.to_string()))?
                    .map_err(RegistryError::from)
            })
            .await
    }

    async fn denied(&self, reason: &str) -> Trouble {
        let (client, hint) = match self.credential().await {
            Ok(credential) => (
                credential.describe(),
                credential.advice(self.repository.registry()),
            ),
            Err(error) => return error.into(),
        };
        Trouble::Fatal(RegistryError::Denied(Box::new(Denial {
            registry: self.repository.registry().to_owned(),
            client,
            action: self.access.action(),
            repository: self.repository.name().to_owned(),
            reason: reason.to_owned(),
            hint,
        })))
    }
}
