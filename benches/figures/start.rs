//! From `docker run` to the daemon's first answer, on a private engine.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::engines::{self, Engine};
use crate::probe::Probe;
use crate::run;
use crate::table::Table;
use crate::workshop::{SUBJECTS, Subject, Workshop, platform};

/// A network with addresses that are known beforehand.
const NETWORK: &str = "figures";
const BRIDGE: &str = "figures0";
const SUBNET: &str = "10.99.0.0/24";
const ADDRESS: &str = "10.99.0.5";
/// The container that is being measured.
const NAME: &str = "figures-start";

/// How long a container took to answer.
struct Starts {
    /// From `docker run` with new anonymous volumes.
    first: Duration,
    /// From `docker start` after a stop.
    again: Duration,
}

/// The image as a user starts it, until a TLS client with the certificate made at that start is
/// answered, and its second start; and beside each the floor: dockerd alone in the same image, on its
/// socket.
pub fn start(workshop: &Workshop, table: &mut Table<'_>) {
    if !rustix::process::geteuid().is_root() {
        return table.absent("first start to ready", "it needs root");
    }
    let engine = engines::docker();
    let bridge = format!("--opt=com.docker.network.bridge.name={BRIDGE}");
    engine.run(&["network", "create", &bridge, "--subnet", SUBNET, NETWORK]);
    // Whoever asks for an address that is not there yet asks again after a second by default, which
    // is longer than a start.
    let retry = format!("echo 5 >/proc/sys/net/ipv4/neigh/{BRIDGE}/retrans_time_ms");
    run::timed(engine.beside("sh").args(["-c", &retry]));
    for subject in SUBJECTS {
        let image = load(workshop, subject, engine);
        let pairs: Vec<(Starts, Starts)> = (0..table.count(10))
            .map(|_| {
                (
                    alone(workshop, engine, &image),
                    whole(workshop, engine, &image),
                )
            })
            .collect();
        let (alone, whole): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let label = subject.label;
        let first = |of: &[Starts]| of.iter().map(|one| one.first).collect::<Vec<_>>();
        let again = |of: &[Starts]| of.iter().map(|one| one.again).collect::<Vec<_>>();
        for (name, text, times, how) in [
            (
                "",
                "first start to ready, TLS included",
                first(&whole),
                "`docker run -d --privileged IMAGE` until `/_ping` answers on 2376",
            ),
            (
                "-floor",
                "dockerd alone in the same image",
                first(&alone),
                "`docker run -d --privileged --entrypoint dockerd IMAGE` until `/_ping` answers on its socket",
            ),
            (
                "-again",
                "the same container's next start to ready",
                again(&whole),
                "`docker stop`, then `docker start` until `/_ping` answers on 2376",
            ),
            (
                "-again-floor",
                "the next start of dockerd alone",
                again(&alone),
                "`docker stop`, then `docker start` until `/_ping` answers on its socket",
            ),
        ] {
            table.times(
                &format!("start-{label}{name}"),
                &format!("{label}, {text}"),
                &times,
                how,
            );
        }
        engine.run(&["image", "rm", &image]);
    }
    engine.run(&["network", "rm", NETWORK]);
}

/// The image, loaded into the engine.
fn load(workshop: &Workshop, subject: &Subject, engine: &Engine) -> String {
    workshop.prepare(subject.recipe);
    let cache = workshop.packages_cached();
    let archive = cache.path().join("image.tar");
    let mut build = workshop.dindimg(cache.path());
    build
        .args(["build", "--locked", "--offline", "--platform", platform()])
        .arg(workshop.recipe(subject.recipe))
        .args(subject.arguments)
        .arg(format!("--output=docker-archive:{}", archive.display()));
    run::timed(&mut build);
    let loaded = engine.run(&["load", "--input", &archive.display().to_string()]);
    let last = loaded.lines().last().expect("a line of docker load");
    last.split_once(": ")
        .expect("Loaded image: NAME")
        .1
        .to_owned()
}

fn whole(workshop: &Workshop, engine: &Engine, image: &str) -> Starts {
    let certificates = workshop.scratch("certs");
    let volume = format!("--volume={}:/certs", certificates.path().display());
    let address = format!("{ADDRESS}:2376").parse().expect("an address");
    let probe = Probe::Tls(address, certificates.path().to_owned());
    started(engine, &probe, &[&volume, image])
}

fn alone(workshop: &Workshop, engine: &Engine, image: &str) -> Starts {
    let run = workshop.scratch("run");
    let volume = format!("--volume={}:/figures", run.path().display());
    let probe = Probe::Unix(run.path().join("docker.sock"));
    let listen = "--host=unix:///figures/docker.sock";
    started(
        engine,
        &probe,
        &[&volume, "--entrypoint=dockerd", image, listen],
    )
}

fn started(engine: &Engine, probe: &Probe, arguments: &[&str]) -> Starts {
    let ip = format!("--ip={ADDRESS}");
    let network = format!("--network={NETWORK}");
    let options = ["run", "--detach", "--privileged", "--name", NAME];
    let options = [&options, &[ip.as_str(), network.as_str()][..], arguments].concat();
    let first = answered(engine, probe, &options);
    engine.run(&["stop", NAME]);
    let again = answered(engine, probe, &["start", NAME]);
    engine.run(&["rm", "--force", "--volumes", NAME]);
    Starts { first, again }
}

/// From the start of a client's command to the end of the probe.
fn answered(engine: &Engine, probe: &Probe, arguments: &[&str]) -> Duration {
    let program = std::env::current_exe().expect("own path");
    let mut waiting = engine
        .inside(&program)
        .args(probe.arguments())
        .spawn()
        .expect("nsenter runs");
    let mut client = engine.command("docker");
    client.args(arguments).stdout(Stdio::null());
    let begun = Instant::now();
    let ran = client.status().expect("docker runs");
    assert!(ran.success(), "docker {arguments:?}");
    let answered = waiting.wait().expect("the probe ends");
    let taken = begun.elapsed();
    if !answered.success() {
        let log = engine.command("docker").args(["logs", NAME]).status();
        panic!("no answer after {arguments:?} ({log:?})");
    }
    taken
}
