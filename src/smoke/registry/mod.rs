//! A registry of one run: in memory, behind a password, as much of the OCI distribution
//! specification (version 1.1) as an engine asks of one in `login`, `push` and `pull`.
//!
//! It is a pure answer to requests; [`wire`] reads and writes them.

pub(super) mod wire;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::Digest;

/// One request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The value of the header `Authorization`.
    pub authorization: Option<String>,
    /// The value of the header `Content-Type`.
    pub media_type: Option<String>,
    pub body: Vec<u8>,
}

/// The answer to a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// What a GET is answered with; a HEAD is told its length alone.
    pub body: Vec<u8>,
}

/// The contents of a registry, all of its repositories together.
pub(super) struct Registry {
    /// What `Authorization` has to say (RFC 7617).
    authorization: String,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Uploads that have begun, by their number.
    uploads: BTreeMap<usize, Vec<u8>>,
    begun: usize,
    /// Media type and bytes of manifests, by digest and by tag.
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// Requests that were answered with a password.
    known: usize,
    /// Requests that were refused for lack of one.
    refused: usize,
}

impl Registry {
    /// An empty registry for one user.
    pub(super) fn new(user: &str, password: &str) -> Self {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        Self {
            authorization: format!("Basic {pair}"),
            blobs: BTreeMap::new(),
            uploads: BTreeMap::new(),
            begun: 0,
            manifests: BTreeMap::new(),
            known: 0,
            refused: 0,
        }
    }

    /// Whether anything was asked with the password, and without it.
    pub(super) fn asked(&self) -> (bool, bool) {
        (self.known > 0, self.refused > 0)
    }

    /// Bytes of the blobs.
    pub(super) fn size(&self) -> usize {
        self.blobs.values().map(Vec::len).sum()
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, request: Request) -> Response {
        if request.authorization.as_ref() != Some(&self.authorization) {
            self.refused += 1;
            let challenge = "Basic realm=\"dindimg smoke\"".to_owned();
            return with(401, vec![("WWW-Authenticate", challenge)]);
        }
        self.known += 1;
        let (path, query) = match request.target.split_once('?') {
            Some((path, query)) => (path.to_owned(), query.to_owned()),
            None => (request.target.clone(), String::new()),
        };
        if path == "/v2/" {
            return with(200, Vec::new());
        }
        let Some(path) = path.strip_prefix("/v2/") else {
            return with(404, Vec::new());
        };
        if let Some((name, reference)) = path.rsplit_once("/manifests/") {
            return self.manifest(name, reference, request);
        }
        if let Some((name, upload)) = path.rsplit_once("/blobs/uploads/") {
            return self.upload(name, upload, &query, request);
        }
        if let Some((_, digest)) = path.rsplit_once("/blobs/") {
            return match self.blobs.get(digest) {
                Some(blob) => content("application/octet-stream", digest, blob.clone()),
                None => with(404, Vec::new()),
            };
        }
        with(404, Vec::new())
    }

    fn manifest(&mut self, name: &str, reference: &str, request: Request) -> Response {
        match request.method.as_str() {
            "PUT" => {
                let digest = Digest::of(&request.body).to_string();
                if reference.starts_with("sha256:") && reference != digest {
                    return with(400, Vec::new());
                }
                let kind = request.media_type.unwrap_or_default();
                let stored = (kind, request.body);
                self.manifests.insert(reference.to_owned(), stored.clone());
                self.manifests.insert(digest.clone(), stored);
                let location = format!("/v2/{name}/manifests/{digest}");
                let headers = vec![("Location", location), ("Docker-Content-Digest", digest)];
                with(201, headers)
            }
            "GET" | "HEAD" => match self.manifests.get(reference) {
                Some((kind, bytes)) => {
                    let digest = Digest::of(bytes).to_string();
                    content(kind, &digest, bytes.clone())
                }
                None => with(404, Vec::new()),
            },
            _ => with(405, Vec::new()),
        }
    }

    fn upload(&mut self, name: &str, upload: &str, query: &str, request: Request) -> Response {
        if request.method == "POST" {
            self.begun += 1;
            self.uploads.insert(self.begun, Vec::new());
            return accepted(name, self.begun, 0);
        }
        let number = upload.parse().ok();
        let Some((number, bytes)) = number.and_then(|number: usize| {
            let bytes = self.uploads.get_mut(&number)?;
            Some((number, bytes))
        }) else {
            return with(404, Vec::new());
        };
        bytes.extend_from_slice(&request.body);
        match request.method.as_str() {
            "PATCH" => accepted(name, number, bytes.len()),
            "PUT" => {
                let digest = Digest::of(bytes).to_string();
                let said = url::form_urlencoded::parse(query.as_bytes())
                    .find(|(key, _)| key == "digest")
                    .map(|(_, value)| value.into_owned());
                if said.as_ref() != Some(&digest) {
                    return with(400, Vec::new());
                }
                let blob = self.uploads.remove(&number).unwrap_or_default();
                self.blobs.insert(digest.clone(), blob);
                let location = format!("/v2/{name}/blobs/{digest}");
                let headers = vec![("Location", location), ("Docker-Content-Digest", digest)];
                with(201, headers)
            }
            _ => with(405, Vec::new()),
        }
    }
}

