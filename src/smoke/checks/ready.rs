//! A container started with `--privileged` becomes ready in bounded time.

use super::super::bench::{Bench, CERTS_VOLUME, CLIENT_CERTS, NETWORK};
use super::{Check, Held, Ruling, has_daemon, rule};

pub(super) const CHECK: Check = Check {
    id: "ready",
    rule: "the daemon becomes ready in bounded time",
    hint: "the log names the step that refused; usual are a kernel module that the host has not loaded (overlay, ip_tables or nf_tables), a pid file that another start left, an entry point or PATH that was replaced, and a slow disk (--ready-timeout)",
    limit: 300,
    needs: &[],
    applies: has_daemon,
    run,
};

fn run(bench: &Bench<'_>) -> Ruling {
    let label = bench.session.label();
    let mut spec = bench.daemon_container("daemon");
    if bench.capabilities.networks {
        let network = bench.session.name(NETWORK);
        bench.engine.create_network(&network, &label)?;
        spec.network = Some(network);
    }
    if bench.capabilities.volumes {
        bench.name_data(&mut spec);
        let certs = bench.session.mount(CERTS_VOLUME, CLIENT_CERTS, false);
        spec.volumes.push(certs);
        for mount in &spec.volumes {
            bench.engine.create_volume(&mount.volume, &label)?;
        }
    }
    let time = rule!(bench.main.begin(&spec)?);
    Ok(Ok(Held {
        detail: format!("after {:.1} s", time.as_secs_f64()),
        time: Some(time),
    }))
}
