//! Which server is asked, how often, and what is said when none serves.

use super::*;

#[test]
fn the_next_mirror_is_asked_at_once_where_one_does_not_have_the_file() {
    for status in ["404 Not Found", "410 Gone", "403 Forbidden"] {
        let scene = Scene::new();
        let server = Server::start(move |request| match request.path.as_str() {
            "/good" => Reply::ok(&content()),
            _ => Reply::status(status),
        });
        let wanted = wanted(&[server.url("/bad"), server.url("/good")]);
        assert_eq!(scene.fetch(&wanted).expect("comes"), content());
        assert_eq!(server.requests().len(), 2, "{status}");
        assert!(scene.notes().contains(&status[..3]), "{}", scene.notes());
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again_when_it_says() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.before {
        0 => Reply::new("429 Too Many Requests", &[("Retry-After", "1")], b""),
        _ => Reply::ok(&content()),
    });
    let start = Instant::now();
    scene.fetch(&wanted(&[server.url("/file")])).expect("comes");
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(
        scene
            .notes()
            .contains("asking again in 1 s (attempt 2 of 3)"),
        "{}",
        scene.notes()
    );
}

#[test]
fn a_date_in_retry_after_is_read_by_the_servers_own_clock() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.before {
        0 => Reply::new(
            "503 Service Unavailable",
            &[
                ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("Retry-After", "Sun, 06 Nov 1994 08:49:38 GMT"),
            ],
            b"",
        ),
        _ => Reply::ok(&content()),
    });
    let start = Instant::now();
    scene.fetch(&wanted(&[server.url("/file")])).expect("comes");
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_failing_server_is_asked_as_often_as_allowed() {
    let scene = Scene::new();
    let server = Server::start(|request| match (request.path.as_str(), request.before) {
        ("/twice", 0 | 1) => Reply::status("500 Internal Server Error"),
        ("/twice", _) => Reply::ok(&content()),
        _ => Reply::status("502 Bad Gateway"),
    });
    assert_eq!(
        scene
            .fetch(&wanted(&[server.url("/twice")]))
            .expect("comes"),
        content()
    );
    let scene = Scene::new();
    let reasons = scene.refusals(&wanted(&[server.url("/always")]));
    assert!(matches!(reasons[..], [Reason::Status(502)]), "{reasons:?}");
    let asked = server
        .requests()
        .iter()
        .filter(|r| r.path == "/always")
        .count();
    assert_eq!(asked, 3);
}

#[test]
fn a_dead_server_costs_its_delays_only_once() {
    let mut scene = Scene::new();
    scene.options.jobs = 1;
    let server = Server::start(|_| Reply::status("500 Internal Server Error"));
    let files: Vec<Wanted> = (0..5_u8)
        .map(|n| Wanted {
            digest: Digest::of([n]),
            size: 1,
            ..wanted(&[server.url("/file")])
        })
        .collect();
    let result = scene.fetcher().fetch_all(&files);
    assert!(matches!(result, Err(FetchError::Failed { failures }) if failures.len() == 5));
    assert_eq!(server.requests().len(), 3 + 4);
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_not_asked_again() {
    let scene = Scene::new();
    let server = Server::start(|_| Reply::ok(&content()));
    let url = server.url("/file").replace("http:", "https:");
    let failures = match scene.fetch(&wanted(&[url])) {
        Err(FetchError::Failed { failures }) => failures,
        other => panic!("must fail, gave {other:?}"),
    };
    let one = &failures[0].tries[0];
    assert!(matches!(one.reason, Reason::Untrusted(_)), "{one:?}");
    assert_eq!(one.attempts, 1);
}

#[test]
fn redirections_are_followed_but_not_in_circles() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/pool" => Reply::new("302 Found", &[("Location", "/file")], b""),
        "/file" => Reply::ok(&content()),
        _ => Reply::new("302 Found", &[("Location", "/circle")], b""),
    });
    let circle = wanted(&[server.url("/circle")]);
    let reasons = scene.refusals(&circle);
    assert!(matches!(reasons[..], [Reason::Redirects(_)]), "{reasons:?}");
    assert!(server.requests().len() <= 12);
    assert_eq!(
        scene.fetch(&wanted(&[server.url("/pool")])).expect("comes"),
        content()
    );
}

