//! Kubernetes in a container. No registry with a real node's image is in reach of these tests, so a
//! node made from the profile `vmlc` stands in: kind itself, the containers it makes, its
//! configuration, certificates, control groups and restarts are real; kubeadm, kubelet and the API
//! server are stand-ins (`cluster/`).

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use dindimg::oci::Layout;

use crate::engines::{self, Engine};
use crate::images::{built, built_image};
use crate::product::{dindimg, kept};
use crate::smoke::{basic, in_turn, in_turn_on_podman, leftovers, rows_that_hold};

/// What the node is called inside.
const NODE: &str = "localhost/dindimg-test/node:v1.32.2";

/// The node as a layout with one image, and as an archive of `docker save`.
fn node() -> (PathBuf, PathBuf) {
    static NODES: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    let made = || {
        let directory = kept("cluster");
        let (layout, archive) = (directory.join("node.oci"), directory.join("node.tar"));
        let _ = fs::remove_dir_all(&layout);
        let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cluster/node.toml");
        let (name, tag) = NODE.rsplit_once(':').expect("a tag");
        dindimg(&[
            "build",
            recipe,
            "--update",
            "--lock-file",
            directory.join("node.lock").to_str().expect("UTF-8"),
            "--repository",
            name,
            "--tag",
            tag,
            "--output",
            &format!("oci:{}", layout.display()),
            "--output",
            &format!("docker-archive:{}", archive.display()),
        ])
        .good();
        (layout, archive)
    };
    NODES.get_or_init(made).clone()
}

/// The image of a cluster with its node image in it.
fn image() -> PathBuf {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    let made = || {
        let (layout, _) = node();
        let opened = Layout::open(&layout).expect("a layout");
        let digest = opened.find(None).expect("an image").digest;
        let text = format!(
            "schema = 1\nprofile = \"kind-cluster\"\n[debian]\nsuite = \"trixie\"\n[packages]\nuserland = \"slim\"\n\
             [run]\nwait = \"always\"\n[listen]\ntcp = \"off\"\n[kind]\nnode-image = \"{NODE}\"\nwait = 120\n\
             san = [\"DNS:k8s.example.com\"]\n[[preload]]\nname = \"{NODE}\"\nlayout = \"{}\"\ndigest = \"{digest}\"\n",
            layout.display()
        );
        built("kind-cluster", &text)
    };
    IMAGE.get_or_init(made).clone()
}

/// The checks of any daemon that see faults, but for the TCP listener that there is not, and its own.
fn of_a_cluster() -> Vec<String> {
    let basic = basic().into_iter().filter(|id| id != "tls");
    let own = ["cluster", "host-unchanged"].map(str::to_owned);
    basic.chain(own).collect()
}

fn holds(private: &Engine) {
    let rows = rows_that_hold(private, "kind-cluster", &image(), of_a_cluster(), None);
    assert_eq!(rows.len(), of_a_cluster().len(), "{}", rows.join("\n"));
    let cluster = rows.iter().find(|row| row.starts_with("cluster "));
    let cluster = cluster.expect("the check");
    assert!(cluster.contains("kind-control-plane ready"), "{cluster}");
    assert_eq!(leftovers(private), "");
}

#[test]
fn a_cluster_holds_on_docker() {
    let image = image();
    in_turn(|| holds(engines::docker()));
    drop(image);
}

#[test]
#[ignore = "two minutes, in which Podman differs by the address after a restart alone"]
fn a_cluster_holds_on_podman() {
    let image = image();
    in_turn_on_podman(|| holds(engines::podman()));
    drop(image);
}

/// A container that is removed when the value goes.
struct Container(&'static Engine, &'static str);

impl Container {
    fn start(name: &'static str, image: &str, options: &[&str]) -> Self {
        let private = engines::docker_of_guests();
        let start = ["run", "--detach", "--privileged", "--name", name];
        private.run(&[&start[..], options, &[image]].concat());
        Self(private, name)
    }

    /// What a line of shell prints in it, which has to succeed.
    fn said(&self, line: &str) -> String {
        self.0.run(&["exec", self.1, "sh", "-c", line])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.0.run(&["rm", "--force", "--volumes", self.1]);
    }
}

