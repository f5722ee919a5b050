//! A small HTTP/1.1 server that can misbehave as asked: every answer is written byte for byte.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path, with its leading slash.
    pub path: String,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// How many requests for this path came before.
    pub before: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte that a `Range` header asks for.
    pub fn start(&self) -> Option<usize> {
        self.header("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }
}

/// What is written, after which the connection is closed.
pub struct Reply {
    bytes: Vec<u8>,
    then: Duration,
}

impl Reply {
    /// A whole answer.
    pub fn new(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        Self::announcing(body.len(), status, headers, body)
    }

    /// An answer that announces another length than it has.
    pub fn announcing(length: usize, status: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("Connection: close\r\n\r\n");
        Self::raw([head.as_bytes(), body].concat())
    }

    /// `200 OK` with `body`.
    pub fn ok(body: &[u8]) -> Self {
        Self::new("200 OK", &[], body)
    }

    /// A status without a body.
    pub fn status(status: &str) -> Self {
        Self::new(status, &[], b"")
    }

    /// The rest of `body` from `start` on.
    pub fn part(body: &[u8], start: usize) -> Self {
        let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
        Self::new(
            "206 Partial Content",
            &[("Content-Range", &range)],
            &body[start..],
        )
    }

    /// These bytes and no more.
    pub fn raw(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            then: Duration::ZERO,
        }
    }

    /// Stays silent for a while before the connection is closed.
    pub fn stalling(self, then: Duration) -> Self {
        Self { then, ..self }
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A running server; stops when dropped.
pub struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers each request with what `handler` says.
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("is bound");
        let log = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let listener = thread::spawn({
            let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
            move || {
                for connection in socket.incoming().flatten() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                    thread::spawn(move || serve(&connection, &log, &*handler));
                }
            }
        });
        Self {
            address,
            log,
            stop,
            listener: Some(listener),
        }
    }

    /// The address of `path` on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().expect("no handler panics").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn serve(mut connection: &TcpStream, log: &Mutex<Vec<Request>>, handler: &Handler) {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let Some(first) = lines.next() else {
        // Not text: what servers say to TLS on a plain port.
        let _ = connection.write_all(
            b"HTTP/1.1 400 Bad Request

",
        );
        return;
    };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let request = {
        let mut log = log.lock().expect("no handler panics");
        let before = log.iter().filter(|other| other.path == path).count();
        let request = Request {
            path,
            headers,
            before,
        };
        log.push(request.clone());
        request
    };
    let reply = handler(&request);
    // A client that has heard enough hangs up.
    let _ = connection.write_all(&reply.bytes);
    thread::sleep(reply.then);
}
