//! The Kubernetes cluster that an image of the profile `kind-cluster` makes when it starts.

use std::time::Duration;

use super::super::bench::Bench;
use super::super::error::CheckError;
use super::super::inner::Inner;
use super::super::matrix::NO_CLUSTER;
use super::{Check, Held, Ruling, is_cluster, rule, violated};
use crate::guest::Contract;

pub(super) const CHECK: Check = Check {
    id: "cluster",
    rule: "a container makes a Kubernetes cluster before it is ready: its API answers at the declared port of the container's address, every node is ready, kubelets keep to a control group of their own, and a restart has it back",
    hint: "the log of kind in the container's log; too few inotify instances on the host (`dindctl doctor`), or a node image of a Kubernetes that has given up control groups of version 1 on a host that has nothing else",
    limit: 2000,
    needs: &[],
    applies: |contract, cell| is_cluster(contract, cell) && !cell.storage.is_memory(),
    run,
};

/// Bound on a start: what the guest waits by default, and its own overhead.
const PATIENCE: Duration = Duration::from_secs(960);

/// What the guest says of a node image that it has not and cannot get.
const ABSENT: &str = "cannot be pulled";

/// Nodes that are ready, and where their pods' control groups are, one node a line.
const NODES: &str = r#"set -e
kubectl get --raw /api/v1/nodes | jq -r '.items[] | select(any(.status.conditions[]; .type == "Ready" and .status == "True")) | .metadata.name' |
while read -r node; do
  echo "$node $(docker exec "$node" sed -n 's/^cgroupRoot: *//p' /var/lib/kubelet/config.yaml </dev/null)"
done"#;

/// The group that keeps a kubelet away from processes of the outer container.
const GROUP: &str = "/kubelet";

fn run(bench: &Bench<'_>) -> Ruling {
    bench.daemon()?;
    let mut spec = bench.daemon_container("cluster");
    spec.env.remove(NO_CLUSTER);
    let one = bench.another("cluster", CHECK.id).with_patience(PATIENCE);
    let time = match one.begin(&spec)? {
        Ok(time) => time,
        Err(sentence) if sentence.contains(ABSENT) => {
            return Err(CheckError::Unproven(format!(
                "the node image is not in the image ([[preload]]), and cannot be pulled: {sentence}"
            )));
        }
        Err(sentence) => return violated(sentence),
    };
    let nodes = rule!(look(bench.contract, &one)?);
    let limit = Duration::from_secs(bench.contract.stop_timeout.into());
    one.lost(CHECK.id);
    bench.engine.stop(&one.name, limit)?;
    if let Err(sentence) = one.begin_again()? {
        return violated(format!("after a restart: {sentence}"));
    }
    let after = rule!(look(bench.contract, &one)?);
    if nodes != after {
        return violated(format!(
            "after a restart there are the nodes {}, before it {}",
            after.join(", "),
            nodes.join(", ")
        ));
    }
    Ok(Ok(Held {
        detail: format!("{} ready, and again after a restart", nodes.join(", ")),
        time: Some(time),
    }))
}

/// The nodes of a cluster whose API answers where the image says; the inner result is what is wrong.
fn look(contract: &Contract, one: &Inner<'_>) -> Result<Result<Vec<String>, String>, CheckError> {
    let port = contract
        .ports
        .iter()
        .find(|port| port.purpose == "kubernetes");
    let Some(port) = port else {
        return Ok(Err("the contract has no port of Kubernetes".to_owned()));
    };
    let server = format!("--server=https://{}:{}", one.daemon()?.address, port.port);
    let health = one.run(&["kubectl", &server, "get", "--raw", "/healthz"])?;
    if health.text() != "ok" {
        let complaint = health.complaint();
        return Ok(Err(format!(
            "`kubectl {server}` is not healthy: {complaint}"
        )));
    }
    let nodes = one.run(&["sh", "-c", NODES])?;
    if !nodes.status.success() {
        return Ok(Err(format!("nodes: {}", nodes.complaint())));
    }
    Ok(judge(&nodes.text()))
}

/// The names of the nodes, each a line with its name and the control group of its pods.
fn judge(lines: &str) -> Result<Vec<String>, String> {
    let mut nodes = Vec::new();
    for line in lines.lines() {
        match line.split_once(' ') {
            Some((node, GROUP)) => nodes.push(node.to_owned()),
            Some((node, other)) => {
                return Err(format!(
                    "the kubelet of {node} has its pods in `{other}`, expected `{GROUP}`"
                ));
            }
            None => return Err(format!("`{line}` names no node")),
        }
    }
    match nodes.is_empty() {
        true => Err("no node is ready".to_owned()),
        false => Ok(nodes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubelet_without_a_group_of_its_own_is_seen() {
        assert_eq!(
            judge("kind-control-plane /kubelet"),
            Ok(vec!["kind-control-plane".to_owned()])
        );
        assert!(judge("kind-control-plane ").is_err());
        assert!(judge("kind-control-plane /").is_err());
        assert!(judge("").is_err());
    }
}