#[test]
fn a_cluster_is_configured_by_its_environment_and_reached_from_outside() {
    let private = engines::docker_of_guests();
    let image = private.load(&image());
    let cluster = Container::start(
        "cluster",
        &image,
        &[
            "--env=API_SERVER_ADDRESS=192.0.2.7",
            "--env=CERT_SANS=api.example.com,10.9.8.7",
        ],
    );
    cluster.said("dindctl ready --wait 180");
    let conf = cluster.said("docker exec kind-control-plane cat /kind/kubeadm.conf");
    for name in [
        "192.0.2.7",
        "api.example.com",
        "10.9.8.7",
        "k8s.example.com",
        "localhost",
    ] {
        assert!(conf.contains(name), "{name}: {conf}");
    }
    for line in [
        "podSubnet: 10.245.0.0/16",
        "serviceSubnet: 10.246.0.0/16",
        "cgroupRoot: /kubelet",
    ] {
        assert!(conf.contains(line), "{line}: {conf}");
    }
    // A pod is below the kubelet's own group in each hierarchy, and that is where its processors are.
    let pod =
        cluster.said("docker exec kind-control-plane sh -c 'cat /proc/$(cat /run/pod.pid)/cgroup'");
    let grouped = |name: &str| {
        pod.lines()
            .any(|line| line.contains(name) && line.ends_with("/kubelet/pod"))
    };
    assert!(
        ["memory", "cpuset", "pids"]
            .map(grouped)
            .iter()
            .all(|one| *one),
        "{pod}"
    );
    let own = cluster.said("hostname -i");
    let own = own.trim();
    let health = format!("kubectl --server=https://{own}:30001 get --raw /healthz");
    assert_eq!(cluster.said(&health), "ok");
    let outside = cluster.said("dindctl kubeconfig");
    assert!(outside.contains("https://192.0.2.7:30001"), "{outside}");
    let report = cluster.said("dindctl report");
    assert!(report.contains("\"id\":\"cluster\""), "{report}");
    // An API server that does not answer is seen by whoever asks whether the container is ready.
    cluster.said("docker pause kind-control-plane");
    let line = "dindctl ready 2>&1 || :";
    assert!(cluster.said(line).contains("API server"), "not seen");
    cluster.said("docker unpause kind-control-plane; dindctl ready --wait 20");
}

#[test]
fn a_command_has_a_cluster_and_one_that_was_not_finished_is_made_again() {
    let private = engines::docker_of_guests();
    let image = private.load(&image());
    private.run(&["volume", "create", "cluster"]);
    let start = [
        "run",
        "--rm",
        "--privileged",
        "--volume=cluster:/var/lib/docker",
        &image,
    ];
    let health = ["kubectl", "get", "--raw", "/healthz"];
    assert_eq!(private.run(&[&start[..], &health].concat()), "ok");
    // The mark of a finished cluster is gone, as after a kill in the middle.
    let unmark = [
        "sh",
        "-c",
        "mv /var/lib/docker/.dind-kind/kind /var/lib/docker/.dind-kind/kind.begun; docker inspect -f '{{.Id}}' kind-control-plane",
    ];
    let first = private.run(&[&start[..], &unmark].concat());
    let which = ["docker", "inspect", "-f", "{{.Id}}", "kind-control-plane"];
    let second = private.run(&[&start[..], &which].concat());
    assert_ne!(first, second);
    assert_eq!(private.run(&[&start[..], &which].concat()), second);
    private.run(&["volume", "rm", "cluster"]);
}

#[test]
fn a_node_image_that_cannot_be_had_is_named() {
    let private = engines::docker_of_guests();
    let image = private.load(&image());
    let output = private
        .command("docker")
        .args(["run", "--rm", "--privileged"])
        .args(["--env=KIND_NODE_IMAGE=localhost:1/none:v1", &image])
        .output()
        .expect("docker runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(
            "localhost:1/none:v1 (KIND_NODE_IMAGE) is not in this container and cannot be pulled"
        ),
        "{said}"
    );
}

/// kind from outside of the image. Not with the oldest engine: Docker 20.10 asks for more capabilities
/// for a privileged container than hosts of these tests have.
#[test]
fn kind_works_in_a_plain_daemon_that_it_is_mounted_into() {
    let private = engines::docker_of_guests();
    let directory = kept("cluster");
    let source = private.load(&image());
    let made = private.run(&["create", &source]);
    let kind = directory.join("kind");
    let from = format!("{}:/usr/bin/kind", made.trim());
    private.run(&["cp", &from, kind.to_str().expect("UTF-8")]);
    private.run(&["rm", made.trim()]);
    let image = private.load(&built_image("trixie-slim"));
    let (_, archive) = node();
    let plain = Container::start(
        "plain-kind",
        &image,
        &[
            &format!("--volume={}:/usr/local/bin/kind:ro", kind.display()),
            &format!("--volume={}:/node.tar:ro", archive.display()),
        ],
    );
    plain.said("dindctl ready --wait 60 && docker load --quiet --input /node.tar");
    plain.said(&format!(
        "kind create cluster --image {NODE} --wait 60s 2>&1 && kind get clusters | grep -qx kind"
    ));
    let running = plain.said("docker ps --format '{{.Names}}'");
    assert_eq!(running.trim(), "kind-control-plane");
}

#[test]
fn a_cluster_without_what_makes_it_is_refused() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let path = scratch.path().join("r.toml");
    let output = format!("oci:{}", scratch.path().join("out").display());
    for (text, said) in [
        (
            "profile = \"kind-cluster\"\n[debian]\nsuite = \"bookworm\"\n[packages]\nuserland = \"slim\"\n",
            "the image has no kind, which the distribution has no package of",
        ),
        (
            "profile = \"kind-cluster\"\n[debian]\nsuite = \"trixie\"\n[packages]\nuserland = \"slim\"\n[kind]\nconfig = \"/etc/kind.yaml\"\n",
            "the image has no /etc/kind.yaml",
        ),
        (
            "profile = \"dind\"\n[debian]\nsuite = \"trixie\"\n[kind]\nworkers = 2\n",
            "[kind] `workers` is of the profile `kind-cluster`",
        ),
    ] {
        fs::write(&path, format!("schema = 1\n{text}")).expect("recipe written");
        let run = dindimg(&["build", "--output", &output, path.to_str().expect("UTF-8")]);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}
