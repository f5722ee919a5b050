//! Documents that change under their address.

use dindimg::fetch::{DOCUMENT_LIMIT, Document, Validity};

use super::server::{Reply, Request, Server};
use super::*;

const RELEASE: &[u8] = b"Suite: bookworm\n";
const TAG: &str = "\"v1\"";
const DATE: &str = "Sat, 11 Jul 2026 10:16:37 GMT";

/// Answers as a mirror does whose `InRelease` has not changed.
fn mirror(request: &Request) -> Reply {
    if request.header("if-none-match") == Some(TAG) {
        return Reply::status("304 Not Modified");
    }
    Reply::new("200 OK", &[("ETag", TAG), ("Last-Modified", DATE)], RELEASE)
}

impl Scene {
    fn document(&self, urls: &[String], validity: Validity) -> Result<Document, FetchError> {
        self.fetcher().document(urls, DOCUMENT_LIMIT, validity)
    }
}

#[test]
fn an_unchanged_document_is_not_sent_again() {
    let scene = Scene::new();
    let server = Server::start(mirror);
    let urls = [server.url("/InRelease")];
    for validity in [
        Validity::Conditional,
        Validity::Conditional,
        Validity::Always,
    ] {
        let document = scene.document(&urls, validity).expect("comes");
        assert_eq!(
            (document.bytes.as_slice(), &document.url),
            (RELEASE, &urls[0])
        );
    }
    let conditions: Vec<_> = server
        .requests()
        .iter()
        .map(|request| {
            assert_eq!(request.header("cache-control"), Some("max-age=0"));
            let value = |name| request.header(name).map(str::to_owned);
            (value("if-none-match"), value("if-modified-since"))
        })
        .collect();
    let asked = (Some(TAG.to_owned()), Some(DATE.to_owned()));
    assert_eq!(conditions, [(None, None), asked, (None, None)]);
}

#[test]
fn a_changed_document_replaces_the_copy() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.before {
        0 => Reply::new("200 OK", &[("ETag", "\"old\"")], b"old"),
        _ => mirror(request),
    });
    let urls = [server.url("/InRelease")];
    for expected in [b"old".as_slice(), RELEASE, RELEASE] {
        let document = scene.document(&urls, Validity::Conditional).expect("comes");
        assert_eq!(document.bytes, expected);
    }
}

#[test]
fn offline_the_copy_serves_or_the_error_says_what_is_missing() {
    let mut scene = Scene::new();
    let server = Server::start(mirror);
    let urls = [server.url("/InRelease")];
    scene.options.offline = true;
    let error = scene
        .document(&urls, Validity::Conditional)
        .expect_err("is missing");
    assert!(
        matches!(&error, FetchError::Offline { missing } if missing == &urls),
        "{error:?}"
    );
    scene.options.offline = false;
    scene.document(&urls, Validity::Conditional).expect("comes");
    scene.options.offline = true;
    let document = scene
        .document(&urls, Validity::Conditional)
        .expect("is there");
    assert_eq!(document.bytes, RELEASE);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_missing_document_is_told_from_a_failing_server() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/none" => Reply::status("404 Not Found"),
        "/busy" => Reply::status("500 Internal Server Error"),
        _ => mirror(request),
    });
    let (none, busy, good) = (
        server.url("/none"),
        server.url("/busy"),
        server.url("/good"),
    );
    let ask = |urls: &[&String]| {
        let urls: Vec<String> = urls.iter().map(|&url| url.clone()).collect();
        scene.document(&urls, Validity::Conditional)
    };
    assert!(matches!(ask(&[&none, &none]), Err(FetchError::NotFound { urls }) if urls.len() == 2));
    assert!(matches!(
        ask(&[&none, &busy]),
        Err(FetchError::Failed { .. })
    ));
    assert_eq!(ask(&[&none, &busy, &good]).expect("comes").url, good);
}

#[test]
fn a_document_beyond_the_limit_is_not_read() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/announced" => Reply::ok(&[b'x'; 100]),
        _ => Reply::raw([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 100]].concat()),
    });
    for path in ["/announced", "/unannounced"] {
        let result = scene
            .fetcher()
            .document(&[server.url(path)], 99, Validity::Conditional);
        let Err(FetchError::Failed { failures }) = result else {
            panic!("{path}: {result:?}")
        };
        assert!(matches!(failures[0].tries[0].reason, Reason::TooLarge(99)));
        let whole = scene
            .fetcher()
            .document(&[server.url(path)], 100, Validity::Conditional);
        assert_eq!(whole.expect("fits").bytes.len(), 100);
    }
}

#[test]
fn a_document_cut_short_is_asked_for_again() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.before {
        0 => Reply::announcing(RELEASE.len(), "200 OK", &[], &RELEASE[..4]),
        _ => mirror(request),
    });
    let document = scene.document(&[server.url("/InRelease")], Validity::Conditional);
    assert_eq!(document.expect("comes").bytes, RELEASE);
}

#[test]
fn local_documents_are_read_in_place() {
    let mut scene = Scene::new();
    scene.options.offline = true;
    let mirror = TempDir::new().expect("a temporary directory");
    fs::write(mirror.path().join("InRelease"), RELEASE).expect("writes");
    let url = |name| file_url(&mirror.path().join(name));
    let document = scene.document(&[url("none"), url("InRelease")], Validity::Conditional);
    assert_eq!(document.expect("is read").bytes, RELEASE);
    let none = scene.document(&[url("none")], Validity::Conditional);
    assert!(matches!(none, Err(FetchError::NotFound { .. })), "{none:?}");
}
