//! The rules, each a name, a level, what to do, and a function from a manifest to what it finds.

mod client;
mod data;
mod doors;
mod image;
mod life;
mod limits;
mod privilege;

use super::model::{Container, Group, Platform};
use super::{CheckRule, Found, Level};

/// Every rule, in the order of reports.
pub const RULES: &[CheckRule] = &[
    CheckRule {
        id: "data-directory-volume",
        level: Level::Warning,
        title: "The daemon's data directory has no volume",
        help: "Mount a volume there: an emptyDir with a sizeLimit or a claim of its own in Kubernetes, a named volume elsewhere.",
        run: data::volume,
    },
    CheckRule {
        id: "virtiofs-data-directory",
        level: Level::Error,
        title: "The data directory of a virtual machine is shared with the node",
        help: "Use an emptyDir with medium Memory and a memory limit above its size, a block device by volumeDevices, or an image that makes a loop file (DIND_STORAGE=loop). Where Kata is configured to give block devices to emptyDirs this does not apply.",
        run: data::virtiofs,
    },
    CheckRule {
        id: "shared-data-directory",
        level: Level::Error,
        title: "Two daemons have one data directory",
        help: "Give each daemon a volume of its own: an emptyDir, a claim template of a StatefulSet, a generic ephemeral volume. What jobs are to reuse belongs into a registry.",
        run: data::shared,
    },
    CheckRule {
        id: "storage-vfs",
        level: Level::Warning,
        title: "The storage driver that copies every layer",
        help: "Leave the driver away and give the data directory a volume that overlay2 works on.",
        run: data::vfs,
    },
    CheckRule {
        id: "missing-limits",
        level: Level::Warning,
        title: "The daemon may use all of its host",
        help: "Set a memory limit, and in Kubernetes a request for cpu, on the daemon's container: nested containers count as it. A LimitRange of the namespace may do it too.",
        run: limits::missing,
    },
    CheckRule {
        id: "missing-storage-limit",
        level: Level::Warning,
        title: "The data directory may fill the node's disk",
        help: "Set sizeLimit on the emptyDir, or a limit of ephemeral-storage on the container: then the pod is evicted and not its neighbours.",
        run: limits::storage,
    },
    CheckRule {
        id: "memory-volume-limit",
        level: Level::Error,
        title: "A data directory in memory without room for it",
        help: "Set a sizeLimit, and a memory limit above it: what lies in the volume counts as the container's memory.",
        run: limits::memory_volume,
    },
    CheckRule {
        id: "both-ports",
        level: Level::Warning,
        title: "Both ports of a daemon",
        help: "Name 2376 alone where the daemon has TLS, and 2375 alone where it has none.",
        run: doors::both_ports,
    },
    CheckRule {
        id: "plain-port",
        level: Level::Error,
        title: "A daemon that everybody can command",
        help: "Listen on a unix socket in a shared volume or on 127.0.0.1, or use TLS: a non-empty DOCKER_TLS_CERTDIR and port 2376.",
        run: doors::plain_port,
    },
    CheckRule {
        id: "host-socket",
        level: Level::Warning,
        title: "The host's own daemon",
        help: "Run a daemon in the pod or beside the job, as a sidecar, and give the work its address.",
        run: doors::host_socket,
    },
    CheckRule {
        id: "host-network",
        level: Level::Error,
        title: "A daemon in the host's network",
        help: "Leave it in a network of its own, and publish what others are to reach.",
        run: doors::host_network,
    },
    CheckRule {
        id: "host-pid",
        level: Level::Warning,
        title: "A daemon among the host's processes",
        help: "Leave it in namespaces of its own: it needs nothing of the host's.",
        run: doors::host_pid,
    },
    CheckRule {
        id: "cgroup-mount",
        level: Level::Warning,
        title: "The host's control groups can be written",
        help: "Leave the mount away: a privileged container has its control groups already.",
        run: doors::cgroup_mount,
    },
    CheckRule {
        id: "privileged-without-need",
        level: Level::Warning,
        title: "Privileges that nothing needs",
        help: "Take `privileged` away.",
        run: privilege::without_need,
    },
    CheckRule {
        id: "daemon-without-privilege",
        level: Level::Error,
        title: "A daemon that cannot start",
        help: "Set `privileged: true`, or use a rootless image, or Sysbox as the runtime.",
        run: privilege::missing,
    },
    CheckRule {
        id: "tls-directory",
        level: Level::Error,
        title: "Client and daemon do not speak the same",
        help: "With TLS: DOCKER_TLS_CERTDIR=/certs at the daemon, one volume on /certs/client of both, and DOCKER_HOST=tcp://docker:2376, DOCKER_TLS_VERIFY=1, DOCKER_CERT_PATH=/certs/client at the client. Without: DOCKER_TLS_CERTDIR empty at the daemon, and port 2375.",
        run: client::directory,
    },
    CheckRule {
        id: "tls-name",
        level: Level::Error,
        title: "A name that is not in the daemon's certificate",
        help: "Call the daemon `docker` (a network alias), or name it in its DOCKER_TLS_SAN: DNS:NAME.",
        run: client::name,
    },
    CheckRule {
        id: "gitlab-variables",
        level: Level::Error,
        title: "Variables of a pipeline that contradict each other",
        help: "With TLS: DOCKER_TLS_CERTDIR \"/certs\" and DOCKER_HOST tcp://docker:2376. Without: DOCKER_TLS_CERTDIR \"\" and DOCKER_HOST tcp://docker:2375. `alias: docker` names a service whose image is not called so.",
        run: client::gitlab,
    },
    CheckRule {
        id: "stop-timeout",
        level: Level::Warning,
        title: "The daemon is killed before it has stopped",
        help: "Give it 10 seconds or more; 30 are the default of Kubernetes, 10 of Docker.",
        run: life::stop,
    },
    CheckRule {
        id: "sidecar-ends-job",
        level: Level::Error,
        title: "Work that never counts as done",
        help: "Move the daemon to initContainers with restartPolicy: Always (Kubernetes 1.29 and later), where it ends with the work.",
        run: life::sidecar,
    },
    CheckRule {
        id: "no-readiness",
        level: Level::Warning,
        title: "Work begins before the daemon answers",
        help: "Give the daemon a startup probe, or a health check that others wait for: `docker info`, or `dindctl ready` in images of dindimg.",
        run: life::readiness,
    },
    CheckRule {
        id: "mutable-tag",
        level: Level::Note,
        title: "The daemon's image may change",
        help: "Name a version and its digest: IMAGE:VERSION@sha256:….",
        run: image::mutable,
    },
];

/// What messages call a container. A service of a pipeline may be that of many jobs.
fn subject(group: &Group, container: &Container) -> String {
    match group.platform {
        Platform::Kubernetes | Platform::GitHub if container.title != group.title => {
            format!("{} of {}", container.title, group.title)
        }
        _ => container.title.clone(),
    }
}
