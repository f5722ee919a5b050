//! Nested networks use the iptables backend that the image promises.

use super::super::bench::Bench;
use super::{Check, Ruling, has_root_daemon, held, rule, violated};
use crate::recipe::IptablesBackend;

pub(super) const CHECK: Check = Check {
    id: "iptables",
    rule: "iptables is the backend promised or asked for, and holds docker's nat chain",
    hint: "/usr/sbin/iptables is not the link of the alternatives, these point at the other backend, DIND_IPTABLES or DOCKER_IPTABLES_LEGACY is set in the image, or the host's kernel lacks the tables of this one",
    limit: 60,
    needs: &[],
    applies: has_root_daemon,
    run,
};

/// What `iptables --version` prints in parentheses, by the contract's word.
const BACKENDS: [(&str, &str); 2] = [("legacy", "legacy"), ("nft", "nf_tables")];

fn run(bench: &Bench<'_>) -> Ruling {
    let report = rule!(bench.report()?);
    let decision = rule!(report.decision("iptables"));
    let (choice, asked) = (decision.choice.as_str(), bench.cell.iptables);
    if asked != IptablesBackend::Auto && choice != asked.word() {
        let who = if bench.contract.iptables == asked.word() {
            "the image promises"
        } else {
            "DIND_IPTABLES asks for"
        };
        return violated(format!(
            "{who} {asked}, report.json decided for {choice} ({})",
            decision.reason
        ));
    }
    let Some((_, printed)) = BACKENDS.iter().find(|(word, _)| *word == choice) else {
        return violated(format!(
            "report.json decided for `{choice}`, which is no iptables backend ({})",
            decision.reason
        ));
    };
    // What was asked for beside the promise may be in dockerd's PATH only.
    if choice == bench.contract.iptables {
        let plain = bench.inside(&["iptables", "--version"])?.text();
        if !plain.contains(&format!("({printed})")) {
            return violated(format!(
                "the image promises {choice}, `iptables --version` says `{plain}`"
            ));
        }
    }
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
