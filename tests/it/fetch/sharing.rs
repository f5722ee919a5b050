//! The cache, local mirrors, and several threads and processes.

use super::*;

#[test]
fn a_file_comes_once_and_is_then_in_the_cache() {
    let scene = Scene::new();
    let server = Server::start(|_| Reply::ok(&content()));
    let wanted = wanted(&[server.url("/file")]);
    assert_eq!(scene.fetch(&wanted).expect("comes"), content());
    assert_eq!(scene.fetch(&wanted).expect("is there"), content());
    assert_eq!(server.requests().len(), 1);
    assert_eq!(
        *scene.heard.bytes.lock().expect("not poisoned"),
        wanted.size
    );
    let agent = server.requests()[0].header("user-agent").map(str::to_owned);
    assert!(agent.is_some_and(|agent| agent.starts_with("dindimg/")));
}

#[test]
fn offline_only_the_cache_and_local_mirrors_serve() {
    let mut scene = Scene::new();
    let server = Server::start(|_| Reply::ok(&content()));
    scene.options.offline = true;
    let remote = wanted(&[server.url("/file")]);
    let error = scene.fetch(&remote).expect_err("is missing");
    assert!(
        matches!(&error, FetchError::Offline { missing } if *missing == [remote.subject.clone()])
    );
    assert!(error.to_string().contains("--offline"));

    let mirror = TempDir::new().expect("a temporary directory");
    let path = mirror.path().join("a file.deb");
    fs::write(&path, content()).expect("writes");
    assert_eq!(
        scene
            .fetch(&wanted(&[server.url("/file"), file_url(&path)]))
            .expect("comes"),
        content()
    );
    assert_eq!(scene.fetch(&remote).expect("is there now"), content());
    assert!(server.requests().is_empty());
}

#[test]
fn a_local_mirror_is_held_to_size_and_digest_too() {
    let scene = Scene::new();
    let mirror = TempDir::new().expect("a temporary directory");
    let path = |name: &str, content: &[u8]| {
        let path = mirror.path().join(name);
        fs::write(&path, content).expect("writes");
        file_url(&path)
    };
    let other = vec![0; content().len()];
    let missing = file_url(&mirror.path().join("missing"));
    let mirrors = [
        missing,
        path("short", b"short"),
        path("other", &other),
        "ftp://a/b".into(),
    ];
    let reasons = scene.refusals(&wanted(&mirrors));
    assert!(
        matches!(
            reasons[..],
            [
                Reason::Local(_),
                Reason::Size { .. },
                Reason::Content { .. },
                Reason::Address(_)
            ]
        ),
        "{reasons:?}"
    );
    assert!(reasons[0].is_gone());
}

#[test]
fn many_threads_download_each_file_once() {
    let scene = Scene::new();
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(50));
        Reply::ok(&content())
    });
    let files = vec![wanted(&[server.url("/file")]); 3];
    let shared = scene.fetcher();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| scene.fetcher().fetch_all(&files).expect("comes"));
            scope.spawn(|| shared.fetch_all(&files).expect("comes"));
        }
    });
    assert_eq!(server.requests().len(), 1);
}

/// What [`process`] runs; does nothing unless told to.
#[test]
fn in_a_process_of_its_own() {
    if let (Ok(root), Ok(url)) = (std::env::var("FETCH_ROOT"), std::env::var("FETCH_URL")) {
        let cache = Cache::open(Path::new(&root)).expect("opens");
        let reporter = Arc::new(Listening::default());
        let fetcher = Fetcher::new(Arc::new(cache), FetchOptions::default(), reporter);
        fetcher.fetch_all(&[wanted(&[url])]).expect("comes");
    }
}

#[test]
fn two_processes_download_each_file_once() {
    let scene = Scene::new();
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(500));
        Reply::ok(&content())
    });
    let url = server.url("/file");
    let mut processes: Vec<_> = (0..2)
        .map(|_| process(&scene, &url).spawn().expect("starts"))
        .collect();
    for process in &mut processes {
        assert!(process.wait().expect("ends").success());
    }
    assert_eq!(server.requests().len(), 1);
    let cache = scene.cache();
    assert!(
        cache
            .has_blob(&Digest::of(content()), content().len() as u64)
            .expect("looks")
    );
}