#[test]
fn a_silent_server_is_left() {
    let mut scene = Scene::new();
    scene.options.attempts = 1;
    scene.options.connect_timeout = Duration::from_millis(200);
    scene.options.read_timeout = Duration::from_millis(200);
    let server = Server::start(|request| match request.path.as_str() {
        "/mute" => Reply::raw(Vec::new()).stalling(Duration::from_secs(60)),
        _ => Reply::announcing(content().len(), "200 OK", &[], &content()[..9])
            .stalling(Duration::from_secs(60)),
    });
    let start = Instant::now();
    let reasons = scene.refusals(&wanted(&[server.url("/mute"), server.url("/half")]));
    assert!(
        matches!(reasons[..], [Reason::Stalled(_), Reason::Stalled(_)]),
        "{reasons:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_every_mirror_denies_is_gone_even_where_the_snapshot_cannot_be_reached() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/busy" => Reply::status("500 Internal Server Error"),
        _ => Reply::status("404 Not Found"),
    });
    let gone = Wanted {
        fallbacks: vec![nowhere()],
        ..wanted(&[server.url("/a"), server.url("/b")])
    };
    let busy = Wanted {
        subject: "runc 1.1.5 (amd64)".into(),
        digest: Digest::of(b"runc"),
        size: 4,
        ..wanted(&[server.url("/busy")])
    };
    let error = scene
        .fetcher()
        .fetch_all(std::slice::from_ref(&gone))
        .expect_err("is gone");
    assert!(matches!(error, FetchError::Gone { .. }), "{error:?}");
    let text = error.to_string();
    for part in [
        "docker.io 20.10.24 (amd64)",
        "/a: HTTP status 404",
        "cannot be reached",
        "lock --update",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let both = scene.fetcher().fetch_all(&[gone, busy]).expect_err("fails");
    let FetchError::Failed { failures } = both else {
        panic!("{both:?}")
    };
    let gone: Vec<_> = failures
        .iter()
        .map(|failure| (&*failure.subject, failure.gone))
        .collect();
    assert_eq!(
        gone,
        [
            ("docker.io 20.10.24 (amd64)", true),
            ("runc 1.1.5 (amd64)", false)
        ]
    );
}

#[test]
fn the_fallback_gives_what_the_mirrors_have_dropped() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/snapshot" => Reply::ok(&content()),
        _ => Reply::status("404 Not Found"),
    });
    let wanted = Wanted {
        fallbacks: vec![server.url("/snapshot")],
        ..wanted(&[server.url("/pool")])
    };
    assert_eq!(scene.fetch(&wanted).expect("comes"), content());
}

#[test]
fn passwords_in_addresses_are_sent_but_not_shown() {
    let scene = Scene::new();
    let server = Server::start(|_| Reply::status("403 Forbidden"));
    let url = server.url("/file").replace("http://", "http://ann:secret@");
    let error = scene.fetch(&wanted(&[url])).expect_err("is refused");
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
    assert!(server.requests()[0].header("authorization").is_some());
}

#[test]
fn plain_http_works_on_a_system_without_ca_certificates() {
    let scene = Scene::new();
    let server = Server::start(|_| Reply::ok(&content()));
    let status = process(&scene, &server.url("/file"))
        .env("SSL_CERT_FILE", scene.root.path().join("none.pem"))
        .env("SSL_CERT_DIR", scene.root.path())
        .status();
    assert!(status.expect("ends").success());
    assert_eq!(server.requests().len(), 1);
}
