//! The program that waits for a daemon's first answer, from within the engine's network.
//!
//! It is this binary again, entered through `nsenter`: a client started for each attempt would
//! take longer than what is measured.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Where a daemon is waited for.
pub enum Probe {
    /// TLS at an address, with the certificates of a directory laid out as docker:dind does.
    Tls(SocketAddr, PathBuf),
    /// A unix socket.
    Unix(PathBuf),
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(3);
/// The longest wait for a connection within this machine.
const CONNECT: Duration = Duration::from_millis(20);
/// The longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest wait for the first one.
const LIMIT: Duration = Duration::from_secs(120);

impl Probe {
    /// The arguments that make this program be the probe.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Self::Tls(address, certificates) => [
                "--probe-tls".to_owned(),
                address.to_string(),
                certificates.display().to_string(),
            ]
            .to_vec(),
            Self::Unix(socket) => ["--probe-unix".to_owned(), socket.display().to_string()].into(),
        }
    }
}

/// The probe that the arguments ask for.
pub fn asked(arguments: &[String]) -> Option<Probe> {
    match arguments {
        [flag, address, certificates] if flag == "--probe-tls" => Some(Probe::Tls(
            address.parse().expect("an address"),
            certificates.into(),
        )),
        [flag, socket] if flag == "--probe-unix" => Some(Probe::Unix(socket.into())),
        _ => None,
    }
}

/// Returns when the daemon has answered `/_ping`.
pub fn answer(probe: &Probe) {
    let started = Instant::now();
    loop {
        let attempt = match probe {
            Probe::Tls(address, certificates) => tls(*address, certificates),
            Probe::Unix(socket) => UnixStream::connect(socket)
                .map_err(|error| error.to_string())
                .and_then(ping),
        };
        let Err(reason) = attempt else { return };
        assert!(started.elapsed() < LIMIT, "no answer: {reason}");
        thread::sleep(PAUSE);
    }
}

fn tls(address: SocketAddr, certificates: &Path) -> Result<(), String> {
    // The key is the last file to appear. Before, there is nobody at the address.
    let file = |name: &str| fs::read(certificates.join(name)).map_err(|error| error.to_string());
    let key = PrivateKeyDer::from_pem_slice(&file("client/key.pem")?).map_err(said)?;
    let chain = CertificateDer::from_pem_slice(&file("client/cert.pem")?).map_err(said)?;
    let authority = CertificateDer::from_pem_slice(&file("client/ca.pem")?).map_err(said)?;
    let mut roots = RootCertStore::empty();
    roots.add(authority).map_err(said)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(said)?
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![chain], key)
        .map_err(said)?;
    let server = ServerName::try_from("docker").map_err(said)?;
    let connection = ClientConnection::new(Arc::new(config), server).map_err(said)?;
    // A packet to a container that has just stopped is lost, and sent again after a second only.
    let stream = TcpStream::connect_timeout(&address, CONNECT).map_err(said)?;
    stream.set_read_timeout(Some(ANSWER)).map_err(said)?;
    ping(StreamOwned::new(connection, stream))
}

fn ping(mut stream: impl Read + Write) -> Result<(), String> {
    stream
        .write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        .map_err(said)?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).map_err(said)?;
    match &answer[9..] {
        b"200" => Ok(()),
        _ => Err(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
