//! Nested networks use the iptables backend that the image promises.

use super::super::bench::Bench;
use super::{Check, Ruling, has_daemon, held, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "iptables",
    rule: "iptables is the promised backend and holds docker's nat chain",
    applies: has_daemon,
    run,
};

/// What `iptables --version` prints in parentheses, by the contract's word.
const BACKENDS: [(&str, &str); 2] = [("legacy", "legacy"), ("nft", "nf_tables")];

fn run(bench: &Bench<'_>) -> Ruling {
    let report = rule!(bench.report()?);
    let decision = rule!(report.decision("iptables"));
    let (choice, promised) = (decision.choice.as_str(), bench.contract.iptables.as_str());
    if promised != "auto" && choice != promised {
        return violated(format!(
            "the image promises {promised}, report.json decided for {choice} ({})",
            decision.reason
        ));
    }
    let Some((_, printed)) = BACKENDS.iter().find(|(word, _)| *word == choice) else {
        return violated(format!(
            "report.json decided for `{choice}`, which is no iptables backend ({})",
            decision.reason
        ));
    };
    // The backend's own program: it is in every PATH, also where `iptables` was not switched.
    let program = format!("iptables-{choice}");
    let version = bench.inside(&[&program, "--version"])?.text();
    if !version.contains(&format!("({printed})")) {
        return violated(format!("{program} says `{version}`, not ({printed})"));
    }
    let chain = bench.inside(&[&program, "-t", "nat", "-S", "DOCKER"])?;
    if !chain.status.success() {
        return violated(format!(
            "{program} has no nat chain DOCKER: {}",
            chain.complaint()
        ));
    }
    held(format!("{version}, chain DOCKER present"))
}
