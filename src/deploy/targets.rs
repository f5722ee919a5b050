//! Every target: an entry each.

use super::own;
use super::plan::Place;
use super::target::Target;
use super::workload::literal;

/// The profiles with a daemon for others.
const DAEMONS: &[&str] = &["dind", "rootless"];
/// Every profile with a daemon.
const ALL: &[&str] = &["dind", "rootless", "vmlc", "kind-cluster"];

/// Every target, in the order of the list.
pub const TARGETS: &[Target] = &[
    Target {
        name: "docker-run",
        title: "a shell script of docker run: a daemon with volumes, and a client over TLS",
        profiles: ALL,
        keys: ENGINE,
        files: &[("run.sh", "docker-run.sh")],
        place: Place::Engine,
        elsewhere: false,
        refuse: own::anything,
        finish: own::nothing,
        literal: own::plain,
    },
    Target {
        name: "compose",
        title: "a Compose file: the daemon as the service docker, and a client over TLS",
        profiles: ALL,
        keys: ENGINE,
        files: &[("compose.yaml", "compose.yaml")],
        place: Place::Engine,
        elsewhere: false,
        refuse: own::anything,
        finish: own::nothing,
        literal: own::compose,
    },
    Target {
        name: "kubernetes-sidecar",
        title: "a pod with a daemon beside the work: a native sidecar with probes and limits",
        profiles: DAEMONS,
        keys: SIDECAR,
        files: &[("pod.yaml", "kubernetes-sidecar.yaml")],
        place: Place::Sidecar,
        elsewhere: true,
        refuse: own::anything,
        finish: own::nothing,
        literal,
    },
    Target {
        name: "kubernetes-pod",
        title: "a pod that is a daemon: nested containers answer at its address",
        profiles: ALL,
        keys: POD,
        files: &[("pod.yaml", "kubernetes-pod.yaml")],
        place: Place::Pod,
        elsewhere: true,
        refuse: own::anything,
        finish: own::nothing,
        literal,
    },
    Target {
        name: "kubernetes-kind-cluster",
        title: "a pod that is a Kubernetes cluster, whose API server answers at port 30001",
        profiles: &["kind-cluster"],
        keys: CLUSTER,
        files: &[("pod.yaml", "kubernetes-pod.yaml")],
        place: Place::Pod,
        elsewhere: true,
        refuse: own::anything,
        finish: own::nothing,
        literal,
    },
    Target {
        name: "gitlab-ci",
        title: "a GitLab job with the daemon as its service, and the runner's configuration",
        profiles: DAEMONS,
        keys: SERVICE,
        files: &[
            (".gitlab-ci.yml", "gitlab-ci.yaml"),
            ("config.toml", "gitlab-runner.toml"),
        ],
        place: Place::Engine,
        elsewhere: true,
        refuse: own::gitlab,
        finish: own::gitlab_service,
        literal: own::plain,
    },
    Target {
        name: "github-actions",
        title: "a GitHub job with the daemon as its service",
        profiles: DAEMONS,
        keys: SERVICE,
        files: &[("workflow.yml", "github-workflow.yaml")],
        place: Place::Engine,
        elsewhere: true,
        refuse: own::service,
        finish: own::nothing,
        literal: own::plain,
    },
    Target {
        name: "github-runners",
        title: "values of GitHub's runner scale sets: each runner with a daemon beside it",
        profiles: &["dind"],
        keys: RUNNERS,
        files: &[("values.yaml", "github-runners.yaml")],
        place: Place::Sidecar,
        elsewhere: true,
        refuse: own::runners,
        finish: own::share_with_runner,
        literal,
    },
    Target {
        name: "jenkins",
        title: "the pod of a Jenkins job, with a daemon beside the work",
        profiles: DAEMONS,
        keys: AGENT,
        files: &[
            ("pod.yaml", "jenkins-pod.yaml"),
            ("objects.yaml", "jenkins-objects.yaml"),
        ],
        place: Place::Sidecar,
        elsewhere: true,
        refuse: own::controller,
        finish: own::agent,
        literal,
    },
    Target {
        name: "jenkins-agent",
        title: "a machine as a permanent agent of Jenkins, by SSH or inbound",
        profiles: &["vmlc"],
        keys: MACHINE,
        files: &[
            ("run.sh", "docker-run.sh"),
            ("jenkins.yaml", "jenkins-agent.yaml"),
        ],
        place: Place::Engine,
        elsewhere: false,
        refuse: own::jenkins_agent,
        finish: own::nothing,
        literal: own::plain,
    },
    Target {
        name: "jenkins-cloud",
        title: "a cloud of Jenkins: its Docker plugin starts a machine for each job",
        profiles: &["vmlc"],
        keys: &[&["host"], LIMITS],
        files: &[("jenkins.yaml", "jenkins-cloud.yaml")],
        place: Place::Engine,
        elsewhere: true,
        refuse: own::jenkins_cloud,
        finish: own::nothing,
        literal: own::plain,
    },
    Target {
        name: "dood",
        title: "the daemon of the host in place of one's own, and what is lost by it",
        profiles: &["cli", "dind"],
        keys: &[CLIENT, &["host"]],
        files: &[("run.sh", "dood.sh")],
        place: Place::Engine,
        elsewhere: false,
        refuse: own::anything,
        finish: own::nothing,
        literal: own::plain,
    },
];

