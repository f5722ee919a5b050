//! Fetching over real sockets, from servers that behave and that do not.

mod content;
mod documents;
mod mirrors;
pub mod server;
mod sharing;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dindimg::digest::Digest;
use dindimg::fetch::{Cache, FetchError, FetchOptions, Fetcher, Reason, Wanted};
use dindimg::progress::{Reporter, Stage, TaskId};
use tempfile::TempDir;

use server::{Reply, Server};

/// Large enough to come in several pieces.
fn content() -> Vec<u8> {
    (0..200_000_u32).map(|n| (n * 7 + n / 251) as u8).collect()
}

/// Counts bytes and keeps notes.
#[derive(Default)]
struct Listening {
    notes: Mutex<Vec<String>>,
    bytes: Mutex<u64>,
}

impl Reporter for Listening {
    fn begin(&self, _: Stage, _: &str, _: Option<u64>) -> TaskId {
        TaskId(1)
    }
    fn advance(&self, _: TaskId, bytes: u64) {
        *self.bytes.lock().expect("not poisoned") += bytes;
    }
    fn finish(&self, _: TaskId, _: &str) {}
    fn note(&self, _: Stage, message: &str) {
        self.notes
            .lock()
            .expect("not poisoned")
            .push(message.to_owned());
    }
    fn warn(&self, stage: Stage, message: &str) {
        self.note(stage, message);
    }
}

/// A cache of its own and a quick fetcher into it.
struct Scene {
    root: TempDir,
    heard: Arc<Listening>,
    options: FetchOptions,
}

impl Scene {
    fn new() -> Self {
        Self {
            root: TempDir::new().expect("a temporary directory"),
            heard: Arc::default(),
            options: FetchOptions {
                attempts: 3,
                backoff: Duration::from_millis(10),
                connect_timeout: Duration::from_secs(5),
                read_timeout: Duration::from_secs(5),
                ..FetchOptions::default()
            },
        }
    }

    fn cache(&self) -> Arc<Cache> {
        Arc::new(Cache::open(self.root.path()).expect("opens"))
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher::new(self.cache(), self.options.clone(), self.heard.clone())
    }

    /// Fetches one file and gives back what the cache has of it then.
    fn fetch(&self, wanted: &Wanted) -> Result<Vec<u8>, FetchError> {
        self.fetcher().fetch_all(std::slice::from_ref(wanted))?;
        let cache = self.cache();
        let mut file = cache
            .open_blob(&wanted.digest, wanted.size)
            .expect("verifies")
            .expect("is there");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("reads");
        Ok(bytes)
    }

    /// The reasons for which one file cannot be fetched, one for each address.
    fn refusals(&self, wanted: &Wanted) -> Vec<Reason> {
        match self.fetch(wanted) {
            Err(FetchError::Gone { mut failures } | FetchError::Failed { mut failures }) => {
                assert_eq!(failures.len(), 1);
                failures
                    .remove(0)
                    .tries
                    .into_iter()
                    .map(|one| one.reason)
                    .collect()
            }
            other => panic!("must fail, gave {other:?}"),
        }
    }

    fn notes(&self) -> String {
        self.heard.notes.lock().expect("not poisoned").join("\n")
    }
}

fn wanted(mirrors: &[String]) -> Wanted {
    Wanted {
        subject: "docker.io 20.10.24 (amd64)".into(),
        mirrors: mirrors.to_vec(),
        fallbacks: Vec::new(),
        digest: Digest::of(content()),
        size: content().len() as u64,
    }
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("is bound").port();
    format!("http://127.0.0.1:{port}/file")
}

/// The address of a local file.
fn file_url(path: &Path) -> String {
    format!("file://{}", path.display()).replace(' ', "%20")
}

/// A process of its own that fetches one file from `url` into the cache of `scene`.
fn process(scene: &Scene, url: &str) -> Command {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command
        .args(["--exact", "fetch::sharing::in_a_process_of_its_own"])
        .env("FETCH_ROOT", scene.root.path())
        .env("FETCH_URL", url)
        .stdout(Stdio::null());
    command
}
