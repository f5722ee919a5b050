//! A container started with `--privileged` becomes ready in bounded time.

use std::time::Instant;

use super::super::bench::{Bench, CERTS_VOLUME, CLIENT_CERTS, Daemon, NETWORK};
use super::super::engine::RunSpec;
use super::{Check, Held, Ruling, has_daemon, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "ready",
    rule: "the daemon becomes ready in bounded time",
    hint: "the log names the step that refused; usual are a kernel module that the host has not loaded (overlay, ip_tables or nf_tables), an entry point or PATH that was replaced, and a slow disk (--ready-timeout)",
    applies: has_daemon,
    run,
};

fn run(bench: &Bench<'_>) -> Ruling {
    let label = bench.session.label();
    let network = bench.session.name(NETWORK);
    bench.engine.create_network(&network, &label)?;
    let volume = bench.session.name(CERTS_VOLUME);
    bench.engine.create_volume(&volume, &label)?;
    let spec = RunSpec {
        network: Some(network),
        volumes: vec![bench.session.mount(CERTS_VOLUME, CLIENT_CERTS, false)],
        ..bench.daemon_container()
    };
    let started = Instant::now();
    bench.engine.run_detached(&spec)?;
    rule!(bench.wait_ready()?);
    let time = started.elapsed();
    let state = bench.engine.state(&bench.daemon_name())?;
    let Some(address) = state.address else {
        return violated("the container has no address on its network");
    };
    bench.set_daemon(Ok(Daemon { address }));
    Ok(Ok(Held {
        detail: format!("after {:.1} s", time.as_secs_f64()),
        time: Some(time),
    }))
}