fn with(status: u16, headers: Vec<(&'static str, String)>) -> Response {
    Response {
        status,
        headers,
        body: Vec::new(),
    }
}

fn content(kind: &str, digest: &str, body: Vec<u8>) -> Response {
    Response {
        status: 200,
        headers: vec![
            ("Content-Type", kind.to_owned()),
            ("Docker-Content-Digest", digest.to_owned()),
        ],
        body,
    }
}

/// The answer to a part of an upload: where it goes on, and what is there.
fn accepted(name: &str, number: usize, length: usize) -> Response {
    let headers = vec![
        ("Location", format!("/v2/{name}/blobs/uploads/{number}")),
        ("Docker-Upload-UUID", number.to_string()),
        ("Range", format!("0-{}", length.saturating_sub(1))),
    ];
    with(202, headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(registry: &mut Registry, method: &str, target: &str, body: &[u8]) -> Response {
        registry.answer(Request {
            method: method.to_owned(),
            target: target.to_owned(),
            // user:word
            authorization: Some("Basic dXNlcjp3b3Jk".to_owned()),
            media_type: Some("application/x-manifest".to_owned()),
            body: body.to_vec(),
        })
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        let mut headers = response.headers.iter();
        headers
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn without_the_password_there_is_nothing() {
        let mut registry = Registry::new("user", "word");
        for authorization in [None, Some("Basic dXNlcjp3cm9uZw==".to_owned())] {
            let response = registry.answer(Request {
                method: "GET".to_owned(),
                target: "/v2/".to_owned(),
                authorization,
                ..Request::default()
            });
            assert_eq!(response.status, 401);
            assert!(header(&response, "WWW-Authenticate").is_some());
        }
        assert_eq!(registry.asked(), (false, true));
        assert_eq!(ask(&mut registry, "GET", "/v2/", b"").status, 200);
        assert_eq!(registry.asked(), (true, true));
    }

    #[test]
    fn what_was_pushed_in_parts_is_pulled_whole() {
        let mut registry = Registry::new("user", "word");
        let begun = ask(&mut registry, "POST", "/v2/a/b/blobs/uploads/", b"");
        assert_eq!(begun.status, 202);
        let place = header(&begun, "Location").expect("a place").to_owned();
        let part = ask(&mut registry, "PATCH", &place, b"on");
        assert_eq!(
            (part.status, header(&part, "Range")),
            (202, Some("0-1")),
            "{part:?}"
        );
        let digest = Digest::of(b"one").to_string();
        let blob = format!("/v2/a/b/blobs/{digest}");
        assert_eq!(ask(&mut registry, "HEAD", &blob, b"").status, 404);
        let wrong = format!("{place}?digest=sha256:00");
        assert_eq!(ask(&mut registry, "PUT", &wrong, b"").status, 400);
        let encoded = digest.replace(':', "%3A");
        let end = format!("{place}?digest={encoded}");
        assert_eq!(ask(&mut registry, "PUT", &end, b"e").status, 201);
        assert_eq!(ask(&mut registry, "GET", &blob, b"").body, b"one");
        assert_eq!(registry.size(), 3);
        assert_eq!(ask(&mut registry, "PATCH", &place, b"").status, 404);
    }

    #[test]
    fn a_manifest_is_there_by_tag_and_by_digest_with_its_media_type() {
        let mut registry = Registry::new("user", "word");
        let digest = Digest::of(b"{}").to_string();
        let named = |reference: &str| format!("/v2/a/manifests/{reference}");
        assert_eq!(ask(&mut registry, "GET", &named("tag"), b"").status, 404);
        assert_eq!(ask(&mut registry, "PUT", &named("tag"), b"{}").status, 201);
        for reference in ["tag", &digest] {
            let response = ask(&mut registry, "GET", &named(reference), b"");
            assert_eq!(response.body, b"{}");
            let kind = header(&response, "Content-Type");
            assert_eq!(kind, Some("application/x-manifest"));
            let said = header(&response, "Docker-Content-Digest");
            assert_eq!(said, Some(digest.as_str()));
        }
        let other = named("sha256:00");
        assert_eq!(ask(&mut registry, "PUT", &other, b"{}").status, 400);
    }
}
