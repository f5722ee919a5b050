//! What no single table can see: keys that contradict each other.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::model::Distribution;
use super::super::settings::{Compose, Hardening, SearchPath};
use super::super::values::PackageName;
use super::super::words::{InitKind, ListenTcp, Profile};

/// systemd is what a machine starts with, and nothing else; only Debian has it.
pub(super) fn first_process(
    profile: Option<Profile>,
    init: InitKind,
    distribution: &Distribution,
) -> Result<(), String> {
    match (profile, init, distribution) {
        (Some(Profile::Vmlc), _, Distribution::Alpine(_)) => Err(
            "the profile `vmlc` is made of systemd, which Alpine does not have; use [debian]"
                .to_owned(),
        ),
        (Some(Profile::Vmlc), InitKind::Systemd, _) => Ok(()),
        (Some(Profile::Vmlc), other, _) => Err(format!(
            "the profile `vmlc` starts with systemd, not {other}; say `kind = \"systemd\"` in [init]"
        )),
        (_, InitKind::Systemd, _) => {
            Err("[init] `kind` is systemd, which only the profile `vmlc` starts with".to_owned())
        }
        _ => Ok(()),
    }
}

/// Nothing of Docker listens on a port of a machine.
pub(super) fn machine(profile: Option<Profile>, tcp: Option<ListenTcp>) -> Result<(), String> {
    match (profile, tcp) {
        (Some(Profile::Vmlc), Some(ListenTcp::Tls | ListenTcp::Plain)) => Err(
            "[listen] `tcp` has no meaning in the profile `vmlc`, whose Docker listens on its socket alone; remove it, and reach Docker by SSH"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

/// Services are started by who waits for the daemon.
pub(super) fn compose(profile: Option<Profile>, compose: &Compose) -> Result<(), String> {
    if compose.file.is_none() || profile.is_some_and(Profile::is_supervised) {
        return Ok(());
    }
    Err(
            "[compose] `file` is started by the entry point of the profiles `dind`, `rootless` and `kind-cluster`, which this recipe does not have; remove it"
                .to_owned(),
    )
}

/// A cluster is made by the entry point of one profile.
pub(super) fn kind(profile: Option<Profile>, key: Option<&str>) -> Result<(), String> {
    match (profile, key) {
        (Some(Profile::KindCluster), _) | (_, None) => Ok(()),
        (_, Some(key)) => Err(format!(
            "[kind] `{key}` is of the profile `kind-cluster`, which this recipe does not have; remove it"
        )),
    }
}

/// A user who is not root has one range of subordinate ids, which the daemon itself uses.
pub(super) fn rootless(hardening: &Hardening) -> Result<(), String> {
    match hardening.userns_remap {
        true => Err(
            "[hardening] `userns-remap` maps users of a daemon of root; in the profile `rootless` all of them are mapped already: remove it"
                .to_owned(),
        ),
        false => Ok(()),
    }
}

/// A package that is left out is named by its plain name, says why, and is not asked for as well.
pub(super) fn drops(
    drop: &BTreeMap<String, String>,
    include: &[PackageName],
) -> Result<(), String> {
    for (name, reason) in drop {
        let package: PackageName = name.parse()?;
        if package.version.is_some() {
            return Err(format!("`drop` takes no version: `{name}`"));
        }
        if reason.trim().is_empty() {
            return Err(format!(
                "`drop` of `{name}` gives no reason; say why nothing needs it"
            ));
        }
        if include.iter().any(|wanted| wanted.name == *name) {
            return Err(format!(
                "package `{name}` is both in `include` and in `drop`; remove one of the two"
            ));
        }
    }
    Ok(())
}

/// The keys of `daemon.json`: the recipe's own and those of `[network]`, each from one place.
pub(super) fn with_network(
    mut daemon: BTreeMap<String, Value>,
    network: BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Value>, String> {
    if let Some(key) = network.keys().find(|key| daemon.contains_key(*key)) {
        return Err(format!(
            "[engine.daemon] has `{key}`, which [network] sets as well; remove one of the two"
        ));
    }
    daemon.extend(network);
    Ok(daemon)
}

/// Variables that a table of the recipe is for say nothing else than that table, and programs are
/// looked for in fixed places.
/// Without a profile there is no daemon that listens.
pub(super) fn environment(
    env: &BTreeMap<String, String>,
    listens: Option<ListenTcp>,
) -> Result<(), String> {
    if let (Some(directory), Some(tcp)) = (env.get("DOCKER_TLS_CERTDIR"), listens)
        && tcp != ListenTcp::Off
        && directory.is_empty() != (tcp == ListenTcp::Plain)
    {
        return Err(format!(
            "[env] DOCKER_TLS_CERTDIR is {directory:?}, but [listen] `tcp` is `{tcp}`, which decides what is exposed; say it there"
        ));
    }
    if let Some(path) = env.get("PATH") {
        path.parse::<SearchPath>()
            .map_err(|message| format!("[env] PATH: {message}"))?;
    }
    Ok(())
}
