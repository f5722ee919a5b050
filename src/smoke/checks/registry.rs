//! Images go to a registry and come back, with a password.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::super::bench::Bench;
use super::super::engine::EngineError;
use super::super::error::CheckError;
use super::super::nested::{IMAGE, SPEAKER};
use super::super::registry::{Registry, wire};
use super::{Check, Ruling, has_daemon, held, violated};
use crate::process::{Background, Input, Output};

pub(super) const CHECK: Check = Check {
    id: "registry",
    rule: "login with the wrong password is refused; with the right one an image is pushed, removed, pulled again and run",
    hint: "the verb that failed is named: a proxy that is not told of loopback addresses (NO_PROXY), a credential helper that is not there, or a clock that is years off, for which every certificate is",
    limit: 120,
    needs: &[],
    applies: has_daemon,
    run,
};

/// On loopback, where engines take any certificate (dockerd(8), `--insecure-registry`).
const ADDRESS: &str = "127.0.0.1:5443";
const NAME: &str = "127.0.0.1:5443/dindimg/carried:smoke";

const USER: &str = "smoke";
const PASSWORD: &str = "carried-through";

/// Where the server has its certificate and clients their password: below the one directory that
/// every container of an engine can write to.
const DIRECTORY: &str = "/tmp/dindimg-smoke";

/// Passes what comes in over TLS to its output, and its input back: one connection after another. A
/// daemon that is not root's has a loopback of its own.
const SERVER: &str = r#"set -e
umask 077
mkdir -p "$1"
cd "$1"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
  -subj /CN=localhost -keyout key.pem -out cert.pem 2>made >&2 || { cat made >&2; exit 1; }
echo $$ >pid
enter=
[ "$(id -u)" = 0 ] || enter="nsenter --target $(pgrep -x dockerd) --user --net --preserve-credentials"
exec $enter timeout 100 openssl s_server -quiet -accept "$2" -key key.pem -cert cert.pem"#;

const LISTENS: &str = r#"daemon=self
[ "$(id -u)" = 0 ] || daemon=$(pgrep -x dockerd)
[ -s "$1/pid" ] && grep -q ' 0100007F:1543 00000000:0000 0A ' "/proc/$daemon/net/tcp""#;

const END: &str = r#"kill "$(cat "$1/pid")"; rm -r "$1""#;

/// How long the server may take to listen.
const START: Duration = Duration::from_secs(20);

fn run(bench: &Bench<'_>) -> Ruling {
    bench.main.ensure_nested()?;
    if !bench.site.nested.speaks() {
        return Err(CheckError::Unproven(format!(
            "the image has no {SPEAKER}, with which a registry is given to it"
        )));
    }
    let registry = Arc::new(Mutex::new(Registry::new(USER, PASSWORD)));
    let server = Server::start(bench, &registry)?;
    let ruling = exchange(bench, &registry);
    server.end(bench)?;
    ruling
}

fn exchange(bench: &Bench<'_>, registry: &Mutex<Registry>) -> Ruling {
    let asked = || {
        let registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        (registry.asked(), registry.size())
    };
    let refused = login(bench, "wrong")?;
    let ((_, refusal), _) = asked();
    if refused.status.success() {
        return violated("login with a wrong password is said to have succeeded");
    }
    if !refusal {
        let complaint = refused.complaint();
        return violated(format!("login does not reach the registry: {complaint}"));
    }
    let file = format!("FROM {IMAGE}\nRUN echo '{PASSWORD}' >/carried\n");
    let build = ["build", "--tag", NAME, "-"];
    let built = client(bench, &build, Input::Bytes(file.into()))?;
    if !built.status.success() {
        return violated(format!(
            "build of what is to be pushed: {}",
            built.complaint()
        ));
    }
    let known = login(bench, PASSWORD)?;
    if !known.status.success() {
        return violated(format!("login: {}", known.complaint()));
    }
    for (verb, line) in [
        ("push", &["push", "--quiet", NAME][..]),
        ("removal", &["image", "rm", NAME]),
        ("pull", &["pull", "--quiet", NAME]),
        ("logout", &["logout", ADDRESS]),
    ] {
        let done = client(bench, line, Input::Null)?;
        if !done.status.success() {
            return violated(format!("{verb}: {}", done.complaint()));
        }
    }
    let (_, size) = asked();
    if size == 0 {
        return violated("push is said to have succeeded, and the registry has nothing");
    }
    let ran = bench.inside(&["docker", "run", "--rm", NAME, "cat", "/carried"])?;
    if ran.text() != PASSWORD {
        return violated(format!("what was pulled does not run: {}", ran.complaint()));
    }
    let removed = client(bench, &["image", "rm", NAME], Input::Null)?;
    if !removed.status.success() {
        return violated(format!(
            "removal of what was pulled: {}",
            removed.complaint()
        ));
    }
    held(format!(
        "login, push and pull of {:.1} MB with a password",
        size as f64 / 1e6
    ))
}

fn login(bench: &Bench<'_>, password: &str) -> Result<Output, CheckError> {
    let line = ["login", "--username", USER, "--password-stdin", ADDRESS];
    client(bench, &line, Input::Bytes(password.into()))
}

/// The client, with its configuration where it can be written.
fn client(bench: &Bench<'_>, line: &[&str], input: Input) -> Result<Output, CheckError> {
    let config = format!("DOCKER_CONFIG={DIRECTORY}");
    bench
        .main
        .run_with(&[&["env", &config, "docker"], line].concat(), input)
}

/// The registry at a port of the daemon container.
struct Server(Background);

impl Server {
    fn start(bench: &Bench<'_>, registry: &Arc<Mutex<Registry>>) -> Result<Self, CheckError> {
        let program = ["sh", "-c", SERVER, "sh", DIRECTORY, ADDRESS];
        let command = bench.engine.inside(&bench.main.name, &program, true)?;
        let (mut program, output, input) = command.converse().map_err(EngineError::from)?;
        let registry = Arc::clone(registry);
        // It ends with the program, whose output ends then.
        thread::spawn(move || {
            let mut input = input;
            // Why an exchange broke off is seen by who asked.
            let _ = wire::serve(&registry, output, &mut input);
            let _ = input.flush();
        });
        let started = Instant::now();
        loop {
            let listens = ["sh", "-c", LISTENS, "sh", DIRECTORY];
            if bench.inside(&listens)?.status.success() {
                return Ok(Self(program));
            }
            if !program.runs() || started.elapsed() > START {
                return Err(CheckError::Unproven(format!(
                    "no server of {SPEAKER} at {ADDRESS} in the container: {}",
                    program.complaint()
                )));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn end(self, bench: &Bench<'_>) -> Result<(), CheckError> {
        let ended = bench.inside(&["sh", "-c", END, "sh", DIRECTORY]);
        drop(self.0);
        ended.map(drop)
    }
}
