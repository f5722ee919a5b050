//! Names are resolved in nested containers: those of their neighbours, and those of the world.

use super::super::bench::{Bench, NESTED_NETWORK, OUTSIDE, SPEAKER_NAME, SPOKEN};
use super::super::engine::Feature;
use super::super::error::CheckError;
use super::super::nested::IMAGE;
use super::super::speech;
use super::{Check, Ruling, has_daemon, held, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "dns",
    rule: "a nested container finds its neighbour by name, and whatever name the daemon container finds",
    hint: "a resolver that nobody answers at: DIND_DNS, [network] dns or `dns` in daemon.json, or one of the outer network that nested networks cannot reach",
    limit: 120,
    needs: &[Feature::Networks],
    applies: has_daemon,
    run,
};

fn run(bench: &Bench<'_>) -> Ruling {
    bench.outside()?;
    rule!(bench.speaker()?);
    let network = format!("--network={NESTED_NETWORK}");
    let says = |host: &str, port| -> Result<Result<(), String>, CheckError> {
        let line = speech::client(host, port);
        let answer = bench.nested_run(&["--rm", &network, IMAGE, "sh", "-c", &line])?;
        Ok(if speech::heard(&answer.text()) {
            Ok(())
        } else {
            Err(answer.complaint())
        })
    };
    if let Err(complaint) = says(SPEAKER_NAME, SPOKEN)? {
        return violated(format!(
            "a nested container does not find its neighbour `{SPEAKER_NAME}`: {complaint}"
        ));
    }
    // Only some engines give names to containers; where this one does not, there is no name to ask.
    let line = speech::client(OUTSIDE, SPOKEN);
    let known = bench.inside(&["sh", "-c", &line])?;
    if !speech::heard(&known.text()) {
        let neighbour = bench.say_outside(&line)?;
        if speech::heard(&neighbour.text()) {
            return violated(format!(
                "a plain container finds `{OUTSIDE}` by name, the daemon container does not: {}",
                known.complaint()
            ));
        }
        return Err(CheckError::Unproven(
            "neighbours are found by name, but the outer network gives its containers no names to try beyond them".to_owned(),
        ));
    }
    match says(OUTSIDE, SPOKEN)? {
        Ok(()) => held("neighbours and names of the outer network"),
        Err(complaint) => violated(format!(
            "the daemon container finds `{OUTSIDE}` by name, a nested container does not: {complaint}"
        )),
    }
}