/// What the work beside the daemon is.
const CLIENT: &[&str] = &["client.image", "client.command"];
const CONNECTION: &[&str] = &["connection"];
const STORAGE: &[&str] = &["storage.kind", "storage.size"];
const LIMITS: &[&str] = &["cpu.limit", "memory.limit"];
const RUNTIME: &[&str] = &["runtime-class"];
/// What a pod's `/dev/net/tun` comes from, where its daemon has no privileges.
const DEVICE: &[&str] = &["device.resource"];
const SSH_KEYS: &[&str] = &["ssh.keys"];
/// What only Kubernetes has a word for.
const SCHEDULED: &[&str] = &[
    "storage.class",
    "cpu.request",
    "memory.request",
    "host-users",
];
/// What objects beside a pod are rendered from.
const AROUND: &[&str] = &["namespace", "pod-security", "network-policy"];

/// A job's service, which the runner starts.
const SERVICE: &[&[&str]] = &[CLIENT, CONNECTION, LIMITS];
const RUNNERS: &[&[&str]] = &[
    &["runner.image"],
    CONNECTION,
    STORAGE,
    LIMITS,
    SCHEDULED,
    RUNTIME,
];
const AGENT: &[&[&str]] = &[
    DEVICE,
    &["client.image"],
    CONNECTION,
    STORAGE,
    LIMITS,
    SCHEDULED,
    RUNTIME,
];
const ENGINE: &[&[&str]] = &[
    CLIENT,
    CONNECTION,
    STORAGE,
    LIMITS,
    RUNTIME,
    &["ssh.port"],
    SSH_KEYS,
];
const MACHINE: &[&[&str]] = &[
    &["agent", "agent.secret", "controller", "host"],
    STORAGE,
    LIMITS,
    RUNTIME,
    &["ssh.port"],
    SSH_KEYS,
];
const CLUSTER: &[&[&str]] = &[AROUND, STORAGE, LIMITS, SCHEDULED, RUNTIME];
const POD: &[&[&str]] = &[
    DEVICE, AROUND, STORAGE, LIMITS, SCHEDULED, RUNTIME, SSH_KEYS,
];
const SIDECAR: &[&[&str]] = &[
    DEVICE,
    AROUND,
    CLIENT,
    CONNECTION,
    &["sidecar"],
    STORAGE,
    LIMITS,
    SCHEDULED,
    RUNTIME,
];
