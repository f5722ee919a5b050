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
const SUBNET: &str = "10.99.0.0/24";
const ADDRESS: &str = "10.99.0.5";
/// The container that is being measured.
const NAME: &str = "figures-start";

/// The image as a user starts it, until a TLS client with the certificate made at that start is
/// answered; and beside each such start the floor: dockerd alone in the same image, on its socket.
pub fn start(workshop: &Workshop, table: &mut Table<'_>) {
    if !rustix::process::geteuid().is_root() {
        return table.absent("first start to ready", "it needs root");
    }
    let engine = engines::docker();
    engine.run(&["network", "create", "--subnet", SUBNET, NETWORK]);
    for subject in SUBJECTS {
        let image = load(workshop, subject, engine);
        let pairs: Vec<(Duration, Duration)> = (0..table.count(10))
            .map(|_| {
                (
                    alone(workshop, engine, &image),
                    whole(workshop, engine, &image),
                )
            })
            .collect();
        let (alone, whole): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let label = subject.label;
        table.times(
            &format!("start-{label}"),
            &format!("{label}, first start to ready, TLS included"),
            &whole,
            "`docker run -d --privileged IMAGE` until `/_ping` answers on 2376",
        );
        table.times(
            &format!("start-{label}-floor"),
            &format!("{label}, dockerd alone in the same image"),
            &alone,
            "`docker run -d --privileged --entrypoint dockerd IMAGE` until `/_ping` answers on its socket",
        );
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

fn whole(workshop: &Workshop, engine: &Engine, image: &str) -> Duration {
    let certificates = workshop.scratch("certs");
    let volume = format!("--volume={}:/certs", certificates.path().display());
    let address = format!("{ADDRESS}:2376").parse().expect("an address");
    let probe = Probe::Tls(address, certificates.path().to_owned());
    started(engine, &probe, &[&volume, image])
}

fn alone(workshop: &Workshop, engine: &Engine, image: &str) -> Duration {
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

/// From the start of `docker run` with new anonymous volumes to the end of the probe.
fn started(engine: &Engine, probe: &Probe, arguments: &[&str]) -> Duration {
    let program = std::env::current_exe().expect("own path");
    let mut waiting = engine
        .inside(&program)
        .args(probe.arguments())
        .spawn()
        .expect("nsenter runs");
    let ip = format!("--ip={ADDRESS}");
    let network = format!("--network={NETWORK}");
    let mut run = engine.command("docker");
    run.args(["run", "--detach", "--privileged", "--name", NAME])
        .args([&ip, &network])
        .args(arguments)
        .stdout(Stdio::null());
    let begun = Instant::now();
    let ran = run.status().expect("docker runs");
    assert!(ran.success(), "docker run {arguments:?}");
    let answered = waiting.wait().expect("the probe ends");
    let taken = begun.elapsed();
    if !answered.success() {
        let log = engine.command("docker").args(["logs", NAME]).status();
        panic!("no answer from {arguments:?} ({log:?})");
    }
    engine.run(&["rm", "--force", "--volumes", NAME]);
    taken
}
