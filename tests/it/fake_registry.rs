//! A registry in memory that misbehaves on request and remembers what it was asked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use dindimg::digest::Digest;
use serde_json::json;

/// How the registry differs from a good one.
#[derive(Clone, Default)]
pub struct Faults {
    /// Tokens are needed, from the registry's own token service.
    pub tokens: Option<Tokens>,
    /// Requests whose line starts with the text are answered 429 for the time after the first.
    pub throttle: Option<(&'static str, Duration)>,
    /// Requests whose line starts with the text get this status so many times.
    pub fail: Option<(&'static str, u16, usize)>,
    /// Mounts are answered 202.
    pub no_mount: bool,
    /// Answers to requests whose line starts with the text have no `Location`.
    pub no_location: Option<&'static str>,
    /// Answers to requests whose line starts with the text name this digest.
    pub lie: Option<(&'static str, Digest)>,
    /// Nothing names a digest.
    pub no_digest: bool,
}

/// The token service.
#[derive(Clone, Default)]
pub struct Tokens {
    /// `user:password` it takes; without, everybody gets a token.
    pub account: Option<&'static str>,
    /// Refresh token it takes.
    pub identity: Option<&'static str>,
    /// Scopes it does not grant.
    pub withheld: Vec<&'static str>,
    /// It refuses questions for those scopes altogether.
    pub strict: bool,
    /// All tokens end after so many requests, once.
    pub end_after: Option<usize>,
    /// `/v2/` itself needs no token.
    pub open_root: bool,
}

#[derive(Default)]
struct Inner {
    address: String,
    faults: Faults,
    log: Vec<String>,
    blobs: BTreeMap<(String, String), Bytes>,
    manifests: BTreeMap<(String, String), (String, Bytes)>,
    granted: BTreeMap<String, Vec<String>>,
    issued: usize,
    authorized: usize,
    throttled_until: Option<Instant>,
    refused: usize,
    hits: usize,
    sessions: BTreeSet<usize>,
    next_session: usize,
}

pub struct FakeRegistry {
    inner: Arc<Mutex<Inner>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl FakeRegistry {
    pub fn start(faults: Faults) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("runtime");
        let listen = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = runtime.block_on(listen).expect("a free port");
        let inner = Arc::new(Mutex::new(Inner {
            address: listener.local_addr().expect("an address").to_string(),
            faults,
            ..Inner::default()
        }));
        let app = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(inner.clone());
        runtime.spawn(async { axum::serve(listener, app).await });
        Self {
            inner,
            runtime: Some(runtime),
        }
    }

    pub fn address(&self) -> String {
        self.lock().address.clone()
    }

    /// `METHOD /path`, without queries, in the order of arrival.
    pub fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    /// Where in the log the requests are whose line starts with `start`.
    pub fn positions(&self, start: &str) -> Vec<usize> {
        let log = self.log();
        let found = log
            .iter()
            .enumerate()
            .filter(|(_, line)| line.starts_with(start));
        found.map(|(at, _)| at).collect()
    }

    /// Requests answered 429.
    pub fn refused(&self) -> usize {
        self.lock().refused
    }

    /// How often a fault has come to pass.
    pub fn hits(&self) -> usize {
        self.lock().hits
    }

    /// Tokens handed out.
    pub fn issued(&self) -> usize {
        self.lock().issued
    }

    /// Upload sessions that were neither completed nor cancelled.
    pub fn open_sessions(&self) -> usize {
        self.lock().sessions.len()
    }

    /// Does everything right from now on.
    pub fn heal(&self) {
        self.lock().faults = Faults::default();
    }

    pub fn has_blob(&self, repository: &str, digest: &Digest) -> bool {
        let key = (repository.to_owned(), digest.to_string());
        self.lock().blobs.contains_key(&key)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while locked")
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    inner
        .lock()
        .expect("no panic while locked")
        .answer(&method, &uri, &headers, body)
}

type Answer = (StatusCode, Vec<(&'static str, String)>, Bytes);

fn status(code: u16) -> Answer {
    let status = StatusCode::from_u16(code).expect("a status");
    (status, Vec::new(), Bytes::new())
}

fn refusal(code: u16, text: &str) -> Answer {
    let errors = json!({ "errors": [{ "code": text, "message": "the fake says so" }] });
    let body = errors.to_string().into();
    (
        StatusCode::from_u16(code).expect("a status"),
        Vec::new(),
        body,
    )
}

impl Inner {
    fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Response {
        let path = uri.path();
        let line = format!("{method} {path}");
        self.log.push(line.clone());
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let (code, mut extra, body) = if path == "/token" {
            self.token(&query, headers, &body)
        } else if let Some(refused) = self.faulty(&line).or_else(|| {
            let granted = self.permits(method, path, &query, headers);
            (!granted).then(|| self.challenge())
        }) {
            refused
        } else {
            self.serve(method, path, &query, headers, body)
        };
        if self
            .faults
            .no_location
            .is_some_and(|start| line.starts_with(start))
        {
            extra.retain(|(name, _)| *name != "location");
        }
        if self.faults.no_digest {
            self.hits += 1;
            extra.retain(|(name, _)| *name != "docker-content-digest");
        }
        if let Some((start, digest)) = self.faults.lie
            && line.starts_with(start)
            && code.is_success()
        {
            extra.retain(|(name, _)| *name != "docker-content-digest");
            extra.push(("docker-content-digest", digest.to_string()));
        }
        let mut response = (code, body).into_response();
        for (name, value) in extra {
            let value = value.parse().expect("a header value");
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn faulty(&mut self, line: &str) -> Option<Answer> {
        if let Some((start, time)) = self.faults.throttle
            && line.starts_with(start)
        {
            let now = Instant::now();
            let until = *self.throttled_until.get_or_insert(now + time);
            if now < until {
                self.refused += 1;
                self.hits += 1;
                let mut answer = refusal(429, "TOOMANYREQUESTS");
                answer.1.push(("retry-after", time.as_secs().to_string()));
                return Some(answer);
            }
        }
        if let Some((start, code, times)) = &mut self.faults.fail
            && line.starts_with(*start)
            && *times > 0
        {
            *times -= 1;
            self.hits += 1;
            return Some(refusal(*code, "UNKNOWN"));
        }
        None
    }

    fn challenge(&self) -> Answer {
        let mut answer = refusal(401, "UNAUTHORIZED");
        let realm = format!("http://{}/token", self.address);
        let challenge = format!("Bearer realm=\"{realm}\",service=\"fake\"");
        answer.1.push(("www-authenticate", challenge));
        answer
    }

    fn token(&mut self, query: &[(String, String)], headers: &HeaderMap, body: &[u8]) -> Answer {
        let rules = self.faults.tokens.clone().unwrap_or_default();
        let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, v)| &**v);
        let password = headers.get("authorization").and_then(|v| v.to_str().ok());
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let known = match (rules.account, rules.identity) {
            (_, Some(identity)) => {
                value("grant_type") == Some("refresh_token")
                    && value("refresh_token") == Some(identity)
                    && value("service") == Some("fake")
            }
            (Some(account), None) => password == Some(&format!("Basic {}", encode(account))),
            (None, None) => true,
        };
        let wanted: Vec<String> = query
            .iter()
            .filter(|(key, _)| key == "scope")
            .map(|(_, scope)| scope.clone())
            .chain(
                value("scope")
                    .into_iter()
                    .flat_map(|s| s.split(' ').map(str::to_owned)),
            )
            .collect();
        let withheld = |scope: &String| rules.withheld.contains(&scope.as_str());
        if !known || (rules.strict && wanted.iter().any(withheld)) {
            return refusal(401, "UNAUTHORIZED");
        }
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        let granted = wanted
            .into_iter()
            .filter(|scope| !withheld(scope))
            .collect();
        self.granted.insert(token.clone(), granted);
        (
            StatusCode::OK,
            Vec::new(),
            json!({ "token": token }).to_string().into(),
        )
    }

    fn permits(
        &mut self,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        headers: &HeaderMap,
    ) -> bool {
        let Some(rules) = &self.faults.tokens else {
            return true;
        };
        if path == "/v2/" && rules.open_root {
            return true;
        }
        let bearer = headers.get("authorization").and_then(|v| v.to_str().ok());
        let token = bearer.and_then(|text| text.strip_prefix("Bearer "));
        let Some(granted) = token.and_then(|token| self.granted.get(token)) else {
            return false;
        };
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let name = repository(path).unwrap_or_default();
        let may = |name: &str, push: bool| {
            granted.iter().any(|scope| {
                scope
                    .strip_prefix("repository:")
                    .and_then(|s| s.rsplit_once(':'))
                    .is_some_and(|(n, actions)| n == name && (!push || actions.contains("push")))
            })
        };
        let from = query.iter().find(|(key, _)| key == "from");
        let allowed =
            path == "/v2/" || may(name, !reads) && from.is_none_or(|(_, name)| may(name, false));
        self.authorized += 1;
        if rules.end_after == Some(self.authorized) {
            self.granted.clear();
            self.hits += 1;
        }
        allowed
    }

    fn serve(
        &mut self,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        headers: &HeaderMap,
        body: Bytes,
    ) -> Answer {
        let get = |name: &str| {
            query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, v)| v.clone())
        };
        let Some(name) = repository(path) else {
            return status(if path == "/v2/" { 200 } else { 404 });
        };
        let rest = &path["/v2/".len() + name.len() + 1..];
        let key = |last: &str| (name.to_owned(), last.to_owned());
        match (method.as_str(), rest.split_once('/').unwrap_or_default()) {
            ("HEAD" | "GET", ("blobs", digest)) => match self.blobs.get(&key(digest)) {
                Some(blob) => (StatusCode::OK, Vec::new(), blob.clone()),
                None => refusal(404, "BLOB_UNKNOWN"),
            },
            ("POST", ("blobs", "uploads/")) => {
                let found = get("mount").zip(get("from")).and_then(|(digest, from)| {
                    let blob = self.blobs.get(&(from, digest.clone()))?.clone();
                    (!self.faults.no_mount).then_some((digest, blob))
                });
                if let Some((digest, blob)) = found {
                    self.blobs.insert(key(&digest), blob);
                    return created(format!("/v2/{name}/blobs/{digest}"), &digest);
                }
                self.next_session += 1;
                self.sessions.insert(self.next_session);
                let location = format!("/v2/{name}/blobs/uploads/{}?state=x", self.next_session);
                (
                    StatusCode::ACCEPTED,
                    vec![("location", location)],
                    Bytes::new(),
                )
            }
            (put_or_delete @ ("PUT" | "DELETE"), ("blobs", session)) => {
                let session = session.trim_start_matches("uploads/").parse().unwrap_or(0);
                if !self.sessions.remove(&session) {
                    return refusal(404, "BLOB_UPLOAD_UNKNOWN");
                }
                let digest = get("digest").unwrap_or_default();
                if put_or_delete == "DELETE" {
                    return status(204);
                }
                if digest != Digest::of(&body).to_string() {
                    return refusal(400, "DIGEST_INVALID");
                }
                self.blobs.insert(key(&digest), body);
                created(format!("/v2/{name}/blobs/{digest}"), &digest)
            }
            ("HEAD" | "GET", ("manifests", name)) => match self.manifests.get(&key(name)) {
                Some((media_type, bytes)) => {
                    let digest = Digest::of(bytes).to_string();
                    let extra = vec![
                        ("content-type", media_type.clone()),
                        ("docker-content-digest", digest),
                    ];
                    (StatusCode::OK, extra, bytes.clone())
                }
                None => refusal(404, "MANIFEST_UNKNOWN"),
            },
            ("PUT", ("manifests", reference)) => {
                let media_type = headers.get("content-type").and_then(|v| v.to_str().ok());
                let entry = (media_type.unwrap_or_default().to_owned(), body.clone());
                let digest = Digest::of(&body).to_string();
                self.manifests.insert(key(&digest), entry.clone());
                self.manifests.insert(key(reference), entry);
                created(format!("/v2/{name}/manifests/{reference}"), &digest)
            }
            // It keeps no lists.
            ("GET", ("referrers", _)) => status(404),
            _ => status(405),
        }
    }
}

fn created(location: String, digest: &str) -> Answer {
    let digest = ("docker-content-digest", digest.to_owned());
    (
        StatusCode::CREATED,
        vec![("location", location), digest],
        Bytes::new(),
    )
}

/// The repository of `/v2/NAME/blobs/…`, `/v2/NAME/manifests/…` and `/v2/NAME/referrers/…`.
fn repository(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v2/")?;
    let parts = ["/blobs/", "/manifests/", "/referrers/"];
    let end = parts.iter().find_map(|part| rest.find(part))?;
    Some(&rest[..end])
}
