//! What comes must be the file: cut, continued, swapped or too long.

use super::*;

#[test]
fn a_broken_download_is_continued_where_it_broke() {
    let scene = Scene::new();
    let half = content().len() / 2;
    let server = Server::start(move |request| match request.start() {
        None => {
            let body = content();
            Reply::announcing(body.len(), "200 OK", &[("ETag", "\"v1\"")], &body[..half])
        }
        Some(start) => Reply::part(&content(), start),
    });
    let wanted = wanted(&[server.url("/file")]);
    assert_eq!(scene.fetch(&wanted).expect("comes"), content());
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].start(), Some(half));
    assert_eq!(requests[1].header("if-range"), Some("\"v1\""));
    assert_eq!(
        *scene.heard.bytes.lock().expect("not poisoned"),
        wanted.size
    );
}

#[test]
fn a_later_run_continues_and_starts_over_where_the_beginning_was_wrong() {
    for right in [true, false] {
        let scene = Scene::new();
        let half = content().len() / 2;
        let broken = Server::start(move |_| {
            let mut body = content();
            body[0] ^= u8::from(!right);
            Reply::announcing(body.len(), "200 OK", &[], &body[..half])
        });
        let reasons = scene.refusals(&wanted(&[broken.url("/file")]));
        assert!(matches!(reasons[..], [Reason::Broken(_)]), "{reasons:?}");
        let good = Server::start(|request| match request.start() {
            None => Reply::ok(&content()),
            Some(start) => Reply::part(&content(), start),
        });
        assert_eq!(
            scene.fetch(&wanted(&[good.url("/file")])).expect("comes"),
            content()
        );
        let starts: Vec<_> = good.requests().iter().map(|r| r.start()).collect();
        if right {
            assert_eq!(starts, [Some(half)]);
        } else {
            assert_eq!(starts, [Some(half), None]);
        }
    }
}

#[test]
fn a_server_without_ranges_sends_the_whole_again() {
    let scene = Scene::new();
    let server = Server::start(|request| {
        let body = content();
        let sent = if request.before == 0 {
            1000
        } else {
            body.len()
        };
        Reply::announcing(body.len(), "200 OK", &[], &body[..sent])
    });
    assert_eq!(
        scene.fetch(&wanted(&[server.url("/file")])).expect("comes"),
        content()
    );
    assert_eq!(server.requests()[1].start(), Some(1000));
}

#[test]
fn a_range_that_was_not_asked_for_is_not_written() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.before {
        0 => Reply::announcing(content().len(), "200 OK", &[], &content()[..1000]),
        1 => Reply::part(&content(), 500),
        _ => Reply::ok(&content()),
    });
    assert_eq!(
        scene.fetch(&wanted(&[server.url("/file")])).expect("comes"),
        content()
    );
}

#[test]
fn a_file_of_the_wrong_size_is_refused_before_it_is_downloaded() {
    let scene = Scene::new();
    let server = Server::start(|_| Reply::ok(b"<html>Please log in</html>"));
    let reasons = scene.refusals(&wanted(&[server.url("/file")]));
    assert!(
        matches!(reasons[..], [Reason::Size { found: 26, .. }]),
        "{reasons:?}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_page_in_place_of_the_file_is_refused_without_an_announced_size_too() {
    let scene = Scene::new();
    let server = Server::start(|_| {
        Reply::raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
              6\r\n<html>\r\n0\r\n\r\n"
                .to_vec(),
        )
    });
    let reasons = scene.refusals(&wanted(&[server.url("/file")]));
    assert!(
        matches!(reasons[..], [Reason::Size { found: 6, .. }]),
        "{reasons:?}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_body_without_end_is_cut_off() {
    let scene = Scene::new();
    let server = Server::start(|_| {
        let mut endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        endless.extend(content());
        endless.extend(content());
        Reply::raw(endless).stalling(Duration::from_secs(60))
    });
    let start = Instant::now();
    let bytes = scene.fetch(&wanted(&[server.url("/file")]));
    assert_eq!(bytes.expect("the right bytes came"), content());
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "did not wait for the end"
    );
}

#[test]
fn an_end_that_nothing_marks_may_be_a_broken_connection() {
    let scene = Scene::new();
    let server = Server::start(|request| match request.start() {
        None => {
            let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
            Reply::raw([head.as_slice(), &content()[..1000]].concat())
        }
        Some(start) => Reply::part(&content(), start),
    });
    let bytes = scene.fetch(&wanted(&[server.url("/file")]));
    assert_eq!(bytes.expect("comes"), content());
    assert_eq!(server.requests()[1].start(), Some(1000));
}

#[test]
fn other_content_of_the_right_size_is_refused_and_the_next_mirror_asked() {
    let scene = Scene::new();
    let server = Server::start(|request| {
        let mut body = content();
        if request.path == "/bad" {
            body[100] ^= 1;
        }
        Reply::ok(&body)
    });
    let reasons = scene.refusals(&wanted(&[server.url("/bad")]));
    assert!(
        matches!(reasons[..], [Reason::Content { .. }]),
        "{reasons:?}"
    );
    let wanted = wanted(&[server.url("/bad"), server.url("/good")]);
    assert_eq!(scene.fetch(&wanted).expect("comes"), content());
    assert!(
        scene.notes().contains(&wanted.digest.to_string()),
        "{}",
        scene.notes()
    );
}
