//! Debian's `docker-registry` on a port of its own, with its storage in a temporary directory.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// The account of a registry with [`Setup::password`].
pub const USER: &str = "bob";
pub const PASSWORD: &str = "sesame";
/// `htpasswd -B` of the account; the registry takes no other kind of hash.
const HTPASSWD: &str = "bob:$2b$05$1H3Vr50b0jY6QGEwH6T2a.xzweguBc9KsuRnt2kx1R.1T.7KlfCBe\n";

#[derive(Clone, Copy, Default)]
pub struct Setup {
    /// Only [`USER`] may do anything.
    pub password: bool,
    /// A certificate by an authority of its own, in `ca.pem` of the registry's directory.
    pub tls: bool,
}

pub struct DockerRegistry {
    process: Child,
    address: String,
    dir: TempDir,
}

impl DockerRegistry {
    pub fn start(setup: Setup) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        // Another process may take the port between asking for it and using it.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = free.local_addr().expect("an address").to_string();
            drop(free);
            configure(dir.path(), &address, setup);
            let mut process = spawn(dir.path());
            if answers(&address, &mut process) {
                return Self {
                    process,
                    address,
                    dir,
                };
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        panic!("docker-registry does not start:\n{log}");
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where `ca.pem` is.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs skopeo and gives what it printed.
pub fn skopeo(arguments: &[&str]) -> Vec<u8> {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new("skopeo")
        .args(arguments)
        .output()
        .unwrap_or_else(|e| panic!("cannot run skopeo ({e}): apt-get install skopeo"));
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "skopeo {arguments:?}: {said}");
    stdout
}

fn spawn(dir: &Path) -> Child {
    let log = File::create(dir.join("log")).expect("log file");
    Command::new("docker-registry")
        .args(["serve", "config.yml"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("log file"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| {
            panic!("cannot run docker-registry ({e}): apt-get install docker-registry")
        })
}

fn answers(address: &str, process: &mut Child) -> bool {
    for _ in 0..200 {
        if !matches!(process.try_wait(), Ok(None)) {
            return false;
        }
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        sleep(Duration::from_millis(25));
    }
    false
}

fn configure(dir: &Path, address: &str, setup: Setup) {
    let mut config = format!(
        "version: 0.1\nlog: {{level: info}}\n\
         storage: {{filesystem: {{rootdirectory: storage}}, delete: {{enabled: true}}}}\n\
         http:\n  addr: {address}\n  secret: test\n"
    );
    let write = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).expect("file of the registry");
    };
    if setup.tls {
        let (authority, certificate, key) = certificate();
        write("ca.pem", &authority);
        write("server.pem", &certificate);
        write("server.key", &key);
        config.push_str("  tls: {certificate: server.pem, key: server.key}\n");
    }
    if setup.password {
        write("htpasswd", HTPASSWD);
        config.push_str("auth: {htpasswd: {realm: test, path: htpasswd}}\n");
    }
    write("config.yml", &config);
}

/// PEM of an authority, of a certificate it issued for 127.0.0.1, and of that one's key.
fn certificate() -> (String, String, String) {
    let authority_key = KeyPair::generate().expect("key");
    let mut authority = CertificateParams::new([]).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority
        .self_signed(&authority_key)
        .expect("certificate")
        .pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("key");
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
        .expect("parameters")
        .signed_by(&key, &issuer)
        .expect("certificate");
    (authority_pem, certificate.pem(), key.serialize_pem())
}
