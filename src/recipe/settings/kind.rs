//! `[kind]`: the Kubernetes cluster of the profile `kind-cluster`.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

use super::super::content::ImagePath;
use super::super::merge::{Merge, merge_fields};
use super::super::values::{ImageName, text_value};
use super::values::{SubjectName, Subnet};

/// Port of the API server, beyond the range of NodePorts (30000 to 32767 on nodes, which this is not).
const PORT: u16 = 30_001;
/// Networks of pods and services, neither of which the outer cluster usually has: kubeadm's and
/// kind's own are 10.244.0.0/16 and 10.96.0.0/16.
const POD_SUBNET: &str = "10.245.0.0/16";
/// See [`POD_SUBNET`].
const SERVICE_SUBNET: &str = "10.246.0.0/16";
/// Seconds a cluster may take, pulls included.
const WAIT: u32 = 900;
/// More nodes than one host runs.
const WORKERS_LIMIT: u8 = 50;

text_value! {
    /// An image of a node by its name and tag, `kindest/node:v1.32.2`, and by its digest where one
    /// is pinned.
    NodeImage, |text| {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        name.parse::<ImageName>()?;
        if let Some(digest) = digest {
            digest.parse::<Digest>().map_err(|error| format!("`{text}`: {error}"))?;
        }
        Ok(text.to_owned())
    }
}

/// `[kind]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawKind {
    /// The image of the nodes, which decides the version of Kubernetes; kind's own choice where
    /// nothing is said. It is pulled when the cluster is made, unless `[[preload]]` brings it by
    /// the same name. Variable `KIND_NODE_IMAGE`.
    #[schemars(extend("examples" = ["kindest/node:v1.32.2"]))]
    pub node_image: Option<NodeImage>,
    /// Nodes beside the control plane; without any it takes workloads itself.
    #[schemars(extend("default" = 0, "examples" = [2]))]
    pub workers: Option<u8>,
    /// Port of the API server, on every address of the container. Together with the daemon's it is
    /// what the image exposes.
    #[schemars(extend("default" = 30001, "examples" = [6443]))]
    pub port: Option<NonZeroU16>,
    /// Network of the pods.
    #[schemars(extend("default" = "10.245.0.0/16"))]
    pub pod_subnet: Option<Subnet>,
    /// Network of the services.
    #[schemars(extend("default" = "10.246.0.0/16"))]
    pub service_subnet: Option<Subnet>,
    /// Names and addresses in the API server's certificate beside the container's own, `localhost`
    /// and what `API_SERVER_ADDRESS` says. Variable `CERT_SANS`, separated by commas, adds to them.
    #[schemars(extend("default" = [], "examples" = [["DNS:k8s.example.com", "IP:10.0.0.1"]]))]
    pub san: Option<Vec<SubjectName>>,
    /// Seconds until every node has to be ready. Variable `DIND_KIND_WAIT`.
    #[schemars(extend("default" = 900, "examples" = [300]))]
    pub wait: Option<NonZeroU32>,
    /// A configuration of kind in the image, which `[[file]]` brings, in place of the one made of
    /// the keys above: what it leaves out is kind's default. Its port of the API server has to be
    /// `port`. Variable `DIND_KIND_CONFIG`.
    #[schemars(extend("examples" = ["/etc/dind/kind.yaml"]))]
    pub config: Option<ImagePath>,
}

merge_fields!(RawKind {
    node_image,
    workers,
    port,
    pod_subnet,
    service_subnet,
    san,
    wait,
    config
});

impl RawKind {
    /// The key that is set, if one is.
    pub(in crate::recipe) fn any(&self) -> Option<&'static str> {
        let set = [
            ("node-image", self.node_image.is_some()),
            ("workers", self.workers.is_some()),
            ("port", self.port.is_some()),
            ("pod-subnet", self.pod_subnet.is_some()),
            ("service-subnet", self.service_subnet.is_some()),
            ("san", self.san.is_some()),
            ("wait", self.wait.is_some()),
            ("config", self.config.is_some()),
        ];
        set.iter().find(|(_, set)| *set).map(|(key, _)| *key)
    }

    /// Checks what single keys cannot see.
    pub(in crate::recipe) fn finish(self) -> Result<Kind, String> {
        let workers = self.workers.unwrap_or(0);
        if workers > WORKERS_LIMIT {
            return Err(format!(
                "[kind] `workers` is {workers}; more than {WORKERS_LIMIT} nodes are not for one container"
            ));
        }
        let subnet = |named: Option<Subnet>, usual: &str| match named {
            Some(named) => Ok(named),
            None => usual.parse::<Subnet>(),
        };
        let pods = subnet(self.pod_subnet, POD_SUBNET)?;
        let services = subnet(self.service_subnet, SERVICE_SUBNET)?;
        if pods == services {
            return Err(format!(
                "[kind] `pod-subnet` and `service-subnet` are both {pods}; they must not overlap"
            ));
        }
        Ok(Kind {
            node_image: self.node_image,
            workers,
            port: self.port.map_or(PORT, NonZeroU16::get),
            pod_subnet: pods,
            service_subnet: services,
            san: self.san.unwrap_or_default(),
            wait: self.wait.map_or(WAIT, NonZeroU32::get),
            config: self.config,
        })
    }
}

/// The Kubernetes cluster of the profile `kind-cluster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kind {
    /// The image of the nodes; kind's own choice for `None`.
    pub node_image: Option<NodeImage>,
    /// Nodes beside the control plane.
    pub workers: u8,
    /// Port of the API server.
    pub port: u16,
    /// Network of the pods.
    pub pod_subnet: Subnet,
    /// Network of the services.
    pub service_subnet: Subnet,
    /// Further names of the API server.
    pub san: Vec<SubjectName>,
    /// Seconds until every node has to be ready.
    pub wait: u32,
    /// The configuration of kind in the image, in place of a generated one.
    pub config: Option<ImagePath>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_image_has_a_tag_and_may_have_a_digest() {
        let digest = Digest::of(b"x");
        for good in [
            "kindest/node:v1.32.2".to_owned(),
            format!("registry.example.com:5000/kindest/node:v1@{digest}"),
        ] {
            assert!(good.parse::<NodeImage>().is_ok(), "{good}");
        }
        for bad in ["kindest/node", "kindest/node:v1@sha256:12", "a b:1"] {
            assert!(bad.parse::<NodeImage>().is_err(), "{bad}");
        }
    }

    #[test]
    fn pods_and_services_have_networks_of_their_own() {
        let raw: RawKind = toml::from_str("pod-subnet = \"10.246.0.0/16\"").expect("keys");
        let error = raw.finish().expect_err("the services' network");
        assert!(error.contains("must not overlap"), "{error}");
        let kind = RawKind::default().finish().expect("defaults");
        assert_eq!((kind.port, kind.wait), (30_001, 900));
    }
}
