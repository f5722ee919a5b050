//! A port that a nested container publishes is open at the daemon container's address.

use super::super::bench::{Bench, NESTED_PORT};
use super::super::engine::Feature;
use super::super::speech;
use super::{Check, Ruling, has_daemon, held, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "published-port",
    rule: "a port that a nested container publishes is reached from outside at the daemon container's address",
    hint: "the rules of docker's nat chain are in the other iptables backend or were flushed, or iptables is off in daemon.json",
    limit: 120,
    needs: &[Feature::Networks],
    applies: has_daemon,
    run,
};

fn run(bench: &Bench<'_>) -> Ruling {
    let daemon = bench.daemon()?;
    rule!(bench.speaker()?);
    let line = speech::client(&daemon.address.to_string(), NESTED_PORT);
    let answer = bench.say_outside(&line)?;
    if !speech::heard(&answer.text()) {
        return violated(format!(
            "nothing answers at {}:{NESTED_PORT}, where a nested container publishes: {}",
            daemon.address,
            answer.complaint()
        ));
    }
    held(format!("answered at {}:{NESTED_PORT}", daemon.address))
}
