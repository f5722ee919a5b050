//! The checks: small items in one registry. Adding a check is one file and one line in [`CHECKS`].

mod ca;
mod cgroup;
mod clean_up;
mod client;
mod client_daemon;
mod cluster;
mod compose;
mod dns;
mod engine_info;
mod exit_code;
mod group;
mod host_unchanged;
mod iptables;
mod isolation;
mod kill;
mod limits;
mod logs_clean;
mod machine;
mod nested_run;
mod nested_use;
mod network;
mod published_port;
mod ready;
mod refusal;
mod registry;
mod rootless;
mod second_daemon;
mod ssh;
mod stop;
mod storage;
mod tls;
mod upgrade;
mod zombies;

use std::time::Duration;

use super::bench::Bench;
use super::engine::Feature;
use super::error::CheckError;
use super::matrix::Cell;
use crate::guest::Contract;
use crate::recipe::{Profile, SmokeStorage};

/// A rule that held, and what was seen.
pub(super) struct Held {
    /// What was seen, in a few words.
    pub detail: String,
    /// The time the check is about, where it measures one.
    pub time: Option<Duration>,
}

/// A rule that was violated: what was seen and what was expected.
pub(super) struct Violation(pub String);

/// Outer: the check could not be done. Inner: the rule was violated.
pub(super) type Ruling = Result<Result<Held, Violation>, CheckError>;

/// One check.
pub(super) struct Check {
    /// Its name in tables and reports; published, so it does not change.
    pub id: &'static str,
    /// The rule, as one sentence.
    pub rule: &'static str,
    /// What usually is wrong when it does not hold.
    pub hint: &'static str,
    /// Seconds in which it has to come to an end; a slow proof is none.
    pub limit: u32,
    /// What it asks of the engine; on one that lacks it the check is unproven.
    pub needs: &'static [Feature],
    /// Whether it has a meaning for an image in a cell.
    pub applies: fn(&Contract, &Cell) -> bool,
    /// Does it.
    pub run: fn(&Bench<'_>) -> Ruling,
}

/// Every check, in the order they run: later ones use the daemon that `ready` starts, and `stop`
/// restarts it, so that `logs-clean` sees a whole life. What `kill` does to a log is no life, and
/// after `clean-up` there is no daemon any more.
pub(super) const CHECKS: [Check; 33] = [
    ready::CHECK,
    refusal::CHECK,
    machine::CHECK,
    rootless::CHECK,
    engine_info::CHECK,
    group::CHECK,
    ca::CHECK,
    nested_run::CHECK,
    nested_use::CHECK,
    registry::CHECK,
    storage::CHECK,
    iptables::CHECK,
    tls::CHECK,
    cgroup::CHECK,
    network::CHECK,
    dns::CHECK,
    published_port::CHECK,
    compose::CHECK,
    zombies::CHECK,
    isolation::CHECK,
    limits::CHECK,
    exit_code::CHECK,
    second_daemon::CHECK,
    ssh::CHECK,
    cluster::CHECK,
    stop::CHECK,
    logs_clean::CHECK,
    kill::CHECK,
    upgrade::CHECK,
    clean_up::CHECK,
    host_unchanged::CHECK,
    client::CHECK,
    client_daemon::CHECK,
];

/// The exit code of what SIGKILL ended: 128 and its number.
const KILLED: i32 = 137;

/// The check that needs an image beside the one that is proven.
pub(super) const UPGRADE: &str = upgrade::CHECK.id;

/// The check that needs a daemon's image beside the one that is proven.
pub(super) const BESIDE: &str = client_daemon::CHECK.id;

/// The word of the profile without a daemon.
const CLIENT: &str = Profile::Cli.word();

/// Images of the client alone.
pub(super) fn is_client(contract: &Contract, _: &Cell) -> bool {
    contract.profile == CLIENT
}

/// Profiles with a Docker daemon inside.
fn has_daemon(contract: &Contract, cell: &Cell) -> bool {
    let daemon = [
        Profile::Dind,
        Profile::Vmlc,
        Profile::Rootless,
        Profile::KindCluster,
    ];
    let daemon = daemon.map(Profile::word);
    daemon.contains(&contract.profile.as_str())
        && !contract.engine.version.is_empty()
        && cell.storage != SmokeStorage::VirtiofsRefused
}

/// Those whose daemon is root in the outer container: it divides control groups, and its networks are
/// the outer container's.
fn has_root_daemon(contract: &Contract, cell: &Cell) -> bool {
    has_daemon(contract, cell) && !is_rootless(contract, cell)
}

/// Daemons of a user who is not root.
fn is_rootless(contract: &Contract, _: &Cell) -> bool {
    contract.profile == Profile::Rootless.word()
}

/// Those whose container is the daemon, and ends with it.
fn is_daemon(contract: &Contract, cell: &Cell) -> bool {
    has_daemon(contract, cell) && ends_with_daemon(contract)
}

/// Profiles whose first process waits for the daemon.
fn ends_with_daemon(contract: &Contract) -> bool {
    [Profile::Dind, Profile::KindCluster]
        .map(Profile::word)
        .contains(&contract.profile.as_str())
}

/// Those that hold a Kubernetes cluster.
fn is_cluster(contract: &Contract, cell: &Cell) -> bool {
    has_daemon(contract, cell) && contract.profile == Profile::KindCluster.word()
}

/// Machines, with a daemon or without.
fn is_machine(contract: &Contract, _: &Cell) -> bool {
    contract.profile == Profile::Vmlc.word()
}

/// The same, in cells where no daemon can start.
fn refuses(contract: &Contract, cell: &Cell) -> bool {
    ends_with_daemon(contract) && cell.storage == SmokeStorage::VirtiofsRefused
}

fn held(detail: impl Into<String>) -> Ruling {
    Ok(Ok(Held {
        detail: detail.into(),
        time: None,
    }))
}

fn violated(detail: impl Into<String>) -> Ruling {
    Ok(Err(Violation(detail.into())))
}

/// Takes the value out of an inner result whose error is a sentence, or returns the violation.
macro_rules! rule {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(sentence) => return $crate::smoke::checks::violated(sentence),
        }
    };
}
use rule;
