//! Nested containers reach out through the daemon container, in packets of the size that fits.

use super::super::bench::{Bench, SPOKEN};
use super::super::engine::Feature;
use super::super::nested::IMAGE;
use super::super::speech;
use super::{Check, Ruling, has_daemon, held, violated};

pub(super) const CHECK: Check = Check {
    id: "network",
    rule: "a nested container reaches a machine beyond the daemon container, and its MTU is no larger than the network's",
    hint: "masquerading is off (iptables or ip-masq in daemon.json), forwarding is dropped by rules of another backend, or DIND_MTU is larger than what the outer network carries",
    limit: 120,
    needs: &[Feature::Networks],
    applies: has_daemon,
    run,
};

/// The MTU of the interface that leads out, inside a container of any kind.
const MTU: &str = "cat /sys/class/net/eth0/mtu";

fn run(bench: &Bench<'_>) -> Ruling {
    let outside = bench.outside()?;
    let line = speech::client(&outside.to_string(), SPOKEN);
    let answer = bench.nested_run(&["--rm", IMAGE, "sh", "-c", &line])?;
    if !speech::heard(&answer.text()) {
        return violated(format!(
            "a nested container does not reach {outside} beyond the daemon container: {}",
            answer.complaint()
        ));
    }
    let outer = bench.inside(&["sh", "-c", MTU])?.text();
    let nested = bench.nested_run(&["--rm", IMAGE, "sh", "-c", MTU])?.text();
    let (Ok(wide), Ok(used)) = (outer.parse::<u32>(), nested.parse::<u32>()) else {
        return violated(format!(
            "no MTU can be read: `{outer}` outside, `{nested}` nested"
        ));
    };
    if used > wide {
        return violated(format!(
            "nested containers send packets of {used} bytes into a network of {wide}"
        ));
    }
    held(format!("masqueraded, MTU {used} of {wide}"))
}
