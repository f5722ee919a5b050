//! A daemon that holds a Kubernetes cluster: what the container of one exposes.

use crate::recipe::Kind;

use super::label::Port;
use super::profile::Runtime;

/// What clients of the cluster read (kubectl(1)); written at every start.
const KUBECONFIG: &str = "/run/dind/kubeconfig";

/// A daemon's runtime as that of a cluster.
pub(super) fn cluster(mut runtime: Runtime, kind: &Kind) -> Runtime {
    runtime
        .environment
        .entry("KUBECONFIG".to_owned())
        .or_insert_with(|| KUBECONFIG.to_owned());
    runtime.ports.push(Port {
        port: kind.port,
        purpose: "kubernetes".to_owned(),
    });
    runtime.parts.push("kind-cluster");
    runtime
}
